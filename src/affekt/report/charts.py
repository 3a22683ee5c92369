"""Small charts as inline SVG: crisp at any size, coloured by the page's style sheet (light, dark, print)."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Series:
    """One kind of mark: its name, its CSS class (`recogniser`, `judge`, `baseline`, ...) and its values."""

    name: str
    css: str
    values: Sequence[float]


@dataclass(frozen=True)
class Strip:
    """One row of repeated measurements: its name, CSS class, each of them, their mean and where it is its interval."""

    name: str
    css: str
    points: Sequence[float]
    mean: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scale:
    """A linear map from values to SVG units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 2)


def _text(x: float, y: float, words: str, anchor: str = "start", css: str = "tick") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{css}">{html.escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{css}"/>'


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}">'
    # The label is generated here from numbers and names; everything else in `parts` went through html.escape.
    return Markup(head + "".join(parts) + "</svg>")


def dumbbell(label: str, before: float, after: float, chance: float, css: str) -> Markup:
    """A rate before (hollow) and after (full) on a 0-100 % track with a tick at chance."""
    x = Scale(0, 1, 8, 212)
    parts = [_line(x(0), 11, x(1), 11, "track"), _line(x(chance), 3, x(chance), 19, "chance")]
    parts.append(_line(x(before), 11, x(after), 11, f"bar {css}"))
    parts.append(f'<circle cx="{x(before):g}" cy="11" r="4.5" class="hollow {css}"/>')
    parts.append(f'<circle cx="{x(after):g}" cy="11" r="5.5" class="full {css}"/>')
    return _svg(220, 22, label, parts)


