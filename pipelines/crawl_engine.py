"""A crawl in partitions on an engine: job after job, until nothing waits in any of them, and no letter between them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial

import apache_beam as beam
import msgspec

from crawlers import status
from crawlers.late import Wait
from crawlers.settings import Settings
from crawlers.shares import NOTHING, Allowance, Spent
from crawlers.slices import Record
from crawlers.state import refuse_other
from pipelines import fenced, files, slice_records, slices
from pipelines.corpus import Corpus
from pipelines.crawl_way import Way
from pipelines.engine import run
from pipelines.progress import Bar, progress
from pipelines.slice_files import LIVE
from pipelines.slices import Crawl, CrawlSlices, Live, Slices
from pipelines.waiting import Told
from schemas.errors import BadInput

_LOOK = 5.0  # seconds between two looks at a corpus that is remote: a listing, and a small object for each partition


def crawl_on_engine(
    crawl: Crawl, corpus: Corpus, settings: Settings, number: int, way: Way, *, again: bool = False
) -> dict[str, int]:
    """Crawl in so many partitions until nothing waits, and no letter between them; the counts of all.

    The same call goes on from the slices that count. Raises what a slice raises; BadInput for another number of
    partitions than the crawl began with and, when all else is done, for a source that is not whole.
    """
    before = slice_records.records(corpus)
    for name, record in before.items():
        refuse_other(corpus.crawl("state", f"part-{name[1:]}.sqlite"), record.of, number)
    allowance = Allowance(partial(_spent, corpus, number), settings, number)
    shares = {one.partition.number: one for one in allowance.shared()}
    todo: Sequence[int] = range(number)
    call = uuid.uuid4().hex
    try:
        with progress("crawl") as bar:
            look = _Look(corpus, bar)
            while todo:
                told = Slices(corpus.root, crawl, shares, way.seconds, call, again)
                run(partial(_build, told, todo), job="crawl", engine=way.engine, watch=look)
                if way.dry:
                    return {}
                again, todo = False, busy(corpus)
                if not todo and allowance.left():
                    shares = {one.partition.number: one for one in allowance.shared()}
                    todo = range(number)
            look(at_once=True)
    except BaseException:
        slices.stop(call)
        raise
    after = slice_records.records(corpus)
    _refuse_faults(before, after)
    return status.total(one.status.ended for one in after.values())


def _build(told: Slices, todo: Sequence[int], pipeline: beam.Pipeline) -> None:
    pipeline | CrawlSlices(told, todo)


def busy(corpus: Corpus) -> list[int]:
    """The partitions that are not done, or have a letter to read."""
    waiting = {name.rpartition("-to-")[2].removesuffix(".parquet") for name in slice_records.letters(corpus)}
    found = slice_records.records(corpus)
    return [int(name[1:]) for name, one in found.items() if name in waiting or not one.status.finished]


def _spent(corpus: Corpus, number: int) -> list[Spent]:
    """What each partition has spent of the allowances of the whole crawl."""
    found = slice_records.records(corpus)
    return [found[name].spent if (name := f"p{one:02}") in found else NOTHING for one in range(number)]


def _refuse_faults(before: Mapping[str, Record], after: Mapping[str, Record]) -> None:
    """Raise BadInput where a source turned out not to be whole in this call."""
    faults = [one.fault for name, one in after.items() if one.fault and one != before.get(name)]
    if faults:
        raise BadInput(faults[0])


class _Look:
    """Shows how far all partitions are, by what their slices say of themselves."""

    def __init__(self, corpus: Corpus, bar: Bar) -> None:
        self._corpus, self._bar = corpus, bar
        self._pause = _LOOK if files.is_remote(corpus.root) else 0.0
        self._looked = 0.0
        self._late: list[Wait] = []
        self._told = Told(lambda now: [wait for wait in self._late if wait.next_try > now])

    def __call__(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now - self._looked < self._pause and not at_once:
            return
        self._looked = now
        live = self._live()
        self._late = [wait for one in live.values() for wait in one.late]
        known = {name: one.status.ended for name, one in slice_records.records(self._corpus).items()}
        for name, one in live.items():
            if sum(one.counts.values()) > sum(known.get(name, {}).values()):
                known[name] = one.counts
        counts = status.total(known.values())
        self._bar.update(sum(counts.values()), counts)
        self._told.tell(self._bar)

    def _live(self) -> dict[str, Live]:
        """What the slice under way of each partition says; of two attempts at one, that which is further."""
        found: dict[str, Live] = {}
        folder = self._corpus.crawl("attempts")
        for path in files.tree(folder):
            name, _, rest = path.partition("/")
            if rest.endswith(f"/{LIVE}"):
                read = fenced.read(files.join(folder, *path.split("/")))
                if read is None:  # its slice ended a moment ago
                    continue
                said = msgspec.json.decode(read, type=Live)
                if name not in found or sum(said.counts.values()) > sum(found[name].counts.values()):
                    found[name] = said
        return found
