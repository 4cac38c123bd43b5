"""How far a crawl has come, read beside it: a second connection sees its last checkpoint, and disturbs nothing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from crawlers import late
from crawlers.outbox import undelivered
from crawlers.state import partitions_of
from schemas.errors import BadInput, WorkFailed

T = TypeVar("T")

_SLOWEST = 10  # hosts that are shown
_RATE_SECONDS = 60.0  # over which a rate is taken
_PLACES = """
SELECT name, address, (SELECT count(*) FROM urls WHERE host = hosts.id AND outcome IS NULL) FROM hosts ORDER BY name
"""


class Host(msgspec.Struct, frozen=True):
    """One host's queue. `left` is the outcome in which what waits there will end, '' while it is asked."""

    host: str
    partition: int  # whose it is
    address: str
    waiting: int
    answers: int
    bytes: int
    seconds: float  # that its last answer took
    wait: float  # until its next turn, as of that answer
    eta: float  # seconds until its queue is done at this pace
    strikes: int
    left: str
    traps: int


class Part(msgspec.Struct, frozen=True):
    """One partition's part of a crawl."""

    hosts: int  # that it has met
    waiting: int  # URLs in their queues
    ended: int  # URLs with their outcome, over all rounds
    checkpoint: float  # of its state, in seconds since 1970


class Place(msgspec.Struct, frozen=True):
    """Where one host is: at which address, in which partition, and with how many URLs that wait."""

    host: str
    partition: int
    address: str
    waiting: int


class Status(msgspec.Struct, frozen=True):
    """What the state said at the last checkpoint."""

    partitions: int
    parts: dict[str, Part]  # by the names of the partitions: which hosts are whose, in numbers
    round: int
    finished: bool
    letters: int  # files of URLs that one partition has for another
    waiting: dict[str, int]  # by kind
    hosts: int  # in whose queue something waits
    ended: dict[str, int]  # by kind and outcome, over all rounds
    traps: int  # URLs that a trap made, logged or only counted
    answers_per_second: float  # over the last minute before that checkpoint
    bytes_per_second: float
    checkpoint: float  # when that was, in seconds since 1970; 0 before the first
    slowest: list[Host]  # those that hold up the end of the round
    late: list[late.Wait]  # each robots.txt that could not be read and is asked for again, after that checkpoint


def status(corpus: Path) -> Status:
    """The status of the crawl of a corpus over all its partitions, running or not.

    Raises BadInput where there is none, WorkFailed for a state that cannot be read. Takes a second or two for a
    million URLs that wait.
    """
    paths = _states(corpus)
    if not paths:
        raise BadInput(f"{corpus}: no crawl here; run: tuwen crawl --seeds … --out {corpus}")
    return over_all([status_of(path) for path in paths], undelivered(corpus / "crawl"))


def status_of(path: Path) -> Status:
    """The status of one partition, by its state. Raises WorkFailed where that cannot be read."""
    return _reading(path, partial(_read, int(path.stem.removeprefix("part-"))))


def places_of(path: Path) -> list[Place]:
    """Every host that one partition has met."""
    number = int(path.stem.removeprefix("part-"))
    return _reading(path, lambda db: [Place(row[0], number, row[1], row[2]) for row in db.execute(_PLACES)])


def counts(corpus: Path) -> dict[str, int]:
    """How many URLs ended how over all partitions, as of the last checkpoint of each; empty before the first."""
    return total(_reading(path, _counts) for path in _states(corpus))


def waits(corpus: Path, now: float) -> list[late.Wait]:
    """What the crawl of a corpus waits for after `now` before it can ask a host for more."""
    return [wait for path in _states(corpus) for wait in _reading(path, lambda db: late.waits(db, now))]


def _states(corpus: Path) -> list[Path]:
    paths = sorted((corpus / "crawl" / "state").glob("part-*.sqlite"))
    return [path for path in paths if partitions_of(path)]  # the others are being made


def _reading(path: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # all that is read is of one checkpoint
            return read(db)
    except sqlite3.Error as error:
        raise WorkFailed(
            f"{path}: cannot be read ({error}); is it of this version, and may you write beside it?"
        ) from None


def over_all(parts: list[Status], letters: int) -> Status:
    """One status of several, each of a partition; `letters` lie between them."""
    hosts = [host for part in parts for host in part.slowest]
    return Status(
        partitions=len(parts),
        parts={name: part for one in parts for name, part in one.parts.items()},
        round=max(part.round for part in parts),
        finished=all(part.finished for part in parts) and not letters,
        letters=letters,
        waiting=total(part.waiting for part in parts),
        hosts=sum(part.hosts for part in parts),
        ended=total(part.ended for part in parts),
        traps=sum(part.traps for part in parts),
        answers_per_second=sum(part.answers_per_second for part in parts),
        bytes_per_second=sum(part.bytes_per_second for part in parts),
        checkpoint=max(part.checkpoint for part in parts),
        slowest=sorted(hosts, key=lambda host: (-host.eta, -host.waiting, host.host))[:_SLOWEST],
        late=[wait for part in parts for wait in part.late],
    )


def total(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counts of all parts together, by name."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return dict(sorted(found.items()))


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    rows = db.execute("SELECT kind, outcome, number FROM counts WHERE number != 0")
    return {f"{kind}/{outcome}": number for kind, outcome, number in rows}


def _read(number: int, db: sqlite3.Connection) -> Status:
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('round', 'finished')"))
    at = db.execute("SELECT coalesce(max(at), 0) FROM beats").fetchone()[0]
    seconds, answers, received = db.execute(
        "SELECT coalesce(sum(seconds), 0), coalesce(sum(answers), 0), coalesce(sum(bytes), 0) FROM beats WHERE at > ?",
        (at - _RATE_SECONDS,),
    ).fetchone()
    waiting = dict(db.execute("SELECT kind, count(*) FROM urls WHERE outcome IS NULL GROUP BY kind ORDER BY kind"))
    met, ended = db.execute("SELECT count(*) FROM hosts").fetchone()[0], _counts(db)
    return Status(
        partitions=1,
        parts={f"p{number:02}": Part(met, sum(waiting.values()), sum(ended.values()), at)},
        letters=0,
        round=int(meta.get("round", 0)),
        finished=bool(meta.get("finished", 0)),
        waiting=waiting,
        hosts=db.execute("SELECT count(DISTINCT host) FROM urls WHERE outcome IS NULL").fetchone()[0],
        ended=ended,
        traps=db.execute("SELECT coalesce(sum(traps), 0) FROM hosts").fetchone()[0],
        answers_per_second=answers / seconds if seconds else 0.0,
        bytes_per_second=received / seconds if seconds else 0.0,
        checkpoint=at,
        slowest=_slowest(number, db),
        late=late.waits(db, at),
    )


def _slowest(number: int, db: sqlite3.Connection) -> list[Host]:
    rows = db.execute(
        "SELECT name, ?, address, waiting, answers, bytes, seconds, wait,"
        " CASE WHEN left = '' THEN waiting * (seconds + wait) ELSE 0 END AS eta, strikes, left, traps FROM hosts"
        " JOIN (SELECT host, count(*) AS waiting FROM urls WHERE outcome IS NULL GROUP BY host) ON host = id"
        " ORDER BY eta DESC, waiting DESC, name LIMIT ?",
        (number, _SLOWEST),
    )
    return [Host(*row) for row in rows]