def curve(label: str, steps: Sequence[int], lines: Sequence[tuple[Sequence[int], Series]], chance: float) -> Markup:
    """Rates (0-1) over optimisation steps; lines with few points show the points too."""
    x, y = Scale(0, max(max(steps), 1), 38, 330), Scale(0, 1, 160, 12)
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [_line(38, y(tick), 330, y(tick), "grid"), _text(33, y(tick) + 4, f"{100 * tick:.0f}", "end")]
    for tick in sorted({0, max(steps) // 2, max(steps)}):
        parts.append(_text(x(tick), 176, f"{tick}", "middle"))
    parts.append(_line(38, y(chance), 330, y(chance), "chance"))
    parts.append(_text(330, y(chance) - 4, "chance", "end", "tick quiet"))
    for at, series in lines:
        points = [(x(step), y(value)) for step, value in zip(at, series.values, strict=True)]
        path = " ".join(f"{px:g},{py:g}" for px, py in points)
        parts.append(f'<polyline points="{path}" class="line {series.css}"/>')
        if len(points) <= 30:
            parts += [f'<circle cx="{px:g}" cy="{py:g}" r="2.6" class="full {series.css}"/>' for px, py in points]
    return _svg(340, 182, label, parts)


def dots(
    label: str, rows: Sequence[str], series: Sequence[Series], high: float, unit: str, chance: float | None = None
) -> Markup:
    """One row per name, one mark per series (none for NaN); `high` ends the axis, `unit` names it."""
    step, left = 26, 84
    bottom = 8 + step * len(rows)
    x = Scale(0, high, left, 340)
    parts = []
    for tick in (0, high / 4, high / 2, 3 * high / 4, high):
        shown = f"{100 * tick:.0f}" if unit == "%" else f"{tick:.0f}"
        parts += [_line(x(tick), 6, x(tick), bottom, "grid"), _text(x(tick), bottom + 14, shown, "middle")]
    parts.append(_text(left - 8, bottom + 14, unit, "end", "tick quiet"))
    if chance is not None:
        parts.append(_line(x(chance), 6, x(chance), bottom, "chance"))
    for index, row in enumerate(rows):
        at = 8 + step * (index + 0.5)
        parts += [_line(left, at, 340, at, "grid faint"), _text(left - 8, at + 4, row, "end", "tick name")]
        for one in series:
            value = one.values[index]
            if not math.isnan(value):
                parts.append(_mark(x(min(value, high)), at, one.css))
    return _svg(352, int(bottom) + 20, label, parts)


def _mark(x: float, y: float, css: str) -> str:
    """Circle, square or bar: series differ in shape as well as colour."""
    if css == "judge":
        return f'<rect x="{x - 4.5:g}" y="{y - 4.5:g}" width="9" height="9" class="full judge"/>'
    if css == "ensemble":
        return (
            f'<rect x="{x - 4:g}" y="{y - 4:g}" width="8" height="8" class="full ensemble" transform="{_turn(x, y)}"/>'
        )
    if css == "baseline":
        return f'<rect x="{x - 1.5:g}" y="{y - 7:g}" width="3" height="14" class="full baseline"/>'
    return f'<circle cx="{x:g}" cy="{y:g}" r="5" class="full {css}"/>'


def strips(label: str, rows: Sequence[Strip], low: float, high: float, reference: float, unit: str = "%") -> Markup:
    """Repeated measurements in shares of 1, a faint dot each, with mean and interval; a dashed line at `reference`."""
    step, left = 24, 118
    bottom = 8 + step * len(rows)
    x = Scale(low, high, left, 342)
    parts = []
    for tick in (low, low + (high - low) / 4, (low + high) / 2, high - (high - low) / 4, high):
        shown = f"{100 * tick:.4g}".replace("-", "\u2212")
        parts += [_line(x(tick), 6, x(tick), bottom, "grid"), _text(x(tick), bottom + 14, shown, "middle")]
    parts.append(_text(left - 10, bottom + 14, unit, "end", "tick quiet"))
    parts.append(_line(x(reference), 6, x(reference), bottom, "chance"))
    for index, row in enumerate(rows):
        at = 8 + step * (index + 0.5)
        parts += [_line(left, at, 342, at, "grid faint"), _text(left - 10, at + 4, row.name, "end", "tick name")]
        shown_points = (min(max(point, low), high) for point in row.points)
        parts += [f'<circle cx="{x(point):g}" cy="{at:g}" r="3.4" class="run {row.css}"/>' for point in shown_points]
        if row.interval is not None:
            ends = [x(min(max(end, low), high)) for end in row.interval]
            parts.append(_line(ends[0], at, ends[1], at, f"bar {row.css}"))
        parts.append(_mean(x(min(max(row.mean, low), high)), at, row.css))
    return _svg(352, int(bottom) + 20, label, parts)


def _mean(x: float, y: float, css: str) -> str:
    return f'<rect x="{x - 1.5:g}" y="{y - 8:g}" width="3" height="16" class="full {css}"/>'


def reliability(label: str, lines: Sequence[tuple[str, Sequence[tuple[float, float, int]]]]) -> Markup:
    """Accuracy over confidence, both 0-1, of (CSS class, bins); a disc's area is its share of the clips."""
    x, y = Scale(0, 1, 38, 250), Scale(0, 1, 222, 10)
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [_line(38, y(tick), 250, y(tick), "grid"), _text(33, y(tick) + 4, f"{100 * tick:.0f}", "end")]
        parts.append(_text(x(tick), 237, f"{100 * tick:.0f}", "middle"))
    parts.append(_line(x(0), y(0), x(1), y(1), "chance"))
    parts += [
        _text(144, 250, "confidence, %", "middle", "tick quiet"),
        _text(40, 20, "right, %", "start", "tick quiet"),
    ]
    for css, bins in lines:
        total = sum(count for *_, count in bins)
        path = " ".join(f"{x(confidence):g},{y(accuracy):g}" for confidence, accuracy, _ in bins)
        parts.append(f'<polyline points="{path}" class="line {css}"/>')
        for confidence, accuracy, count in bins:
            radius = 1.5 + 11 * math.sqrt(count / total)
            parts.append(f'<circle cx="{x(confidence):g}" cy="{y(accuracy):g}" r="{radius:.2f}" class="run {css}"/>')
    return _svg(262, 256, label, parts)


def _turn(x: float, y: float) -> str:
    return f"rotate(45 {x:g} {y:g})"


def columns(label: str, counts: Sequence[int], edges: Sequence[float], unit: str) -> Markup:
    """A histogram: counts between edges."""
    x, y = Scale(edges[0], edges[-1], 38, 330), Scale(0, max(max(counts), 1), 150, 14)
    parts = [_line(38, 150, 330, 150, "axis"), _text(33, y(max(counts)) + 4, f"{max(counts)}", "end")]
    parts += [_text(33, 154, "0", "end"), _line(38, y(max(counts)), 330, y(max(counts)), "grid")]
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        width = x(high) - x(low) - 1
        parts.append(
            f'<rect x="{x(low) + 0.5:g}" y="{y(count):g}" width="{width:.2f}" height="{150 - y(count):.2f}"'
            ' class="full plain"/>'
        )
    for edge in (edges[0], (edges[0] + edges[-1]) / 2, edges[-1]):
        parts.append(_text(x(edge), 167, f"{edge:.1f}", "middle"))
    parts.append(_text(38, 180, unit, "start", "tick quiet"))
    return _svg(340, 184, label, parts)
