"""A list instead of a crawl: each row is an image URL and its caption. Robots and consent are asked as ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from crawlers.crawl import Report, opened, run
from crawlers.extract import clean
from crawlers.frontier import Frontier
from crawlers.rows import list_files, rows
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.store import Store
from crawlers.urls import LONGEST, fetchable, origin
from crawlers.visit import log_row
from schemas.outcome import Outcome, UrlKind
from schemas.pair import TextSource

_BETWEEN_CHECKPOINTS = 10_000  # rows taken in: a second's work
_NO_SITE = 0  # the pictures of a list belong to no site of the seeds


def from_list(
    url_list: str | Path,
    url_col: str,
    caption_col: str | None,
    corpus: Path,
    settings: Settings,
    report: Report | None = None,
    input_format: str = "",
) -> dict[str, int]:
    """Fetch the pictures of a list into `corpus`/crawl, or go on; each row is a row of found, with source `list`.

    For the formats see `crawlers.rows`. Rows appended to a list later are taken in by the next call. What it returns,
    reports and raises is as for `crawlers.crawl.crawl`; besides, BadInput for a list that cannot be read.
    """
    path = Path(url_list)
    list_files(path, input_format)  # what cannot be read shows before a corpus is made
    with opened(corpus, settings) as (frontier, store, state):
        _take_in(rows(path, url_col, caption_col, input_format), f"list {path.resolve()}", frontier, store, state)
        while frontier.begin([]):
            run(frontier, store, state, settings, report)
        return frontier.counts()


def asked_as(written: str) -> tuple[str, bool]:
    """The URL under which a row of a list stands in found and in the log, and whether it can be asked for at all.

    >>> asked_as(" HTTP://Example.com/a b.jpg")
    ('http://example.com/a%20b.jpg', True)
    >>> asked_as("not a url")
    ('not a url', False)
    """
    url = fetchable("about:blank", written.strip())
    return (url, True) if url is not None else (clean(written)[:LONGEST], False)


def _take_in(listed: Iterator[tuple[str, str]], name: str, frontier: Frontier, store: Store, state: State) -> None:
    """Let every row wait that was not taken in before; the state counts them in the transaction that holds them."""
    taken = state.get(name)
    for number, (written, caption) in enumerate(islice(listed, taken, None), taken + 1):
        frontier.open_round()
        url, fit = asked_as(written)
        if not fit:
            if frontier.refuse(url, UrlKind.IMAGE, Outcome.BAD_URL):
                store.log(log_row(url, UrlKind.IMAGE, Outcome.BAD_URL, frontier.round, time.time()))
        else:
            frontier.add(url, UrlKind.IMAGE, _NO_SITE)
        site = origin(url) if url.startswith(("http://", "https://")) else ""
        store.found([(url, clean(caption), str(TextSource.LIST), "", site, False, "")])
        if number % _BETWEEN_CHECKPOINTS == 0:
            state.put(name, number)
            store.checkpoint()
            if store.full():
                store.seal()
        taken = number
    state.put(name, taken)
