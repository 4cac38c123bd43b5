"""measure: the expensive work, once: bytes, pixels and models, per pair. It never decides.

Each raw shard is read from front to back, each picture decoded once, one at a time in memory. A family's file says
which version and models it was made with; when they change, that family alone is measured again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apache_beam as beam

from filters import FAMILIES, Family, Sample, decode
from filters import measure as measure_samples
from pipelines import files
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.originals import Originals
from pipelines.outputs import Outputs
from schemas.errors import BadInput

_ROWS = 1024  # pairs read at a time; texts are short, and the pictures come one by one


def measure(corpus: Corpus, families: Sequence[str] = (), *, engine: Engine) -> None:
    """Write signals/<family>/ for every shard, of the named families or of all.

    Does nothing for a file made from the same pairs by the same version and models. Raises BadInput for an unknown
    family, Damaged where a WARC does not hold the bytes that its pairs say.
    """
    for name in families:
        if name not in FAMILIES:
            raise BadInput(f"no family {name!r} to measure; there are: {', '.join(FAMILIES)}")
    chosen = tuple(families) or tuple(FAMILIES)
    works = [(shard, name) for shard in corpus.shards() for name in chosen]
    outputs = Outputs({corpus.signals(name, shard): made_from(corpus, shard, FAMILIES[name]) for shard, name in works})
    missing = set(outputs.missing())
    todo = [(shard, name) for shard, name in works if corpus.signals(name, shard) in missing]
    if todo:
        with outputs.progress("measure"):
            run(lambda pipeline: pipeline | Measure(corpus, todo), job="measure", engine=engine)
    outputs.sweep(corpus.path("signals", name) for name in chosen)


class Measure(beam.PTransform):
    """(shard, family) -> the family's file for that shard."""

    def __init__(self, corpus: Corpus, todo: list[tuple[str, str]]) -> None:
        super().__init__()
        self.corpus, self.todo = corpus, todo

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        return pbegin | beam.Create(self.todo, reshuffle=True) | beam.Map(measure_shard, self.corpus)


def made_from(corpus: Corpus, shard: str, family: Family) -> str:
    """The digest of a shard's pairs with the family's version and models."""
    digests = [f"{name} {value}" for name, value in sorted(family.digests().items())]
    return files.digest("measure", family.name, family.version, *digests, files.metadata(corpus.pairs(shard))["seen"])


def measure_shard(work: tuple[str, str], corpus: Corpus) -> None:
    """Measure one family on one shard and write its file."""
    shard, name = work
    family = FAMILIES[name]
    samples = _texts(corpus, shard) if family.of == "pair" else _pictures(corpus, shard)
    table = measure_samples([family], samples)[name]
    seen = files.metadata(corpus.pairs(shard))["seen"]
    path = corpus.signals(name, shard)
    files.write_table(path, table, made_from(corpus, shard, family), version=family.version, of=seen)


_SEEN = ("key", "text", "image_url", "page_url", "source")  # what a signal may look at, beside the picture
_PLACE = ("image_id", "warc", "offset", "length")


def _texts(corpus: Corpus, shard: str) -> Iterator[Sample]:
    for batch in files.read_batches(corpus.pairs(shard), _SEEN, _ROWS):
        for row in batch.to_pylist():
            yield Sample(**row)


def _pictures(corpus: Corpus, shard: str) -> Iterator[Sample]:
    """Every pair with its picture, decoded once for all pairs in a row that show the same bytes."""
    place, picture = None, decode(b"")
    with Originals(corpus) as originals:
        for batch in files.read_batches(corpus.pairs(shard), (*_SEEN, *_PLACE), _ROWS):
            for row in batch.to_pylist():
                image_id, warc, offset, length = (row.pop(name) for name in _PLACE)
                if place != (warc, offset):
                    place, picture = (warc, offset), decode(originals.read(image_id, warc, offset, length))
                yield Sample(**row, picture=picture)
