"""Where the files of one partition lie in a corpus while a crawl goes by slices.

    crawl/state/part-00.sqlite            of the last slice that counts; a slice counts once this is written
    crawl/slices/p00.json                 what others want to know of it
    crawl/attempts/p00/1f3a9c27/…         what an attempt at a slice has made: nobody reads it under these names
    crawl/{log,found,pages,images,outbox} what it made, once it counts

An attempt that dies or comes late leaves its own folder and nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crawlers import slices
from crawlers.partition import Partition
from crawlers.slices import Record
from pipelines import fenced, files
from pipelines.corpus import Corpus
from schemas.errors import Damaged, WorkFailed

SEALED = ("log", "found", "pages", "images")
LIVE = "live.json"
"""What an attempt that is under way says of itself; its folder's first file, and its last."""


@dataclass(frozen=True)
class SliceFiles:
    """The files of one partition in a corpus."""

    corpus: Corpus
    partition: Partition

    @property
    def state(self) -> str:
        """Its state."""
        return self.corpus.crawl("state", f"part-{self.partition.number:02}.sqlite")

    def state_in(self, here: Path) -> Path:
        """Its state in a folder of a worker."""
        return here / "crawl" / "state" / f"part-{self.partition.number:02}.sqlite"

    def attempt(self, name: str, *parts: str) -> str:
        """A path in the folder of an attempt."""
        return self.corpus.crawl("attempts", self.partition.name, name, *parts)

    def attempts(self) -> dict[str, list[str]]:
        """The attempts that have left something, each with its files."""
        found: dict[str, list[str]] = {}
        for path in files.tree(self.corpus.crawl("attempts", self.partition.name)):
            attempt, _, name = path.partition("/")
            found.setdefault(attempt, []).append(name)
        return found

    def letters(self) -> list[str]:
        """The letters that wait for this partition."""
        return files.listing(self.corpus.crawl("outbox"), f"-to-{self.partition.name}.parquet")

    def pull(self, here: Path) -> str:
        """Bring the state, and what it still writes to, into a folder of one's own; the tag of the state."""
        path = self.state_in(here)
        path.parent.mkdir(parents=True)
        tag = fenced.get(self.state, path)
        if tag == fenced.NEW:
            self._nothing_without_a_state()
        for name in slices.unsealed(path) if tag else ():
            _download(self.corpus.crawl(*name.split("/")), here / "crawl" / name)
        return tag

    def take_letters(self, here: Path) -> list[str]:
        """Bring the letters that wait into a folder of one's own; their names."""
        names = self.letters()
        for name in names:
            _download(self.corpus.crawl("outbox", name), here / "crawl" / "outbox" / name)
        return names

    def check(self, known: dict[str, int]) -> None:
        """Raise Damaged where a file that the state knows is missing, or altered in length."""
        there: dict[str, int] = {}
        for folder, round_ in {(name.split("/")[0], name.split("/")[1].split("-")[0]) for name in known}:
            listed = fenced.lengths(self.corpus.crawl(folder), f"{round_}-{self.partition.name}-")
            there |= {f"{folder}/{name}": length for name, length in listed.items()}
        for name, length in sorted(known.items()):
            if there.get(name) != length:
                fault = "is not as it was written" if name in there else "is missing"
                folder = self.corpus.crawl()
                raise Damaged(f"{self.corpus.crawl(name)}: {fault}; restore it, or remove {folder} and crawl again")

    def stage(self, name: str, here: Path, made: Iterable[str]) -> None:
        """Bring what an attempt has made to the corpus, by names below crawl/, where nobody reads it yet."""
        for one in made:
            fenced.upload(self.attempt(name, *one.split("/")), here / "crawl" / one)

    def commit(self, here: Path, tag: str) -> None:
        """Let a slice count: write its state where that is still the one that the slice began with.

        Raises WorkFailed, with nothing changed, where another attempt was first.
        """
        path = self.state_in(here)
        if fenced.tag(self.state) != tag or not fenced.put(self.state, path, tag):
            raise self.late()

    def late(self) -> WorkFailed:
        """What an attempt raises when another has ended before it."""
        return WorkFailed(
            f"{self.state}: another worker was first with this slice; what that one did counts, and nothing of this"
        )

    def publish(self, name: str) -> int:
        """Give what an attempt that counts has made its last names; how many files. Twice does no harm, nor at once."""
        made = self.attempts().get(name, []) if name else []
        for one in made:
            if one != LIVE:
                fenced.move(self.attempt(name, *one.split("/")), self.corpus.crawl(*one.split("/")))
        if name:
            self.forget({name: made})
        return len(made)

    def forget(self, attempts: dict[str, list[str]]) -> None:
        """Remove what is left of attempts that do not count, or have all they made where it belongs."""
        files.remove(self.attempt(name, *one.split("/")) for name, made in attempts.items() for one in made)
        for name in () if files.is_remote(self.corpus.root) else attempts:
            shutil.rmtree(self.attempt(name), ignore_errors=True)  # another may be at it, too

    def record(self) -> Record | None:
        """What is known of the partition; None before its first slice."""
        found = fenced.read(self._record)
        return None if found is None else msgspec.json.decode(found, type=Record)

    def put_record(self, new: Record, here: Path) -> None:
        """Tell what is known of the partition, unless somebody knows better already."""
        old, mine = here / "old.json", here / "new.json"
        mine.write_bytes(msgspec.json.format(msgspec.json.encode(new)))
        while True:
            tag = fenced.get(self._record, old)
            if tag and msgspec.json.decode(old.read_bytes(), type=Record).slice > new.slice:
                return
            if fenced.put(self._record, mine, tag):
                return

    @property
    def _record(self) -> str:
        return self.corpus.crawl("slices", f"{self.partition.name}.json")

    def _nothing_without_a_state(self) -> None:
        for folder in SEALED:
            listed = files.listing(self.corpus.crawl(folder))
            if any(f"-{self.partition.name}-" in name for name in listed):
                folders = self.corpus.crawl(folder)
                raise Damaged(f"{self.state}: missing, though {folders} has files; restore it, or remove them all")


def _download(path: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with files.open_read(path) as source, to.open("wb") as target:
            shutil.copyfileobj(source, target)
    except FileNotFoundError:
        raise WorkFailed(f"{path}: gone; if no other worker took it, crawl again into a new folder") from None
