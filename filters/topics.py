"""The classes of the topic family, as topics.toml or a user's own file has them: read strictly, so that no typo counts.

docs/topics.md says what the fields mean. Nothing in our code knows a class by its name, but `other`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from filters.writing import simplify
from schemas.errors import BadInput

OTHER = "other"
"""The class of a pair that fits none, so that none is forced."""

_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Class(_Strict, frozen=True):
    """One class: its name in the columns, its Chinese name, what a model is asked, and the words that tell of it.

    A `stop` is a phrase that holds one of the words and means something else.
    """

    name: str
    chinese: str
    prompts: tuple[str, ...]
    words: tuple[str, ...]
    stop: tuple[str, ...] = ()


class Other(_Strict, frozen=True):
    """What is of no class, and looks like one: each prompt stands for itself, for they have nothing in common."""

    prompts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


class Overlap(_Strict, frozen=True):
    """Two classes that fit many pairs both: where neither is clearly better, `first` has it."""

    first: str
    second: str
    why: str


class Topics(_Strict, frozen=True, rename={"classes": "class", "overlaps": "overlap"}):
    """All classes. `close` is how near to the best score, in its distance from the mean, a model's second is a tie."""

    classes: tuple[Class, ...]
    close: float
    close_why: str
    other: Other = Other()
    overlaps: tuple[Overlap, ...] = ()

    def listed(self) -> Iterator[tuple[str, str, Class | Other]]:
        """(its place in the file, its name, what it says) of every class and of `other`."""
        for number, one in enumerate(self.classes):
            yield f"class[{number}] ({one.name})", one.name, one
        yield OTHER, OTHER, self.other

    def before(self) -> frozenset[tuple[str, str]]:
        """The overlaps as pairs of names, the one that has it first."""
        return frozenset((one.first, one.second) for one in self.overlaps)

    @property
    def digest(self) -> str:
        """64 hex digits over all that it says, equal for files that differ in their comments and layout."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


@cache
def packaged() -> Topics:
    """WuDaoMM's nineteen classes, which come with Tuwen."""
    file = resources.files("filters") / "topics.toml"
    return _checked(file.read_text("utf-8"), "topics.toml")


def load(path: str) -> Topics:
    """Read a file of classes. Raises BadInput that names the file, the place and the way out."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--topics {path}: cannot be read ({error}); give a TOML file, as docs/topics.md says") from None
    return _checked(text, path)


def cleaned(text: str) -> str:
    """The text as words are looked for in it: simplified characters, lower case.

    >>> cleaned("越野車 SUV")
    '越野车 suv'
    """
    return simplify(text).lower()


def _checked(text: str, place: str) -> Topics:
    try:
        found = msgspec.toml.decode(text, type=Topics)
    except msgspec.ValidationError as error:
        raise BadInput(f"topics {place}: {error}; docs/topics.md lists the fields") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"topics {place}: not TOML: {error}") from None
    for fault in _faults(found):
        raise BadInput(f"topics {place}: {fault}")
    return found


def _faults(topics: Topics) -> Iterator[str]:
    """What is wrong with values of the right type, in the order of the file."""
    if len(topics.classes) < 2:
        yield "at least two [[class]] are needed, to tell one from another"
    if not 0 <= topics.close <= 1:
        yield f"close = {topics.close}: a fraction of the best score's distance from the mean, 0 to 1"
    names: dict[str, str] = {}
    for place, name, one in topics.listed():
        if isinstance(one, Class):
            if not _NAME.fullmatch(name) or name == OTHER:
                yield f"{place}: name: lower-case letters, digits and single underscores, and not {OTHER}"
            if names.setdefault(name, place) != place:
                yield f"{place}: {names[name]} has the same name; rename one of them"
            for field in ("chinese", "prompts", "words"):
                if not getattr(one, field):
                    yield f"{place}: {field} is empty; write at least one"
        if not all(prompt.strip() for prompt in one.prompts):
            yield f"{place}: prompts: one of them is blank; take it out"
    yield from _word_faults(topics)
    yield from _overlap_faults(topics)


def _word_faults(topics: Topics) -> Iterator[str]:
    homes: dict[str, str] = {}
    for place, _, one in topics.listed():
        for field in ("words", "stop"):
            for word in getattr(one, field):
                if not word.strip() or word != word.strip():
                    yield f"{place}: {field}: {word!r} is blank, or has a blank at an end"
                elif word != cleaned(word):
                    yield f"{place}: {field}: {word!r} would never be found; write it as {cleaned(word)!r}"
        for word in one.words:
            if word in homes:
                yield f"{place}: words: {word!r} is there already, in {homes[word]}; take one of them out"
            homes[word] = place
        for word in one.stop:
            if homes.get(word) == place:
                yield f"{place}: stop: {word!r} is among its words, too; take one of them out"


def _overlap_faults(topics: Topics) -> Iterator[str]:
    names = [one.name for one in topics.classes]
    below: dict[str, set[str]] = {name: set() for name in names}
    for number, one in enumerate(topics.overlaps):
        for name in (one.first, one.second):
            if name not in names:
                yield f"overlap[{number}]: no class {name!r}; there are: {', '.join(names)}"
                return
        below[one.first].add(one.second)
        if one.first in _reached(below, one.second):
            yield f"overlap[{number}]: {one.first} before {one.second}: by the others it comes after; take one out"


def _reached(below: dict[str, set[str]], start: str) -> set[str]:
    """All that comes after a class, the class itself included."""
    found, waiting = {start}, [start]
    while waiting:
        new = below[waiting.pop()] - found
        found |= new
        waiting += new
    return found
