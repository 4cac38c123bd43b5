"""The exact n-th best of each group, without ever holding a group: three small passes over (group, rank) rows.

A rank is a tuple whose smallest is the best, and whose last part is the pair's key, so no two are equal. Keys are
uniform hashes; the pairs with the smallest keys are therefore a fair sample, and their ranks cut a group into bins of
about equal size. The bins are counted, and only the one bin that holds the n-th rank is looked at row by row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

Rank = tuple[Any, ...]

SAMPLE = 4096  # bins of a group: 100 M rows leave about 25,000 in the bin that is looked at, some 5 MB


class Cut(beam.PTransform):
    """(group, rank) rows -> (group, the n-th smallest rank), with n by group as a side input.

    A group with no more than n rows has no cut, nor has one with n = 0 or without an n.
    """

    def __init__(self, wanted: beam.pvalue.AsDict, sample: int = SAMPLE) -> None:
        super().__init__()
        self.wanted, self.sample = wanted, sample

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        splits = (
            rows
            | "by key" >> beam.MapTuple(lambda group, rank: (group, (rank[-1], rank)))
            | "smallest keys" >> beam.combiners.Top.SmallestPerKey(self.sample)
            | "splits" >> beam.MapTuple(lambda group, best: (group, sorted(rank for _, rank in best)))
        )
        splits = beam.pvalue.AsDict(splits)
        sizes = (
            rows
            | "bin" >> beam.Map(place, splits)
            | "count" >> beam.CombinePerKey(sum)
            | "by group" >> beam.MapTuple(lambda at, count: (at[0], (at[1], count)))
            | "bins of a group" >> beam.GroupByKey()
        )
        chosen = beam.pvalue.AsDict(sizes | "choose" >> beam.FlatMap(choose, self.wanted))
        return (
            rows
            | "in the bin" >> beam.FlatMap(in_bin, splits, chosen)
            | "one bin" >> beam.GroupByKey()
            | "the n-th" >> beam.Map(nth, chosen)
        )


def bin_of(rank: Rank, splits: list[Rank]) -> int:
    """The number of the bin that a rank falls into: bin i ends with splits[i]."""
    return bisect_left(splits, rank)


def place(row: tuple[str, Rank], splits: Mapping[str, list[Rank]]) -> tuple[tuple[str, int], int]:
    """One for the (group, bin) of a row, to be counted."""
    group, rank = row
    return (group, bin_of(rank, splits[group])), 1


def choose(
    sizes: tuple[str, Iterable[tuple[int, int]]], wanted: Mapping[str, int]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """The bin that holds the n-th rank, and its place there, from 0. None where the group is no larger than n."""
    group, bins = sizes
    left, found = wanted.get(group, 0), None
    if left <= 0:
        return
    for number, count in sorted(bins):  # at most SAMPLE + 1 bins
        if found is None and left <= count:
            found = (number, left - 1)
        left -= count
    if found is not None and left < 0:
        yield group, found


def in_bin(
    row: tuple[str, Rank], splits: Mapping[str, list[Rank]], chosen: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, Rank]]:
    """The row again when it is in the bin that was chosen for its group."""
    group, rank = row
    if group in chosen and bin_of(rank, splits[group]) == chosen[group][0]:
        yield group, rank


def nth(ranks: tuple[str, Iterable[Rank]], chosen: Mapping[str, tuple[int, int]]) -> tuple[str, Rank]:
    """The rank at the chosen place of one bin."""
    group, bin_ = ranks
    return group, sorted(bin_)[chosen[group][1]]
