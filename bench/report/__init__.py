# SPDX-License-Identifier: GPL-2.0-only
"""Reports of experiments: one self-contained HTML file, every figure of it from the CSV files beside it.

    data = Data(folder)                         # reads what the experiment wrote
    page = Page("Monitoring cost", data)
    page.figure(boxes(…), "What is seen", rates)
    page.write()                                # folder/report.html

Standard library only. See README.md.
"""

from .data import Data, quantile, summary, write_csv
from .machine import describe_machine
from .page import Page
from .plots import Axis, Band, Line, bars, binned, boxes, lines

__all__ = ["Axis", "Band", "Data", "Line", "Page", "bars", "binned", "boxes", "describe_machine", "lines",
           "quantile", "summary", "write_csv"]
