"""What a site is asked before one URL is fetched, what it answers, and what follows. The URL itself is not fetched."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawlers import asking
from crawlers.asked import Rules
from crawlers.consent import Consent, deciding
from crawlers.fetch import Fetcher
from crawlers.partition import Partition
from crawlers.robots import robots_url
from crawlers.settings import Settings
from crawlers.state import State, partitions_of
from crawlers.urls import fetchable, host_queue
from crawlers.wishes import Wishes
from schemas.errors import BadInput
from schemas.outcome import Outcome


@dataclass(frozen=True)
class Explained:
    """The answers to what was asked, and the verdict.

    url       the URL, normalised
    robots    the evidence of its robots.txt; files: that of each file that speaks of it, as in the log
    consents  what robots.txt and the files say of its use
    verdict   the outcome that it would end with, unasked; None when it would be asked for
    decided   the signal that refused it; '' when none did
    pause     seconds between two requests to its host
    too_slow  the crawl-delay that it is left alone for, in seconds; None without one
    """

    url: str
    robots: dict[str, Any]
    files: tuple[dict[str, Any], ...]
    consents: tuple[Consent, ...]
    verdict: Outcome | None
    decided: str
    pause: float
    too_slow: float | None = None


def explain(
    url: str, settings: Settings, corpus: Path | None = None, clock: Callable[[], float] = time.time
) -> Explained:
    """Ask what a crawl would ask before it fetches `url`; answers that `corpus` holds and that are fresh count.

    Nothing is written there. Raises BadInput for what is no http(s) URL, or for a corpus of another version.
    """
    found = fetchable("about:blank", url.strip())
    if found is None:
        raise BadInput(f"--explain {url}: an http(s) URL without a user's name in it is needed")
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder) / "state.sqlite")
        state.open()
        try:
            return asyncio.run(_explain(found, settings, state, _Known(corpus, found), clock))
        finally:
            state.close()


class _Known:
    """What a crawl was answered before: read, never written, and no lock is taken, so that it may be running."""

    def __init__(self, corpus: Path | None, url: str) -> None:
        """The answers of the partition that asks the URL's host."""
        states = [] if corpus is None else sorted((corpus / "crawl" / "state").glob("part-*.sqlite"))
        of = max((partitions_of(path) for path in states), default=0)
        name = f"part-{Partition(0, of).at(host_queue(url)):02}.sqlite" if of else ""
        self._path = next((path.resolve() for path in states if path.name == name), None)

    def give(self, url: str, state: State) -> None:
        """Copy the answer for a file, where there is one."""
        if self._path is None:
            return
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as db:
                rows = db.execute("SELECT * FROM asked WHERE url = ? AND outcome != ''", (url,)).fetchall()
                state.db.executemany("INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                licences = db.execute("SELECT * FROM licences WHERE ? LIKE origin || '/%'", (url,)).fetchall()
                state.db.executemany("INSERT OR IGNORE INTO licences VALUES (?, ?)", licences)
        except sqlite3.DatabaseError as error:
            raise BadInput(
                f"--out {self._path}: not a state that this version can read ({error}); leave --out"
            ) from None


async def _explain(url: str, settings: Settings, state: State, known: _Known, clock: Callable[[], float]) -> Explained:
    wishes = Wishes(state, settings)
    asked: set[str] = set()
    async with Fetcher(settings, clock) as fetcher:
        while (file := _next(wishes, url, settings, clock())) is not None:
            if file not in asked:
                asked.add(file)
                known.give(file, state)
                continue
            await asyncio.sleep(settings.delay if len(asked) > 1 else 0.0)
            reply = await asking.ask(fetcher, file)
            wishes.answers.answered(file, reply.fetched, reply.outcome, 0)
    return _explained(wishes, url, settings, clock())


def _next(wishes: Wishes, url: str, settings: Settings, now: float) -> str | None:
    """The next file to ask for; what robots.txt forbids needs no more."""
    rules = wishes.rules(url, now)
    if rules is None:
        return robots_url(url)
    return None if rules.verdict(url, settings) is not None else wishes.missing(url, now)


def _explained(wishes: Wishes, url: str, settings: Settings, now: float) -> Explained:
    rules = wishes.rules(url, now)
    assert isinstance(rules, Rules), f"{host_queue(url)}: asked, and without an answer"
    verdict, decided = rules.verdict(url, settings), ""
    slow = verdict is Outcome.ROBOTS and rules.too_slow(settings)
    consents = wishes.before(url, now)
    if verdict is not None:
        decided = "robots"
    elif (refused := deciding(consents, settings.ignored)) is not None:
        verdict, decided = Outcome.OPTED_OUT, refused.signal
    return Explained(
        url,
        rules.evidence_for(url, settings),
        wishes.evidence(url, now) if decided != "robots" else (),
        consents,
        verdict,
        decided,
        max(settings.delay, min(rules.delay(settings.agent) or 0.0, settings.longest_delay)),
        rules.delay(settings.agent) if slow else None,
    )
