"""What a report shows of a model's scores: both histograms, the area, and pairs from the top, threshold and bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipelines import files, shards
from pipelines.control import Control, controls, cut_at, sentence
from pipelines.corpus import Corpus
from pipelines.examples import Example, Pick, shown_of
from pipelines.overlay import Overlay, overlay
from schemas.recipe import Recipe
from schemas.signals import score_column

SHOWN = 6  # pairs of each kind: one row
_KINDS = ("top", "threshold", "bottom")


@dataclass(frozen=True)
class Scored:
    """One model's part of the report. `strips` are (what they are, examples), the best first."""

    control: Control
    chart: Overlay | None
    verdict: str
    strips: tuple[tuple[str, tuple[Example, ...]], ...]


def scored(corpus: Corpus, recipe: Recipe) -> list[Scored]:
    """Each model that the corpus was measured with, by name; none where none was."""
    return [_scored(corpus, recipe, control) for control in controls(corpus)]


def _scored(corpus: Corpus, recipe: Recipe, control: Control) -> Scored:
    at, where = threshold(recipe, control)
    column = score_column(control.model)
    picks = {kind: [ranked.pick for ranked in found] for kind, found in _picks(corpus, column, at).items()}
    values = (column, f"match_{control.model}_shuffled")
    shown = shown_of(corpus, picks, values, dict.fromkeys(_KINDS, values))
    by_key = {kind: {example.key: _named(example) for example in examples} for kind, examples in shown.items()}
    strips = tuple(
        (name, tuple(by_key[kind][pick.key] for pick in picks[kind]))
        for kind, name in zip(_KINDS, ("the highest scores", where, "the lowest scores"), strict=True)
    )
    return Scored(control, overlay(control) if control.pairs else None, sentence(control), strips)


def _named(example: Example) -> Example:
    """With what its values are, in place of their columns."""
    named = zip(("score", "control"), (value for _, value in example.values), strict=True)
    return replace(example, values=tuple(named))


def threshold(recipe: Recipe, control: Control) -> tuple[float, str]:
    """The score at which the recipe cuts, and what that is; the middle where it does not look at this model."""
    column = score_column(control.model)
    for keep in (*recipe.keep, *recipe.strong_keeps):
        if keep.signal == column and keep.min is not None:
            return keep.min, f"around the least that the recipe takes, {keep.min:.3g}"
        if keep.signal == column and keep.top is not None:
            at = cut_at(control.true, keep.top)
            return at, f"around the last of the best {keep.top:.0%}, {at:.3g}"
    at = cut_at(control.true, 0.5)
    return at, f"around the middle, {at:.3g}"


@dataclass(frozen=True, order=True)
class _Ranked:
    rank: float
    pick: Pick
    image_id: str
    score: float


def _picks(corpus: Corpus, column: str, at: float) -> dict[str, list[_Ranked]]:
    """The pairs of each kind by falling score, each picture once; ties by key."""
    found: dict[str, list[_Ranked]] = {"top": [], "above": [], "below": [], "bottom": []}
    for shard in corpus.shards():
        table = shards.read(corpus, shard, [column])
        keys, scores = table.column("key").to_numpy(), table.column(column).to_numpy().astype(np.float64)
        pictures = files.read_table(corpus.pairs(shard), ["image_id"]).column("image_id")
        ranks = {
            "top": -scores,
            "above": np.where(scores >= at, scores - at, np.nan),
            "below": np.where(scores < at, at - scores, np.nan),
            "bottom": scores,
        }
        for kind, rank in ranks.items():
            rows = (row for row in np.lexsort((keys, rank)).tolist() if not np.isnan(rank[row]))
            here = (
                _Ranked(float(rank[row]), Pick(keys[row], shard, row), pictures[row].as_py(), float(scores[row]))
                for row in rows
            )
            limit = SHOWN // 2 if kind in ("above", "below") else SHOWN
            nearest = sorted([*found[kind], *_each_picture_once(here, limit)])
            found[kind] = list(_each_picture_once(iter(nearest), limit))
    by_score = {"top": found["top"], "threshold": [*found["above"], *found["below"]], "bottom": found["bottom"]}
    return {kind: sorted(chosen, key=lambda one: (-one.score, one.pick)) for kind, chosen in by_score.items()}


def _each_picture_once(ranked: Iterator[_Ranked], limit: int) -> Iterator[_Ranked]:
    seen: set[str] = set()
    for one in ranked:
        if len(seen) == limit:
            return
        if one.image_id not in seen:
            seen.add(one.image_id)
            yield one
