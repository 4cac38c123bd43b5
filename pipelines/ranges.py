"""Ranges in Arrow: which rows pass a keep, and in what order rows are the best. Pure; the SQL says the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.cut import Rank
from schemas.recipe import Keep
from schemas.signals import all_signals


def passes(keep: Keep, table: pa.Table, cut: Rank | None = None) -> np.ndarray:
    """One boolean per row: whether its value lies in the keep's range. `cut` is the last rank inside `top`, if any.

    A bound is compared in the signal's own type, so that `min = 0.7` keeps a stored 0.7. NaN is in no range.
    """
    values = _numbers(table.column(keep.signal))
    inside = np.ones(len(table), bool)
    if keep.one_of:
        return np.asarray(pc.is_in(values, pa.array(keep.one_of, values.type)))
    if pa.types.is_floating(values.type):
        inside &= ~np.isnan(values.to_numpy())
    if keep.min is not None:
        inside &= np.asarray(pc.greater_equal(values, _bound(keep.min, values.type)))
    if keep.max is not None:
        inside &= np.asarray(pc.less_equal(values, _bound(keep.max, values.type)))
    if keep.top is not None and cut is not None:
        inside &= np.fromiter((rank <= cut for rank in ranks(table, (top_order(keep),))), bool, len(table))
    return inside


def _numbers(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; booleans as 0 and 1."""
    values = column.combine_chunks()
    return values.cast(pa.int32()) if pa.types.is_boolean(values.type) else values


def _bound(value: float, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(value, pa.float32() if pa.types.is_float32(kind) else pa.float64())


def first_failed(keeps: Sequence[Keep], table: pa.Table, cuts: dict[str, Rank]) -> list[str]:
    """The verdict of each row: the name of the first keep that it fails, '' when it passes all."""
    verdicts = np.full(len(table), "", object)
    undecided = np.ones(len(table), bool)
    for keep in keeps:
        failed = undecided & ~passes(keep, table, cuts.get(keep.top_name))
        verdicts[failed] = keep.verdict
        undecided &= ~failed
    return list(verdicts)


def passes_all(keeps: Sequence[Keep], table: pa.Table, cuts: dict[str, Rank]) -> np.ndarray:
    """One boolean per row: whether it passes every one of the keeps."""
    inside = np.ones(len(table), bool)
    for keep in keeps:
        inside &= passes(keep, table, cuts.get(keep.top_name))
    return inside


def top_order(keep: Keep) -> str:
    """The rank that `top` means: more is better, unless the signal says that low is good."""
    low = (all_signals()[keep.signal].metadata or {}).get(b"good") == b"low"
    return keep.signal if low else f"-{keep.signal}"


def ranks(table: pa.Table, best: Sequence[str]) -> list[Rank]:
    """A tuple per row whose smallest is the best: by each of `best` in turn, then by key. NaN comes last."""
    columns = [_ranked(table.column(name.removeprefix("-")).to_pylist(), name.startswith("-")) for name in best]
    return list(zip(*columns, table.column("key").to_pylist(), strict=True))


def _ranked(values: list[Any], descending: bool) -> list[Any]:
    sign = -1 if descending else 1
    if values and isinstance(values[0], str):
        return values
    return [(1, 0.0) if isinstance(value, float) and math.isnan(value) else (0, sign * value) for value in values]
