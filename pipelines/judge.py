"""judge: one verdict for every pair, by a recipe; then tiers, and the base subset. One row in the ledger per pair.

Keeps are ranges, judged shard by shard in Arrow. `top` and the base look at the whole corpus, and send counts and the
rows of single bins through Beam; the onces (`onces`) send columns of the pairs that are left, so that no group is ever
held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import base as bases
from pipelines import files, ledgers, order, scores, shards
from pipelines.corpus import Corpus
from pipelines.cut import Cut, Sizes
from pipelines.engine import Engine, run
from pipelines.onces import Come, Onces
from pipelines.order import Rank
from pipelines.outputs import Outputs
from pipelines.ranges import NOTHING, first_failed, passes_all, top_order
from schemas import recipe as recipes
from schemas.recipe import Keep, Recipe
from schemas.signals import signal_field
from schemas.tables import LEDGER


def judge(corpus: Corpus, recipe: Recipe, *, engine: Engine) -> dict[str, int]:
    """Write the recipe's ledger; returns the number of pairs by verdict ('' for kept), as `tally` does.

    Does nothing when the ledger was made by this very recipe from these very signals. Raises BadInput, with the
    command to run, where the recipe names a signal that was not measured, or match_score where several were.
    """
    with files.remembering():
        recipe = scores.resolve(corpus, recipe)
        shards.need(corpus, ledgers.behind(corpus, recipe))
        made_from = ledgers.made_from(corpus, recipe)
    outputs = Outputs({corpus.ledger(recipe.name, shard): made_from for shard in corpus.shards()})
    if outputs.missing():
        with outputs.progress("judge", engine):
            run(lambda pipeline: pipeline | Judge(corpus, recipe, made_from), job="judge", engine=engine)
    if engine.dry:
        return {}
    outputs.sweep([corpus.path("ledger", recipe.name)])
    return tally(corpus, recipe, "verdict")


def tally(corpus: Corpus, recipe: Recipe, column: str) -> dict[str, int]:
    """How many rows of the recipe's ledger have each value of one column; every possible verdict is named."""
    counts: dict[str, int] = dict.fromkeys(["", *recipe.verdicts()], 0) if column == "verdict" else {}
    for shard in corpus.shards():
        table = files.read_table(corpus.ledger(recipe.name, shard), [column])
        for entry in pc.value_counts(table.column(column)).to_pylist():
            counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    return counts


class Judge(beam.PTransform):
    """Shard names -> a ledger file for each."""

    def __init__(self, corpus: Corpus, recipe: Recipe, made_from: str) -> None:
        super().__init__()
        self.corpus, self.recipe, self.made_from = corpus, recipe, made_from

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        corpus, recipe = self.corpus, self.recipe
        names = pbegin | "shards" >> beam.Create(corpus.shards(), reshuffle=True)
        cuts = beam.pvalue.AsDict(names | "tops" >> Tops(corpus, recipe))
        come = names | "how far" >> Onces(corpus, recipe, cuts)
        drawn: tuple[Any, Any] = ({}, {})
        if recipe.base:
            able = come | "able" >> beam.Map(able_rows, corpus, recipe, cuts)
            draw = bases.Draw(able, corpus, recipe.base)
            drawn = (draw.wanted, draw.cuts)
        return come | "write" >> beam.Map(write_ledger, corpus, recipe, self.made_from, cuts, *drawn)


