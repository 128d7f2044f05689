# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment wrote, and the few numbers that are made of it."""

import csv
import json
import os


def write_csv(path, rows, columns=None):
    """rows: dicts. columns: their order, by default that of the first row. None is an empty cell."""
    rows = list(rows)
    columns = columns or list(rows[0])
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def value_of(text):
    """Numbers as numbers, an empty cell as None, all else as it is."""
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


class Table(list):
    """Rows of one CSV file as dicts; a figure made of it names the file."""

    def __init__(self, name, rows):
        super().__init__(rows)
        self.name = name

    def where(self, **want):
        return Table(self.name, (r for r in self if all(r[k] == v for k, v in want.items())))

    def column(self, name):
        """Without the empty cells."""
        return [r[name] for r in self if r[name] is not None]

    def distinct(self, name):
        """In the order of their first appearance."""
        return list(dict.fromkeys(self.column(name)))


class Data:
    """The folder of one run."""

    def __init__(self, folder):
        self.folder = folder

    def table(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8", newline="") as f:
            return Table(name, ({k: value_of(v) for k, v in row.items()} for row in csv.DictReader(f)))

    def json(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return json.load(f)


def quantile(values, q):
    """Linear between order statistics, type 7 of Hyndman and Fan (1996)."""
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def summary(values):
    """Of a box: quartiles, and whiskers at the last value within 1.5 quartile ranges (Tukey)."""
    q1, median, q3 = (quantile(values, q) for q in (0.25, 0.5, 0.75))
    reach = 1.5 * (q3 - q1)
    return {"n": len(values), "min": min(values), "max": max(values),
            "low": min(v for v in values if v >= q1 - reach), "q1": q1, "median": median, "q3": q3,
            "high": max(v for v in values if v <= q3 + reach)}
