"""The exact n-th best of each group, without ever holding a group: four passes over items that hold rows in columns.

An item is something small that names many rows, as a shard; `rows` reads it. Rows never travel: only counts, a sample,
and the rows of one bin do. Keys are uniform hashes, so the pairs with keys below a bound are a fair sample, and their
ranks cut a group into bins of about equal size. The bins are counted, and the one that holds the n-th rank is sorted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from pipelines.order import Columns, Rank, before, of_tuples, take, tuples

Rows = Callable[[Any], Iterator[tuple[str, Columns]]]
"""Reads an item: (group, the ranks of its rows), a group once at most."""

SAMPLE = 1024  # bins of a group: 100 M rows leave about 100,000 in the bin that is looked at, some 10 MB


class Sizes(beam.PTransform):
    """Items -> (group, how many rows it has)."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.rows = rows

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        return items | "size" >> beam.FlatMap(sizes, self.rows) | "sum" >> beam.CombinePerKey(sum)


class Cut(beam.PTransform):
    """Items -> (group, the n-th smallest rank), with the sizes of the groups and n by group as side inputs.

    A group with no more than n rows has no cut, nor has one with n = 0 or without an n.
    """

    def __init__(self, rows: Rows, size: beam.pvalue.AsDict, wanted: beam.pvalue.AsDict, sample: int = SAMPLE) -> None:
        super().__init__()
        self.rows, self.size, self.wanted, self.sample = rows, size, wanted, sample

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        splits = (
            items
            | "sample" >> beam.FlatMap(sampled, self.rows, self.size, self.wanted, self.sample)
            | "one sample" >> beam.GroupByKey()
            | "splits" >> beam.MapTuple(lambda group, ranks: (group, of_tuples(sorted(joined(ranks)))))
        )
        splits = beam.pvalue.AsDict(splits)
        chosen = (
            items
            | "bins" >> beam.FlatMap(binned, self.rows, splits)
            | "sum" >> beam.CombinePerKey(sum_counts)
            | "choose" >> beam.FlatMap(choose, self.wanted)
        )
        chosen = beam.pvalue.AsDict(chosen)
        return (
            items
            | "in the bin" >> beam.FlatMap(in_bin, self.rows, splits, chosen)
            | "one bin" >> beam.GroupByKey()
            | "the n-th" >> beam.Map(nth, chosen)
        )


def sizes(item: Any, rows: Rows) -> Iterator[tuple[str, int]]:
    """How many rows of each group an item has."""
    for group, ranks in rows(item):
        yield group, len(ranks[-1])


def sampled(
    item: Any, rows: Rows, size: Mapping[str, int], wanted: Mapping[str, int], sample: int
) -> Iterator[tuple[str, list[Rank]]]:
    """The ranks of an item's rows whose keys are so small that about `sample` of the whole group are."""
    for group, ranks in rows(item):
        if 0 < wanted.get(group, 0) < size[group]:
            few = take(ranks, below(ranks[-1], sample / size[group]))
            if len(few[-1]):
                yield group, tuples(few)


def below(keys: npt.NDArray[np.bytes_], share: float) -> npt.NDArray[np.bool_]:
    """Which keys are among the smallest `share` of all keys that there can be.

    >>> below(np.array([b"00", b"7f", b"81", b"ff"]), 0.5).tolist()
    [True, True, False, False]
    """
    if share >= 1:
        return np.ones(len(keys), bool)
    return np.asarray(keys < f"{math.floor(share * 2**64):016x}".encode())


def joined(lists: Iterable[list[Rank]]) -> Iterator[Rank]:
    """All ranks of several lists."""
    return (rank for ranks in lists for rank in ranks)


def binned(item: Any, rows: Rows, splits: Mapping[str, Columns]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """(group, how many of an item's rows are in each of its bins); bin i ends with split i."""
    for group, ranks in rows(item):
        if group in splits:
            yield group, np.bincount(before(ranks, splits[group]), minlength=len(splits[group][-1]) + 1)
        else:
            yield group, np.array([len(ranks[-1])])


def sum_counts(counts: Iterable[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """The sum of counts of the same bins; one 0 for none."""
    total: npt.NDArray[np.int64] = np.zeros(1, np.int64)
    for one in counts:
        total = total + one
    return total


def choose(
    counted: tuple[str, npt.NDArray[np.int64]], wanted: Mapping[str, int]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """The bin that holds the n-th rank, and its place there, from 0. None where the group is no larger than n."""
    group, counts = counted
    last, n = counts.cumsum(), wanted.get(group, 0)
    if 0 < n < last[-1]:
        found = int(np.searchsorted(last, n))
        yield group, (found, n - 1 - int(last[found] - counts[found]))


def in_bin(
    item: Any, rows: Rows, splits: Mapping[str, Columns], chosen: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, list[Rank]]]:
    """The ranks of an item that are in the bin which was chosen for their group."""
    for group, ranks in rows(item):
        if group in chosen:
            few = take(ranks, before(ranks, splits[group]) == chosen[group][0]) if group in splits else ranks
            if len(few[-1]):
                yield group, tuples(few)


def nth(ranks: tuple[str, Iterable[list[Rank]]], chosen: Mapping[str, tuple[int, int]]) -> tuple[str, Rank]:
    """The rank at the chosen place of one bin."""
    group, lists = ranks
    return group, sorted(joined(lists))[chosen[group][1]]
