"""Archives instead of a crawl: pages that Common Crawl, or anybody, has fetched are read from WARC and WAT files.

A page is not fetched again, but its host is asked all the same: its robots.txt is read for our own agent, and a page
that it forbids gives no pairs. So a page waits in its host's queue like any other, with the archive's answer parked
beside it, and what that answer itself refuses (X-Robots-Tag, meta robots …) counts as if we had been told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from crawlers.archive import Archived, Cut, Passed, read
from crawlers.charset import decode
from crawlers.crawl import Report, opened, rounds
from crawlers.frontier import Frontier
from crawlers.han import has_han
from crawlers.parked import Parked
from crawlers.settings import Settings
from crawlers.sites import NO_SITE
from crawlers.state import State
from crawlers.store import Store
from crawlers.taken import Taken
from schemas.errors import BadInput
from schemas.outcome import Outcome, UrlKind

Open = Callable[[str], BinaryIO]
"""Opens a file by its path for reading bytes."""

_MOST_WAITING = 2_000  # pages: of so many hosts that one or two slow ones keep nobody waiting; some 50 MB on the disk
_BATCH_RECORDS = 300  # read at once, in a thread: some tenths of a second
_BATCH_BYTES = 4 * 1024 * 1024  # of pages in one batch


def _open_local(path: str) -> BinaryIO:
    return Path(path).open("rb")


def from_archives(
    paths: Sequence[str],
    corpus: Path,
    settings: Settings,
    report: Report | None = None,
    *,
    opener: Open = _open_local,
    only_han: bool = False,
    again: bool = False,
) -> dict[str, int]:
    """Take the pages of WARC and WAT files into `corpus`/crawl, and fetch their pictures; or go on.

    Each file is read as a stream that `opener` opens, in the order given; a file taken in whole is not read again.
    `only_han` passes over pages without one Han character. What it returns, reports and raises is as for
    `crawlers.crawl.crawl`; besides, BadInput for a file that is not there or cannot be read to its end: it comes when
    all else is done, and what could be read counts.
    """
    with opened(corpus, settings) as (frontier, store, state):
        source = _Archives(paths, opener, frontier, store, state, settings, only_han)
        try:
            if source.wants():
                frontier.open_round()
            rounds([], frontier, store, state, settings, report, source, again=again)
        finally:
            source.close()
        if source.faults:
            more = f" (and {len(source.faults) - 1} more)" if len(source.faults) > 1 else ""
            raise BadInput(
                f"--warc {source.faults[0]}{more}; what comes before counts: give a whole copy under the same name,"
                " or leave the file out, and run again"
            )
        return frontier.counts()


class _Archives:
    """The files that are still to be read, as a source of a running crawl."""

    def __init__(
        self,
        paths: Sequence[str],
        opener: Open,
        frontier: Frontier,
        store: Store,
        state: State,
        settings: Settings,
        only_han: bool,
    ) -> None:
        self._open = opener
        self._frontier, self._store, self._state, self._settings = frontier, store, state, settings
        self._parked = Parked(state)
        self._only_han = only_han
        files = (Taken.load(state, path, {"--only-han": only_han}) for path in dict.fromkeys(paths))
        self._left = deque(file for file in files if not file.done)
        self._handle = ExitStack()  # holds the file that is being read
        self._records: Iterator[Archived | Passed] | None = None
        self._batch: deque[Archived | Passed] = deque()  # read, not yet taken in
        self._cut: Cut | None = None
        self._ended = False
        self._busy = False
        self.faults: list[str] = []

    def wants(self) -> bool:
        return not self._busy and bool(self._left) and self._room() and self._parked.waiting() < _MOST_WAITING

    def _room(self) -> bool:
        """Whether the budget of pages lets one more in. A page that is not let in is not touched at all."""
        most = self._settings.max_pages
        taken = self._state.get(f"taken {UrlKind.PAGE}")
        return most is None or taken + self._parked.waiting() < most

    async def feed(self) -> None:
        self._busy = True
        try:
            if self._records is None:
                self._begin(self._left[0])
            if not self._batch and not self._ended:
                await asyncio.to_thread(self._read_batch)
            self._take_in(self._left[0])
        finally:
            self._busy = False

    def _begin(self, file: Taken) -> None:
        """Open a file; what was taken in before a restart is read again and passed over."""
        self._ended, self._cut = False, None
        self._records = self._all_records(file.name, file.records)

    def _all_records(self, path: str, skipped: int) -> Iterator[Archived | Passed]:
        handle = self._handle.enter_context(self._open(path))
        for number, record in enumerate(read(handle, self._settings.largest_page)):
            if number >= skipped:
                yield record

    def _read_batch(self) -> None:
        """Read on. In a thread: a remote file may let us wait."""
        size = 0
        assert self._records is not None
        try:
            while len(self._batch) < _BATCH_RECORDS and size < _BATCH_BYTES:
                record = next(self._records, None)
                if record is None:
                    self._ended = True
                    return
                if isinstance(record, Archived):
                    record = self._judged(record)
                    size += len(record.body) if isinstance(record, Archived) else 0
                self._batch.append(record)
        except Cut as cut:
            self._cut, self._ended = cut, True

    def _judged(self, page: Archived) -> Archived | Passed:
        if self._only_han and page.outcome is Outcome.OK:
            content_type = next((value for name, value in page.headers if name.lower() == "content-type"), "")
            if not has_han(decode(page.body, content_type)):
                return Passed("no Han")
        return page

    def _take_in(self, file: Taken) -> None:
        """Let the pages that were read wait, as far as the budget goes; end the file with its last record."""
        while self._batch and (isinstance(self._batch[0], Passed) or self._room()):
            file.add(self._one(self._batch.popleft(), file.name))
        if not self._batch and self._ended:
            self._end(file)
        file.save(self._state)

    def _one(self, record: Archived | Passed, path: str) -> str:
        """Take one record in; what became of it."""
        if isinstance(record, Passed):
            return record.why
        if not self._frontier.holds(record.url):
            return "another partition's"
        if self._frontier.met(record.url):
            return "met before"
        self._frontier.add(record.url, UrlKind.PAGE, NO_SITE)
        self._parked.put(record, path)
        return "page"

    def _end(self, file: Taken) -> None:
        """The file's own row in the log; one that is broken stays to be read again."""
        file.done = self._cut is None
        outcome = self._cut.outcome if self._cut else Outcome.OK
        error = str(self._cut) if self._cut else ""
        file.log(self._state, self._store, time.time(), outcome, error)
        if error:
            self.faults.append(f"{file.name}: {error}")
        self.close()
        self._records = None
        self._left.popleft()

    def close(self) -> None:
        """Let go of the file that is being read."""
        self._handle.close()
