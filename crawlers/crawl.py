"""A crawl: from seeds to WARC files, a log of every URL, and what the pages put beside their pictures."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Protocol

from crawlers.fetch import Fetcher
from crawlers.frontier import Frontier
from crawlers.outbox import Outbox
from crawlers.parked import Parked
from crawlers.searches import Searches
from crawlers.settings import Settings
from crawlers.state import State, check_partitions
from crawlers.store import Store
from crawlers.under_way import UnderWay
from crawlers.visit import Visitor
from crawlers.wishes import Wishes
from schemas.errors import Damaged, WorkFailed
from schemas.seeds import Site

Report = Callable[[Mapping[str, int]], None]


class Source(Protocol):
    """What brings URLs while a crawl is under way, so that not all of a large file waits at once."""

    def wants(self) -> bool:
        """Whether it has more to give, is not giving now, and little of what it gave waits."""
        ...

    async def feed(self) -> None:
        """Take a little in."""
        ...


class Ending(Enum):
    """Why the serving of a round came to an end."""

    DONE = "nothing waits"
    OVER = "the time of this slice is"
    TOLD = "by a signal"


_REPORT_SECONDS = 0.2  # between two reports: as often as an eye can follow


def crawl(
    sites: list[Site], corpus: Path, settings: Settings, report: Report | None = None, *, again: bool = False
) -> dict[str, int]:
    """Crawl sites into `corpus`/crawl, or go on where that was interrupted; nothing when all is done.

    With `again`, a crawl that is done is begun anew as a round of its own: what may have changed is asked for again,
    on the condition that it has, and so is what failed for a passing reason.
    Returns how many URLs ended how, over all rounds, as {'page/ok': 12, 'image/http_error': 3, …}; `report` gets the
    same while it grows. Raises BadInput for seeds that cannot be, WorkFailed for a full disk or a second crawl in the
    same folder, Damaged for files that were altered, and KeyboardInterrupt, after a checkpoint, when told to stop.
    """
    with opened(corpus, settings) as (frontier, store, state):
        return rounds(sites, frontier, store, state, settings, report, again=again)


@contextlib.contextmanager
def opened(corpus: Path, settings: Settings) -> Iterator[tuple[Frontier, Store, State]]:
    """The state of a corpus's crawl, brought back to its last checkpoint; closed in the end."""
    folder = corpus / "crawl"
    path = folder / "state" / f"part-{settings.partition.number:02}.sqlite"
    if not path.exists():
        for name in ("pages", "images", "log", "found"):
            if any((folder / name).glob(f"r*-{settings.partition.name}-*")):
                raise Damaged(f"{path}: missing, though {folder / name} has files; restore it, or remove {folder}")
    check_partitions(corpus, settings.partition.of)
    state = State(path)
    store = None
    try:
        state.open()
        try:
            state.put("partitions", settings.partition.of)
            store = Store(folder, state, settings)
            yield Frontier(state, settings), store, state
        finally:
            if store is not None:
                store.close()
            state.close()
    except (OSError, sqlite3.OperationalError) as error:
        raise WorkFailed(
            f"{folder}: {error}; see to it and run the same command again: it goes on from the last checkpoint"
        ) from error


def rounds(
    sites: list[Site],
    frontier: Frontier,
    store: Store,
    state: State,
    settings: Settings,
    report: Report | None = None,
    source: Source | None = None,
    *,
    again: bool = False,
    cut: bool = False,
) -> dict[str, int]:
    """Serve round after round until nothing waits, here or in a letter of another partition; the counts of all.

    A slice, which `settings.until` makes of it, ends earlier: its round is not finished then, and is gone on with. Nor
    is it where what there is to do was `cut` by the end of the slice.
    """
    outbox = Outbox(state, settings.partition)
    work = frontier.begin(sites, again=again)
    while outbox.take_in(frontier) or work:
        if not run(frontier, store, state, settings, report, source, cut=cut):
            break
        work = frontier.begin(sites)
    return frontier.counts()


