"""Which picture of another page a text is scored against, to see whether a model tells pairs apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAX_STEPS = 1000
"""Rows that are looked at for a control; it ends what would be the square of a shard with a single page."""

SHIFTS = 15
"""Shifts that are tried for the controls: one of them clears the pages of any shard but one that is nearly all one."""


def partners(
    pages: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
    texts: npt.NDArray[np.int64],
    shown: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """For each row another one, whose picture its text is scored against as a control; -1 for none.

    Pages, pictures and texts are numbers that are equal for equal ones; `shown` says which pictures have a vector. The
    picture stands on another page, and makes no pair with this text in the shard. All rows move by one and the same
    shift, around the end, so each picture is a control as often as it is shown: what a model says of a picture
    whatever the words then weighs the same on both sides. A row that the shift leaves on its page, or with a picture
    of its text, moves on by itself, which few rows do: the shift is the one, of several, that leaves the fewest.

    >>> numbers = np.array([0, 0, 1, 1])
    >>> partners(numbers, np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0]), np.array([True, True, True, True]))
    array([2, 3, 0, 1])
    """
    able = np.flatnonzero(shown)
    found = np.full(len(pages), -1, np.int64)
    pairs = set(zip(texts.tolist(), images.tolist(), strict=True))
    shift, after = _shift(pages[able]), _next_other(pages[able])
    for place, row in enumerate(able.tolist()):
        at = (place + shift) % len(able)
        for _ in range(min(len(able), MAX_STEPS)):
            other = int(able[at])
            if pages[other] == pages[row]:
                at = int(after[at])
                if at < 0:  # there is one page alone
                    break
            elif (int(texts[row]), int(images[other])) in pairs:
                at = (at + 1) % len(able)
            else:
                found[row] = other
                break
    return found


def _shift(pages: npt.NDArray[np.int64]) -> int:
    """The shift, of some spread over the rows, that leaves the fewest rows on their own page; the first of equals."""
    tried = sorted({max(1, len(pages) * part // (SHIFTS + 1)) for part in range(1, SHIFTS + 1)})
    return min(tried, key=lambda shift: int((pages == np.roll(pages, -shift)).sum()), default=1)


def _next_other(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each place the next one, around the end, with another label; -1 where all are the same."""
    changes = np.flatnonzero(labels != np.roll(labels, -1))
    if not changes.size:
        return np.full(len(labels), -1, np.int64)
    last = changes[np.searchsorted(changes, np.arange(len(labels))) % changes.size]
    return np.asarray((last + 1) % len(labels), np.int64)
