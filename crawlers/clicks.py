"""A click log instead of a crawl: the pictures that a search showed for a query, how often, and how often clicked."""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crawlers.crawl import Report, opened, rounds
from crawlers.extract import clean
from crawlers.named import asked_as, name_picture
from crawlers.settings import Settings
from crawlers.taken import Taken
from crawlers.urls import origin
from schemas.errors import BadInput
from schemas.pair import TextSource

COLUMNS = ("query", "image_url", "impressions", "clicks")

_BETWEEN_CHECKPOINTS = 10_000  # rows taken in: a second's work
_BATCH = 10_000  # rows of a Parquet file in memory
_LARGEST_ROW = 1024 * 1024  # characters: a query and a URL are far shorter, and a broken file would be one endless row
_MOST = 2**63 - 1  # what the columns hold


class Shown(NamedTuple):
    """One row: a picture that was shown for a query, and what came of it."""

    query: str
    image_url: str
    impressions: int
    clicks: int


def from_click_log(
    click_log: str | Path, corpus: Path, settings: Settings, report: Report | None = None, *, again: bool = False
) -> dict[str, int]:
    """Fetch the pictures of a click log into `corpus`/crawl, or go on; each row is a row of found, source `query`.

    Several rows of one query and picture are added up when pairs are made. Rows appended later are taken in by the next
    call. What it returns, reports and raises is as for `crawlers.crawl.crawl`; besides, BadInput for a file or a number
    that cannot be read: the rows before it count, and the call after it is mended goes on there.
    """
    path = check_click_log(click_log)
    with opened(corpus, settings) as (frontier, store, state):
        file = Taken.load(state, str(path.resolve()), {})  # no option says how it is read
        begun, cut = file.records, False
        for shown in islice(rows(path), begun, None):
            frontier.open_round()
            if file.records > begun and settings.over(time.time(), store.sealed):
                file.save(state)
                cut = True
                break
            if not frontier.holds(asked_as(shown.image_url)[0]):
                file.add("another partition's")
                continue
            url = name_picture(shown.image_url, frontier, store, time.time())
            site = origin(url) if url.startswith(("http://", "https://")) else ""
            # A click needs an impression: where a log has fewer, some of its impressions were lost.
            impressions = max(shown.impressions, shown.clicks)
            source = str(TextSource.QUERY)
            store.found([(url, clean(shown.query), source, "", site, False, "", impressions, shown.clicks)])
            file.add("row" if impressions == shown.impressions else "more clicks than impressions")
            if file.records % _BETWEEN_CHECKPOINTS == 0:
                file.save(state)
                store.checkpoint()
                if store.full():
                    store.seal()
        if file.records > begun and not cut:
            file.log(state, store, time.time())
            file.save(state)
        rounds([], frontier, store, state, settings, report, again=again, cut=cut)
        return frontier.counts()


def check_click_log(click_log: str | Path) -> Path:
    """The file of a click log. Raises BadInput where it cannot be read from its first row on."""
    path = Path(click_log)
    if not path.is_file():
        raise BadInput(f"--click-log {path}: no such file")
    next(rows(path), None)
    return path


def rows(path: Path) -> Iterator[Shown]:
    """Each row of a click log: Parquet, or tab-separated text in UTF-8 with a first line of names, maybe gzipped.

    Columns beyond the four are passed over. Raises BadInput, with the row, for a number that is none or negative.
    """
    read = _parquet if path.suffix.lower() == ".parquet" else _tsv
    try:
        for number, row in enumerate(read(path), 1):
            query, url, impressions, clicks = row
            place = f"--click-log {path}, row {number}"
            yield Shown(_word(query), _word(url), _count(impressions, place, 2), _count(clicks, place, 3))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise BadInput(
            f"--click-log {path}: cannot be read ({error}); give Parquet (.parquet), or tab-separated UTF-8"
        ) from None


def _parquet(path: Path) -> Iterator[Iterable[Any]]:
    with pq.ParquetFile(path) as file:
        _check(path, file.schema_arrow.names)
        for batch in file.iter_batches(_BATCH, columns=list(COLUMNS)):
            yield from zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)


def _tsv(path: Path) -> Iterator[Iterable[Any]]:
    csv.field_size_limit(_LARGEST_ROW)
    with (
        gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8-sig", newline="") as file
    ):
        table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        _check(path, list(table.fieldnames or ()))
        for row in table:
            yield [row[name] for name in COLUMNS]


def _check(path: Path, names: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise BadInput(f"--click-log {path}: no column {', '.join(missing)}; it has {', '.join(names) or 'none'}")


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _count(value: Any, place: str, column: int) -> int:
    """A number of times, as an int64 holds it."""
    try:
        number = int(value)
        if number == float(value) and 0 <= number <= _MOST:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise BadInput(f"{place}: {COLUMNS[column]} {str(value)[:40]!r} is not a number of times; mend or remove the row")
