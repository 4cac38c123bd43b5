"""Ranks by the column: which rows are better than which, for all rows of a table at once.

A rank is a tuple whose smallest is the best, and whose last part is the pair's key, so no two are equal. Here it lies
in columns: an int64 for every number, whose order is the rank's, and the words and keys as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rank = tuple[Any, ...]
Columns = tuple[npt.NDArray[Any], ...]

_LAST = np.iinfo(np.int64).max  # where NaN stands: behind all numbers, infinity too
_DIGITS = 32  # hex digits of a key


def columns(table: pa.Table, best: Sequence[str]) -> Columns:
    """The ranks of a table's rows: by each of `best` in turn, a leading minus for "more is better", then by key."""
    named = best[:-1] if best and best[-1] == "key" else best
    ranked = [_sortable(table.column(name.removeprefix("-")), name.startswith("-")) for name in named]
    return (*ranked, keys(table))


def keys(table: pa.Table) -> npt.NDArray[np.bytes_]:
    """The keys of a table's rows, 32 bytes each."""
    fixed = table.column("key").combine_chunks().cast(pa.binary()).cast(pa.binary(_DIGITS))
    return np.frombuffer(fixed.buffers()[1], f"S{_DIGITS}", len(fixed), fixed.offset * _DIGITS)


def take(ranks: Columns, rows: npt.NDArray[Any]) -> Columns:
    """The ranks of some rows, by their numbers or by a mask."""
    return tuple(column[rows] for column in ranks)


def tuples(ranks: Columns) -> list[Rank]:
    """The ranks as tuples, to be compared one by one."""
    return list(zip(*(column.tolist() for column in ranks), strict=True))


def of_tuples(ranks: Sequence[Rank]) -> Columns:
    """The columns of at least one rank.

    >>> [column.tolist() for column in of_tuples([(-3, b"a"), (-1, b"b")])]
    [[-3, -1], [b'a', b'b']]
    """
    return tuple(np.array(part, object if isinstance(part[0], str) else None) for part in zip(*ranks, strict=True))


def before(ranks: Columns, splits: Columns) -> npt.NDArray[np.int64]:
    """How many of the splits, which are sorted, come before each rank: bisect_left, for all of them at once.

    >>> before(of_tuples([(-9, b"a"), (-3, b"a"), (-3, b"c"), (0, b"a")]), of_tuples([(-3, b"b"), (-1, b"b")])).tolist()
    [0, 0, 1, 2]
    """
    first = np.searchsorted(splits[0], ranks[0], "left").astype(np.int64)
    if len(ranks) == 1:
        return first
    last = np.searchsorted(splits[0], ranks[0], "right")
    tied = np.flatnonzero(last > first)  # equal so far: what follows decides
    for start, places in grouped(first[tied]):
        rows = tied[places]
        among = slice(start, int(last[rows[0]]))
        first[rows] += before(take(ranks[1:], rows), tuple(split[among] for split in splits[1:]))
    return first


def not_after(ranks: Columns, cut: Rank) -> npt.NDArray[np.bool_]:
    """One boolean per rank: whether it is the cut or better."""
    return before(ranks, of_tuples([cut])) == 0


def grouped(codes: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """(code, the places that have it, rising) for every code that occurs, from the smallest.

    >>> [(code, places.tolist()) for code, places in grouped(np.array([7, 2, 7]))]
    [(2, [1]), (7, [0, 2])]
    """
    places = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[places], return_index=True)
    yield from zip(found.tolist(), np.split(places, starts)[1:], strict=True)


def _sortable(column: pa.ChunkedArray, descending: bool) -> npt.NDArray[Any]:
    """A column such that its smallest is the best."""
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), object)
    values = column.to_numpy()
    if not pa.types.is_floating(column.type):
        whole: npt.NDArray[np.int64] = values.astype(np.int64)
        return -whole if descending else whole
    # The bits of a double are in its order but for those below 0, which are in the opposite; adding 0 makes -0 a 0.
    bits = ((-values if descending else values).astype(np.float64) + 0.0).view(np.int64)
    return np.where(np.isnan(values), _LAST, bits ^ ((bits >> 63) & _LAST))
