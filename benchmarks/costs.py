"""How the benchmarks count: CPU-seconds, which a busy machine changes less than the clock's, and PSNR."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

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
