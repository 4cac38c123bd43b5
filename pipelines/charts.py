"""Where the lines and bars of a histogram lie, in the units of an SVG view box. Pure; the template draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.histograms import Bound, Histogram

WIDTH, HEIGHT = 320.0, 128.0
TOP, FLOOR = 18.0, 108.0  # the bars' room: above it the bounds' labels, below it the axis
_TICKS = 5  # labels of up to six letters stand apart on this width


@dataclass(frozen=True)
class Bar:
    """One bin: what passes stands below, what is left out on top of it."""

    x: float
    width: float
    inside: float
    outside: float
    title: str


@dataclass(frozen=True)
class Mark:
    """A vertical line or a tick with its label; `anchor` is SVG's text-anchor."""

    x: float
    label: str
    anchor: str
    strong: bool = False


@dataclass(frozen=True)
class Chart:
    """A histogram, laid out. `shades` are the (x, width) of the parts of the axis that the recipe leaves out."""

    histogram: Histogram
    peak: int
    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    bounds: tuple[Mark, ...]
    shades: tuple[tuple[float, float], ...]


def chart(histogram: Histogram) -> Chart:
    """Lay a histogram out."""
    peak = max(map(sum, zip(histogram.inside, histogram.outside, strict=True)), default=0)
    return Chart(
        histogram,
        peak,
        tuple(bars_of(histogram, peak)),
        ticks_of(histogram),
        tuple(_mark(histogram, bound) for bound in histogram.bounds),
        tuple(_shade(histogram, bound) for bound in histogram.bounds if not bound.strong),
    )


def number(value: float) -> str:
    """A number as it is read: thousands separated, three digits that count, no zeros that do not.

    >>> number(1234567), number(0.70000001), number(12.5), number(float("nan"))
    ('1,234,567', '0.7', '12.5', 'not a number')
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value) or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def short(value: float) -> str:
    """A number for an axis: 20k for 20,000, 3M for 3,000,000."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * (10 if unit == "k" else 1):
            return f"{value / size:.3g}{unit}"
    return number(value)


def x_of(histogram: Histogram, value: float) -> float:
    """Where a value lies on the axis, in the view box; ends of the axis where it lies beyond."""
    first, last = histogram.edges[0], histogram.edges[-1]
    value = min(max(value, first), last)
    if histogram.log:
        first, last, value = math.log(first), math.log(last), math.log(value)
    return round(WIDTH * (value - first) / (last - first), 2)


def bars_of(histogram: Histogram, peak: int) -> list[Bar]:
    """The bars of the bins that hold something, the tallest possible one for `peak`."""
    bars = []
    room = FLOOR - TOP
    for place, (inside, outside) in enumerate(zip(histogram.inside, histogram.outside, strict=True)):
        if not inside + outside:
            continue
        first, last = histogram.edges[place : place + 2]
        left, right = x_of(histogram, first), x_of(histogram, last)
        heights = [round(max(room * count / peak, 1.0), 2) if count else 0.0 for count in (inside, outside)]
        gap = min(1.0, (right - left) / 5)
        title = f"{_span(first, last, histogram.whole)}: {inside + outside:,}"
        bars.append(Bar(left, round(right - left - gap, 2), heights[0], heights[1], title))
    return bars


def _span(first: float, last: float, whole: bool) -> str:
    """What a bin holds: its whole numbers, whose edges lie half-way between them; else its edges, told apart."""
    if whole:
        first, last = math.ceil(first), math.floor(last)
        return short(first) if first == last else f"{short(first)} to {short(last)}"
    if short(first) != short(last):
        return f"{short(first)} to {short(last)}"
    return f"{first:.9g} to {last:.9g}"


def ticks_of(histogram: Histogram) -> tuple[Mark, ...]:
    """The ticks of the axis, with their numbers."""
    return tuple(_tick(histogram, value) for value in _tick_values(histogram))


def _tick_values(histogram: Histogram) -> list[float]:
    first, last = histogram.edges[0], histogram.edges[-1]
    if not histogram.log:
        step = _step((last - first) / _TICKS)
        count = math.floor(last / step) - math.ceil(first / step)
        return [round(step * (math.ceil(first / step) + place), 9) for place in range(count + 1)]
    decades = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    factors = (1, 2, 5) if last < 500 * first else (1,)
    values = [factor * 10.0**decade for decade in decades for factor in factors]
    return [value for value in values if first <= value <= last]


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10 … that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _tick(histogram: Histogram, value: float) -> Mark:
    x = x_of(histogram, value)
    anchor = "start" if x < 14 else "end" if x > WIDTH - 14 else "middle"
    return Mark(x, short(value), anchor)


def _mark(histogram: Histogram, bound: Bound) -> Mark:
    """The line of a bound; its label stands outside the range where there is room, so two never meet."""
    x = x_of(histogram, bound.at)
    if bound.is_min:
        return Mark(x, f"≥ {number(bound.value)}", "end" if x > 60 else "start", bound.strong)
    return Mark(x, f"≤ {number(bound.value)}", "start" if x < WIDTH - 60 else "end", bound.strong)


def _shade(histogram: Histogram, bound: Bound) -> tuple[float, float]:
    x = x_of(histogram, bound.at)
    return (0.0, x) if bound.is_min else (x, round(WIDTH - x, 2))
