"""A vocabulary instead of a crawl: each query is put to a search endpoint, and is the text of each picture it gives."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from crawlers.crawl import Report, opened, rounds
from crawlers.extract import clean
from crawlers.frontier import Frontier
from crawlers.searches import Search, Searches
from crawlers.settings import Settings
from crawlers.sites import NO_SITE
from crawlers.state import State
from crawlers.store import Store
from crawlers.taken import Taken
from schemas.errors import BadInput
from schemas.outcome import UrlKind

_MOST_WAITING = 1_000  # queries under way: one endpoint answers them in turn, and each remembers its results meanwhile
_BATCH = 100  # queries taken in at once


def from_queries(
    queries: str | Path,
    search: Search,
    corpus: Path,
    settings: Settings,
    report: Report | None = None,
    *,
    again: bool = False,
) -> dict[str, int]:
    """Ask a search endpoint for each query of a file, and fetch the pictures it names into `corpus`/crawl; or go on.

    The file has one query a line, UTF-8, and may be gzipped. Pages of results are asked for until one brings nothing
    new, or the query has its most results. Each result is a row of found with source `query`. Lines appended later are
    taken in by the next call. What it returns, reports and raises is as for `crawlers.crawl.crawl`; besides, BadInput
    for a file that cannot be read, or was taken in with another search.
    """
    path = check_queries(queries)
    with opened(corpus, settings) as (frontier, store, state):
        source = _Queries(path, search, frontier, store, state)
        if source.wants():
            frontier.open_round()
        rounds([], frontier, store, state, settings, report, source, again=again)
        return frontier.counts()


def check_queries(queries: str | Path) -> Path:
    """The file of the queries. Raises BadInput where it cannot be read from its first line on."""
    path = Path(queries)
    if not path.is_file():
        raise BadInput(f"--queries {path}: no such file")
    next(lines(path), None)
    return path


def lines(path: Path) -> Iterator[str]:
    """Each line of a text file, white space collapsed, so '' for an empty one. Raises BadInput when it is not UTF-8."""
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig") as file
        ):
            for line in file:
                yield clean(line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"--queries {path}: cannot be read ({error}); give one query a line, in UTF-8") from None


class _Queries:
    """The queries that were not put yet, as a source of a running crawl."""

    def __init__(self, path: Path, search: Search, frontier: Frontier, store: Store, state: State) -> None:
        self._search = search
        self._frontier, self._store, self._state = frontier, store, state
        self._searches = Searches(state)
        self._file = Taken.load(state, str(path.resolve()), search.options())
        self._lines = islice(lines(path), self._file.records, None)
        self._next = next(self._lines, None)

    def wants(self) -> bool:
        return self._next is not None and self._searches.waiting() < _MOST_WAITING

    async def feed(self) -> None:
        for _ in range(_BATCH):
            if self._next is None:
                break
            self._file.add(self._put(self._next))
            self._next = next(self._lines, None)
        if self._next is None:
            self._file.log(self._state, self._store, time.time())
        self._file.save(self._state)

    def _put(self, query: str) -> str:
        """Let the first page of a query's results wait; what became of the line."""
        if not query:
            return "empty"
        url = self._search.url(query, 0)
        if url is None:
            return "too long"
        if not self._frontier.holds(url):
            return "another partition's"
        if self._frontier.met(url):
            return "met before"
        self._frontier.add(url, UrlKind.LIST, NO_SITE)
        self._searches.put(url, query, 0, self._search)
        return "query"
