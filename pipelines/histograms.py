"""How the values of a recipe's numeric signals are spread, and which of them its ranges leave out.

Two passes over the shards: the first finds the extents, the second counts into fixed bins. Between them a signal with
a `top` is read alone, to find where that cuts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import best, shards
from pipelines.corpus import Corpus
from pipelines.ranges import passes
from schemas.recipe import Keep, Recipe
from schemas.signals import signal_field
from schemas.tables import describe

BINS = 40  # fine enough to see two humps, coarse enough that a bar is some pixels wide
LONG_TAIL = 20  # where the largest is so many times the geometric mean, a linear axis shows two bars and a void


@dataclass(frozen=True)
class Bound:
    """One end of a range of the recipe, where it is drawn: beside the whole numbers that it lets in."""

    value: float
    at: float
    is_min: bool
    strong: bool


@dataclass(frozen=True)
class Histogram:
    """Counts of one signal over all measured pairs.

    `edges` are len(inside) + 1 rising numbers; `inside` and `outside` count the values that the recipe's ranges on this
    signal let pass and leave out. `undrawn` counts what the axis has no place for: NaN, and 0 on a logarithmic axis.
    """

    signal: str
    description: str
    log: bool
    edges: tuple[float, ...]
    inside: tuple[int, ...]
    outside: tuple[int, ...]
    bounds: tuple[Bound, ...]
    undrawn: int
    dropped: int
    total: int
    whole: bool = False  # whether the values are whole numbers, and the edges half-way between them


@dataclass(frozen=True)
class _Extent:
    """What the first pass knows of a signal."""

    low: float = math.inf
    high: float = -math.inf
    positive: float = math.inf  # the smallest above 0
    logs: float = 0.0  # the sum of the logarithms of those above 0
    count: int = 0  # how many are above 0

    def widened(self, values: np.ndarray) -> _Extent:
        """The extent of these values too."""
        values = values[np.isfinite(values)]
        above = values[values > 0]
        if not values.size:
            return self
        return _Extent(
            low=min(self.low, float(values.min())),
            high=max(self.high, float(values.max())),
            positive=min(self.positive, float(above.min())) if above.size else self.positive,
            logs=self.logs + float(np.log(above).sum()),
            count=self.count + int(above.size),
        )

    @property
    def long_tailed(self) -> bool:
        """Whether the largest value is far above the geometric mean, and none is below 0."""
        return self.low >= 0 and self.count > 0 and self.high > LONG_TAIL * math.exp(self.logs / self.count)


@dataclass
class _Counting:
    """The bins of one signal while the second pass fills them."""

    histogram: Histogram
    keeps: tuple[Keep, ...]
    tops: tuple[best.Inside, ...]
    inside: np.ndarray = field(init=False)
    outside: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.inside = np.zeros(len(self.histogram.edges) - 1, np.int64)
        self.outside = np.zeros_like(self.inside)
        self.total = self.dropped = 0

    def add(self, table: pa.Table) -> None:
        """Count the rows of one shard."""
        values = _numbers(table, self.histogram.signal)
        passed = np.ones(len(table), bool)
        for keep in self.keeps:
            passed &= passes(keep, table)
        for top in self.tops:
            passed &= top(values)
        self.inside += np.histogram(values[passed], self.histogram.edges)[0]
        self.outside += np.histogram(values[~passed], self.histogram.edges)[0]
        self.total += len(table)
        self.dropped += int((~passed).sum())

    def result(self) -> Histogram:
        """What was counted."""
        inside, outside = tuple(self.inside.tolist()), tuple(self.outside.tolist())
        undrawn = self.total - sum(inside) - sum(outside)
        counted: dict[str, Any] = {"inside": inside, "outside": outside, "undrawn": undrawn}
        return replace(self.histogram, **counted, dropped=self.dropped, total=self.total)


def numeric(recipe: Recipe) -> list[str]:
    """The signals that the recipe names and that are numbers, in its order: its keeps first, then its ranks."""
    keeps = [keep.signal for keep in (*recipe.keep, *recipe.strong_keeps)]
    named = dict.fromkeys([*keeps, *(rank.removeprefix("-") for rank in recipe.ranks())])
    kinds = {name: signal_field(name).type for name in named}
    return [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]


def histograms(corpus: Corpus, recipe: Recipe) -> list[Histogram]:
    """One histogram for each numeric signal that the recipe names; none for a signal without a single number."""
    names = numeric(recipe)
    extents = dict.fromkeys(names, _Extent())
    for shard in corpus.shards():
        table = shards.read(corpus, shard, names)
        extents = {name: extent.widened(_numbers(table, name)) for name, extent in extents.items()}
    countings = [
        _counting(corpus, recipe, name, extent) for name, extent in extents.items() if extent.low <= extent.high
    ]
    for shard in corpus.shards():
        table = shards.read(corpus, shard, names)
        for counting in countings:
            counting.add(table)
    return [counting.result() for counting in countings]


def _counting(corpus: Corpus, recipe: Recipe, name: str, extent: _Extent) -> _Counting:
    def column() -> Iterator[np.ndarray]:
        return (_numbers(shards.read(corpus, shard, [name]), name) for shard in corpus.shards())

    keeps = tuple(keep for keep in recipe.keep if keep.signal == name)
    strong = tuple(keep for keep in recipe.strong_keeps if keep.signal == name)
    cuts = {keep: best.lasts(keep, column) for keep in (*keeps, *strong) if keep.top is not None}
    tops = tuple(best.Inside(keep, cuts[keep]) for keep in keeps if keep in cuts)
    return _Counting(_empty(name, extent, keeps, strong, cuts), keeps, tops)


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).to_numpy().astype(np.float64)


_Cuts = Mapping[Keep, Mapping[float, best.Last]]


def _empty(name: str, extent: _Extent, keeps: tuple[Keep, ...], strong: tuple[Keep, ...], cuts: _Cuts) -> Histogram:
    signal = signal_field(name)
    whole = pa.types.is_integer(signal.type)
    bounds = [*_bounds(keeps, cuts, whole, False), *_bounds(strong, cuts, whole, True)]
    log = extent.long_tailed
    # A bound beyond the data is drawn too: that nothing reaches it is worth seeing.
    ends = [bound.value for bound in bounds if bound.value > 0 or not log]
    low = min([extent.positive if log else extent.low, *ends])
    high = max([extent.high, *ends])
    edges = (_whole_edges if whole else _edges)(low, high, log)
    return Histogram(name, describe(signal), log, edges, (), (), tuple(bounds), 0, 0, 0, whole)


def _bounds(keeps: tuple[Keep, ...], cuts: _Cuts, whole: bool, strong: bool) -> list[Bound]:
    half = 0.5 if whole else 0.0
    bounds = []
    for keep in keeps:
        lows, highs = [keep.min], [keep.max]
        for fraction, last in cuts.get(keep, {}).items():
            # The best begin at the last of `top`, and those that `skip` leaves out end at its last.
            ends = highs if best.low_is_good(keep) == (fraction == keep.top) else lows
            ends.append(last.value if math.isfinite(last.value) else None)
        bounds += [Bound(low, low - half, True, strong) for low in lows if low is not None]
        bounds += [Bound(high, high + half, False, strong) for high in highs if high is not None]
    return bounds


def _edges(low: float, high: float, log: bool) -> tuple[float, ...]:
    if low == high:
        return (low - abs(low) / 2 - 0.5 * (low == 0), high + abs(high) / 2 + 0.5 * (high == 0))
    space = np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)
    # The ends are exact: rounding in the last digit must not lose the largest value.
    return (low, *space[1:-1].tolist(), high)


def _whole_edges(low: float, high: float, log: bool) -> tuple[float, ...]:
    """Edges half-way between whole numbers, so that every bin holds as many of them as its neighbour."""
    first, last = math.floor(low), math.ceil(high)
    if log:
        steps = np.unique(np.rint(np.geomspace(first, last + 1, BINS + 1)))
        return tuple((steps - 0.5).tolist())
    width = math.ceil((last - first + 1) / BINS)
    bins = math.ceil((last - first + 1) / width)
    return tuple(first - 0.5 + width * number for number in range(bins + 1))
