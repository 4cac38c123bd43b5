"""cluster: what can only be said of a pair by looking at all: repeats, near-duplicates, matches with older data.

Shuffles carry the distinct texts, pictures and hashes of a shard, never its rows: a caption under a million pictures
is one small element per shard. They go as plain tuples: Beam would pickle a NamedTuple, with the name of its class.
Near-duplicates are the connected components of the graph whose edges join perceptual hashes within DISTANCE bits; a
component is named by its smallest key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from filters.corpus import DISTANCE
from pipelines import files, older, shards
from pipelines.components import Components
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.near import Near
from pipelines.older import Older, Source
from pipelines.onces import parts_of
from pipelines.outputs import Outputs
from schemas.signals import family_schema

_VERSION = "1"  # of the numbers: raised whenever one may change
_ROUNDS = 4  # of star steps: enough for any component whose hashes lie close together; more are added when needed


class Seen(NamedTuple):
    """One id in one shard: how many pairs have it there, and the smallest of their keys."""

    shard: str
    pairs: int
    first: str


class Copy(NamedTuple):
    """Another picture of ours. The smallest is the nearest, ties by key."""

    distance: int
    key: str


class Fact(NamedTuple):
    """What the whole corpus says of one id: a text, a picture or a hash. `first` is the smallest key that has it."""

    kind: str
    id: str
    pairs: int
    first: str
    cluster: str = ""
    near: tuple[int, str] | None = None  # a Copy
    older: tuple[int, str, str] | None = None  # an Older


def cluster(corpus: Corpus, *, engine: Engine, against: tuple[str, ...] = ()) -> None:
    """Write signals/corpus/ for every shard; `against` names older releases and test sets to match with.

    Does nothing when all is current. Raises BadInput where the pictures were not measured, or for an `against` that
    is neither a release, nor a folder of pictures, nor a Parquet of hashes.
    """
    shards.need(corpus, ("image",))
    theirs = [source for place in against for source in older.sources(place)]
    known = [f"{source.name} {source.path} {files.size(source.path)}" for source in theirs]
    made_from = files.digest(f"cluster {_VERSION}", str(DISTANCE), shards.clustered(corpus), *known)
    outputs = Outputs({corpus.signals("corpus", shard): made_from for shard in corpus.shards()})
    rounds = _ROUNDS
    while outputs.missing():
        with outputs.progress("cluster", engine):
            _run(Cluster(corpus, theirs, made_from, rounds), engine)
        if engine.dry:
            return
        rounds *= 2  # nothing was written if some component had not settled
    outputs.sweep([corpus.path("signals", "corpus")])


def _run(transform: Cluster, engine: Engine) -> None:
    run(lambda pipeline: pipeline | transform, job="cluster", engine=engine)


class Cluster(beam.PTransform):
    """Shard names -> a file of the corpus family for each, unless the rounds were too few for some component."""

    def __init__(self, corpus: Corpus, theirs: list[Source], made_from: str, rounds: int) -> None:
        super().__init__()
        self.corpus, self.theirs, self.made_from, self.rounds = corpus, theirs, made_from, rounds
        self.of = shards.clustered(corpus)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        names = pbegin | "shards" >> beam.Create(self.corpus.shards(), reshuffle=True)
        ids = (
            names
            | "ids" >> beam.FlatMap(read_ids, self.corpus)
            | "ids as sent" >> beam.MapTuple(lambda place, seen: (place, tuple(seen)))
            | "by id" >> beam.GroupByKey()
            | "over all shards" >> beam.MapTuple(fold)
        )
        hashes = ids | "hashes" >> beam.Filter(lambda seen: seen[0].kind == "phash")
        ours = hashes | "ours" >> beam.Map(lambda seen: (seen[0].id, seen[0].first))
        old = pbegin | "older files" >> beam.Create(self.theirs, reshuffle=True) | beam.FlatMap(older.read)
        near: Any = {"ours": ours, "older": old} | Near(parts_of(self.corpus))
        components = near.edges | beam.MapTuple(lambda a, b, _: (a, b)) | Components(self.rounds)
        sides = {
            "hash": hashes | "by first key" >> beam.MapTuple(lambda fact, held: (fact.first, (tuple(fact), held))),
            "label": components["labels"],
            "near": near.edges | "ends" >> beam.FlatMapTuple(both_ends) | "nearest" >> beam.CombinePerKey(min),
            "older": near.older | "nearest older" >> beam.CombinePerKey(min),
        }
        facts = (
            ids | "texts and pictures" >> beam.Filter(lambda seen: seen[0].kind != "phash"),
            sides | "sides of a hash" >> beam.CoGroupByKey() | "known of a hash" >> beam.FlatMapTuple(join),
        )
        unsettled = components["unsettled"] | beam.combiners.Count.Globally()
        return (
            (
                facts | "facts" >> beam.Flatten() | "to shards" >> beam.FlatMapTuple(to_shards),
                pbegin | "every shard" >> beam.Create([(name, None) for name in self.corpus.shards()], reshuffle=False),
            )
            | "with every shard" >> beam.Flatten()
            | "by shard" >> beam.GroupByKey()
            | "write" >> beam.Map(write_shard, self.corpus, self.made_from, self.of, beam.pvalue.AsSingleton(unsettled))
        )


def text_id(text: str) -> str:
    """A short name for one very text: equal texts, and in practice only they, have it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _rows(corpus: Corpus, shard: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(key, id by kind) for each pair of a shard. A picture that does not decode has no hash."""
    table = shards.read(corpus, shard, ["image_phash"])
    pairs = files.read_table(corpus.pairs(shard), ["text", "image_id"])
    columns = (table.column("key"), pairs.column("text"), pairs.column("image_id"), table.column("image_phash"))
    for key, text, image, phash in zip(*(column.to_pylist() for column in columns), strict=True):
        yield key, {"text": text_id(text), "image": image, **({"phash": phash} if phash else {})}


def read_ids(shard: str, corpus: Corpus) -> Iterator[tuple[tuple[str, str], Seen]]:
    """The distinct texts, pictures and hashes of one shard, each with its count and its smallest key."""
    seen: dict[tuple[str, str], Seen] = {}
    for key, ids in _rows(corpus, shard):
        for place in ids.items():
            before = seen.get(place, Seen(shard, 0, key))
            seen[place] = Seen(shard, before.pairs + 1, min(before.first, key))
    yield from seen.items()


def fold(place: tuple[str, str], seen: Iterable[tuple[str, int, str]]) -> tuple[Fact, list[str]]:
    """One id over all shards: what is known of it so far, and the shards that hold it."""
    holders, pairs, first = [], 0, "g"  # after every hex digit
    for shard, number, key in seen:
        holders.append(shard)
        pairs, first = pairs + number, min(first, key)
    return Fact(*place, pairs, first), sorted(holders)


def both_ends(a: str, b: str, distance: int) -> list[tuple[str, tuple[int, str]]]:
    """An edge as each end sees it: (own key, a Copy)."""
    return [(a, (distance, b)), (b, (distance, a))]


def join(first: str, sides: dict[str, list[Any]]) -> Iterator[tuple[Fact, list[str]]]:
    """What is known of one hash, with its component, its nearest of ours and its nearest among older data."""
    for fact, holders in sides["hash"]:
        near, old = (sides["near"] or [None])[0], (sides["older"] or [None])[0]
        yield Fact(*fact)._replace(cluster=(sides["label"] or [first])[0], near=near, older=old), holders


def to_shards(fact: Fact, holders: list[str]) -> list[tuple[str, tuple[Any, ...]]]:
    """A fact, as it is sent, for every shard that holds its id."""
    return [(shard, tuple(fact)) for shard in holders]


def write_shard(
    group: tuple[str, Iterable[tuple[Any, ...] | None]], corpus: Corpus, made_from: str, of: str, unsettled: int
) -> None:
    """Write the corpus family of one shard; nothing while a component is in doubt."""
    if unsettled:
        Metrics.counter("cluster", "unsettled").inc()
        return
    shard, facts = group
    known = {(fact.kind, fact.id): fact for fact in (Fact(*sent) for sent in facts if sent is not None)}
    rows = [
        corpus_row(key, *(known.get((kind, ids.get(kind, ""))) for kind in ("text", "image", "phash")))
        for key, ids in _rows(corpus, shard)
    ]
    table = pa.Table.from_pylist(rows, family_schema("corpus"))
    files.write_table(corpus.signals("corpus", shard), table, made_from, version=_VERSION, of=of)


def corpus_row(key: str, text: Fact | None, image: Fact | None, phash: Fact | None) -> dict[str, Any]:
    """The corpus signals of one pair, from what is known of its text, its picture and its hash."""
    assert text is not None and image is not None  # every pair was counted with both
    near = _nearest(key, image, phash)
    old = Older(*phash.older) if phash is not None and phash.older is not None else Older(-1, "", "")
    return {
        "key": key,
        "text_repeats": text.pairs,
        "image_repeats": image.pairs,
        "image_cluster": phash.cluster if phash is not None else image.first,
        "image_match": near.key,
        "image_distance": near.distance,
        "against_name": old.name,
        "against_id": old.id,
        "against_distance": old.distance,
    }


def _nearest(key: str, image: Fact, phash: Fact | None) -> Copy:
    """The pair that this one is a duplicate of: of the same bytes, else of the same hash, else of the nearest hash."""
    if key != image.first:
        return Copy(0, image.first)
    if phash is None or key == phash.cluster:
        return Copy(-1, "")
    if key != phash.first:
        return Copy(0, phash.first)
    return Copy(*phash.near) if phash.near is not None else Copy(-1, "")
