"""pair: join what was found on pages with the pictures that were fetched; one row per pair, grouped by raw WARC.

A picture that several pages or texts share is stored once, and each of its texts is a pair. A pair whose picture did
not come is kept too, under pairs/unfetched/ with the outcome that says why: rows found = rows paired + unfetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa

from crawlers.ai_label import ai_generated
from pipelines import files, slice_records
from pipelines.corpus import Corpus, shard_name
from pipelines.engine import Engine, run
from pipelines.outputs import Outputs
from schemas.errors import BadInput, Damaged
from schemas.outcome import Outcome, UrlKind
from schemas.pair import SOURCE_RANK, click_rate, pair_key, shard_of
from schemas.signals import PAIR_SIGNALS
from schemas.tables import PAIRS, UNFETCHED

_FOUND = ("image_url", "text", "source", "page_url", "site", "strong", "class", "impressions", "clicks", "licences")
_MARKS = sorted({"site", *PAIR_SIGNALS})  # what a recipe may name of a pair, beside what a signal looks at
_LOGGED = ("url", "kind", "outcome", "round", "sha256", "warc", "body_offset", "bytes")
_INSIDE = ("licences", "digital_source", "ai_label")  # what pictures say of themselves
_CAME = (Outcome.OK, Outcome.NOT_MODIFIED)
_REFUSED = (Outcome.OPTED_OUT, Outcome.ROBOTS)


class Found(NamedTuple):
    """One sight of a picture and a text on a page. The order of the fields is the order of trust."""

    weak: bool  # a strong site goes before others
    source_rank: int
    page_url: str
    site: str
    class_: str
    image_url: str
    text: str
    impressions: int
    clicks: int
    licences: tuple[str, ...] = ()


class Fetched(NamedTuple):
    """How the fetching of a picture ended, and where its bytes lie. The greatest is the one that counts.

    What decides is the last round in which it came, or its owner refused it: a later failure, or a 304, takes nothing
    from what is held, a later refusal takes it all.
    """

    decides: bool
    round: int
    ok: bool
    outcome: str
    image_id: str
    warc: str
    offset: int
    length: int
    licences: Sequence[str] = ()
    digital_source: str = ""
    ai_label: str = ""


def pair(corpus: Corpus, *, engine: Engine) -> dict[str, int]:
    """Write pairs/ from crawl/; returns how many pairs were `found`, `fetched` and `unfetched`.

    Does nothing when the pairs are those of this very crawl. Raises BadInput where no crawl is.
    """
    found = [corpus.crawl("found", name) for name in files.listing(corpus.crawl("found"), ".parquet")]
    logs = [corpus.crawl("log", name) for name in files.listing(corpus.crawl("log"), ".parquet")]
    warcs = [f"images/{name}" for name in files.listing(corpus.crawl("images"), ".warc")]
    if not logs:
        raise BadInput(f"{corpus.root}: no finished crawl here; run: tuwen crawl --seeds … --out {corpus.root}")
    waiting = files.listing(corpus.crawl("outbox"), ".parquet")
    if waiting:
        raise BadInput(
            f"{corpus.crawl('outbox')}: {len(waiting)} letters between partitions wait, so the crawl is not done;"
            " run tuwen crawl again for every partition, or with --partitions"
        )
    if unfinished := slice_records.unfinished(corpus):
        raise BadInput(
            f"{corpus.root}: {', '.join(unfinished)} of the crawl's partitions are not done; run the same tuwen crawl"
            " again: it goes on from here"
        )
    sealed = (*found, *logs, *(corpus.crawl(warc) for warc in warcs))
    made_from = files.digest("pair 5", *(f"{path.rsplit('/', 1)[-1]} {files.size(path)}" for path in sealed))
    paths = [corpus.pairs(shard_name(number)) for number in range(max(len(warcs), 1))]
    paths += [corpus.unfetched(shard_name(number)) for number in range(max(len(found), 1))]
    outputs = Outputs(dict.fromkeys(paths, made_from))
    if outputs.missing():
        transform = Pair(found, logs, corpus.root, tuple(warcs), made_from)
        with outputs.progress("pair", engine):
            run(lambda pipeline: pipeline | transform, job="pair", engine=engine)
    if engine.dry:
        return {}
    outputs.sweep([corpus.path("pairs"), corpus.path("pairs", "unfetched")])
    return tally(corpus)


def tally(corpus: Corpus) -> dict[str, int]:
    """How many pairs there are, by what became of their pictures."""

    def rows(*folder: str) -> int:
        names = files.listing(corpus.path(*folder), ".parquet")
        return sum(int(files.metadata(corpus.path(*folder, name))["rows"]) for name in names)

    fetched, unfetched = rows("pairs"), rows("pairs", "unfetched")
    return {"found": fetched + unfetched, "fetched": fetched, "unfetched": unfetched}


class Pair(beam.PTransform):
    """found and log files -> one Parquet of pairs per WARC, and those that were not fetched."""

    def __init__(self, found: list[str], logs: list[str], root: str, warcs: tuple[str, ...], made_from: str) -> None:
        super().__init__()
        self.found, self.logs, self.root, self.warcs, self.made_from = found, logs, root, warcs, made_from

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        corpus, buckets = Corpus(self.root), max(len(self.found), 1)
        names = [_pairs_of(number) for number in range(max(len(self.warcs), 1))]
        names += [_unfetched_of(number) for number in range(buckets)]
        seen = (
            pbegin
            | "found files" >> beam.Create(self.found, reshuffle=True)
            | "read found" >> beam.FlatMap(read_found)
            | "sights as sent" >> beam.MapTuple(plain)
            | "most trusted sight" >> beam.CombinePerKey(most_trusted)
            | "by picture" >> beam.MapTuple(by_picture)
        )
        fetched = (
            pbegin
            | "log files" >> beam.Create(self.logs, reshuffle=True)
            | "read log" >> beam.FlatMap(read_log)
            | "fetches as sent" >> beam.MapTuple(lambda url, fetch: plain(url_id(url), fetch))
            | "last good fetch" >> beam.CombinePerKey(max)
        )
        rows = (
            {"found": seen, "fetched": fetched}
            | "join" >> beam.CoGroupByKey()
            | "rows" >> beam.FlatMap(join, self.warcs, buckets)
            | "rows as sent" >> beam.MapTuple(lambda name, row: (name, tuple(map(row.get, _schema_of(name).names))))
        )
        # Without a reshuffle of its own: Flink would send the rows once more, to spread them as evenly as these.
        outputs = pbegin | "every file" >> beam.Create([(name, None) for name in names], reshuffle=False)
        return (
            (rows, outputs)
            | "with every file" >> beam.Flatten()
            | "by file" >> beam.GroupByKey()
            | "write" >> beam.Map(write_rows, corpus, self.made_from)
        )


def read_found(path: str) -> Iterator[tuple[str, Found]]:
    """Every sight in one found file, by the key of its pair."""
    for batch in files.read_batches(path, _FOUND):
        for row in batch.to_pylist():
            sight = Found(
                weak=not row["strong"],
                source_rank=SOURCE_RANK[row["source"]],
                page_url=row["page_url"],
                site=row["site"],
                class_=row["class"],
                image_url=row["image_url"],
                text=row["text"],
                impressions=row["impressions"],
                clicks=row["clicks"],
                licences=tuple(row["licences"]),
            )
            yield pair_key(sight.image_url, sight.text), sight


Sent = tuple[Any, ...]
"""A row as it crosses a shuffle, without names. Beam would pickle a NamedTuple with its class, 100 bytes each time."""


def plain(key: Any, row: Sent) -> tuple[Any, Sent]:
    """A row as it is sent."""
    return key, tuple(row)


def url_id(url: str) -> bytes:
    """A short name for one very URL: equal URLs, and in practice only they, have it."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()[:16]