class Tops(beam.PTransform):
    """Shard names -> (the name of a fraction, the last rank inside it)."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        super().__init__()
        self.corpus = corpus
        self.keeps = tuple(keep for keep in (*recipe.keep, *recipe.strong_keeps) if keep.top is not None)

    def expand(self, names: beam.PCollection) -> beam.PCollection:
        if not self.keeps:
            return names.pipeline | beam.Create([])
        rows = partial(top_ranks, corpus=self.corpus, keeps=self.keeps)
        fractions = {keep.cut_name(part): part for keep in self.keeps for part in keep.fractions}
        sizes = names | "values" >> Sizes(rows)
        wanted = sizes | "wanted" >> beam.Map(top_count, fractions)
        none = wanted | "empty tops" >> beam.FlatMapTuple(lambda name, count: [] if count else [(name, NOTHING)])
        cuts = names | "cut" >> Cut(rows, beam.pvalue.AsDict(sizes), beam.pvalue.AsDict(wanted))
        return (none, cuts) | "cuts" >> beam.Flatten()


def top_ranks(shard: str, corpus: Corpus, keeps: tuple[Keep, ...]) -> Iterator[tuple[str, order.Columns]]:
    """The ranks of the values that are numbers, for each fraction that a keep cuts at."""
    table = shards.read(corpus, shard, [keep.signal for keep in keeps])
    named = {keep.cut_name(part): keep for keep in keeps for part in keep.fractions}
    for name, keep in named.items():
        ranks = order.columns(table, (top_order(keep),))
        if pa.types.is_floating(signal_field(keep.signal).type):  # NaN is in no range, so it does not count
            ranks = order.take(ranks, ~np.isnan(table.column(keep.signal).to_numpy()))
        yield name, ranks


def top_count(counted: tuple[str, int], fractions: Mapping[str, float]) -> tuple[str, int]:
    """How many are in the top: the fraction of all values, rounded down."""
    name, count = counted
    return name, math.floor(fractions[name] * count)


def able_rows(come: Come, corpus: Corpus, recipe: Recipe, cuts: dict[str, Rank]) -> bases.Able:
    """Which rows of one shard may be drawn for the base: kept ones, of its tier."""
    shard, passed = come
    table = shards.read(corpus, shard, recipe.columns())
    return shard, bases.packed(_able(recipe, first_step(recipe, table, passed, cuts), is_strong(recipe, table, cuts)))


def first_step(recipe: Recipe, table: pa.Table, passed: bytes, cuts: Mapping[str, Rank]) -> npt.NDArray[np.int32]:
    """The first step, keep or once, that each row fails, counted from 1; 0 for a kept row."""
    failed: npt.NDArray[np.int32] = first_failed(recipe.keep, table, cuts)
    if recipe.once:
        come = np.frombuffer(passed, np.uint16).astype(np.int32)
        out = (failed == 0) & (come < len(recipe.once))
        failed[out] = len(recipe.keep) + 1 + come[out]
    return failed


def is_strong(recipe: Recipe, table: pa.Table, cuts: Mapping[str, Rank]) -> npt.NDArray[np.bool_]:
    """One boolean per row: whether it is strong if it is kept. Without a strong tier none is."""
    if not recipe.strong_keeps:
        return np.zeros(len(table), bool)
    strong: npt.NDArray[np.bool_] = passes_all(recipe.strong_keeps, table, cuts)
    return strong


def _able(recipe: Recipe, failed: npt.NDArray[np.int32], strong: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    of = recipe.base.from_ if recipe.base else "kept"
    return (failed == 0) & (strong if of == "strong" else ~strong if of == "weak" else True)


def write_ledger(
    come: Come,
    corpus: Corpus,
    recipe: Recipe,
    made_from: str,
    cuts: dict[str, Rank],
    wanted: dict[str, int],
    base_cuts: dict[str, Rank],
) -> None:
    """Write one shard's ledger: verdict, tier, class and base of every pair, in the order of the pairs."""
    shard, passed = come
    table = shards.read(corpus, shard, [*recipe.columns(), *ledgers.classed_by(corpus, shard)])
    failed, strong = first_step(recipe, table, passed, cuts), is_strong(recipe, table, cuts)
    base = np.zeros(len(table), bool)
    if recipe.base:
        base = bases.is_drawn(table, _able(recipe, failed, strong), recipe.base, wanted, base_cuts)
    ledger = {
        "key": table.column("key"),
        "verdict": pa.array(["", *recipe.verdicts()]).take(pa.array(failed)),
        "tier": pa.array(["", "weak", "strong"]).take(pa.array(np.where(failed == 0, 1 + strong, 0))),
        "class": bases.classes(table),
        "base": base,
    }
    path = corpus.ledger(recipe.name, shard)
    files.write_table(path, pa.table(ledger, LEDGER), made_from, recipe=recipes.canonical(recipe))
