"""measure: the expensive work, once: bytes, pixels and models, per pair. It never decides.

Each raw shard is read from front to back for all families that are asked for, each picture decoded once, one at a time
in memory. A family's file says which version and models it was made with; when they change, that family alone is
measured again, and of the match family the one model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

import apache_beam as beam
import pyarrow as pa

from filters import FAMILIES, Sample, decode
from filters.family import Draft
from filters.match import Match, preparations
from filters.models.interface import Model
from filters.topics import Topics, packaged
from pipelines import files, topical
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.feed import Feeders, Place
from pipelines.ledgers import TOPIC
from pipelines.matched import MATCH, Plan
from pipelines.models import MINI, Chosen, described, model_of, on_gpu, share_cores
from pipelines.originals import Originals
from pipelines.outputs import Outputs
from schemas.errors import BadInput

_ROWS = 1024  # pairs read at a time; texts are short, and the pictures come one by one

Work = tuple[str, tuple[str, ...]]
"""A shard, and the families to measure on it."""


def measure(
    corpus: Corpus,
    families: Sequence[str] = (),
    *,
    engine: Engine,
    models: Sequence[Chosen] = (MINI,),
    feeders: int | None = None,
    topics: Topics | None = None,
) -> None:
    """Write signals/<family>/ for every shard, of the named families or of all; the match family by these models.

    Does nothing for a file made from the same pairs by the same version and models; other models that a file of scores
    was measured with stay in it. Where a model computes on a GPU, this process runs the models and `feeders` others
    prepare the pictures: as many as the engine has workers, unless it is said. Topics are of the packaged classes
    without `topics`, told by the first of the models that is no demo, and by the texts where each is one.
    Raises BadInput for an unknown family or a model that cannot be had, Damaged where a WARC does not hold the bytes
    that its pairs say, WorkFailed where a model gives what is no number.
    """
    asked = check(families)
    by = topical.teller(topics or packaged(), models) if TOPIC in asked else None
    if by and MATCH not in asked:
        topical.need_vectors(corpus, by)  # before the work, not after it
    read = tuple(name for name in asked if name != TOPIC)
    if read:
        _measure(corpus, read, engine, models, feeders)
    if by:
        topical.tell(corpus, by, engine=engine)


def _measure(
    corpus: Corpus, chosen: Sequence[str], engine: Engine, models: Sequence[Chosen], feeders: int | None
) -> None:
    """Write the files of those families that come of reading a shard from front to back."""
    shards = corpus.shards()
    plan = Plan({})
    if MATCH in chosen:
        share_cores(engine.workers)
        plan = Plan(described(models))
    if feeders is None:
        here = engine.name == "local" and not engine.dry
        feeders = engine.workers if plan.models and here and any(map(on_gpu, models)) else 0
    wanted = {
        corpus.signals(name, shard): plan.made_from(corpus, shard) if name == MATCH else made_from(corpus, shard, name)
        for shard in shards
        for name in chosen
    }
    outputs = Outputs(wanted)
    missing = set(outputs.missing())
    lacking = {shard: tuple(name for name in chosen if corpus.signals(name, shard) in missing) for shard in shards}
    todo = [(shard, names) for shard, names in lacking.items() if names]
    if todo:
        with outputs.progress("measure", engine):
            _run(corpus, todo, plan, tuple(models), feeders, engine)
    if not engine.dry:
        outputs.sweep(corpus.path("signals", name) for name in chosen)


def _run(
    corpus: Corpus, todo: list[Work], plan: Plan, models: tuple[Chosen, ...], feeders: int, engine: Engine
) -> None:
    """Measure what is to be measured: all in one reading by the engine, but the match family apart where it is fed."""
    fed = [shard for shard, names in todo if feeders and MATCH in names]
    if fed:
        todo = [(shard, others) for shard, names in todo if (others := tuple(name for name in names if name != MATCH))]
    if todo:
        run(lambda pipeline: pipeline | Measure(corpus, todo, plan, models), job="measure", engine=engine)
    if fed:
        _feed(corpus, fed, plan, models, feeders)


def check(families: Sequence[str], models: Sequence[str] = (), topics: str = "") -> tuple[str, ...]:
    """The families that are meant, in the order of measuring.

    Raises BadInput for one that is unknown, and for models or a file of classes that none of them asks.
    """
    known = (*(name for name in FAMILIES if name != TOPIC), MATCH, TOPIC)
    if models and families and not {MATCH, TOPIC} & set(families):
        raise BadInput(f"--model {models[0]}: the families named have no use for it; add --family {MATCH}")
    if topics and families and TOPIC not in families:
        raise BadInput(f"--topics {topics}: the families named have no use for it; add --family {TOPIC}")
    for name in families:
        if name not in known:
            raise BadInput(f"no family {name!r} to measure; there are: {', '.join(known)}")
    return tuple(name for name in known if name in families or not families)


class Measure(beam.PTransform):
    """(shard, its families) -> the file of each family for that shard."""

    def __init__(self, corpus: Corpus, todo: list[Work], plan: Plan, models: tuple[Chosen, ...]) -> None:
        super().__init__()
        self.corpus, self.todo, self.plan, self.models = corpus, todo, plan, models

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        works = pbegin | beam.Create(self.todo, reshuffle=True)
        return works | beam.Map(measure_shard, self.corpus, self.plan, self.models)


def made_from(corpus: Corpus, shard: str, name: str) -> str:
    """The digest of a shard's pairs with a family's version and models."""
    family = FAMILIES[name]
    digests = [f"{name} {value}" for name, value in sorted(family.digests().items())]
    return files.digest("measure", family.name, family.version, *digests, files.metadata(corpus.pairs(shard))["seen"])


class Growing(Protocol):
    """A family's table while a shard is read."""

    def add(self, sample: Sample) -> None:
        """Take the next pair."""
        ...

    def table(self) -> pa.Table:
        """All of them, measured."""
        ...


