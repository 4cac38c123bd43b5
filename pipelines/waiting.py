"""What a crawl that seems to stand still is waiting for, in words: a robots.txt that cannot be read."""

from __future__ import annotations

import time
from collections.abc import Callable

from crawlers.late import Wait
from crawlers.urls import origin
from pipelines.progress import Bar
from pipelines.reasons import message

_LOOK = 0.5  # seconds between two looks: a line comes before anybody wonders


class Told:
    """Says each wait of a crawl once; `waits` tells what is waited for after a time."""

    def __init__(self, waits: Callable[[float], list[Wait]], clock: Callable[[], float] = time.time) -> None:
        self._waits, self._clock = waits, clock
        self._told: set[tuple[str, int]] = set()
        self._looked = 0.0

    def tell(self, bar: Bar) -> None:
        """Say what is waited for since the last look, above the bar."""
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        for wait in self._waits(now):
            if (wait.url, wait.attempts) not in self._told:
                self._told.add((wait.url, wait.attempts))
                bar.say(f"crawl: {line(wait, now)}")


def line(wait: Wait, now: float) -> str:
    """One wait in words.

    >>> line(Wait("https://a.example/robots.txt", "connect", 0, 3, 130.0), 100.0)
    'waiting for robots.txt of https://a.example: connect: refused, reset or unreachable, again in 30 s'
    """
    why = message(wait.outcome, wait.status, "{}")
    return f"waiting for robots.txt of {origin(wait.url)}: {why}, again in {max(wait.next_try - now, 0):.0f} s"
