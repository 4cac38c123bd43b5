"""A crawl on an engine, slice by slice: the element is the number of a partition.

What `crawl_slice` and `deliver` promise together: a slice happened wholly, once its state is written, or not at all.
See docs/decisions/0009-a-slice-counts-when-its-state-is-written.md.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam
import msgspec

from crawlers import slices, status
from crawlers.late import Wait
from crawlers.settings import Settings
from crawlers.slices import Stamp
from pipelines import files, scratch
from pipelines.corpus import Corpus
from pipelines.slice_files import LIVE, SliceFiles
from schemas.errors import BadInput, WorkFailed

Crawl = Callable[..., dict[str, int]]
"""crawl(corpus, settings, report, again=…): a source with all but where to and how; picklable."""

Attempt = tuple[int, str]
"""The number of a partition, and the attempt at its slice that counts; '' where there was nothing to do."""

_TELL = 5.0  # seconds between two words of a slice under way: looks live, and costs an object store one small put
_stopped: set[str] = set()  # calls whose slices in this very process shall end, and count for nothing


class Live(msgspec.Struct, frozen=True):
    """What an attempt says of itself while it is under way."""

    counts: dict[str, int]  # over all rounds, as of now
    late: list[Wait]


@dataclass(frozen=True)
class Slices:
    """What the slices of one job are told: the corpus, the source, the settings of each partition, and how long."""

    corpus: str
    source: Crawl
    settings: Mapping[int, Settings]
    seconds: float
    call: str  # the name of the call that the job is of
    again: bool = False  # begin a finished crawl anew, once in this call

    def files(self, number: int) -> SliceFiles:
        """The files of a partition."""
        return SliceFiles(Corpus(self.corpus), self.settings[number].partition)


class CrawlSlices(beam.PTransform):
    """numbers of partitions -> one slice of each, and when all of them are done, what they made where it belongs."""

    def __init__(self, told: Slices, numbers: Sequence[int]) -> None:
        super().__init__()
        self.told, self.numbers = told, list(numbers)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        return (
            pbegin
            | "partitions" >> beam.Create(self.numbers)
            | "each apart" >> beam.Reshuffle()
            | "crawl" >> beam.Map(crawl_slice, self.told)
            | "under one key" >> beam.WithKeys(0)
            | "when all are done" >> beam.GroupByKey()
            | "each again" >> beam.FlatMap(attempts_of)
            | "deliver" >> beam.Map(deliver, self.told)
        )


def attempts_of(group: tuple[int, Iterable[Attempt]]) -> Iterable[Attempt]:
    """The attempts of one job; one for each partition, so few."""
    return group[1]


def crawl_slice(number: int, told: Slices) -> Attempt:
    """Crawl one partition for the seconds of a slice, in a folder of this worker, and let that count.

    Raises what the crawl does, and WorkFailed where another attempt at the same slice was first: what is raised leaves
    the corpus as it was, but for files that nobody reads.
    """
    place, settings = told.files(number), told.settings[number]
    with scratch.folder(settings.partition.name) as here:
        state, name = place.state_in(here), uuid.uuid4().hex[:12]
        begun = _begin(place, here)
        talk = _Talk(place, name, here, told.call)
        talk({})
        if begun.vain:
            _be_late(state, settings)
        letters = place.take_letters(here)
        fault = _crawl(told, settings, here, talk, begun)
        left = [path.name for path in sorted(here.glob("crawl/outbox/r*.parquet"))]
        read = [place.corpus.crawl("outbox", one) for one in letters if one not in left]
        if slices.traces(state) == begun.traces and not begun.vain and place.record() is not None:
            place.forget({name: [LIVE]})
            files.remove(read)
            return number, ""
        slices.put_stamp(state, Stamp(begun.stamp.number + 1, name, told.call if told.again else begun.stamp.again))
        made = [one for one in slices.sealed(state) if one not in begun.known]
        place.stage(name, here, [*made, *(f"outbox/{one}" for one in left if one not in letters)])
        place.commit(here, begun.tag)
        files.remove([*read, *(place.corpus.crawl(*one.split("/")) for one in begun.unsealed)])
        place.forget(begun.vain)  # listed before this one counted, so none of them can any more
        place.put_record(slices.record(state, settings.partition.of, fault), here)
    return number, name


@dataclass(frozen=True)
class _Begun:
    """What a slice begins with: the state as it was, and what lay in the corpus then."""

    tag: str
    stamp: Stamp
    traces: str
    known: Mapping[str, int]  # the files that count
    unsealed: Sequence[str]
    vain: dict[str, list[str]]  # attempts that do not count, of workers that died or are late


def _begin(place: SliceFiles, here: Path) -> _Begun:
    """Bring the state, finish what the slice before has left to do, and look whether all that counts is there."""
    state = place.state_in(here)
    tag = place.pull(here)
    stamp = slices.stamp(state) if tag else Stamp()
    place.publish(stamp.attempt)
    known, unsealed = (slices.sealed(state), slices.unsealed(state)) if tag else ({}, [])
    place.check(known)
    vain = {name: made for name, made in place.attempts().items() if name != stamp.attempt}
    return _Begun(tag, stamp, slices.traces(state), known, unsealed, vain)


def _crawl(told: Slices, settings: Settings, here: Path, talk: _Talk, begun: _Begun) -> str:
    """Crawl in a folder of this worker; what is wrong with the source, whose good part counts, or ''."""
    mine = replace(settings, until=time.time() + told.seconds, elsewhere=True)
    again = told.again and told.call != begun.stamp.again
    try:
        told.source(here, mine, talk, again=again)
    except BadInput as fault:
        if slices.traces(told.files(settings.partition.number).state_in(here)) == begun.traces:
            raise
        return str(fault)
    return ""


def _be_late(state: Path, settings: Settings) -> None:
    """Give hosts their pause once more: an attempt that was lost may have asked them until a moment ago."""
    if state.exists():
        slices.rest(state, time.time(), settings.delay)
    time.sleep(settings.delay)  # hosts that the lost attempt met first are in no state


class _Talk:
    """Tells now and then how far a slice has come, and ends it where its process is to end, or it is late.

    Only an attempt that counts removes the words of another: whoever misses its own need not go on.
    """

    def __init__(self, place: SliceFiles, name: str, here: Path, call: str) -> None:
        self._place, self._path, self._here, self._call = place, place.attempt(name, LIVE), here, call
        self._told = 0.0

    def __call__(self, counts: Mapping[str, int]) -> None:
        if self._call in _stopped:
            raise KeyboardInterrupt
        now = time.monotonic()
        if self._told and now - self._told < _TELL:
            return
        if self._told and not files.exists(self._path):
            raise self._place.late()
        live = Live(dict(counts), status.waits(self._here, time.time()))
        try:
            with files.whole(self._path) as file:
                file.write(msgspec.json.encode(live))
        except WorkFailed:
            if self._told and not files.exists(self._path):  # it went just now
                raise self._place.late() from None
            raise
        self._told = now


def stop(call: str) -> None:
    """Let the slices of a call end at once that go on in this process, though nobody waits for them any more."""
    _stopped.add(call)


def deliver(attempt: Attempt, told: Slices) -> int:
    """Give what an attempt has made, letters to others among it, the names under which it is read; how many files."""
    number, name = attempt
    return told.files(number).publish(name) if name else 0
