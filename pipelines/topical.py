"""Topics: told shard by shard from what lies there already, captions, classes and vectors. No picture is read for them.

By a model, a topic comes from the vectors of pictures that the match family holds. So it is told after they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters import Sample, measure, models, topic
from filters.models.interface import Vectors
from filters.topics import Topics
from filters.zero_shot import answers, class_vectors
from pipelines import files, matched
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.ledgers import TOPIC
from pipelines.models import Chosen, model_of
from pipelines.outputs import Outputs
from schemas.errors import BadInput
from schemas.signals import family_schema

_ROWS = 1024  # pairs read at a time; texts are short


@dataclass(frozen=True)
class Teller:
    """Who tells the topics: these classes' words, and a model where one is chosen that is no demo."""

    topics: Topics
    model: Chosen | None = None

    @property
    def name(self) -> str:
        """The model's name; '' where there is none."""
        return models.name_of(self.model.ref) if self.model else ""


def teller(topics: Topics, chosen: Sequence[Chosen]) -> Teller:
    """The classes with the first of the models that is no demo, in the order of the command line."""
    return Teller(topics, next((one for one in chosen if not models.demo(one.ref)), None))


def tell(corpus: Corpus, by: Teller, *, engine: Engine) -> None:
    """Write signals/topic/ for every shard. Does nothing for a file that is of the same pairs, classes and vectors.

    Raises BadInput, with the command to run, where pictures have no vectors by the model.
    """
    if not engine.dry:  # which has measured nothing, so there may be none yet
        need_vectors(corpus, by)
    outputs = Outputs({corpus.signals(TOPIC, shard): made_from(corpus, shard, by) for shard in corpus.shards()})
    missing = set(outputs.missing())
    todo = [shard for shard in corpus.shards() if corpus.signals(TOPIC, shard) in missing]
    if todo:
        vectors = class_vectors(model_of(by.model), by.topics) if by.model and not engine.dry else None
        with outputs.progress("topic", engine):
            run(lambda pipeline: pipeline | Tell(corpus, todo, by, vectors), job="topic", engine=engine)
    if not engine.dry:
        outputs.sweep([corpus.path("signals", TOPIC)])


def need_vectors(corpus: Corpus, by: Teller) -> None:
    """Raise BadInput, with the command to run, where a shard's pictures have no vectors by the very model."""
    if not by.model:
        return
    digest = model_of(by.model).digest
    for shard in corpus.shards():
        found = matched.current(corpus, shard).get(by.name)
        if not found or found.digest != digest:
            what = f"{corpus.signals(matched.MATCH, shard)}: no vectors of the pictures by {by.name}, to tell topics by"
            raise BadInput(f"{what}; run: tuwen measure {corpus.root} --model {by.model.ref}")


class Tell(beam.PTransform):
    """Shard names -> the topics of each shard's pairs."""

    def __init__(self, corpus: Corpus, todo: list[str], by: Teller, vectors: Vectors | None) -> None:
        super().__init__()
        self.corpus, self.todo, self.by, self.vectors = corpus, todo, by, vectors

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        names = pbegin | beam.Create(self.todo, reshuffle=True)
        return names | beam.Map(tell_shard, self.corpus, self.by, self.vectors)


def made_from(corpus: Corpus, shard: str, by: Teller) -> str:
    """The digest of a shard's pairs with the classes and, where a model tells, its vectors."""
    digests = [f"{name} {value}" for name, value in sorted(topic.digests(by.topics).items())]
    vectors = matched.digest(corpus.signals(matched.MATCH, shard), [by.name]) if by.name else "words"
    content = files.metadata(corpus.pairs(shard))["content"]  # which the classes that sources give are part of
    return files.digest("measure", TOPIC, topic.VERSION, *digests, by.name, vectors, content)


def tell_shard(shard: str, corpus: Corpus, by: Teller, vectors: Vectors | None) -> None:
    """Tell the topics of one shard's pairs and write its file."""
    table = measure([topic.family(by.topics)], _samples(corpus, shard))[TOPIC]
    if vectors is not None:
        table = _seen(corpus, shard, by, vectors, table)
    files.write_table(
        corpus.signals(TOPIC, shard),
        table,
        made_from(corpus, shard, by),
        version=topic.VERSION,
        of=files.metadata(corpus.pairs(shard))["seen"],
        digests=_said(corpus, shard, by),
    )


def _said(corpus: Corpus, shard: str, by: Teller) -> str:
    """What told, in words: the digests of the classes and of what they are read with, and the model's."""
    parts = [f"{name} {value}" for name, value in sorted(topic.digests(by.topics).items())]
    if by.model:
        parts.append(f"{by.name} {matched.current(corpus, shard)[by.name].digest}")
    return ", ".join(parts)


def _samples(corpus: Corpus, shard: str) -> Iterator[Sample]:
    for batch in files.read_batches(corpus.pairs(shard), ["key", "text", "class"], _ROWS):
        for row in batch.to_pylist():
            yield Sample(row["key"], row["text"], given=row["class"])


def _seen(corpus: Corpus, shard: str, by: Teller, vectors: Vectors, told: pa.Table) -> pa.Table:
    """The table with the model's answer for every pair whose source gives no class and whose picture has a vector."""
    name = f"match_{by.name}_image"
    stored = files.read_table(corpus.signals(matched.MATCH, shard), [name]).column(name).combine_chunks()
    pictures = stored.flatten().to_numpy(zero_copy_only=False).reshape(-1, stored.type.list_size)
    given = told.column("topic_source").to_numpy(zero_copy_only=False) == "source"
    rows = np.flatnonzero(pictures.any(axis=1) & ~given)
    found = answers(pictures[rows], vectors, by.topics)
    new = {
        "topic_class": np.asarray(found.names, object),
        "topic_score": found.scores,
        "topic_margin": found.margins,
        "topic_source": np.full(len(rows), f"match_{by.name}", object),
    }
    columns = {name: told.column(name).to_numpy(zero_copy_only=False).copy() for name in new}
    for name, values in new.items():
        columns[name][rows] = values
    return pa.table({"key": told.column("key"), **columns}, schema=family_schema(TOPIC))
