"""A model's scores and their controls in one chart, laid out in the units of an SVG view box; the template draws it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pipelines.charts import FLOOR, TOP, WIDTH, Bar, Mark, bars_of, ticks_of, x_of
from pipelines.control import Control, Counts, edge
from pipelines.histograms import BINS, Histogram


@dataclass(frozen=True)
class Overlay:
    """Two histograms over one axis: bars for the true pairs, an outline, as SVG's points, for their controls."""

    peak: int
    bars: tuple[Bar, ...]
    outline: str
    ticks: tuple[Mark, ...]


def overlay(control: Control) -> Overlay:
    """Lay the scores of a model and their controls out, from the lowest to the highest that there is."""
    places = np.flatnonzero(control.true + control.shuffled)
    first, last = int(places[0]), int(places[-1]) + 1
    # Whole fine bins make a coarse one, so that each number is counted where it lies.
    wide = -(-(last - first) // BINS)
    true, shuffled = (_coarse(counts, first, wide) for counts in (control.true, control.shuffled))
    edges = tuple(edge(first + wide * place) for place in range(len(true) + 1))
    axis = Histogram(control.model, "", False, edges, tuple(true), (0,) * len(true), (), 0, 0, sum(true))
    peak = max(*true, *shuffled)
    titles = [
        f"{low:.3f} to {high:.3f}: {one:,} true, {other:,} control"
        for (low, high), one, other in zip(pairwise(edges), true, shuffled, strict=True)
    ]
    named = {x_of(axis, low): title for low, title in zip(edges, titles, strict=False)}
    points = [(0.0, FLOOR)]
    for (low, high), count in zip(pairwise(edges), shuffled, strict=True):
        height = round(FLOOR - (FLOOR - TOP) * count / peak, 2)
        points += [(x_of(axis, low), height), (x_of(axis, high), height)]
    points.append((WIDTH, FLOOR))
    return Overlay(
        peak,
        tuple(replace(bar, title=named[bar.x]) for bar in bars_of(axis, peak)),
        " ".join(f"{x},{y}" for x, y in points),
        ticks_of(axis),
    )


def _coarse(counts: Counts, first: int, wide: int) -> list[int]:
    """The counts from a bin on, so many bins taken together."""
    part = counts[first : first + wide * BINS]
    part = np.concatenate([part, np.zeros(-len(part) % wide, np.int64)])
    return [int(count) for count in part.reshape(-1, wide).sum(axis=1)]
