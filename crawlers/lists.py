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
from crawlers.rows import format_of, list_files, rows
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.store import Store
from crawlers.taken import Taken
from crawlers.urls import origin
from schemas.errors import BadInput
from schemas.outcome import Outcome
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

    For the formats see `crawlers.rows`. Rows appended to a file later are taken in by the next call. What it returns,
    reports and raises is as for `crawlers.crawl.crawl`; besides, BadInput for a list that cannot be read: at once
    where it has not one row as it should be, or was taken in by other columns, else when all else is done, and the rows
    before the fault count.
    """
    files = check_list(url_list, url_col, caption_col, input_format)
    with opened(corpus, settings) as (frontier, store, state):
        faults: list[BadInput] = []
        cut = False
        known = {file: _known(file, state, url_col, caption_col, input_format) for file in files}
        for file in files:
            taken = known[file]
            try:
                listed = rows(file, url_col, caption_col, input_format)
                cut = not _take_in(listed, taken, frontier, store, state, settings)
            except BadInput as fault:
                faults.append(fault)
                _end(taken, frontier, store, state, Outcome.BAD_TYPE, str(fault))
            if cut:
                break
        rounds([], frontier, store, state, settings, report, again=again, cut=cut)
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise BadInput(f"{faults[0]}{more}; the rows before it count: mend the file, and run again")
        return frontier.counts()


def check_list(
    url_list: str | Path, url_col: str, caption_col: str | None = None, input_format: str = ""
) -> list[Path]:
    """The files of a list. Raises BadInput where one cannot be read from its first row on."""
    files = list_files(Path(url_list), input_format)
    for file in files:
        next(rows(file, url_col, caption_col, input_format), None)
    return files


def _known(file: Path, state: State, url_col: str, caption_col: str | None, input_format: str) -> Taken:
    """What was taken in of a file. Raises BadInput where that was other columns, or read as another format."""
    form = input_format or format_of(file.name)
    columns = {} if form.startswith("txt") else {"--url-col": url_col, "--caption-col": caption_col}
    return Taken.load(state, str(file.resolve()), {"--input-format": form.removesuffix(".gz"), **columns})


def _take_in(
    listed: Iterator[tuple[str, str]], file: Taken, frontier: Frontier, store: Store, state: State, settings: Settings
) -> bool:
    """Let every row wait that was not taken in before; the state counts them in the transaction that holds them.

    False where the slice was over before the list.
    """
    begun = file.records
    for written, caption in islice(listed, begun, None):
        frontier.open_round()
        if file.records > begun and settings.over(time.time(), store.sealed):
            file.save(state)
            return False
        if not frontier.holds(asked_as(written)[0]):
            file.add("another partition's")  # which reads the list too
            continue
        url = name_picture(written, frontier, store, time.time())
        site = origin(url) if url.startswith(("http://", "https://")) else ""
        store.found([(url, clean(caption), str(TextSource.LIST), "", site, False, "", *NO_CLICKS)])
        file.add("row")
        if file.records % _BETWEEN_CHECKPOINTS == 0:
            file.save(state)
            store.checkpoint()
            if store.full():
                store.seal()
    if file.records > begun or not file.done:
        file.done = True
        _end(file, frontier, store, state)
    return True


def _end(
    file: Taken, frontier: Frontier, store: Store, state: State, outcome: Outcome = Outcome.OK, error: str = ""
) -> None:
    """Keep how far a file was taken in, and write its own row of the log."""
    frontier.open_round()
    file.log(state, store, time.time(), outcome, error)
    file.save(state)
