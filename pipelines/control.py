"""Is a score worth anything here? The scores of a corpus beside their controls: the same texts, other pages' pictures.

The values are counted into fine bins of fixed edges, so that shards add up and no column is ever held; what the bins
leave open of the area under the curve is told with it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines import files, matched
from pipelines.corpus import Corpus
from pipelines.models import Chosen, described
from pipelines.progress import printable
from schemas.models import Measured
from schemas.signals import score_column

BINS = 1 << 16
"""Bins of a cosine, from -1 to 1: each 3e-5 wide, a third of what a float16 tells apart near 0.1. With them the area is
known to some 1e-4 where scores are spread over a tenth; the bound is computed, and given beside it."""

TELLS = 0.65
"""The area from which a model is said to tell pairs apart. 0.5 is chance; a histogram of colours, which knows nothing
of words, reaches 0.55 on photographs of dishes and up to 0.63 within one topic of pictures."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Control:
    """One model on one corpus: how often each score came, with the right picture and with another page's.

    `true` and `shuffled` count the pairs that have both numbers, by `bin_of`. `unscored` pairs have no score, and
    `alone` have one and no control.
    """

    model: str
    said: Measured
    true: Counts
    shuffled: Counts
    unscored: int
    alone: int

    @property
    def pairs(self) -> int:
        """The pairs that have a score and a control."""
        return int(self.true.sum())

    @property
    def auc(self) -> float:
        """How often a pair's score is above a control, ties counted half; NaN without pairs."""
        return area(self.true, self.shuffled)[0]

    @property
    def tells(self) -> bool:
        """Whether the model tells pairs from others on this corpus, by `TELLS`; not where there are none."""
        return self.auc >= TELLS


def controls(corpus: Corpus, among: Collection[str] | None = None) -> list[Control]:
    """The controls of every model that all shards were measured with, or of those `among` them, by name."""
    models = matched.models_of(corpus)
    return [_control(corpus, name, said) for name, said in models.items() if among is None or name in among]


def _control(corpus: Corpus, name: str, said: Measured) -> Control:
    true, shuffled = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    unscored = alone = 0
    columns = [score_column(name), f"match_{name}_shuffled"]
    for shard in corpus.shards():
        for batch in files.read_batches(corpus.signals(matched.MATCH, shard), columns):
            score, control = (batch.column(column).to_numpy(zero_copy_only=False) for column in columns)
            both = ~np.isnan(score) & ~np.isnan(control)
            true += count(score[both])
            shuffled += count(control[both])
            unscored += int(np.isnan(score).sum())
            alone += int((~np.isnan(score) & np.isnan(control)).sum())
    return Control(name, said, true, shuffled, unscored, alone)


def count(cosines: npt.NDArray[np.float32]) -> Counts:
    """How many of these numbers lie in each bin.

    >>> int(count(np.array([-1.0, 1.0, 1.0], np.float32))[-1])
    2
    """
    return np.bincount(bin_of(cosines), minlength=BINS).astype(np.int64)


def bin_of(cosines: npt.NDArray[np.float32]) -> Counts:
    """The bin of each number; rounding may take a cosine a little beyond 1."""
    places = np.floor((cosines.astype(np.float64) + 1) * (BINS / 2)).astype(np.int64)
    return np.clip(places, 0, BINS - 1)


def edge(place: int) -> float:
    """The lower edge of a bin."""
    return place * 2 / BINS - 1


def area(true: Counts, shuffled: Counts) -> tuple[float, float]:
    """The area under the curve, ties counted half, and by how much the bins may be wrong at most; NaN without pairs.

    It is the chance that one of `true` is above one of `shuffled`. Two numbers in one bin count as a tie, so the error
    is at most half the chance that both fall into the same bin.

    >>> area(np.array([0, 1, 3]), np.array([3, 1, 0]))
    (0.96875, 0.03125)
    """
    pairs = float(true.sum()) * float(shuffled.sum())
    if not pairs:
        return math.nan, math.nan
    below = np.cumsum(shuffled) - shuffled
    ties = float((true.astype(np.float64) * shuffled).sum())
    wins = float((true.astype(np.float64) * below).sum())
    return (wins + ties / 2) / pairs, ties / 2 / pairs


def cut_at(counts: Counts, top: float) -> float:
    """The score that the best `top` of all reach, to the width of a bin; NaN without any.

    >>> round(cut_at(count(np.array([0.1, 0.2, 0.3, 0.4], np.float32)), 0.5), 3)
    0.3
    """
    wanted = max(1, math.floor(top * int(counts.sum())))
    reached = np.cumsum(counts[::-1])
    if not reached[-1]:
        return math.nan
    return edge(BINS - 1 - int(np.searchsorted(reached, wanted)))


def sentence(control: Control) -> str:
    """What the area means, in words."""
    if not control.pairs:
        return "No pair has a score and a control, so nothing is known of this model here."
    if control.tells:
        return "True pairs score higher than the same texts with other pages' pictures."
    return "This model does not tell pairs apart on this corpus: do not decide by its score."


def line(control: Control) -> str:
    """One line for a terminal."""
    if not control.pairs:
        return f"match {control.model}: {sentence(control)}"
    of = f"AUC {control.auc:.3f} of {control.pairs:,} pairs against their controls, {control.unscored:,} unscored"
    return f"match {control.model}: {of}. {sentence(control)}"


def show(corpus: Corpus, models: Sequence[Chosen]) -> None:
    """Print what the controls say of each of these models, and on standard error what to know of a demo model."""
    said = described(models)
    for name, one in said.items():
        if one.warning:
            print(f"measure: {name}: {printable(one.warning)}", file=sys.stderr)
    for control in controls(corpus, said):
        print(line(control))
