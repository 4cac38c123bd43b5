"""diff: which pairs and shards two releases differ in, and which version that makes.

Both indexes are read once, side by side in order of key, so memory does not grow with their size.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipelines import files
from pipelines.index import INDEXED, index_path
from pipelines.pack import published
from schemas.errors import BadInput
from schemas.manifest import Manifest

EXAMPLES = 10  # keys shown of each kind of change; `changes` gives all of them


class Entry(NamedTuple):
    """A pair in an index, as far as a diff looks at it."""

    key: str
    image_id: str
    text_sha256: str
    tier: str


class Change(NamedTuple):
    """A pair that differs. `what` is added, removed, or of a changed one the parts: image, text, tier."""

    key: str
    what: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """How a newer release differs from an older one. `pairs` counts added, removed, changed and same.

    `parts` says what changed in the changed ones; `examples` has the first keys of each kind; `shards` names the tars
    of weak and strong that were added, removed or changed; `next_version` follows the older one by Croissant's rule.
    """

    old: str
    new: str
    pairs: dict[str, int]
    parts: dict[str, int]
    examples: dict[str, list[str]]
    shards: dict[str, list[str]]
    change: str
    next_version: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The diff as plain values, for `--json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def rows(self) -> list[tuple[str, str, str]]:
        """A table's rows: what, how many, and what they are."""
        parts = ", ".join(f"{part} {count:,}" for part, count in self.parts.items() if count)
        told = [(f"pairs {kind}", f"{self.pairs[kind]:,}", parts if kind == "changed" else "") for kind in KINDS]
        told.append(("pairs that are the same", f"{self.pairs['same']:,}", ""))
        told += [(f"shards {kind}", f"{len(self.shards[kind]):,}", "") for kind in KINDS]
        return [*told, ("next version", self.next_version, self.change)]


KINDS = ("added", "removed", "changed")


def diff(old: str, new: str) -> Diff:
    """Compare two releases by their folders. Raises BadInput where one is not complete, Damaged where not readable."""
    before, after = _manifest(old), _manifest(new)
    pairs, parts = {**dict.fromkeys(KINDS, 0), "same": 0}, dict.fromkeys(("image", "text", "tier"), 0)
    examples: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for change in _compared(_entries(old, before), _entries(new, after)):
        kind = change.what[0] if change.what and change.what[0] in KINDS else "changed" if change.what else "same"
        pairs[kind] += 1
        if kind == "changed":
            for part in change.what:
                parts[part] += 1
        if kind != "same" and len(examples[kind]) < EXAMPLES:
            examples[kind].append(change.key)
    size = _size(pairs, before, after)
    return Diff(
        old=old,
        new=new,
        pairs=pairs,
        parts=parts,
        examples=examples,
        shards=_shards(before, after),
        change=size,
        next_version=following(before.version, size),
        versions={"old": before.version, "new": after.version},
    )


def changes(old: str, new: str) -> Iterator[Change]:
    """Every pair of weak and strong that was added, removed or changed, in order of key; streamed."""
    compared = _compared(_entries(old, _manifest(old)), _entries(new, _manifest(new)))
    return (change for change in compared if change.what)


def following(version: str, change: str) -> str:
    """The version that follows: MAJOR for anything removed or changed, MINOR for additions, PATCH for repackaging.

    >>> following("1.4.2", "minor"), following("1.4.2", "none")
    ('1.5.0', '1.4.2')
    """
    major, minor, patch = (int(number) for number in version.split("."))
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
        "none": version,
    }[change]


def _manifest(folder: str) -> Manifest:
    made = published(folder)
    if made is None:
        raise BadInput(f"{folder}: no manifest.json, so this is not a complete release; run: tuwen release")
    return made


def _entries(folder: str, made: Manifest) -> Iterator[Entry]:
    """Every pair of a release in order of key: its tiers' indexes, each in order already, merged."""
    tiers, begun = [], 0  # the index files of a tier follow those of the one before
    for tier in INDEXED:
        tars = sum(name.startswith(f"{tier}/") and name.endswith(".tar") for name in made.files)
        tiers.append(_read([index_path(folder, begun + number) for number in range(tars)], tier))
        begun += tars
    return heapq.merge(*tiers)


def _read(paths: list[str], tier: str) -> Iterator[Entry]:
    for path in paths:
        for batch in files.read_batches(path, ["key", "image_id", "text_sha256"]):
            keys, images, texts = (batch.column(number).to_pylist() for number in range(3))
            yield from (Entry(*row, tier) for row in zip(keys, images, texts, strict=True))


def _compared(old: Iterator[Entry], new: Iterator[Entry]) -> Iterator[Change]:
    """One change for every key of either side; `what` is () for a pair that is the same."""
    left, right = next(old, None), next(new, None)
    while left or right:
        if right is None or (left is not None and left.key < right.key):
            assert left is not None
            yield Change(left.key, ("removed",))
            left = next(old, None)
        elif left is None or right.key < left.key:
            yield Change(right.key, ("added",))
            right = next(new, None)
        else:
            parts = (("image", "image_id"), ("text", "text_sha256"), ("tier", "tier"))
            what = tuple(part for part, name in parts if getattr(left, name) != getattr(right, name))
            yield Change(left.key, what)
            left, right = next(old, None), next(new, None)


def _shards(before: Manifest, after: Manifest) -> dict[str, list[str]]:
    """The tars of weak and strong by what became of them."""
    old, new = (
        {name: file.sha256 for name, file in made.files.items() if name.endswith(".tar") and _tier(name) in INDEXED}
        for made in (before, after)
    )
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
    }


def _tier(name: str) -> str:
    return name.partition("/")[0]


def _size(pairs: dict[str, int], before: Manifest, after: Manifest) -> str:
    """major, minor, patch or none: what the change means to whoever trained on the older one."""
    if pairs["removed"] or pairs["changed"]:
        return "major"
    if pairs["added"]:
        return "minor"
    return "none" if _data(before) == _data(after) else "patch"


def _data(made: Manifest) -> dict[str, str]:
    """The digests of the files in folders: shards and index, without the pages, which name the version."""
    return {name: file.sha256 for name, file in made.files.items() if "/" in name}
