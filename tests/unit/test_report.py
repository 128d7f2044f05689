#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench/report: every figure is computed from the CSV files, and a page needs nothing but itself."""

import html.parser
import json
import os
import re
import xml.etree.ElementTree

from reports import run

from report import (Axis, Band, Data, Line, Page, bars, binned, boxes, lines, quantile, summary,
                    write_csv)
from report.check import unread_cells

TAGS_WITHOUT_END = ("meta", "br")


def write(folder):
    write_csv(f"{folder}/rates.csv", [{"way": way, "pps": 1000 * n + i * i} for n, way in enumerate(("a <b>", "c"), 1)
                                      for i in range(7)])
    write_csv(f"{folder}/bins.csv", [{"start": 10 * i, "lost": None if i == 2 else i, "mbit": 3 + i % 2}
                                     for i in range(6)])
    write_csv(f"{folder}/mos.csv", [{"phase": i, "low": 1 + i, "mid": 2 + i, "high": 3 + i} for i in range(3)])
    with open(f"{folder}/machine.json", "w", encoding="utf-8") as out:
        json.dump({"kernel": "6.1 & more", "versions": {"x": "1"}}, out)


def make(folder):
    data = Data(folder)
    rates, bins, mos = (data.table(f"{name}.csv") for name in ("rates", "bins", "mos"))
    page = Page("Of & for <people>", data, "A lead.")
    ways = rates.distinct("way")
    page.figure(boxes(ways, {"seen": [rates.where(way=w).column("pps") for w in ways]}, Axis("rate", "packets/s")),
                "Rates.", rates, save="rates.svg")
    page.figure(lines([Line("lost", binned(bins, "start", "lost", 10), steps=True, markers=True)], Axis("time", "s"),
                      Axis("lost", "packets"), [Band(0, 30, "one"), Band(30, 60, "two")],
                      Line("load", binned(bins, "start", "mbit", 10)), Axis("load", "Mbit/s")), "Losses.", bins)
    page.figure(bars([str(r["phase"]) for r in mos], {"MOS": [(r["low"], r["mid"], r["high"]) for r in mos]},
                     Axis("MOS", "", 0, 5)), "MOS.", mos)
    page.grid({"small": lines([Line("x", ((1, 1), (10, 0.1), (1000, 0.001)))], Axis("x", "s", 1, 1000, True),
                              Axis("y", "", 0.001, 1, True))}, "Logarithmic.", mos)
    page.table(["name", "seen", "", "none"], [["a", 1.5, True, None], ["b", 2, False, None]], "A table", rates)
    page.machine(data.json("machine.json"))
    return page.write()


class Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS_WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def test_a_changed_cell_changes_the_report(folder):
    assert unread_cells(make, folder) == []


def test_a_figure_that_reads_nothing_is_found(folder):
    def make_fixed(where):
        page = Page("Fixed", Data(where))
        page.figure(bars(["x"], {"s": [(1, 2, 3)]}, Axis("y")), "Not of the data.", "mos.csv")
        return page.write()

    assert len(unread_cells(make_fixed, folder)) == 14 * 2 + 6 * 3 - 1 + 3 * 4


def test_a_page_needs_nothing_but_itself(folder):
    with open(make(folder), encoding="utf-8") as f:
        text = f.read()
    assert not re.search(r"<script|<link|<img|\bsrc=|@import|url\((?!#)|//", text.split("<body>")[1])
    for link in re.findall(r'href="([^"]*)"', text):
        assert os.path.exists(os.path.join(folder, link)), link


def test_a_page_is_well_formed(folder):
    with open(make(folder), encoding="utf-8") as f:
        text = f.read()
    checked = Balanced()
    checked.feed(text)
    assert checked.open == [], checked.open
    drawn = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(drawn) == 5
    for svg in drawn:
        xml.etree.ElementTree.fromstring(svg)
    assert "a &lt;b&gt;" in text and "<b>" not in text and "nan" not in text


def test_a_plot_can_be_a_file_of_its_own(folder):
    make(folder)
    root = xml.etree.ElementTree.parse(os.path.join(folder, "rates.svg")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and "--c0" in root[0].text


def test_axes_say_units_and_series_have_a_legend(folder):
    with open(make(folder), encoding="utf-8") as f:
        text = f.read()
    for word in ("rate [packets/s]", "time [s]", "load [Mbit/s]", ">lost<", ">load<", ">one<", ">two<", "reached",
                 "MISSED"):
        assert word in text, word


def test_quantiles_are_those_of_hyndman_and_fan_7(folder):
    assert quantile([1, 2, 3, 4], 0.5) == 2.5
    assert quantile([4, 1, 3, 2], 0.25) == 1.75
    s = summary([1, 2, 3, 4, 5, 100])
    assert (s["low"], s["high"], s["max"]) == (1, 5, 100)


run(globals(), write)
