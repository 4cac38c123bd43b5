"""The onces of a recipe: of the pairs that agree on something only the best few pass. No pair is an element of its own.

The best `limit` of each group leave a shard, in columns, for the part of all groups that theirs belongs to; a part is
sorted at once. So a group that half of the corpus belongs to is `limit` rows of each shard, and what crosses a shuffle
is some 80 bytes for every pair that is still in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files, order, shards
from pipelines.corpus import Corpus
from pipelines.order import Rank
from pipelines.ranges import first_failed
from schemas.recipe import Once, Recipe

PART = 1 << 19  # pairs of a part on average: some 40 MB as they are sent, three times that while they are sorted

Come = tuple[str, bytes]
"""A shard, and how many onces each of its rows has passed, two bytes a row; no bytes where none was asked yet."""


class Onces(beam.PTransform):
    """Shard names -> Come, after all onces."""

    def __init__(self, corpus: Corpus, recipe: Recipe, cuts: beam.pvalue.AsDict) -> None:
        super().__init__()
        self.corpus, self.recipe, self.cuts = corpus, recipe, cuts

    def expand(self, names: beam.PCollection) -> beam.PCollection:
        come = names | "as they come" >> beam.Map(lambda shard: (shard, b""))
        if not self.recipe.once:
            return come
        parts = parts_of(self.corpus)
        for number, once in enumerate(self.recipe.once):
            best = (
                come
                | f"contenders {number}" >> beam.FlatMap(contenders, self.corpus, self.recipe, number, parts, self.cuts)
                | f"by part {number}" >> beam.GroupByKey()
                | f"best {number}" >> beam.FlatMap(winners, once.limit)
            )
            come = (
                (come | f"before {number}" >> beam.MapTuple(lambda shard, passed: (shard, (False, passed))), best)
                | f"flatten {number}" >> beam.Flatten()
                | f"by shard {number}" >> beam.GroupByKey()
                | f"passed {number}" >> beam.Map(passed, self.corpus, number)
            )
        return come


def parts_of(corpus: Corpus) -> int:
    """How many parts the groups of a corpus are spread over."""
    return 1 + sum(int(files.metadata(corpus.pairs(shard))["rows"]) for shard in corpus.shards()) // PART


def contenders(
    come: Come, corpus: Corpus, recipe: Recipe, number: int, parts: int, cuts: dict[str, Rank]
) -> Iterator[tuple[int, tuple[str, bytes]]]:
    """(part, (shard, its rows that may pass a once)), as `rows_of` has them."""
    shard, before = come
    once = recipe.once[number]
    if number:
        table = shards.read(corpus, shard, [*once.by, *(name.removeprefix("-") for name in once.best)])
        still_in = np.frombuffer(before, np.uint16) == number
    else:
        table = shards.read(corpus, shard, recipe.columns())
        still_in = first_failed(recipe.keep, table, cuts) == 0
    few = best(rows_of(table, np.flatnonzero(still_in), once), once.limit)
    for part, packed in split(few, parts):
        yield part, (shard, packed)


def rows_of(table: pa.Table, rows: npt.NDArray[np.intp], once: Once) -> pa.Table:
    """Some rows of a shard as a once looks at them: `row`, `group`, and the parts of their rank."""
    table = table.take(pa.array(rows))
    values = zip(*(table.column(name).to_pylist() for name in once.by), strict=True)
    agreeing = pa.array([json.dumps(value) for value in values], pa.string()).dictionary_encode()
    names = [hashlib.sha256(one.encode()).digest()[:16] for one in agreeing.dictionary.to_pylist()]
    columns = {"row": pa.array(rows, pa.int32()), "group": pa.array(names, pa.binary(16)).take(agreeing.indices)}
    ranks = order.columns(table, once.best)
    return pa.table(columns | {f"rank {number}": _column(rank) for number, rank in enumerate(ranks)})


def best(rows: pa.Table, limit: int) -> pa.Table:
    """The best `limit` of each group, groups in order of their names."""
    ranks = [name for name in rows.column_names if name.startswith("rank ")]
    rows = rows.take(pc.sort_indices(rows, [(name, "ascending") for name in ("group", *ranks)]))
    codes = rows.column("group").combine_chunks().dictionary_encode().indices.to_numpy()  # rising: groups are together
    place = np.arange(len(codes)) - np.searchsorted(codes, codes)
    return rows.filter(pa.array(place < limit))


def split(rows: pa.Table, parts: int) -> Iterator[tuple[int, bytes]]:
    """(part, its rows as they are sent) for every part that has any; a group is in one part, by its name."""
    held = rows.column("group").combine_chunks()
    names = np.frombuffer(held.buffers()[1], ">u4", len(held) * 4, held.offset * 16)[::4] if len(held) else np.zeros(0)
    for part, places in order.grouped(names.astype(np.uint64) * np.uint64(parts) >> np.uint64(32)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows.take(pa.array(places)).combine_chunks())
        yield part, sink.getvalue().to_pybytes()


def winners(group: tuple[int, Iterable[tuple[str, bytes]]], limit: int) -> Iterator[tuple[str, tuple[bool, bytes]]]:
    """(shard, (True, the numbers of its rows in one part that pass a once))."""
    names: list[str] = []
    tables: list[pa.Table] = []
    for shard, packed in group[1]:
        rows = pa.ipc.open_stream(packed).read_all()
        tables.append(rows.append_column("shard", pa.array(np.full(len(rows), len(names), np.int32))))
        names.append(shard)
    few = best(pa.concat_tables(tables), limit)
    numbers = few.column("row").to_numpy()
    for place, rows in order.grouped(few.column("shard").to_numpy()):
        yield names[place], (True, numbers[rows].tobytes())


def passed(group: tuple[str, Iterable[tuple[bool, bytes]]], corpus: Corpus, number: int) -> Come:
    """How many onces each row of a shard has passed after this one."""
    shard, told = group
    counts = np.zeros(int(files.metadata(corpus.pairs(shard))["rows"]), np.uint16)
    won = []
    for of_this, data in told:
        if of_this:
            won.append(np.frombuffer(data, np.int32))
        elif data:
            counts = np.frombuffer(data, np.uint16).copy()
    for rows in won:
        counts[rows] = number + 1
    return shard, counts.tobytes()


def _column(rank: npt.NDArray[Any]) -> pa.Array:
    if rank.dtype.kind == "S":  # keys
        return pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(rank.dtype.itemsize), len(rank), [None, pa.py_buffer(np.ascontiguousarray(rank))]
        )
    return pa.array(rank, pa.string() if rank.dtype == object else None)
