"""The base subset: of each class its share, the best by rank; and by how much a class is short of its floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files, ledgers, order, shards
from pipelines.corpus import Corpus
from pipelines.cut import Cut, Sizes
from pipelines.draw import shares
from schemas.recipe import Base, Recipe

OTHER = "other"  # the class of a pair whose source gives none, and whose topic was not measured

Able = tuple[str, bytes]
"""A shard, and which of its rows may be drawn: one bit each, as numpy packs them."""


class Draw:
    """What a base takes of each class, as two side inputs: how many, and the last rank of those that are cut."""

    def __init__(self, able: beam.PCollection, corpus: Corpus, base: Base) -> None:
        rows = partial(ranks_by_class, corpus=corpus, base=base)
        sizes = able | "class sizes" >> Sizes(rows)
        wanted = (
            sizes
            | "classes" >> beam.combiners.ToList()
            | "shares" >> beam.FlatMap(lambda found: shares(dict(found), base.size, base.floor, base.cap).items())
        )
        self.wanted = beam.pvalue.AsDict(wanted)
        cuts = able | "base cuts" >> Cut(rows, beam.pvalue.AsDict(sizes), self.wanted)
        self.cuts = beam.pvalue.AsDict(cuts)


def ranks_by_class(able: Able, corpus: Corpus, base: Base) -> Iterator[tuple[str, order.Columns]]:
    """(class, the ranks of the rows that may be drawn) of one shard."""
    shard, bits = able
    table = shards.read(
        corpus, shard, [*(name.removeprefix("-") for name in base.best), *ledgers.classed_by(corpus, shard)]
    )
    ranks = order.columns(table, base.best)
    for name, rows in by_class(table, unpacked(bits, len(table)), base.classes):
        yield name, order.take(ranks, rows)


def by_class(
    table: pa.Table, mask: npt.NDArray[np.bool_], wanted: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
    """(class, the rows of the mask that have it), class by class: of those wanted, or of all where none is named."""
    coded = classes(table).dictionary_encode()
    rows = np.flatnonzero(mask)
    names = coded.dictionary.to_pylist()
    for code, places in order.grouped(coded.indices.to_numpy()[rows]):
        if names[code] in wanted or not wanted:
            yield names[code], rows[places]


def classes(table: pa.Table) -> pa.Array:
    """The class of every row: the source's, else the topic where the table has it, else 'other'."""
    given = table.column("class").combine_chunks()
    if "topic_class" in table.column_names:
        given = pc.if_else(pc.equal(given, ""), table.column("topic_class").combine_chunks(), given)
    return pc.if_else(pc.equal(given, ""), OTHER, given)


def is_drawn(
    table: pa.Table,
    able: npt.NDArray[np.bool_],
    base: Base,
    wanted: Mapping[str, int],
    cuts: Mapping[str, order.Rank],
) -> npt.NDArray[np.bool_]:
    """One boolean per row: whether it is among the best of its class, as many as its share."""
    drawn = np.zeros(len(table), bool)
    ranks = order.columns(table, base.best)
    for name, rows in by_class(table, able, base.classes):
        if name in cuts:
            drawn[rows] = order.not_after(order.take(ranks, rows), cuts[name])
        else:
            drawn[rows] = wanted.get(name, 0) > 0  # no cut: the share is the whole class, or nothing of it
    return drawn


def packed(mask: npt.NDArray[np.bool_]) -> bytes:
    """A mask in an eighth of its size."""
    return np.packbits(mask).tobytes()


def unpacked(bits: bytes, count: int) -> npt.NDArray[np.bool_]:
    """The mask that `packed` made small."""
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=count).astype(bool)


def drawn_by_class(corpus: Corpus, recipe: Recipe) -> dict[str, int]:
    """How many pairs of each class are in the base: of those that it is drawn from, none of a class too."""
    wanted = recipe.base.classes if recipe.base else ()
    counts: Counter[str] = Counter(dict.fromkeys(wanted, 0))
    for shard in corpus.shards():
        table = files.read_table(corpus.ledger(recipe.name, shard), ["class", "base"])
        if not wanted:
            counts.update(dict.fromkeys(pc.unique(table.column("class")).to_pylist(), 0))
        chosen = table.filter(table.column("base")).column("class")
        counts.update({entry["values"]: entry["counts"] for entry in pc.value_counts(chosen).to_pylist()})
    return dict(sorted(counts.items()))


def short_of_floor(drawn: Mapping[str, int], floor: int) -> dict[str, int]:
    """By how many pairs each class is short of the floor; classes that reach it are left out.

    >>> short_of_floor({"animal": 4, "flower": 1, "sea": 0}, floor=4)
    {'flower': 3, 'sea': 4}
    """
    return {name: floor - count for name, count in drawn.items() if count < floor}
