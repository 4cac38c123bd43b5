"""What the state of a partition says between two slices of a crawl, while nobody has it open.

On an engine a crawl goes by slices: a worker takes the state of a partition, crawls for some minutes in a folder of its
own, and gives back what it sealed and the new state. These functions read such a state and write its stamp.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from crawlers import shares, status
from crawlers.status import Status
from schemas.outcome import UrlKind

_STAMP = "slice"  # the name in `meta`
_TOLD = ("meta", "sites", "scope", "counts", "taken_in", "files")  # small tables; every change of a crawl shows in them


class Stamp(msgspec.Struct, frozen=True):
    """Which slice a state is of."""

    number: int = 0  # of the slices that count, from 1
    attempt: str = ""  # at this slice: the one that counts
    again: str = ""  # the last call that began a round over a finished crawl: done again, it begins none


class Record(msgspec.Struct, frozen=True):
    """What others want to know of a partition without its state, which may weigh a gigabyte."""

    of: int  # partitions of the crawl
    slice: int
    status: Status
    taken: dict[str, int]  # of the allowances of the whole crawl, by kind
    wants: tuple[str, ...]  # the kinds of which it would take more
    fault: str = ""  # of the source: what comes before it counts

    @property
    def spent(self) -> shares.Spent:
        """What it has spent of the allowances."""
        taken = {kind: self.taken.get(kind, 0) for kind in shares.KINDS}
        return shares.Spent(taken, frozenset(UrlKind(kind) for kind in self.wants))


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as db, db:
        yield db


def stamp(path: Path) -> Stamp:
    """The stamp of a state; that of no slice where it has none."""
    with _open(path) as db:
        row = db.execute("SELECT value FROM meta WHERE name = ?", (_STAMP,)).fetchone()
    return Stamp() if row is None else msgspec.json.decode(row[0], type=Stamp)


def put_stamp(path: Path, new: Stamp) -> None:
    """Write the stamp of a state, which is then one file alone: it is copied, and read where nobody may write."""
    with _open(path) as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_STAMP, msgspec.json.encode(new).decode()))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def sealed(path: Path) -> dict[str, int]:
    """The files that a state knows, by their names below crawl/, with their lengths in bytes."""
    with _open(path) as db:
        return dict(db.execute("SELECT name, length FROM files ORDER BY name"))


def unsealed(path: Path) -> list[str]:
    """The names of the files that are still written to, below crawl/: those of a crawl that was interrupted."""
    with _open(path) as db:
        names = [row[0].split("/") for row in db.execute("SELECT name FROM parts ORDER BY name")]
    return [f"{folder}/.{name}.part" for folder, name in names]


def traces(path: Path) -> str:
    """A digest that differs after anything was done to a crawl; '' where there is none."""
    if not path.exists():
        return ""
    told = hashlib.sha256()
    with _open(path) as db:
        for table in _TOLD:
            for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
                told.update(repr(row).encode("utf-8", "surrogatepass"))
        for asked in ("SELECT max(id) FROM urls", "SELECT count(*) FROM urls WHERE outcome IS NULL"):
            told.update(repr(db.execute(asked).fetchone()).encode())
    return told.hexdigest()


def rest(path: Path, now: float, delay: float) -> None:
    """Let every host have the pause that followed its last answer, from now on: it may have been asked a moment ago."""
    with _open(path) as db:
        db.execute("UPDATE hosts SET ready_at = max(ready_at, ? + max(wait, ?))", (now, delay))


def record(path: Path, of: int, fault: str = "") -> Record:
    """What others want to know of the partition of a state."""
    spent = shares.spent_of(path)
    return Record(
        of=of,
        slice=stamp(path).number,
        status=status.status_of(path),
        taken={str(kind): number for kind, number in spent.taken.items()},
        wants=tuple(sorted(map(str, spent.wants))),
        fault=fault,
    )
