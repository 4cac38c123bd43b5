"""Allowances of a whole crawl, shared out among its partitions: no sum of shares is more than what is allowed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from crawlers.partition import Partition
from crawlers.settings import Settings
from schemas.outcome import Outcome, UrlKind

KINDS = (UrlKind.PAGE, UrlKind.IMAGE)
"""The kinds of URLs that a crawl may have an allowance of."""


@dataclass(frozen=True)
class Spent:
    """What one partition has taken of each allowance, and the kinds of which it would take more."""

    taken: dict[UrlKind, int]
    wants: frozenset[UrlKind]


class Allowance:
    """`max_pages` and `max_images` of a crawl in partitions: equal shares, and what one leaves goes to the others."""

    def __init__(self, past: Callable[[], list[Spent]], settings: Settings, number: int) -> None:
        """`past` tells what each of `number` partitions has spent so far."""
        self._past, self._settings, self._number = past, settings, number
        self._limits = {UrlKind.PAGE: settings.max_pages, UrlKind.IMAGE: settings.max_images}
        self._given: dict[tuple[UrlKind, int], int] = {}  # who wanted more and may take it, and what it had taken
        self._sated: set[tuple[UrlKind, int]] = set()  # wanted more, might have taken it, and did not: another limit

    def shared(self) -> list[Settings]:
        """The settings of each partition for its next turn: what is left is shared by those who want, or by all."""
        past = self._past()
        pages, images = (self._shares(kind, past) for kind in KINDS)
        return [
            replace(
                self._settings, partition=Partition(one, self._number), max_pages=pages[one], max_images=images[one]
            )
            for one in range(self._number)
        ]

    def left(self) -> bool:
        """Whether something is left that a partition wants."""
        past = self._past()
        self._sated |= {(kind, one) for (kind, one), had in self._given.items() if past[one].taken[kind] == had}
        self._given.clear()
        return any(
            limit is not None and sum(one.taken[kind] for one in past) < limit and self._wanting(kind, past)
            for kind, limit in self._limits.items()
        )

    def _shares(self, kind: UrlKind, past: list[Spent]) -> Sequence[int | None]:
        limit, taken = self._limits[kind], [one.taken[kind] for one in past]
        if limit is None:
            return [None] * self._number
        wanting = self._wanting(kind, past)
        limits = shares(limit, taken, wanting or range(self._number))
        self._given |= {(kind, one): taken[one] for one in wanting if limits[one] > taken[one]}
        return limits

    def _wanting(self, kind: UrlKind, past: list[Spent]) -> list[int]:
        return [one for one in range(self._number) if kind in past[one].wants and (kind, one) not in self._sated]


def spent(corpus: Path, number: int) -> list[Spent]:
    """What each of so many partitions has spent, as of its last checkpoint; nothing before the first."""
    return [spent_of(corpus / "crawl" / "state" / f"part-{one:02}.sqlite") for one in range(number)]


NOTHING = Spent(dict.fromkeys(KINDS, 0), frozenset())
"""What a partition has spent before it begins."""


def spent_of(path: Path) -> Spent:
    """What the partition of a state has spent, as of its last checkpoint."""
    if not path.exists():
        return NOTHING
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            taken = dict(db.execute("SELECT name, value FROM meta WHERE name LIKE 'taken %'"))
            left = {row[0] for row in db.execute("SELECT DISTINCT kind FROM urls WHERE outcome = ?", (Outcome.BUDGET,))}
            unread = db.execute("SELECT 1 FROM taken_in WHERE NOT done LIMIT 1").fetchone()  # pages of an archive
        except sqlite3.OperationalError:  # it is being made
            return NOTHING
    wants = left | ({UrlKind.PAGE} if unread else set())
    return Spent(
        {kind: int(taken.get(f"taken {kind}", 0)) for kind in KINDS},
        frozenset(kind for kind in KINDS if kind in wants),
    )


def shares(limit: int, taken: Sequence[int], among: Collection[int]) -> list[int]:
    """How much each partition may take in all: what it has, and those `among` an equal part of what is left.

    >>> shares(7, [0, 0], [0, 1]), shares(7, [4, 1], [0]), shares(3, [2, 2], [0, 1])
    ([4, 3], [6, 1], [2, 2])
    """
    left = max(limit - sum(taken), 0)
    parts = dict(zip(sorted(among), (Partition(one, len(among)).share(left) for one in range(len(among))), strict=True))
    return [had + (parts.get(number) or 0) for number, had in enumerate(taken)]
