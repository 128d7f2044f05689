# SPDX-License-Identifier: GPL-2.0-only
"""The HTML file: headings, figures, tables, what it was made with. Nothing in it is fetched."""

import os

from .svg import esc, number, patterns, standalone

HERE = os.path.dirname(os.path.abspath(__file__))


def shown(value):
    if value is None:
        return "–"
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def cell(value, numeric):
    """True and False are a target reached or missed, said in words."""
    if isinstance(value, bool):
        return f'<td class="{"ok" if value else "missed"}">{"reached" if value else "MISSED"}</td>'
    return f"<td{' class=n' if numeric else ''}>{esc(shown(value))}</td>"


class Page:
    """title and lead are plain text, as all texts are; data: where it is read from and written to."""

    def __init__(self, title, data, lead=""):
        self.title, self.data, self.saved = title, data, {}
        self.parts = [f"<h1>{esc(title)}</h1>"] + ([f'<p class="lead">{esc(lead)}</p>'] if lead else [])

    def heading(self, text):
        self.parts.append(f"<h2>{esc(text)}</h2>")

    def text(self, text):
        self.parts.append(f"<p>{esc(text)}</p>")

    @staticmethod
    def source(tables):
        """Links to the files that a figure was made of."""
        names = dict.fromkeys(getattr(t, "name", t) for t in tables)
        links = ", ".join(f'<a href="{esc(n)}">{esc(n)}</a>' for n in names)
        return f'<span class="source">Data: {links}</span>'

    def figure(self, svg, caption, *tables, save=None):
        """tables: which Tables (or files) of the folder the figure was made of; at least one.
        save: the name of an SVG file that it is written to as well."""
        if not tables:
            raise ValueError("a figure says which data it was made of")
        if save:
            self.saved[save] = svg
        self.parts.append(f"<figure>{svg}<figcaption>{esc(caption)} {self.source(tables)}</figcaption>"
                          "</figure>")

    def grid(self, plots, caption, *tables):
        """plots: {title: SVG}, small ones side by side."""
        if not tables:
            raise ValueError("a figure says which data it was made of")
        inner = "".join(f"<div><h3>{esc(t)}</h3>{svg}</div>" for t, svg in plots.items())
        self.parts.append(f'<figure><div class="plots">{inner}</div><figcaption>{esc(caption)} '
                          f"{self.source(tables)}</figcaption></figure>")

    def table(self, columns, rows, caption="", *tables):
        """columns: headings; rows: lists of cells (text, number, None, or True and False for a verdict)."""
        rows = list(rows)
        numeric = [any(isinstance(r[i], (int, float)) and not isinstance(r[i], bool) for r in rows)
                   for i in range(len(columns))]
        head = "".join(f"<th{' class=n' if n else ''}>{esc(c)}</th>" for c, n in zip(columns, numeric))
        body = "".join(f"<tr>{''.join(map(cell, row, numeric))}</tr>" for row in rows)
        source = f"<p>{self.source(tables)}</p>" if tables else ""
        said = f"<caption>{esc(caption)}</caption>" if caption else ""
        self.parts.append(f"<table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{source}")

    def machine(self, machine, name="machine.json"):
        """What describe_machine() said, and whatever else the run put there."""
        rows = []
        for key, value in machine.items():
            if isinstance(value, dict):
                value = ", ".join(f"{k} {v}" for k, v in value.items())
            rows.append([key.replace("_", " "), str(value)])
        self.heading("Made with")
        self.table(["", ""], rows, "", name)

    @staticmethod
    def css():
        with open(os.path.join(HERE, "page.css"), encoding="utf-8") as f:
            return f.read()

    def html(self):
        body = "\n".join(self.parts)
        return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{esc(self.title)}</title>'
                f'<meta name="viewport" content="width=device-width"><style>\n{self.css()}</style></head>'
                f'<body>\n<svg class="patterns" width="0" height="0" aria-hidden="true">{patterns()}</svg>\n'
                f"{body}\n</body></html>\n")

    def write(self, name="report.html"):
        path = os.path.join(self.data.folder, name)
        files = {name: self.html()} | {n: standalone(s, self.css()) for n, s in self.saved.items()}
        for file, text in files.items():
            with open(os.path.join(self.data.folder, file), "w", encoding="utf-8") as out:
                out.write(text)
        return path
