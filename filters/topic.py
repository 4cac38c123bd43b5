"""The topic family: what a pair is about. A class that its source gives, else the one that words of its caption tell.

Words are looked for longest first, so that a longer one hides what it holds (海报 is no 海, 狮子头 is no lion), and of
two of one length that share a character the later has it, as Chinese is best read backwards. A word weighs its
characters, a word of four and more weighs four; it counts once. The score of a class is the weight of its words over
that of all words found, with two more below the line: a single word of two characters, and nothing else, is worth half.
A class for which a model speaks is told in `filters.zero_shot`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import pyarrow as pa

from filters.family import Family
from filters.interface import Sample
from filters.topics import OTHER, Topics, cleaned, packaged
from filters.writing import SEEN, storable

VERSION = "1"
"""Raised by hand whenever an answer may change though its caption, classes and model do not."""

HEAVIEST = 4  # characters: a set phrase is as long, and what is longer is no clearer by that
DOUBT = 2  # the weight of a word, set against all that is found: one word is less sure than three

PLACES = frozenset("上下里中内外前后旁")
"""What follows a word that says where: on, under, in, among, inside, outside, before, behind, beside."""

COLUMNS: Mapping[str, pa.DataType] = {
    "topic_class": pa.string(),
    "topic_score": pa.float32(),
    "topic_margin": pa.float32(),
    "topic_source": pa.string(),
}


class Told(NamedTuple):
    """What one pair is about, and who says so: `source`, `words`, `none`, or match_<model>."""

    name: str
    score: float
    margin: float
    source: str


class Found(NamedTuple):
    """A word in a text: whose it is ('' for a stop's, which is nobody's), and where it begins and ends."""

    word: str
    home: str
    start: int
    end: int


@dataclass(frozen=True)
class Words:
    """The words of all classes, ready to be looked for."""

    homes: Mapping[str, str]
    lengths: Mapping[str, tuple[int, ...]]  # of the words that begin with a character
    before: frozenset[tuple[str, str]]

    @staticmethod
    def of(topics: Topics) -> Words:
        """The words of these classes. What is a stop in one class and a word in another is a word."""
        stops = {word: "" for _, _, one in topics.listed() for word in one.stop}
        homes = stops | {word: name for _, name, one in topics.listed() for word in one.words}
        lengths: dict[str, set[int]] = {}
        for word in homes:
            lengths.setdefault(word[0], set()).add(len(word))
        return Words(homes, {first: tuple(sorted(some)) for first, some in lengths.items()}, topics.before())

    def find(self, text: str) -> list[Found]:
        """The words in a cleaned text, from left to right, none over another."""
        taken, found = bytearray(len(text)), []
        for one in sorted(self._all(text), key=lambda one: (one.start - one.end, one.home != "", -one.start)):
            if not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                found.append(one)
        return sorted((one for one in found if one.home), key=lambda one: one.start)

    def _all(self, text: str) -> Iterable[Found]:
        for start, first in enumerate(text):
            for length in self.lengths.get(first, ()):
                word = text[start : start + length]
                # A slice that the text's end has cut may be a shorter word, which is found at its own length.
                if len(word) == length and word in self.homes and not _inside(text, start, start + length):
                    yield Found(word, self.homes[word], start, start + length)

    def tell(self, text: str) -> Told:
        """What a caption is about.

        >>> Words.of(packaged()).tell("海边的灯塔").name, Words.of(packaged()).tell("海报").name
        ('sea', 'other')
        """
        text = cleaned(text[:SEEN])[:SEEN]
        found = self.find(text)
        if not found:
            return Told(OTHER, 0.0, 0.0, "none")
        weights: dict[str, int] = {}
        for word, home in {one.word: one.home for one in found}.items():
            weights[home] = weights.get(home, 0) + min(len(word), HEAVIEST)
        whole = sum(weights.values()) + DOUBT
        best, second, *_ = sorted([*weights.values(), 0], reverse=True)
        tied = [home for home, weight in weights.items() if weight == best]
        # A Chinese phrase ends with what it is about, 海边的汽车 is a car; but in 小狗在沙发上 the sofa is a place.
        last = {one.home: (text[one.end : one.end + 1] not in PLACES, one.end) for one in found}
        name = max(settle(tied, self.before), key=lambda home: last[home])
        return Told(name, best / whole, (best - second) / whole, "words")


def settle(tied: Sequence[str], before: frozenset[tuple[str, str]]) -> list[str]:
    """Those of several classes that no other of them goes before; never none, as overlaps make no circle.

    >>> settle(["landscape", "sea", "car"], frozenset({("sea", "landscape")}))
    ['sea', 'car']
    """
    return [name for name in tied if not any((other, name) in before for other in tied)]


def _inside(text: str, start: int, end: int) -> bool:
    """Whether a place begins or ends within a word of Latin letters or digits: the ai in `hair` is none."""
    return any(
        0 < at < len(text) and text[at - 1].isascii() and text[at - 1 : at + 1].isalnum() and text[at].isascii()
        for at in (start, end)
    )


@dataclass(frozen=True)
class Topic:
    """The topic of a pair, by what its source or its caption says."""

    topics: Topics | None = None  # those that come with Tuwen, read when they are needed

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The class, its score and margin, and who says so."""
        return COLUMNS

    def load(self) -> Words:
        """Make the words ready."""
        return Words.of(self.topics or packaged())

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        """Tell the class of every pair."""
        told = [_tell(sample, model) for sample in batch]
        return {name: [one[at] for one in told] for at, name in enumerate(COLUMNS)}


def _tell(sample: Sample, words: Words) -> Told:
    # A class that the source gives is certain, and it is the source's word: the nineteen do not hold all there are.
    return Told(storable(sample.given), 1.0, 1.0, "source") if sample.given else words.tell(sample.text)


def family(topics: Topics | None = None) -> Family:
    """The family that tells these classes apart."""
    return Family("topic", (Topic(topics),), VERSION, batch=256, digests=partial(digests, topics))


def digests(topics: Topics | None = None) -> dict[str, str]:
    """What the answers depend on besides our code: the classes with their words, and OpenCC, by which both are read."""
    return {"topics": (topics or packaged()).digest, "opencc": version("opencc")}
