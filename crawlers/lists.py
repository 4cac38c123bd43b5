"""A list instead of a crawl: each row is an image URL and its caption. Robots and consent are asked as ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from crawlers.crawl import Report, opened, rounds
from crawlers.extract import clean
from crawlers.frontier import Frontier
from crawlers.named import asked_as, name_picture
from crawlers.rows import list_files, rows
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.store import Store
from crawlers.urls import origin
from schemas.pair import NO_CLICKS, TextSource

_BETWEEN_CHECKPOINTS = 10_000  # rows taken in: a second's work


def from_list(
    url_list: str | Path,
    url_col: str,
    caption_col: str | None,
    corpus: Path,
    settings: Settings,
    report: Report | None = None,
    *,
    again: bool = False,
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
        rounds([], frontier, store, state, settings, report, again=again)
        return frontier.counts()


def _take_in(listed: Iterator[tuple[str, str]], name: str, frontier: Frontier, store: Store, state: State) -> None:
    """Let every row wait that was not taken in before; the state counts them in the transaction that holds them."""
    taken = state.get(name)
    for number, (written, caption) in enumerate(islice(listed, taken, None), taken + 1):
        frontier.open_round()
        if not frontier.holds(asked_as(written)[0]):
            continue  # another partition reads the list too
        url = name_picture(written, frontier, store, time.time())
        site = origin(url) if url.startswith(("http://", "https://")) else ""
        store.found([(url, clean(caption), str(TextSource.LIST), "", site, False, "", *NO_CLICKS)])
        if number % _BETWEEN_CHECKPOINTS == 0:
            state.put(name, number)
            store.checkpoint()
            if store.full():
                store.seal()
        taken = number
    state.put(name, taken)