def measure_shard(work: Work, corpus: Corpus, plan: Plan, models: tuple[Chosen, ...]) -> None:
    """Measure some families on one shard in one reading, and write the file of each."""
    shard, names = work
    drafts: dict[str, Growing] = {name: Draft(FAMILIES[name]) for name in names if name != MATCH}
    if MATCH in names:
        drafts[MATCH] = Match([model_of(one) for one in models])
    for sample in _samples(corpus, shard, names):
        for draft in drafts.values():
            draft.add(sample)
    for name, draft in drafts.items():
        if name == MATCH:
            plan.write(corpus, shard, draft.table())
            continue
        path, seen = corpus.signals(name, shard), files.metadata(corpus.pairs(shard))["seen"]
        files.write_table(path, draft.table(), made_from(corpus, shard, name), version=FAMILIES[name].version, of=seen)


_SEEN = ("key", "text", "image_url", "page_url", "source", "image_id")  # what may be looked at, beside the picture
_PLACE = ("warc", "offset", "length")


def _samples(corpus: Corpus, shard: str, names: Sequence[str]) -> Iterator[Sample]:
    """Every pair with what these families look at; a picture is read and decoded once for all pairs in a row of it."""
    decoded = any(name != MATCH and FAMILIES[name].of == "picture" for name in names)
    pictures = decoded or MATCH in names
    place, data, picture = None, b"", None
    with Originals(corpus) as originals:
        for batch in files.read_batches(corpus.pairs(shard), (*_SEEN, *_PLACE) if pictures else _SEEN, _ROWS):
            for row in batch.to_pylist():
                if pictures:
                    here = tuple(row.pop(name) for name in _PLACE)
                    if place != here:
                        place, data = here, originals.read(row["image_id"], *here)
                        picture = decode(data) if decoded else None
                yield Sample(**row, picture=picture, data=data)


def _feed(corpus: Corpus, shards: Sequence[str], plan: Plan, models: Sequence[Chosen], feeders: int) -> None:
    """Measure the match family with the models in this process and the pictures from others.

    Two shards at a time: while the file of one is written, the device has the other.
    """
    loaded = [model_of(one) for one in models]
    with Feeders(feeders, preparations(loaded)) as pictures, ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(measure_fed, corpus=corpus, plan=plan, models=loaded, pictures=pictures), shards))


def measure_fed(shard: str, corpus: Corpus, plan: Plan, models: Sequence[Model], pictures: Feeders) -> None:
    """Measure the match family on one shard, whose pictures come from other processes."""
    places: dict[str, Place] = {}
    for batch in files.read_batches(corpus.pairs(shard), Place._fields, _ROWS):
        for row in batch.to_pylist():
            places.setdefault(row["image_id"], Place(**row))
    squares, seen, match = pictures.squares(corpus, list(places.values())), set[str](), Match(models)
    for sample in _samples(corpus, shard, ()):
        new = sample.image_id not in seen
        seen.add(sample.image_id)
        match.add(sample, next(squares) if new else None)
    plan.write(corpus, shard, match.table())
