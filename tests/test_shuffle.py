"""What crosses a shuffle: small rows, never the bytes of a picture, in any verb. Counted exactly, on the local runner.

`make test-flink` reads Flink's own counters of the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import shuffled
from building import crawl_of_many, each, pairs_of

from pipelines import files
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.originals import read_picture

SMALL_ROW = 2048  # bytes of a pair: two long URLs and a text some three times; a picture is a hundred times more


def test_no_verb_sends_more_than_small_rows(tmp_path: Path) -> None:
    crawl_of_many(tmp_path)
    sent, before = {}, 0
    with shuffled.counting() as pieces:
        for verb in each(str(tmp_path)):
            sent[verb] = sum(pieces) - before
            before = sum(pieces)
    pairs = pairs_of(tmp_path)
    per_pair = {verb: count / pairs for verb, count in sent.items()}
    assert pairs > 250 and len(per_pair) == 6
    assert {verb: count for verb, count in per_pair.items() if count > SMALL_ROW} == {}
    assert per_pair["pair"] > 500 and per_pair["cluster"] > 200  # they are counted: both group all pairs


def bytes_of(shard: str, corpus: Corpus) -> Iterator[tuple[str, bytes]]:
    """What no verb may do: give pictures to a group-by-key."""
    for row in files.read_table(corpus.pairs(shard)).to_pylist():
        place = (row[name] for name in ("image_id", "warc", "offset", "length"))
        yield row["key"], read_picture(corpus, *place)


def test_pictures_in_a_shuffle_would_be_seen(tmp_path: Path) -> None:
    corpus = crawl_of_many(tmp_path)
    verbs = each(str(tmp_path))
    assert next(verbs) == "pair"

    def build(pipeline: beam.Pipeline) -> None:
        shards = pipeline | beam.Create(corpus.shards())
        _ = shards | beam.FlatMap(bytes_of, corpus) | beam.GroupByKey() | beam.Map(len)

    with shuffled.counting() as pieces:
        run(build, job="pictures", engine=Engine())
    tables = [files.read_table(corpus.pairs(shard), ["length"]) for shard in corpus.shards()]
    pictures = sum(sum(table.column("length").to_pylist()) for table in tables)
    assert sum(pieces) > pictures > SMALL_ROW * pairs_of(tmp_path)


def test_every_element_is_counted_once() -> None:
    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | beam.Create([(b"k", bytes(1000))] * 50, reshuffle=False) | beam.GroupByKey() | beam.Map(len)

    with shuffled.counting() as pieces:
        run(build, job="counted", engine=Engine())
    assert 50_000 < sum(pieces) < 50_000 + 50 * 40  # what stands around each value
