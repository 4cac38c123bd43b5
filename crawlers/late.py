"""Each robots.txt that could not be read and is asked for again later: what a crawl waits for, in the state."""

from __future__ import annotations

import sqlite3

import msgspec

from crawlers.state import State
from schemas.outcome import Outcome


class Wait(msgspec.Struct, frozen=True):
    """One robots.txt that is waited for: how asking ended last, after how many attempts, and when the next is."""

    url: str
    outcome: str
    status: int
    attempts: int
    next_try: float  # seconds since 1970


class Late:
    """What is waited for; few rows at any time."""

    def __init__(self, state: State) -> None:
        self._db = state.db

    def wait(self, url: str, outcome: Outcome, status: int, attempts: int, next_try: float) -> None:
        """Note that a robots.txt is asked for again, and when."""
        self._db.execute(
            "INSERT OR REPLACE INTO late VALUES (?, ?, ?, ?, ?)", (url, outcome, status, attempts, next_try)
        )

    def came(self, url: str) -> None:
        """Forget a robots.txt that has its answer."""
        self._db.execute("DELETE FROM late WHERE url = ?", (url,))


def waits(db: sqlite3.Connection, now: float) -> list[Wait]:
    """What is waited for after `now`, the longest wait last."""
    columns = "url, outcome, status, attempts, next_try"
    rows = db.execute(f"SELECT {columns} FROM late WHERE next_try > ? ORDER BY next_try, url", (now,))
    return [Wait(*row) for row in rows]
