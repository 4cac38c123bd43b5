"""How far a crawl has come, read beside it: a second connection sees its last checkpoint, and disturbs nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from schemas.errors import BadInput, WorkFailed

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

    round: int
    finished: bool
    waiting: dict[str, int]  # by kind
    hosts: int  # in whose queue something waits
    ended: dict[str, int]  # by kind and outcome, over all rounds
    traps: int  # URLs that a trap made, logged or only counted
    answers_per_second: float  # over the last minute before that checkpoint
    bytes_per_second: float
    checkpoint: float  # when that was, in seconds since 1970; 0 before the first
    slowest: list[Host]  # those that hold up the end of the round


def status(corpus: Path) -> Status:
    """The status of the crawl of a corpus, running or not.

    Raises BadInput where there is none, WorkFailed for a state that cannot be read. Takes a second or two for a
    million URLs that wait.
    """
    path = corpus / "crawl" / "state" / "part-00.sqlite"
    if not path.exists():
        raise BadInput(f"{corpus}: no crawl here; run: tuwen crawl --seeds … --out {corpus}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # all that follows is of one checkpoint
            return _read(db)
    except sqlite3.Error as error:
        raise WorkFailed(
            f"{path}: cannot be read ({error}); is it of this version, and may you write beside it?"
        ) from None


def _read(db: sqlite3.Connection) -> Status:
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('round', 'finished')"))
    at = db.execute("SELECT coalesce(max(at), 0) FROM beats").fetchone()[0]
    seconds, answers, received = db.execute(
        "SELECT coalesce(sum(seconds), 0), coalesce(sum(answers), 0), coalesce(sum(bytes), 0) FROM beats WHERE at > ?",
        (at - _RATE_SECONDS,),
    ).fetchone()
    counts = db.execute("SELECT kind, outcome, number FROM counts WHERE number != 0 ORDER BY kind, outcome")
    return Status(
        round=int(meta.get("round", 0)),
        finished=bool(meta.get("finished", 0)),
        waiting=dict(db.execute("SELECT kind, count(*) FROM urls WHERE outcome IS NULL GROUP BY kind ORDER BY kind")),
        hosts=db.execute("SELECT count(DISTINCT host) FROM urls WHERE outcome IS NULL").fetchone()[0],
        ended={f"{kind}/{outcome}": number for kind, outcome, number in counts},
        traps=db.execute("SELECT coalesce(sum(traps), 0) FROM hosts").fetchone()[0],
        answers_per_second=answers / seconds if seconds else 0.0,
        bytes_per_second=received / seconds if seconds else 0.0,
        checkpoint=at,
        slowest=_slowest(db),
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
