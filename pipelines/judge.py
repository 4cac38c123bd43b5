"""judge: one verdict for every pair, by a recipe; then tiers, and the base subset. One row in the ledger per pair.

Keeps are ranges, judged shard by shard in Arrow. The onces, `top` and the base look at the whole corpus: they send
small rows through Beam and choose with combiners, so that no group is ever held.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files, ledgers, shards
from pipelines.corpus import Corpus
from pipelines.cut import Cut, Rank
from pipelines.draw import shares
from pipelines.engine import Engine, run
from pipelines.outputs import Outputs
from pipelines.ranges import first_failed, passes_all, ranks, top_order
from schemas import recipe as recipes
from schemas.recipe import Base, Keep, Recipe
from schemas.tables import LEDGER

NOTHING: Rank = ((-1, 0.0),)  # a rank before every other: a top that is too small for a single pair
OTHER = "other"  # the class of a pair whose source gives none


class Survivor(NamedTuple):
    """A pair that has passed every keep, with what the corpus-wide steps need to know of it."""

    shard: str
    row: int
    groups: tuple[str, ...]  # for each once, what the pair agrees on with others
    orders: tuple[Rank, ...]  # for each once, the pair's rank
    tier: str
    class_: str
    order: Rank  # the pair's rank in the base


def judge(corpus: Corpus, recipe: Recipe, *, engine: Engine) -> dict[str, int]:
    """Write the recipe's ledger; returns the number of pairs by verdict ('' for kept), as `tally` does.

    Does nothing when the ledger was made by this very recipe from these very signals. Raises BadInput, with the
    command to run, where the recipe names a signal that was not measured.
    """
    shards.need(corpus, ledgers.families(recipe))
    made_from = ledgers.made_from(corpus, recipe)
    outputs = Outputs({corpus.ledger(recipe.name, shard): made_from for shard in corpus.shards()})
    if outputs.missing():
        with outputs.progress("judge"):
            run(lambda pipeline: pipeline | Judge(corpus, recipe, made_from), job="judge", engine=engine)
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
        passed = names | "keeps" >> beam.FlatMap(survivors, corpus, recipe, cuts)
        marks = []  # (shard, (row, how many onces it has passed))
        for number, once in enumerate(recipe.once):
            passed = (
                passed
                | f"group {number}" >> beam.Map(by_group, number)
                | f"best {number}" >> beam.combiners.Top.SmallestPerKey(once.limit)
                | f"winners {number}" >> beam.FlatMapTuple(winners)
            )
            marks.append(passed | f"mark {number}" >> beam.Map(mark, number + 1))
        if recipe.base:
            marks.append(passed | "base" >> Draw(recipe.base) | "mark base" >> beam.Map(mark, len(recipe.once) + 1))
        marks.append(names | "every shard" >> beam.Map(lambda shard: (shard, (-1, 0))))
        return (
            marks
            | "marks" >> beam.Flatten()
            | "by shard" >> beam.GroupByKey()
            | "write" >> beam.Map(write_ledger, corpus, recipe, self.made_from, cuts)
        )


class Tops(beam.PTransform):
    """Shard names -> (the name of a `top`, the last rank inside it)."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        super().__init__()
        self.corpus = corpus
        self.keeps = tuple(keep for keep in (*recipe.keep, *recipe.strong_keeps) if keep.top is not None)

    def expand(self, names: beam.PCollection) -> beam.PCollection:
        if not self.keeps:
            return names.pipeline | beam.Create([])
        rows = names | "values" >> beam.FlatMap(top_ranks, self.corpus, self.keeps)
        fractions = {keep.top_name: keep.top for keep in self.keeps}
        wanted = rows | beam.combiners.Count.PerKey() | beam.Map(top_count, fractions)
        none = wanted | "empty tops" >> beam.FlatMapTuple(lambda name, count: [] if count else [(name, NOTHING)])
        return (none, rows | Cut(beam.pvalue.AsDict(wanted))) | "cuts" >> beam.Flatten()


def top_ranks(shard: str, corpus: Corpus, keeps: tuple[Keep, ...]) -> Iterator[tuple[str, Rank]]:
    """The rank of every value that is a number, for each keep with `top`."""
    table = shards.read(corpus, shard, [keep.signal for keep in keeps])
    for keep in {keep.top_name: keep for keep in keeps}.values():
        for rank in ranks(table, (top_order(keep),)):
            if rank[0][0] == 0:  # NaN is in no range, so it does not count
                yield keep.top_name, rank


def top_count(counted: tuple[str, int], fractions: Mapping[str, float]) -> tuple[str, int]:
    """How many are in the top: the fraction of all values, rounded down."""
    name, count = counted
    return name, math.floor(fractions[name] * count)


