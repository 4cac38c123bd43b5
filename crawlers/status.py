"""How far a crawl has come, read beside it: a second connection sees its last checkpoint, and disturbs nothing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
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


class Host(msgspec.Struct, frozen=True):
    """One host's queue. `left` is the outcome in which what waits there will end, '' while it is asked."""

    host: str
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


class Status(msgspec.Struct, frozen=True):
    """What the state said at the last checkpoint."""

    partitions: int
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
    return _over_all([_reading(path, _read) for path in paths], undelivered(corpus / "crawl"))


def counts(corpus: Path) -> dict[str, int]:
    """How many URLs ended how over all partitions, as of the last checkpoint of each; empty before the first."""
    return _sum(_reading(path, _counts) for path in _states(corpus))


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


def _over_all(parts: list[Status], letters: int) -> Status:
    """One status of several, each of a partition."""
    hosts = [host for part in parts for host in part.slowest]
    return Status(
        partitions=len(parts),
        round=max(part.round for part in parts),
        finished=all(part.finished for part in parts) and not letters,
        letters=letters,
        waiting=_sum(part.waiting for part in parts),
        hosts=sum(part.hosts for part in parts),
        ended=_sum(part.ended for part in parts),
        traps=sum(part.traps for part in parts),
        answers_per_second=sum(part.answers_per_second for part in parts),
        bytes_per_second=sum(part.bytes_per_second for part in parts),
        checkpoint=max(part.checkpoint for part in parts),
        slowest=sorted(hosts, key=lambda host: (-host.eta, -host.waiting, host.host))[:_SLOWEST],
        late=[wait for part in parts for wait in part.late],
    )


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    rows = db.execute("SELECT kind, outcome, number FROM counts WHERE number != 0")
    return {f"{kind}/{outcome}": number for kind, outcome, number in rows}


def _read(db: sqlite3.Connection) -> Status:
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('round', 'finished')"))
    at = db.execute("SELECT coalesce(max(at), 0) FROM beats").fetchone()[0]
    seconds, answers, received = db.execute(
        "SELECT coalesce(sum(seconds), 0), coalesce(sum(answers), 0), coalesce(sum(bytes), 0) FROM beats WHERE at > ?",
        (at - _RATE_SECONDS,),
    ).fetchone()
    return Status(
        partitions=1,
        letters=0,
        round=int(meta.get("round", 0)),
        finished=bool(meta.get("finished", 0)),
        waiting=dict(db.execute("SELECT kind, count(*) FROM urls WHERE outcome IS NULL GROUP BY kind ORDER BY kind")),
        hosts=db.execute("SELECT count(DISTINCT host) FROM urls WHERE outcome IS NULL").fetchone()[0],
        ended=_counts(db),
        traps=db.execute("SELECT coalesce(sum(traps), 0) FROM hosts").fetchone()[0],
        answers_per_second=answers / seconds if seconds else 0.0,
        bytes_per_second=received / seconds if seconds else 0.0,
        checkpoint=at,
        slowest=_slowest(db),
        late=late.waits(db, at),
    )


def _slowest(db: sqlite3.Connection) -> list[Host]:
    rows = db.execute(
        "SELECT name, address, waiting, answers, bytes, seconds, wait,"
        " CASE WHEN left = '' THEN waiting * (seconds + wait) ELSE 0 END AS eta, strikes, left, traps FROM hosts"
        " JOIN (SELECT host, count(*) AS waiting FROM urls WHERE outcome IS NULL GROUP BY host) ON host = id"
        " ORDER BY eta DESC, waiting DESC, name LIMIT ?",
        (_SLOWEST,),
    )
    return [Host(*row) for row in rows]
