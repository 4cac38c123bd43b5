"""Files on a local disk come to be whole or not at all: a hidden temporary, fsync, rename."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_BUFFER = 1 << 20  # bytes: a shard is written in pieces of a few hundred, and each call of the system costs


@contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when the block ends without an error.

    The temporary is `.<name>.<pid>.tmp` in the same folder, so the rename is atomic; on an error it is removed.
    Raises OSError (a full disk, no permission) with nothing left under the final name that was not there before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb", buffering=_BUFFER) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


GROUP = 65_536
"""Rows of a row group."""


def write_parquet(table: pa.Table, file: BinaryIO) -> None:
    """Write a table as Parquet such that equal tables give equal bytes (zstd, fixed row groups, no clock)."""
    write_groups([table], table.schema, file)


def write_groups(groups: Iterable[pa.Table], schema: pa.Schema, file: BinaryIO) -> None:
    """Write the Parquet that `write_parquet` makes of all these tables together, with one of them in memory.

    Each but the last has `GROUP` rows or a multiple, in one chunk; there is at least one, which may be empty.
    """
    with pq.ParquetWriter(file, schema, compression="zstd", store_schema=True) as writer:
        for group in groups:
            writer.write_table(group, GROUP)