def survivors(shard: str, corpus: Corpus, recipe: Recipe, cuts: dict[str, Rank]) -> Iterator[Survivor]:
    """The pairs of one shard that pass every keep."""
    table = shards.read(corpus, shard, [*recipe.columns(), "class"])
    strong = is_strong(recipe, table, cuts)
    groups = [[table.column(name).to_pylist() for name in once.by] for once in recipe.once]
    orders = [ranks(table, once.best) for once in recipe.once]
    order = ranks(table, recipe.base.best if recipe.base else ())
    classes = table.column("class").to_pylist()
    for row, verdict in enumerate(first_failed(recipe.keep, table, cuts)):
        if not verdict:
            yield Survivor(
                shard=shard,
                row=row,
                groups=tuple(json.dumps([column[row] for column in by]) for by in groups),
                orders=tuple(rank[row] for rank in orders),
                tier="strong" if strong[row] else "weak",
                class_=classes[row] or OTHER,
                order=order[row],
            )


def is_strong(recipe: Recipe, table: pa.Table, cuts: dict[str, Rank]) -> Any:
    """One boolean per row: whether it is strong if it is kept. Without a strong tier none is."""
    if not recipe.strong_keeps:
        return [False] * len(table)
    return passes_all(recipe.strong_keeps, table, cuts)


def by_group(pair: Survivor, number: int) -> tuple[str, tuple[Rank, Survivor]]:
    """(what the pair agrees on in this once, (its rank there, the pair)). Ranks differ, so pairs are never compared."""
    return pair.groups[number], (pair.orders[number], pair)


def winners(_group: str, best: list[tuple[Rank, Survivor]]) -> Iterator[Survivor]:
    """The pairs that a once lets pass."""
    for _, pair in best:
        yield Survivor(*pair)


def mark(pair: Survivor, stage: int) -> tuple[str, tuple[int, int]]:
    """(shard, (row, how far it has come))."""
    return pair.shard, (pair.row, stage)


class Draw(beam.PTransform):
    """Survivors of every once -> those in the base: of each class its share, the best by rank."""

    def __init__(self, base: Base) -> None:
        super().__init__()
        self.base = base

    def expand(self, passed: beam.PCollection) -> beam.PCollection:
        base = self.base
        able = passed | "from" >> beam.Filter(lambda pair: base.from_ in ("kept", pair.tier))
        wanted = (
            able
            | "classes" >> beam.Map(lambda pair: pair.class_)
            | beam.combiners.Count.PerElement()
            | beam.combiners.ToList()
            | "shares" >> beam.FlatMap(lambda sizes: shares(dict(sizes), base.size, base.floor, base.cap).items())
        )
        wanted = beam.pvalue.AsDict(wanted)
        cuts = able | "by class" >> beam.Map(lambda pair: (pair.class_, pair.order)) | Cut(wanted)
        return able | "drawn" >> beam.Filter(is_drawn, wanted, beam.pvalue.AsDict(cuts))


def is_drawn(pair: Survivor, wanted: Mapping[str, int], cuts: Mapping[str, Rank]) -> bool:
    """Whether a pair is among the best of its class, as many as its share."""
    if pair.class_ in cuts:
        return bool(pair.order <= cuts[pair.class_])
    return wanted.get(pair.class_, 0) > 0  # no cut: the share is the whole class, or nothing of it


def write_ledger(
    group: tuple[str, Iterable[tuple[int, int]]],
    corpus: Corpus,
    recipe: Recipe,
    made_from: str,
    cuts: dict[str, Rank],
) -> None:
    """Write one shard's ledger: verdict, tier, class and base of every pair, in the order of the pairs."""
    shard, marks = group
    table = shards.read(corpus, shard, [*recipe.columns(), "class"])
    stages = [0] * len(table)
    for row, stage in marks:
        if row >= 0:
            stages[row] = max(stages[row], stage)
    names = ["", *(once.verdict for once in recipe.once)]
    verdicts = [
        failed or (names[stage + 1] if stage < len(recipe.once) else "")
        for failed, stage in zip(first_failed(recipe.keep, table, cuts), stages, strict=True)
    ]
    strong = is_strong(recipe, table, cuts)
    tiers = [
        "" if verdict else ("strong" if is_top else "weak") for verdict, is_top in zip(verdicts, strong, strict=True)
    ]
    ledger = {
        "key": table.column("key"),
        "verdict": verdicts,
        "tier": tiers,
        "class": [name or OTHER for name in table.column("class").to_pylist()],
        "base": [stage > len(recipe.once) for stage in stages],
    }
    path = corpus.ledger(recipe.name, shard)
    files.write_table(path, pa.table(ledger, LEDGER), made_from, recipe=recipes.canonical(recipe))
