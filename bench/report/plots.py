# SPDX-License-Identifier: GPL-2.0-only
"""Box plots, bars with ranges, lines and steps. Each returns the text of an SVG for Page.figure()."""

import dataclasses

from . import svg
from .data import summary
from .svg import Frame, Scale, esc, number, px, text, wrap

WIDTH, HEIGHT = 960, 400


@dataclasses.dataclass(frozen=True)
class Axis:
    """low, high: None is 0 and what the values need."""

    label: str
    unit: str = ""
    low: float = None
    high: float = None
    log: bool = False

    def title(self):
        return f"{self.label} [{self.unit}]" if self.unit else self.label


@dataclasses.dataclass(frozen=True)
class Line:
    """points: (x, y), x rising; y None is a gap. As steps, a point holds until the next one's x."""

    name: str
    points: tuple
    steps: bool = False
    markers: bool = False


@dataclasses.dataclass(frozen=True)
class Band:
    """A part of the x axis with a name: a phase."""

    start: float
    end: float
    label: str


def binned(rows, start, value, width):
    """Points of a Line of steps: a value for each bin, and the end of the last one."""
    points = [(r[start], r[value]) for r in rows]
    return tuple(points + [(points[-1][0] + width, points[-1][1])] if points else points)


# ---- categories ---------------------------------------------------------------------------------


def sign(i, x, y, width, height):
    """The box of a series, told apart by its filling, too; the patterns are Page's."""
    colour, fill = i % svg.COLOURS, svg.FILLS[i % len(svg.FILLS)]
    plain = {"solid": 'fill="currentColor" fill-opacity=".45"', "hollow": 'fill="none"'}
    paint = plain.get(fill, f'fill="url(#{fill}{colour})"')
    return (f'<rect class="c{colour} mark" x="{px(x)}" y="{px(y)}" width="{px(width)}" '
            f'height="{px(max(height, 0.5))}" {paint}/>')


def dots(values, cls, x, width, scale):
    """Every value, side by side in the order it was measured."""
    step = width / max(1, len(values) - 1)
    path = "".join(f"M{px(x + i * step)} {px(scale(v))}h0" for i, v in enumerate(values))
    return f'<path class="{cls} dots" d="{path}"/>'


def box(i, values, x, width, scale, named, unit):
    s = summary(values)
    y = {k: scale(s[k]) for k in ("low", "q1", "median", "q3", "high")}
    mid, colour = x + width / 2, f"c{i % svg.COLOURS}"
    whiskers = "".join(svg.line(mid, y[a], mid, y[b], f"{colour} mark") +
                       svg.line(mid - width / 4, y[b], mid + width / 4, y[b], f"{colour} mark")
                       for a, b in (("q3", "high"), ("q1", "low")))
    told = (f"{named}: median {number(s['median'])}, quartiles {number(s['q1'])} and {number(s['q3'])}, "
            f"from {number(s['min'])} to {number(s['max'])} {unit}, {s['n']} values")
    return (f"<g><title>{esc(told)}</title>{dots(values, colour, x + 2, width - 4, scale)}{whiskers}"
            f"{sign(i, x, y['q3'], width, y['q1'] - y['q3'])}"
            f"{svg.line(x, y['median'], x + width, y['median'], 'median')}</g>")


def bar(i, values, x, width, scale, named, unit):
    low, middle, high = values
    mid = x + width / 2
    ends = "".join(svg.line(mid - 4, scale(v), mid + 4, scale(v), "median") for v in (low, high))
    told = f"{named}: {number(middle)}, from {number(low)} to {number(high)} {unit}"
    return (f"<g><title>{esc(told)}</title>{sign(i, x, scale(middle), width, scale.start - scale(middle))}"
            f"{svg.line(mid, scale(low), mid, scale(high), 'median')}{ends}</g>")


def grouped(draw, categories, series, y, x_title, size, label):
    """series: {name: a list with values for each category, or None}."""
    width, height = size
    present = [v for groups in series.values() for values in groups if values for v in values]
    legend = [(name, sign(i, 0, 0, 26, 10)) for i, name in enumerate(series)] if len(series) > 1 else []
    room = (width - 100) / max(1, len(categories))
    rows = max(len(wrap(c, room - 6)) for c in categories)
    frame = Frame(width, height, y, 1.06 * max(present, default=1), rows if x_title else rows - 1,
                  legend=legend)
    room = (frame.right - frame.left) / len(categories)
    each = min(46, 0.8 * room / len(series))
    for c, category in enumerate(categories):
        x = frame.left + (c + 0.5) * room - len(series) * each / 2
        for i, (name, groups) in enumerate(series.items()):
            if groups[c]:
                named = f"{category}, {name}" if len(series) > 1 else category
                frame.add(draw(i, groups[c], x + i * each + 2, each - 4, frame.y, named, y.unit))
    centres = [frame.left + (c + 0.5) * room for c in range(len(categories))]
    frame.draw_categories(categories, centres, room - 6, x_title)
    return frame.svg(label or y.title())


