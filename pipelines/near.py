"""Which perceptual hashes lie near each other: every hash is filed fifteen times, and files are compared, many at once.

A hash goes as 32 bytes, band, hash and key, and a part holds all that are filed under some bands, one after another. So
an element of a shuffle is thousands of hashes, and a comparison is a row of an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from filters.corpus import DISTANCE, bands, popcount
from pipelines.older import Older

Part = tuple[int, int]
"""Which of the fifteen choices of blocks, and which of the parts that its bands are spread over."""

_FILED = np.dtype([("band", ">u8"), ("hash", ">u8"), ("key", "S16")])
_MIX = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: bands have zeros where their blocks are not


class Near(beam.PTransform):
    """{"ours": (hash, key), "older": (hash, Older)} -> edges (key, key, bits), and `older`: (key, Older at its bits).

    Every two of ours within DISTANCE bits are an edge, one at least and perhaps several times; so with older ones.
    """

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    def expand(self, sides: dict[str, beam.PCollection]) -> beam.pvalue.DoOutputsTuple:
        return (
            {
                "ours": sides["ours"]
                | "file ours" >> beam.FlatMapTuple(filed, self.parts)
                | "one after another" >> beam.CombinePerKey(Joined()),
                "older": sides["older"] | "file older" >> beam.FlatMapTuple(filed_older, self.parts),
            }
            | "by part" >> beam.CoGroupByKey()
            | "compare" >> beam.FlatMap(compare).with_outputs("older", main="edges")
        )


class Joined(beam.CombineFn):
    """Bytes one after another, in any order; joined before the shuffle already, as far as they meet there."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        accumulator.append(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [piece for pieces in accumulators for piece in pieces]

    def compact(self, accumulator: list[bytes]) -> list[bytes]:
        return [b"".join(accumulator)]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return b"".join(accumulator)


def filed(phash: str, key: str, parts: int = 1) -> Iterator[tuple[Part, bytes]]:
    """A hash under each of its bands, where its near ones are sure to meet it."""
    entry = bytes.fromhex(phash + key)
    for number, band in bands(phash):
        yield (number, _part(band, parts)), band.to_bytes(8, "big") + entry


def filed_older(phash: str, older: Older, parts: int = 1) -> Iterator[tuple[Part, tuple[bytes, tuple[Any, ...]]]]:
    """An older picture's hash likewise, with what it is called."""
    for number, band in bands(phash):
        yield (number, _part(band, parts)), (band.to_bytes(8, "big") + bytes.fromhex(phash), tuple(older))


def _part(band: int, parts: int) -> int:
    return ((band * _MIX & (1 << 64) - 1) >> 32) * parts >> 32


def compare(group: tuple[Part, dict[str, Iterable[Any]]]) -> Iterator[Any]:
    """The edges within one part; matches of ours with older ones aside."""
    _, sides = group
    ours = np.frombuffer(b"".join(sides["ours"]), _FILED)
    ours = ours[np.lexsort((ours["key"], ours["band"]))]
    table = [column.astype(np.uint64) for column in (ours["band"], ours["hash"])]
    keys = ours["key"]
    for one, other, bits in within(*table):
        yield _name(keys[one]), _name(keys[other]), bits
    for entry, older in sides["older"]:
        band, phash = (np.uint64(int.from_bytes(part, "big")) for part in (entry[:8], entry[8:]))
        low, high = np.searchsorted(table[0], band, "left"), np.searchsorted(table[0], band, "right")
        distances = popcount(table[1][low:high] ^ phash)
        for place in np.flatnonzero(distances <= DISTANCE):
            yield beam.pvalue.TaggedOutput("older", (_name(keys[low + place]), (int(distances[place]), *older[1:])))


def within(band: npt.NDArray[np.uint64], phash: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int, int]]:
    """Every two of one band that differ in at most DISTANCE bits, as (i, j, bits) with i < j; `band` is sorted.

    >>> list(within(np.array([1, 1, 1, 2], np.uint64), np.array([0, 255, 1, 0], np.uint64)))
    [(0, 2, 1)]
    """
    first, step = np.arange(len(band)), 1
    while len(first := first[first + step < len(band)]):
        first = first[band[first] == band[first + step]]  # who has no such neighbour has none further on
        bits = popcount(phash[first] ^ phash[first + step])
        for place in np.flatnonzero(bits <= DISTANCE):
            yield int(first[place]), int(first[place]) + step, int(bits[place])
        step += 1


def _name(key: np.bytes_) -> str:
    return bytes(key).ljust(16, b"\0").hex()  # numpy takes zeros at the end for none
