# SPDX-License-Identifier: GPL-2.0-only
"""Is every figure of a report computed from the CSV files beside it? A changed cell must change it."""

import csv
import os
import shutil
import tempfile


def changed(text):
    """Another value of the same kind."""
    try:
        return repr(round(1.5 * float(text) + 1, 6))
    except ValueError:
        return text + " changed"


def read(make, folder):
    """The report, or that it could not be made: a text that it does not know is noticed, too."""
    try:
        with open(make(folder), encoding="utf-8") as f:
            return f.read()
    except (KeyError, ValueError, IndexError) as err:
        return f"refused: {err!r}"


def unread_cells(make, folder, ignore=()):
    """Cells, as "file:line:column", whose change leaves the report as it was.

    make(folder) writes a report and returns its path; ignore: columns that say nothing for a report.
    """
    unread = []
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(folder, work, dirs_exist_ok=True)
        before = read(make, work)
        if before.startswith("refused"):
            raise ValueError(before)
        for name in sorted(n for n in os.listdir(folder) if n.endswith(".csv")):
            path = os.path.join(work, name)
            with open(path, encoding="utf-8", newline="") as f:
                rows = list(csv.reader(f))
            for i, row in enumerate(rows[1:], 1):
                for k, column in enumerate(rows[0]):
                    if column in ignore or row[k] == "":
                        continue
                    other = [list(r) for r in rows]
                    other[i][k] = changed(row[k])
                    with open(path, "w", encoding="utf-8", newline="") as f:
                        csv.writer(f, lineterminator="\n").writerows(other)
                    if read(make, work) == before:
                        unread.append(f"{name}:{i + 1}:{column}")
            with open(path, "w", encoding="utf-8", newline="") as f:
                csv.writer(f, lineterminator="\n").writerows(rows)
    return unread