def most_trusted(sights: Iterable[Sent]) -> Sent:
    """The sight of a pair that counts, with the impressions and clicks of all."""
    best, impressions, clicks = None, 0, 0
    for sight in map(Found._make, sights):
        best = sight if best is None else min(best, sight)
        impressions += sight.impressions
        clicks += sight.clicks
    assert best is not None
    return tuple(best._replace(impressions=impressions, clicks=clicks))


def read_log(path: str) -> Iterator[tuple[str, Fetched]]:
    """Every fetch in one log file, by its URL.

    A page may show any URL as a picture, itself for one: what came as something else is a picture of a bad type.
    Raises Damaged for a log without what pictures say of themselves: to take that for silence could lose an opt-out.
    """
    for batch in files.read_batches(path, (*_LOGGED, *_INSIDE)):
        missing = [name for name in _INSIDE if name not in batch.schema.names]
        if missing:
            raise Damaged(f"{path}: an older version wrote it, without {', '.join(missing)}; crawl into a new folder")
        for row in batch.to_pylist():
            came, picture = row["outcome"] in _CAME, row["kind"] == UrlKind.IMAGE
            if row["outcome"] == Outcome.OK and picture:
                place = (row["sha256"], row["warc"], row["body_offset"], row["bytes"])
                fetched = Fetched(True, row["round"], True, row["outcome"], *place)
                yield row["url"], fetched._replace(**{name: row[name] for name in _INSIDE})
            else:
                outcome = str(Outcome.BAD_TYPE) if came and not picture else row["outcome"]
                yield row["url"], Fetched(outcome in _REFUSED, row["round"], False, outcome, "", "", -1, 0)


