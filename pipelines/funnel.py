"""The funnel in numbers: how many pairs came so far, why the others did not, and where the kept ones are from.

Files are read one shard at a time, so memory grows with the number of sites and classes, not with that of pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files, ledgers
from pipelines.corpus import Corpus
from schemas.manifest import Counts
from schemas.outcome import UrlKind
from schemas.recipe import Recipe
from schemas.tables import LOG

STEPS = ("found", "fetched", "measured", "kept", "weak", "strong", "base")
_LOGGED = ("kind", "url", "round", "outcome")
_MEMORY = "1GB"  # for the last round of each URL; beyond it DuckDB goes on on disk


@dataclass(frozen=True)
class Funnel:
    """How many pairs passed each step, and the counts that explain it.

    `verdicts` are in the recipe's order, all of them named, that of kept pairs left out. `failed` are kept pairs whose
    picture could not be packed: known of a release, 0 before. The other dicts are sorted by falling count: `outcomes`
    and `pages` count URLs of pictures and of pages by how their last fetch ended; `sites` and `sources` count kept
    pairs. `classes` have of each class its pairs, how many are kept, and how many of those are in the base.
    """

    found: int
    fetched: int
    measured: int
    kept: int
    weak: int
    strong: int
    base: int
    failed: int
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    pages: dict[str, int]
    sites: dict[str, int]
    sources: dict[str, int]
    classes: dict[str, tuple[int, int, int]]

    def packed(self, counts: Counts) -> Funnel:
        """The funnel as a release ends it: the samples that are in its tars, and the pairs that could not be packed."""
        return replace(self, weak=counts.weak, strong=counts.strong, base=counts.base, failed=counts.failed)

    def steps(self) -> list[tuple[str, int]]:
        """(step, pairs) from found to base."""
        return [(name, getattr(self, name)) for name in STEPS]


def rows(counts: Funnel | Counts, verdicts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """(step, pairs, share of the pairs found), as words for a terminal; each drop stands before what it left."""
    drops = {
        "fetched": {"not fetched": counts.found - counts.fetched},
        "kept": {name: count for name, count in verdicts.items() if count},
        "weak": {"not packed": counts.failed} if counts.failed else {},
    }
    told = []
    for step in STEPS:
        lost = [(f"  − {name}", number) for name, number in drops.get(step, {}).items()]
        told += [
            (name, f"{number:,}", percent(number, counts.found))
            for name, number in [*lost, (step, getattr(counts, step))]
        ]
    return told


def funnel(corpus: Corpus, recipe: Recipe) -> Funnel:
    """Count what every verb left of the pairs found. Raises BadInput, with the command to run, where one is to come."""
    ledgers.need(corpus, recipe)
    families = ledgers.families(recipe)
    names = corpus.shards()
    fetched = [_rows(corpus.pairs(shard)) for shard in names]
    measured = [min([_rows(corpus.signals(family, shard)) for family in families], default=0) for shard in names]
    unfetched = files.listing(corpus.path("pairs", "unfetched"), ".parquet")
    verdicts, kept = _judged(corpus, recipe, names)
    classes, base = _classes(corpus, recipe, names)
    urls = _last_outcomes(corpus)
    return Funnel(
        found=sum(fetched) + sum(_rows(corpus.path("pairs", "unfetched", name)) for name in unfetched),
        fetched=sum(fetched),
        measured=sum(measured if families else fetched),
        kept=verdicts[""],
        weak=kept["tier"]["weak"],
        strong=kept["tier"]["strong"],
        base=kept["base"][True],
        failed=0,
        verdicts={name: verdicts[name] for name in recipe.verdicts()},
        outcomes=_falling(urls[str(UrlKind.IMAGE)]),
        pages=_falling(urls[str(UrlKind.PAGE)]),
        sites=_falling(kept["site"]),
        sources=_falling(kept["source"]),
        classes={name: (count, kept["class"][name], base[name]) for name, count in _falling(classes).items()},
    )


def percent(part: int, whole: int) -> str:
    """A share in words, with one decimal; what is not nothing does not read as nothing.

    >>> percent(1, 3), percent(1, 100_000), percent(0, 0)
    ('33.3%', '<0.1%', '0.0%')
    """
    if part and part < whole / 2000:
        return "<0.1%"
    return f"{100 * part / whole if whole else 0:.1f}%"


def _rows(path: str) -> int:
    return int(files.metadata(path)["rows"])


def _judged(corpus: Corpus, recipe: Recipe, names: list[str]) -> tuple[Counter[object], dict[str, Counter[object]]]:
    """All pairs by verdict; and for each column of the kept ones, how many have which value."""
    verdicts: Counter[object] = Counter()
    kept: dict[str, Counter[object]] = {name: Counter() for name in ("tier", "base", "class", "site", "source")}
    for shard in names:
        ledger = files.read_table(corpus.ledger(recipe.name, shard), ["verdict", "tier", "base", "class"])
        pairs = files.read_table(corpus.pairs(shard), ["site", "source"])
        verdicts.update(_counts(ledger.column("verdict")))
        inside = pc.equal(ledger.column("verdict"), "")
        for name, counter in kept.items():
            table = pairs if name in pairs.column_names else ledger
            counter.update(_counts(table.column(name).filter(inside)))
    return verdicts, kept


def _classes(corpus: Corpus, recipe: Recipe, names: list[str]) -> tuple[Counter[object], Counter[object]]:
    """All pairs by class, and those of the base."""
    every: Counter[object] = Counter()
    base: Counter[object] = Counter()
    for shard in names:
        ledger = files.read_table(corpus.ledger(recipe.name, shard), ["base", "class"])
        every.update(_counts(ledger.column("class")))
        base.update(_counts(ledger.column("class").filter(ledger.column("base"))))
    return every, base


def _counts(column: pa.ChunkedArray) -> dict[object, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}


def _falling(counts: Counter[object]) -> dict[str, int]:
    """The counts from the largest to the smallest, ties by name."""
    return {str(name): count for name, count in sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))}


def _last_outcomes(corpus: Corpus) -> dict[str, Counter[object]]:
    """URLs by kind and outcome, each counted once, as its last round ended."""
    schema = pa.schema([pa.field(name, LOG.field(name).type) for name in _LOGGED])
    log = pa.RecordBatchReader.from_batches(schema, _log_batches(corpus, schema))
    counts: dict[str, Counter[object]] = {str(kind): Counter() for kind in UrlKind}
    with duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{_MEMORY}'")
        database.register("log", log)
        rows = database.execute(
            "SELECT kind, outcome, count(*) FROM"
            " (SELECT kind, arg_max(outcome, round) AS outcome FROM log GROUP BY kind, url)"
            " GROUP BY kind, outcome"
        ).fetchall()
    for kind, outcome, count in rows:
        counts[kind][outcome] = count
    return counts


def _log_batches(corpus: Corpus, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for name in files.listing(corpus.crawl("log"), ".parquet"):
        for batch in files.read_batches(corpus.crawl("log", name), _LOGGED):
            yield pa.RecordBatch.from_arrays([batch.column(field.name) for field in schema], schema=schema)
