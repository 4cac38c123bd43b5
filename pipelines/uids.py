"""A subset as DataComp names it: a sorted array of uids, each the two halves of a key, in one .npy file.

Its own tools cut such a subset out of shards that they leave as they are: here the base out of weak and strong.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from pipelines import files

NAME = "uids.npy"
_HALVES = np.dtype("<u8,<u8")


def uids(keys: Iterable[str]) -> npt.NDArray[np.void]:
    """The uids of these keys, sorted.

    >>> uids(["00000000000000020000000000000001", "00000000000000010000000000000002"]).tolist()
    [(1, 2), (2, 1)]
    """
    halves = np.frombuffer(bytes.fromhex("".join(keys)), ">u8").astype("<u8")
    return np.sort(halves.view(_HALVES))


def npy(folder: str, names: Iterable[str]) -> bytes:
    """The file of the samples in some shards of a release, by the shards' names; equal bytes for equal samples."""
    parts = [uids(_packed(files.join(folder, *f"{name}.parquet".split("/")))) for name in names]
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.sort(np.concatenate([np.empty(0, _HALVES), *parts])), version=(1, 0))
    return buffer.getvalue()


def _packed(path: str) -> list[str]:
    table = files.read_table(path, ["key", "status"])
    keys: list[str] = table.filter(pc.equal(table.column("status"), "success")).column("key").to_pylist()
    return keys