def by_picture(key: str, sight: Sent) -> tuple[bytes, tuple[str, Sent]]:
    """(key, sight) -> (name of the image's URL, (key, sight))."""
    return url_id(Found._make(sight).image_url), (key, sight)


def join(
    group: tuple[bytes, dict[str, list[Any]]], warcs: tuple[str, ...], buckets: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """One picture's sights and its fetch -> rows, each with the name of the file that it belongs to.

    A sight without any fetch is Damaged: the crawl gives every URL an outcome, so a log file is missing.
    """
    _, sides = group
    fetch = next(map(Fetched._make, sides["fetched"]), None)
    for key, sight in ((key, Found._make(row)) for key, row in sides["found"]):
        if fetch is None:
            missing = "found on a page, but no outcome in crawl/log; a log file is missing, crawl again"
            raise Damaged(f"{sight.image_url}: {missing}")
        row = {
            "key": key,
            "image_url": sight.image_url,
            "page_url": sight.page_url,
            "text": sight.text,
            "source": list(SOURCE_RANK)[sight.source_rank],
            "site": sight.site,
            "strong": not sight.weak,
            "class": sight.class_,
            "impressions": sight.impressions,
            "clicks": sight.clicks,
            "click_rate": click_rate(sight.impressions, sight.clicks),
            "licences": sorted(sight.licences),
        }
        if not fetch.ok:
            yield _unfetched_of(shard_of(key, buckets)), {**row, "outcome": fetch.outcome}
            continue
        if fetch.warc not in warcs:
            held = f"missing, though crawl/log says that it holds {sight.image_url}"
            raise Damaged(f"crawl/{fetch.warc}: {held}; crawl again")
        place = {"image_id": fetch.image_id, "warc": fetch.warc, "offset": fetch.offset, "length": fetch.length}
        said = {
            "licences": sorted({*fetch.licences, *sight.licences}),
            "digital_source": fetch.digital_source,
            "ai_generated": ai_generated(fetch.digital_source, fetch.ai_label),
        }
        yield _pairs_of(warcs.index(fetch.warc)), {**row, **place, **said}


def _pairs_of(number: int) -> str:
    return shard_name(number)


def _unfetched_of(number: int) -> str:
    return f"unfetched/{shard_name(number)}"


def _schema_of(name: str) -> pa.Schema:
    return UNFETCHED if name.startswith("unfetched/") else PAIRS


def write_rows(group: tuple[str, Iterable[Sent | None]], corpus: Corpus, made_from: str) -> None:
    """Write one file: pairs in the order of their pictures' bytes, so that a WARC is measured from front to back."""
    name, rows = group
    schema = _schema_of(name)
    kept = [dict(zip(schema.names, row, strict=True)) for row in rows if row is not None]
    if schema is UNFETCHED:
        kept.sort(key=lambda row: row["key"])
        path = corpus.unfetched(name.removeprefix("unfetched/"))
    else:
        kept.sort(key=lambda row: (row["offset"], row["key"]))
        path = corpus.pairs(name)
    # What stands in the file, apart from how it came there: a new round must not measure or judge old shards again.
    # The key stands for the picture's URL and the text.
    seen = files.digest(*(f"{row['key']} {row.get('image_id')} {row['page_url']} {row['source']}" for row in kept))
    content = files.digest(seen, *(json.dumps([row.get(name) for name in _MARKS]) for row in kept))
    files.write_table(path, pa.Table.from_pylist(kept, schema), made_from, seen=seen, content=content)
