"""How the benchmarks count: CPU-seconds, which a busy machine changes less than the clock's, and PSNR."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from pipelines.corpus import Corpus
from pipelines.feed import Place

T = TypeVar("T")

ROUNDS = 3
"""How often `least` does a thing: what another program on the core adds to one round, it seldom adds to all."""

EQUAL = 99.0
"""The PSNR of two equal squares, in decibels: of unequal ones it is below."""


def cpu(work: Callable[[], object]) -> float:
    """CPU-seconds of this process and its children."""

    def used() -> float:
        return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in (0, -1))

    begun = used()
    work()
    return used() - begun


def least(work: Callable[[T], object], items: Sequence[T]) -> float:
    """CPU-seconds of this thread for all items, each at the least of its rounds.

    It goes round after round, not item after item, so that nothing lies in the cache from the time before.
    """
    spent = [float("inf")] * len(items)
    for _ in range(ROUNDS):
        for number, item in enumerate(items):
            begun = time.thread_time_ns()
            work(item)
            spent[number] = min(spent[number], (time.thread_time_ns() - begun) / 1e9)
    return sum(spent)


def per_1000(seconds: float, items: int) -> str:
    """Seconds of so many items as they are printed."""
    return f"{seconds / items * 1000:.1f} s per 1000"


def psnr(one: Any, other: Any) -> float:
    """The peak signal-to-noise ratio of two squares of bytes, in decibels."""
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return EQUAL if error == 0 else float(10 * np.log10(255**2 / error))


def pairs(corpus: Path) -> list[dict[str, Any]]:
    """The rows of a corpus that `tuwen pair` has been through, in their order; none where there is no corpus."""
    return [row for path in sorted(corpus.glob("pairs/*.parquet")) for row in pq.read_table(path).to_pylist()]


def places(rows: Sequence[dict[str, Any]], limit: int) -> list[Place]:
    """Where the pictures of these pairs lie, each once."""
    found = {row["image_id"]: Place(*(row[name] for name in Place._fields)) for row in rows}
    return list(found.values())[:limit]


def read(corpus: Corpus, place: Place) -> bytes:
    """The bytes of a picture, as they lie."""
    with Path(corpus.crawl(*place.warc.split("/"))).open("rb") as file:
        file.seek(place.offset)
        return file.read(place.length)
