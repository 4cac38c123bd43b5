"""The columns of a list that a user wants kept beside the pictures: their types, and their values in those types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawlers.rows import Wanted, records
from schemas.errors import BadInput

_AT_ONCE = 10_000  # rows that a type is inferred from at a time
_NULLS = frozenset(("", "null", "NULL", "NaN", "nan", "N/A", "NA", "n/a", "#N/A"))  # numbers that are not there
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def column_types(file: Path, wanted: Sequence[Wanted], input_format: str) -> list[pa.DataType]:
    """The type of each column: a Parquet file's own; else the narrowest that holds all of its values.

    Text of csv and tsv is int64, double, bool or string, as img2dataset reads it, but for times, which stay text.
    Raises BadInput as `records` does.
    """
    if input_format == "parquet":
        schema = pq.read_schema(file)
        for one in wanted:
            if one.name not in schema.names:
                raise BadInput(f"{one.option} {one.name}: {file} has no such column; it has {', '.join(schema.names)}")
        return [schema.field(one.name).type for one in wanted]
    narrow = _of_text if input_format.removesuffix(".gz") in ("csv", "tsv", "txt") else _of_values
    types: list[pa.DataType] = [pa.null()] * len(wanted)
    for rows in batches(records(file, wanted, input_format), _AT_ONCE):
        columns = zip(*rows, strict=True)
        types = [_both(known, narrow(values)) for known, values in zip(types, columns, strict=True)]
    return [pa.string() if pa.types.is_null(one) else one for one in types]


def column(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """The values of one column as an array of its type; text becomes what the type says."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array([None if value is None else sound(str(value)) for value in values], kind)
    reads: dict[pa.DataType, Callable[[str], Any]] = {
        pa.int64(): int,
        pa.float64(): float,
        pa.bool_(): _TRUTHS.__getitem__,
    }
    read = reads.get(kind)
    return pa.array(
        [(None if value in _NULLS else read(value)) if read and isinstance(value, str) else value for value in values],
        kind,
    )


def sound(text: str) -> str:
    """The text with `?` for what no UTF-8 can hold: JSON may name half of a surrogate pair.

    >>> sound("图\\ud800")
    '图?'
    """
    return text.encode("utf-8", "replace").decode()


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The rows in lists of `size`; the last may be shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def _of_text(values: Sequence[str | None]) -> pa.DataType:
    present = [value for value in values if value is not None and value not in _NULLS]
    if not present:
        return pa.null() if all(value is None or value == "" for value in values) else pa.string()
    if all(value in _TRUTHS for value in present):
        return pa.bool_()
    for kind in (pa.int64(), pa.float64()):
        try:
            column(present, kind)
        except (ValueError, OverflowError, pa.ArrowException):
            continue
        return kind
    return pa.string()


def _of_values(values: Sequence[Any]) -> pa.DataType:
    try:
        return pa.array(values).type
    except (pa.ArrowException, UnicodeError):
        return pa.string()


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds both; text where nothing else does."""
    try:
        return (
            pa.unify_schemas([pa.schema([("it", one)]), pa.schema([("it", other)])], promote_options="permissive")
            .field("it")
            .type
        )
    except pa.ArrowException:
        return pa.string()
