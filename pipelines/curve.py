"""What labels say of a threshold: precision and recall with their intervals, and how far two people agree. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959963984540054  # of the normal distribution, 95 % lie within so many deviations
LEAST = 20  # labelled pairs that must pass before a precision is believed: with fewer, its interval is wider than 0.3


@dataclass(frozen=True)
class Rate:
    """A share with the ends of its 95 % interval; NaN where there is nothing to take a share of."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """What a threshold lets pass of the labelled pairs, and how good that is."""

    threshold: float
    passed: int
    precision: Rate
    recall: Rate


@dataclass(frozen=True)
class Agreement:
    """How two people's labels of the same pairs agree; `kappa` is NaN where both gave one and the same label alone."""

    count: int
    alike: float
    kappa: float
    low: float
    high: float


def wilson(hits: int, count: int) -> Rate:
    """A share and its 95 % interval by Wilson's score (E. B. Wilson, JASA 22 (1927) 209–212): never beyond 0 and 1.

    >>> rate = wilson(15, 148)
    >>> round(rate.low, 4), round(rate.high, 4)
    (0.0624, 0.1605)
    """
    if not count:
        return Rate(math.nan, math.nan, math.nan)
    share, spread = hits / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / count + spread / count / 4) / (1 + spread)
    # At both ends the formula gives 0 and 1 but for the last digit.
    return Rate(share, max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half) if hits < count else 1.0)


def points(values: Sequence[float], fits: Sequence[bool], low_is_good: bool = False) -> list[Point]:
    """A point for every distinct value as the threshold, from the one that lets most pass to the strictest.

    A pair passes when its value is the threshold or better. NaN is in no range: such pairs never pass, but count as
    fitting ones that were lost.

    >>> [(at.threshold, at.passed, at.recall.value) for at in points([1, 3, 3], [False, True, True])]
    [(1, 3, 1.0), (3, 2, 1.0)]
    """
    all_fit = sum(fits)
    total: Counter[float] = Counter(value for value in values if not math.isnan(value))
    fitting = Counter(value for value, one in zip(values, fits, strict=True) if one and not math.isnan(value))
    passed, fitted, found = total.total(), fitting.total(), []
    for value in sorted(total, reverse=low_is_good):
        found.append(Point(value, passed, wilson(fitted, passed), wilson(fitted, all_fit)))
        passed, fitted = passed - total[value], fitted - fitting[value]
    return found


def reaching(curve: Sequence[Point], precision: float) -> Point | None:
    """The threshold that lets most pass among those whose precision is at least the wanted one; None where none is.

    Precisions of fewer than LEAST pairs are not believed.
    """
    return next((at for at in curve if at.passed >= LEAST and at.precision.value >= precision), None)


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Cohen's kappa of at least one pair of labels, with its 95 % interval (Educ. Psychol. Meas. 20 (1960) 37–46).

    >>> votes = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    >>> round(agreement(votes).kappa, 3)
    0.4
    """
    count = len(pairs)
    alike = sum(one == other for one, other in pairs) / count
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[label] * second[label] for label in first) / count**2
    if chance == 1:
        return Agreement(count, alike, math.nan, math.nan, math.nan)
    kappa = (alike - chance) / (1 - chance)
    half = Z * math.sqrt(alike * (1 - alike) / count) / (1 - chance)
    return Agreement(count, alike, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