def boxes(categories, series, y, x_title="", size=(WIDTH, HEIGHT), label=""):
    """Quartiles, whiskers as far as 1.5 quartile ranges, and every value as a dot.

    categories: names along x. series: {name: [values of each category, or None]}.
    """
    return grouped(box, categories, series, y, x_title, size, label)


def bars(categories, series, y, x_title="", size=(WIDTH, HEIGHT), label=""):
    """series: {name: [(low, middle, high) of each category, or None]}; the bar ends at the middle."""
    return grouped(bar, categories, series, y, x_title, size, label)


# ---- lines ----------------------------------------------------------------------------------------


def marker(shape, x, y):
    r = 3.6
    path = (f"M{px(x - r)} {px(y)}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 -{2 * r} 0",
            f"M{px(x - r)} {px(y - r)}h{2 * r}v{2 * r}h-{2 * r}z",
            f"M{px(x)} {px(y - r)}l{r} {2 * r}h-{2 * r}z",
            f"M{px(x)} {px(y - r)}l{r} {r}l-{r} {r}l-{r} -{r}z")[shape % 4]
    return path


def path_of(points, x, y, steps):
    """One path, broken at gaps."""
    out, drawing = [], False
    for at, value in points:
        if value is None:
            drawing = False
            continue
        to = f"{px(x(at))} {px(y(value))}"
        out.append((f"H{px(x(at))}V{px(y(value))}" if steps else f"L{to}") if drawing else f"M{to}")
        drawing = True
    return "".join(out)


def area_of(points, x, y):
    """The steps of a background, filled down to the axis."""
    known = [(at, value) for at, value in points if value is not None]
    steps = "".join(f"V{px(y(value))}H{px(x(after))}" for (_, value), (after, _) in zip(known, known[1:]))
    return f"M{px(x(known[0][0]))} {px(y.start)}{steps}V{px(y.start)}z" if known else ""


def draw_line(frame, i, one, x):
    cls, dash = f"c{i % svg.COLOURS} line", svg.DASHES[i % len(svg.DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    path = path_of(one.points, x, frame.y, one.steps)
    frame.add(f'<path class="{cls}"{dashed} d="{path}"><title>{esc(one.name)}</title></path>')
    if one.markers:
        shapes = "".join(marker(i, x(at), frame.y(v)) for at, v in one.points if v is not None)
        frame.add(f'<path class="c{i % svg.COLOURS} marker" d="{shapes}"/>')


def line_sign(i, one):
    dash = svg.DASHES[i % len(svg.DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    spot = f'<path class="c{i % svg.COLOURS} marker" d="{marker(i, 13, 5)}"/>' if one.markers else ""
    return f'<path class="c{i % svg.COLOURS} line"{dashed} d="M0 5H26"/>{spot}'


def draw_bands(frame, bands, x):
    for i, band in enumerate(bands):
        frame.add(f'<rect class="band{i % 2}" x="{px(x(band.start))}" y="{px(frame.top)}" '
                  f'width="{px(x(band.end) - x(band.start))}" height="{px(frame.bottom - frame.top)}"/>')


def name_bands(frame, bands, x):
    for band in bands:
        left, right = x(band.start), x(band.end)
        for n, row in enumerate(wrap(band.label, right - left - 4)):
            frame.add(text((left + right) / 2, frame.top + svg.LINE * (n + 1) - 2, row, cls="strong"))


def band_rows(bands, low, high, width):
    rows = [len(wrap(b.label, (b.end - b.start) / (high - low) * width - 4)) for b in bands]
    return max(rows, default=0)


def extent(all_lines, which):
    return [p[which] for one in all_lines for p in one.points if p[which] is not None]


def lines(series, x, y, bands=(), background=None, background_axis=None, size=(WIDTH, HEIGHT), label=""):
    """series: Lines. bands: Bands. background: a Line of steps, filled, on an axis of its own at the right;
    its last point ends the last step."""
    width, height = size
    everything = list(series) + ([background] if background else [])
    xs, ys = extent(everything, 0), extent(series, 1)
    low = x.low if x.low is not None else min(xs, default=0)
    high = x.high if x.high is not None else max(xs, default=1)
    legend = [(one.name, line_sign(i, one)) for i, one in enumerate(series)]
    if background:
        legend.append((background.name, '<rect class="ground" width="26" height="10"/>'))
    # The bands' labels have a strip of their own above the highest value.
    rows = band_rows(bands, low, high, width - 150)
    strip = 1 + (rows * svg.LINE + 8) / (height - 110) if bands else 1.06
    frame = Frame(width, height, y, strip * max(ys + [0.0]) or 1, y2=background_axis,
                  y2_high=strip * max(extent([background], 1) or [1]) if background else None, legend=legend)
    at = Scale(low, high, frame.left, frame.right, x.log)
    drawn, frame.parts = frame.parts, []
    draw_bands(frame, bands, at)
    if background:
        area = area_of(background.points, at, frame.y2)
        frame.add(f'<path class="ground" d="{area}"><title>{esc(background.name)}</title></path>')
    frame.parts += drawn
    name_bands(frame, bands, at)
    for i, one in enumerate(series):
        draw_line(frame, i, one, at)
    frame.draw_x(at, x)
    return frame.svg(label or y.title())
