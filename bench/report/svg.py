# SPDX-License-Identifier: GPL-2.0-only
"""Scales, ticks and the frame of a plot. Colours and fonts are classes of page.css."""

import html
import math

FONT = 13  # px, as in page.css
LINE = 16
COLOURS = 7  # classes c0 … c6
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4")
FILLS = ("solid", "hatch", "hollow", "cross")


def patterns():
    """What boxes are filled with: hatch0 …, cross0 …; once a page."""
    made = ""
    for fill, path in (("hatch", "M0 0L6 6"), ("cross", "M0 0L6 6M0 6L6 0")):
        for colour in range(COLOURS):
            made += (f'<pattern id="{fill}{colour}" class="c{colour}" width="6" height="6" '
                     f'patternUnits="userSpaceOnUse"><path d="{path}"/></pattern>')
    return f"<defs>{made}</defs>"


def standalone(plot, css):
    """A plot as a file of its own."""
    head, body = plot.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{css}</style>{patterns()}{body}\n'


def esc(text):
    return html.escape(str(text))


def px(value):
    return f"{value:.1f}".rstrip("0").rstrip(".")


def text_width(text):
    """On the safe side for the fonts that browsers take for sans-serif."""
    return 0.6 * FONT * len(text)


def wrap(text, width):
    """Lines of whole words that fit."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and text_width(longer) > width:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows


def text(x, y, what, anchor="middle", cls="", turn=False):
    turned = f' transform="rotate(-90 {px(x)} {px(y)})"' if turn else ""
    named = f' class="{cls}"' if cls else ""
    return f'<text x="{px(x)}" y="{px(y)}" text-anchor="{anchor}"{named}{turned}>{esc(what)}</text>'


def line(x1, y1, x2, y2, cls):
    return f'<path class="{cls}" d="M{px(x1)} {px(y1)}L{px(x2)} {px(y2)}"/>'


def number(value):
    """For people: thousands apart, three digits or so."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    shown = f"{value:.3g}"
    return shown if "e" not in shown else f"{value:.1e}"


class Scale:
    """Values to pixels, linear or logarithmic."""

    def __init__(self, low, high, start, end, log=False):
        self.log = log
        self.low, self.high = (max(low, 1e-300), high) if log else (low, high)
        if self.high <= self.low:
            self.high = self.low * 10 if log else self.low + 1
        self.start, self.end = start, end

    def __call__(self, value):
        at = (math.log(max(value, self.low) / self.low) / math.log(self.high / self.low) if self.log
              else (value - self.low) / (self.high - self.low))
        return self.start + at * (self.end - self.start)

    def ticks(self, about=6):
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            step = max(1, round((last - first) / about))
            return [10.0 ** e for e in range(first, last + 1, step)]
        rough = (self.high - self.low) / about
        size = 10 ** math.floor(math.log10(rough))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def decade(value):
    exponent = round(math.log10(value))
    if -3 <= exponent <= 5:
        return number(value)
    return "10" + "".join("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".index(c)] for c in str(exponent))


class Frame:
    """Axes, grid and legend; plots draw inside of left…right, top…bottom."""

    def __init__(self, width, height, y, y_high, x_lines=1, y2=None, y2_high=None, legend=()):
        self.width, self.height, self.parts = width, height, []
        self.top = self.draw_legend(legend) + 12
        self.bottom = height - LINE * (x_lines + 1) - 16
        self.y = self.scale(y, y_high)
        self.y2 = self.scale(y2, y2_high) if y2 else None
        self.left = 34 + self.label_width(self.y)
        self.right = width - (34 + self.label_width(self.y2) if y2 else 26)
        self.draw_y(y, y2)

    def scale(self, axis, high):
        return Scale(axis.low or 0, axis.high if axis.high is not None else high, self.bottom, self.top,
                     axis.log)

    @staticmethod
    def tick_text(scale, tick):
        return decade(tick) if scale.log else number(tick)

    def label_width(self, scale):
        return max(text_width(self.tick_text(scale, t)) for t in scale.ticks())

    def add(self, *parts):
        self.parts += parts

    def draw_legend(self, entries):
        """entries: (name, svg of a 26 × 10 sign). Returns how much room they took."""
        x, y = 8, 14
        for name, sign in entries:
            wide = 26 + 6 + text_width(name) + 18
            if x > 8 and x + wide > self.width:
                x, y = 8, y + LINE + 4
            self.add(f'<g transform="translate({px(x)} {px(y - 9)})">{sign}</g>', text(x + 32, y, name, "start"))
            x += wide
        return y + 6 if entries else 0

    def draw_y(self, y, y2):
        middle = (self.top + self.bottom) / 2
        for tick in self.y.ticks():
            at = self.y(tick)
            self.add(line(self.left, at, self.right, at, "grid"),
                     text(self.left - 7, at + 4, self.tick_text(self.y, tick), "end"))
        self.add(text(14, middle, y.title(), turn=True))
        if y2:
            for tick in self.y2.ticks():
                self.add(text(self.right + 7, self.y2(tick) + 4, self.tick_text(self.y2, tick), "start"))
            self.add(text(self.width - 8, middle, y2.title(), turn=True))

    def draw_x(self, scale, axis):
        for tick in scale.ticks(max(3, int((self.right - self.left) / 90))):
            at = scale(tick)
            self.add(line(at, self.bottom, at, self.bottom + 5, "axis"),
                     text(at, self.bottom + LINE + 4, self.tick_text(scale, tick)))
        self.add(text((self.left + self.right) / 2, self.height - 6, axis.title()))

    def draw_categories(self, names, centres, width, title):
        for name, centre in zip(names, centres):
            for i, row in enumerate(wrap(name, width)):
                self.add(text(centre, self.bottom + LINE * (i + 1) + 2, row))
        if title:
            self.add(text((self.left + self.right) / 2, self.height - 6, title))

    def svg(self, label):
        """label: for who cannot see it."""
        axes = (line(self.left, self.top, self.left, self.bottom, "axis") +
                line(self.left, self.bottom, self.right, self.bottom, "axis"))
        return (f'<svg viewBox="0 0 {self.width} {self.height}" style="max-width:{self.width}px" role="img" '
                f'aria-label="{esc(label)}">{"".join(self.parts)}{axes}</svg>')
