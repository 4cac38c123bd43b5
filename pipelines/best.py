"""Where `top` and `skip` cut, as a value: the last inside a fraction, found exactly without holding the values.

A radix search: the values' bits, made to sort as the values do, are counted sixteen at a time, from the highest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.ranges import top_order
from schemas.recipe import Keep

_BITS = 16  # 65,536 counters fit the processor's cache, and four readings tell all 64 bits

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Last:
    """The last value inside a fraction, and how many of the pairs that have this very value are inside."""

    value: float
    ties: int


def low_is_good(keep: Keep) -> bool:
    """Whether the smallest values are the best for this keep."""
    return not top_order(keep).startswith("-")


def lasts(keep: Keep, column: Callable[[], Iterable[Values]]) -> dict[float, Last]:
    """The last value inside each fraction that a keep cuts at; `column` gives the signal anew, shard by shard.

    A fraction too small for a single pair has none.
    """
    sign = 1 if low_is_good(keep) else -1  # the best come first

    def signed() -> Iterator[Values]:
        for values in column():
            yield sign * values[~np.isnan(values)] + 0.0  # -0.0 is 0.0

    total = sum(map(len, signed())) if keep.fractions else 0
    counts = {part: math.floor(part * total) for part in keep.fractions}
    found = {part: _last(signed, count) for part, count in counts.items() if count}
    return {part: Last(sign * last.value + 0.0, last.ties) for part, last in found.items()}


def _last(column: Callable[[], Iterable[Values]], count: int) -> Last:
    """The count-th of the values from the smallest, and how many of those equal to it are among the first `count`."""
    begun = np.uint64(0)  # the bits that are known, as a number
    for known in range(0, 64, _BITS):
        counters = np.zeros(1 << _BITS, np.int64)
        for values in column():
            bits = _sorting(values)
            if known:
                bits = bits[bits >> np.uint64(64 - known) == begun]
            part = bits >> np.uint64(64 - known - _BITS) & np.uint64((1 << _BITS) - 1)
            counters += np.bincount(part.astype(np.int64), minlength=1 << _BITS)
        ends = np.cumsum(counters)
        place = int(np.searchsorted(ends, count))
        count -= int(ends[place] - counters[place])
        begun = np.uint64(int(begun) << _BITS | place)
    return Last(_value(int(begun)), count)


_SIGN = 1 << 63


def _sorting(values: Values) -> npt.NDArray[np.uint64]:
    """Whole numbers that sort as the values do: of those below 0 every bit is turned, of the others the first."""
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    return np.where(bits >> np.uint64(63) == 1, ~bits, bits | np.uint64(_SIGN))


def _value(bits: int) -> float:
    whole = bits ^ _SIGN if bits & _SIGN else bits ^ (2 * _SIGN - 1)
    return float(np.array([whole], np.uint64).view(np.float64)[0])


class Inside:
    """Which values are inside `top` and outside `skip`, shard after shard.

    Among equal values the first to come are taken for the best, where the judge goes by key: as many are inside.
    """

    def __init__(self, keep: Keep, found: Mapping[float, Last]) -> None:
        self.keep, self.found = keep, found
        self.seen = dict.fromkeys(found, 0)

    def __call__(self, values: Values) -> Mask:
        """One boolean per value of the next shard."""
        inside = self._best(values, self.keep.top)
        return inside & ~self._best(values, self.keep.skip) if self.keep.skip else inside

    def _best(self, values: Values, fraction: float | None) -> Mask:
        if fraction is None or fraction not in self.found:
            return np.zeros(len(values), bool)
        last = self.found[fraction]
        equal = values == last.value
        early = np.cumsum(equal) + self.seen[fraction] <= last.ties
        self.seen[fraction] += int(equal.sum())
        better = values < last.value if low_is_good(self.keep) else values > last.value
        return better | (equal & early)
