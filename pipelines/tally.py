"""What a release says of itself in numbers: the funnel, the verdicts, the outcomes, and what is distinct."""

from __future__ import annotations

import bisect
import hashlib
import json
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files
from pipelines import shards as raw
from pipelines.corpus import Corpus
from pipelines.pack import LOOKED
from schemas.outcome import UrlKind

DISTINCT = {
    "images": "image_id",
    "phashes": "image_phash",
    "texts": "text",
    "sites": "site",
    "urls": "image_url",
}
"""What is counted once however often it occurs, with the column that it is read from."""

EDGES = {
    "text_chars": (1, 5, 10, 20, 30, 60, 120),  # COYO's bins, finer below 30, where Chinese captions lie
    "shorter_side": (0, 100, 200, 400, 800, 1600),  # the smallest that Zero and Wukong keep, then doubled
}
"""The lower edges of the histograms' bins; the last is open."""

_KEPT = ("text_chars", "image_width", "image_height", "image_format", "source", *DISTINCT.values())


class Tally(beam.PTransform):
    """Raw shards and log files -> counters. `packed` are the release's own Parquet files of weak and strong.

    A counter is named `group`, a tab, and what it counts: verdict too_small, outcome ok, distinct images, bin
    text_chars 3, source alt, format jpeg; and `fold ledger` and `fold packed`, equal when the shards are this ledger's.
    """

    def __init__(self, corpus: Corpus, recipe: str, packed: list[str]) -> None:
        super().__init__()
        self.corpus, self.recipe, self.packed = corpus, recipe, packed

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        corpus = self.corpus
        logs = [corpus.crawl("log", name) for name in files.listing(corpus.crawl("log"), ".parquet")]
        _ = (
            pbegin
            | "shards" >> beam.Create(corpus.shards(), reshuffle=True)
            | "of ledger" >> beam.FlatMap(of_ledger, corpus, self.recipe)
            | "once each" >> beam.Distinct()
            | "distinct" >> beam.Map(lambda value: _count("distinct", value[0]))
        )
        _ = (
            pbegin
            | "log files" >> beam.Create(logs, reshuffle=True)
            | "pictures asked for" >> beam.FlatMap(outcomes)
            | "last round" >> beam.CombinePerKey(max)
            | "outcome" >> beam.Map(lambda last: _count("outcome", last[1][1]))
        )
        return pbegin | "packed" >> beam.Create(self.packed, reshuffle=True) | "of packed" >> beam.Map(of_packed)


def of_ledger(shard: str, corpus: Corpus, recipe: str) -> Iterator[tuple[str, str]]:
    """Count one raw shard's verdicts, and the kept pairs' histograms; yields what must be counted once."""
    beam.metrics.Metrics.counter("release", LOOKED).inc()
    ledger = files.read_table(corpus.ledger(recipe, shard))
    for entry in pc.value_counts(ledger.column("verdict")).to_pylist():
        _count("verdict", entry["values"], entry["counts"])
    kept = pc.equal(ledger.column("verdict"), "")
    _count("fold", "ledger", fold(ledger.filter(kept)))
    table = raw.read(corpus, shard, _KEPT).filter(kept)
    for column, group in (("source", "source"), ("image_format", "format")):
        for entry in pc.value_counts(table.column(column)).to_pylist():
            _count(group, entry["values"], entry["counts"])
    sides = pc.min_element_wise(table.column("image_width"), table.column("image_height"))
    for name, values in (("text_chars", table.column("text_chars")), ("shorter_side", sides)):
        for value in values.to_pylist():
            _count("bin", f"{name} {max(0, bisect.bisect_right(EDGES[name], value) - 1)}")
    for name, column in DISTINCT.items():
        for value in pc.unique(table.column(column)).to_pylist():
            yield name, hashlib.sha256(value.encode()).hexdigest()[:32]  # texts are long, and one hash is as good


def of_packed(path: str) -> None:
    """Fold the pairs of one shard of the release."""
    _count("fold", "packed", fold(files.read_table(path, ["key", "tier", "class", "base"])))


def fold(rows: pa.Table) -> int:
    """A number that is equal for equal sets of (key, tier, class, base), in any order and however they are split."""
    columns = [rows.column(name).to_pylist() for name in ("key", "tier", "class", "base")]
    named = (json.dumps(row).encode() for row in zip(*columns, strict=True))
    # 28 bits each: the sum over a hundred billion pairs still fits a counter of 64
    return sum(int.from_bytes(hashlib.sha256(row).digest()[:4], "big") >> 4 for row in named)


def outcomes(path: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """(URL, (round, outcome)) of every picture in one file of the log."""
    for batch in files.read_batches(path, ["url", "kind", "round", "outcome"]):
        for row in batch.to_pylist():
            if row["kind"] == str(UrlKind.IMAGE):
                yield row["url"], (row["round"], row["outcome"])


def group(counted: dict[str, int], name: str) -> dict[str, int]:
    """The counters of one group, by what they count, those above 0 in order of name."""
    found = {key.removeprefix(f"{name}\t"): value for key, value in counted.items() if key.startswith(f"{name}\t")}
    return {key: value for key, value in sorted(found.items()) if value}


def groups(counted: dict[str, int]) -> dict[str, dict[str, int]]:
    """All counters, group by group."""
    return {name: group(counted, name) for name in sorted({key.partition("\t")[0] for key in counted})}


def _count(group_name: str, what: str, number: int = 1) -> None:
    beam.metrics.Metrics.counter("release", f"{group_name}\t{what}").inc(number)