def run(
    frontier: Frontier,
    store: Store,
    state: State,
    settings: Settings,
    report: Report | None = None,
    source: Source | None = None,
    *,
    cut: bool = False,
) -> bool:
    """Serve all that waits, and seal; False where the slice was over before, or what there is to do was `cut`.

    Raises KeyboardInterrupt, after a checkpoint, on SIGINT or SIGTERM.
    """
    store.checkpoint()
    ending = asyncio.run(_serve(frontier, store, state, settings, report, source))
    if ending is Ending.TOLD:
        store.checkpoint()
        raise KeyboardInterrupt
    Outbox(state, settings.partition).write(frontier.round)
    done = ending is Ending.DONE and not cut
    if done:
        frontier.end()
    store.seal()
    store.checkpoint()
    if report is not None:
        report(frontier.counts())
    return done


async def _serve(
    frontier: Frontier,
    store: Store,
    state: State,
    settings: Settings,
    report: Report | None,
    source: Source | None,
) -> Ending:
    """Keep every ready host busy with one URL, until none waits or the slice is over."""
    under_way = UnderWay()
    with _told_to_stop(under_way.stop):
        try:
            async with Fetcher(settings) as fetcher:
                wishes, parked, searches = Wishes(state, settings), Parked(state), Searches(state)
                visitor = Visitor(frontier, wishes, parked, searches, store, fetcher, settings)
                beat = _Beat(frontier, store, state, visitor, settings, report)
                while not under_way.stopped:
                    if source is not None and source.wants():
                        under_way.start(source.feed())
                    wait = _start(frontier, visitor, under_way, settings)
                    if not len(under_way) and wait is None:
                        return Ending.DONE
                    if settings.over(time.time(), store.sealed):  # not before something was started
                        await _let_end(under_way, beat, settings)
                        return Ending.TOLD if under_way.stopped else Ending.OVER
                    await under_way.one_ends(_pause(wait, settings))
                    beat()
                return Ending.TOLD
        finally:
            await under_way.cancel()


def _pause(wait: float | None, settings: Settings) -> float:
    """Seconds to the next look, though nothing ends before."""
    pauses = [settings.checkpoint_seconds]
    pauses += [] if wait is None else [wait]
    pauses += [] if settings.until is None else [max(settings.until - time.time(), 0.0)]
    return min(pauses)


async def _let_end(under_way: UnderWay, beat: Callable[[], None], settings: Settings) -> None:
    """Wait for what is under way: a host that was asked is not asked again, as it would be for what is cut off."""
    end = time.monotonic() + settings.deadline  # no request lasts longer
    while len(under_way) and not under_way.stopped and time.monotonic() < end:
        await under_way.one_ends(settings.checkpoint_seconds)
        beat()


def _start(frontier: Frontier, visitor: Visitor, under_way: UnderWay, settings: Settings) -> float | None:
    """Start what is ready; seconds until more is, None when nothing waits or no more may be started."""
    while len(under_way) < settings.hosts:
        job = frontier.next(time.time())
        if job is None or isinstance(job, float):
            return job
        under_way.start(visitor.visit(job))
    return None


class _Beat:
    """What happens now and then between answers: a checkpoint, a seal, a report."""

    def __init__(
        self,
        frontier: Frontier,
        store: Store,
        state: State,
        visitor: Visitor,
        settings: Settings,
        report: Report | None,
    ) -> None:
        self._frontier, self._store, self._state, self._visitor = frontier, store, state, visitor
        self._settings, self._report = settings, report
        self._saved_at = self._told_at = time.monotonic()
        self._saved = self._received = 0

    def __call__(self) -> None:
        now = time.monotonic()
        if self._store.full():
            self._store.seal()
        due = self._visitor.responses - self._saved >= self._settings.checkpoint_responses
        if due or now - self._saved_at >= self._settings.checkpoint_seconds:
            responses, received = self._visitor.responses, self._visitor.received
            self._state.beat(time.time(), now - self._saved_at, responses - self._saved, received - self._received)
            self._store.checkpoint()
            self._saved, self._received, self._saved_at = responses, received, now
        if self._report is not None and now - self._told_at >= _REPORT_SECONDS:
            self._report(self._frontier.counts())
            self._told_at = now


@contextlib.contextmanager
def _told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call it. Outside the main thread no signal arrives, and none can be caught."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stop)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
