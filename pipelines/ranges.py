"""Ranges in Arrow: which rows pass a keep, and in what order rows are the best. Pure; the SQL says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import order
from pipelines.order import Rank
from schemas.recipe import Keep
from schemas.signals import signal_field

NOTHING: Rank = (np.iinfo(np.int64).min, b"")  # a rank before every other: a fraction too small for a single pair


def passes(keep: Keep, table: pa.Table, cuts: Mapping[str, Rank] | None = None) -> np.ndarray:
    """One boolean per row: whether its value lies in the keep's range.

    `cuts` has the last rank inside each fraction that keeps cut at, but for those that hold all; without any, `top` and
    `skip` are not looked at.

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
    if keep.top is not None and cuts is not None:
        inside &= _in_top(keep, order.columns(table, (top_order(keep),)), cuts)
    return inside


def _in_top(keep: Keep, ranks: order.Columns, cuts: Mapping[str, Rank]) -> np.ndarray:
    top, skip = (cuts.get(keep.cut_name(fraction or 0)) for fraction in (keep.top, keep.skip))
    inside = np.ones(len(ranks[-1]), bool) if top is None else order.not_after(ranks, top)
    return inside if skip is None else inside & ~order.not_after(ranks, skip)


def _numbers(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; booleans as 0 and 1."""
    values = column.combine_chunks()
    return values.cast(pa.int32()) if pa.types.is_boolean(values.type) else values


def _bound(value: float, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(value, pa.float32() if pa.types.is_float32(kind) else pa.float64())


def first_failed(keeps: Sequence[Keep], table: pa.Table, cuts: Mapping[str, Rank]) -> np.ndarray:
    """The first keep that each row fails, counted from 1; 0 for a row that passes all."""
    failed = np.zeros(len(table), np.int32)
    for number, keep in enumerate(keeps, 1):
        failed[(failed == 0) & ~passes(keep, table, cuts)] = number
    return failed


def passes_all(keeps: Sequence[Keep], table: pa.Table, cuts: Mapping[str, Rank]) -> np.ndarray:
    """One boolean per row: whether it passes every one of the keeps."""
    return first_failed(keeps, table, cuts) == 0


def top_order(keep: Keep) -> str:
    """The rank that `top` means: more is better, unless the signal says that low is good."""
    low = (signal_field(keep.signal).metadata or {}).get(b"good") == b"low"
    return keep.signal if low else f"-{keep.signal}"
