"""What is known of every partition of a crawl that goes by slices, wherever the corpus lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from crawlers import slices, status
from crawlers.partition import Partition
from crawlers.slices import Record
from crawlers.state import partitions_of
from crawlers.status import Place, Status
from pipelines import fenced, files, scratch
from pipelines.corpus import Corpus
from pipelines.slice_files import SliceFiles
from schemas.errors import BadInput

T = TypeVar("T")


def records(corpus: Corpus) -> dict[str, Record]:
    """The record of every partition that has a state, by name: p00. Where none lies there the state is read for it."""
    found = {}
    for number in _numbers(corpus):
        place = SliceFiles(corpus, Partition(number, number + 1))  # of how many, the record says
        known = place.record()
        if known is None:
            known = _reading(place, lambda path: slices.record(path, partitions_of(path)))
        found[place.partition.name] = known
    return found


def leave(corpus: Corpus) -> None:
    """Let a crawl that went by slices go on in a folder, without an engine: what counts belongs where it is read."""
    if not files.listing(corpus.crawl("slices"), ".json"):
        return
    for number in _numbers(corpus):
        place = SliceFiles(corpus, Partition(number, number + 1))
        place.publish(_reading(place, slices.stamp).attempt)
        place.forget(place.attempts())
    files.remove(corpus.crawl("slices", name) for name in files.listing(corpus.crawl("slices"), ".json"))


def letters(corpus: Corpus) -> list[str]:
    """The letters that lie between the partitions."""
    return files.listing(corpus.crawl("outbox"), ".parquet")


def unfinished(corpus: Corpus) -> list[str]:
    """The partitions whose slices have not come to an end; none where a crawl does not go by slices."""
    named = files.listing(corpus.crawl("slices"), ".json")
    return [name for name, one in records(corpus).items() if not one.status.finished] if named else []


def status_of(corpus: Corpus) -> Status:
    """The status of the crawl of a corpus anywhere, as of the last slice of each partition.

    Raises BadInput where there is none.
    """
    found = records(corpus)
    if not found:
        raise _no_crawl(corpus)
    return status.over_all([one.status for one in found.values()], len(letters(corpus)))


def places(corpus: Corpus) -> list[Place]:
    """Every host that the crawl of a corpus has met, by name: each state is read for it.

    Raises BadInput where there is none.
    """
    if not _numbers(corpus):
        raise _no_crawl(corpus)
    parts = [SliceFiles(corpus, Partition(number, number + 1)) for number in _numbers(corpus)]
    return sorted((one for part in parts for one in _reading(part, status.places_of)), key=lambda one: one.host)


def _no_crawl(corpus: Corpus) -> BadInput:
    if files.tree(corpus.crawl("attempts")):
        return BadInput(f"{corpus.root}: no slice of this crawl counts yet; look again when the first is done")
    return BadInput(f"{corpus.root}: no crawl here; run: tuwen crawl --seeds … --out {corpus.root}")


def _numbers(corpus: Corpus) -> list[int]:
    names = files.listing(corpus.crawl("state"), ".sqlite")
    return [int(name.removeprefix("part-").removesuffix(".sqlite")) for name in names if name.startswith("part-")]


def _reading(place: SliceFiles, read: Callable[[Path], T]) -> T:
    """What is read of a state: where it lies, or of a copy under its own name."""
    if not files.is_remote(place.state):
        return read(Path(place.state))
    with scratch.folder("state") as folder:
        path = folder / place.state.rpartition("/")[2]
        fenced.get(place.state, path)
        return read(path)
