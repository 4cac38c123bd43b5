"""The state of one partition of a crawl: a SQLite file in one open transaction that commits at checkpoints.

Everything that a crawl must not forget is here, so what a kill -9 leaves is exactly the last checkpoint.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crawlers.urls import host_queue
from schemas.errors import BadInput, Damaged, WorkFailed
from schemas.outcome import Outcome
from schemas.tables import FOUND, LOG

IDLE, WAITING, LOADED, PARKED, BUSY = range(5)
"""What a host is: nothing waits; it is asked when its time comes; the crawler's memory says; its address has no room;
and in that memory alone: it is being asked."""

_LOG_COLUMNS = ", ".join(f'"{name}"' for name in LOG.names)
_FOUND_COLUMNS = ", ".join(f'"{name}"' for name in FOUND.names)

_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sites (
    id INTEGER PRIMARY KEY, origin TEXT UNIQUE NOT NULL, strong INTEGER NOT NULL, class TEXT NOT NULL,
    sitemap INTEGER NOT NULL, max_pages INTEGER NOT NULL, rules TEXT NOT NULL, pages INTEGER NOT NULL DEFAULT 0,
    sitemaps INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, spent REAL NOT NULL DEFAULT 0);
CREATE TABLE scope (origin TEXT PRIMARY KEY, site INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE hosts (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    ready_at REAL NOT NULL DEFAULT 0, strikes INTEGER NOT NULL DEFAULT 0, address TEXT NOT NULL DEFAULT '',
    left TEXT NOT NULL DEFAULT '', left_status INTEGER NOT NULL DEFAULT 0, answers INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, spent REAL NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
    wait REAL NOT NULL DEFAULT 0, traps INTEGER NOT NULL DEFAULT 0);
CREATE INDEX hosts_ready ON hosts (ready_at) WHERE state = 1;
CREATE INDEX hosts_parked ON hosts (address, ready_at) WHERE state = 3;
CREATE TABLE urls (
    id INTEGER PRIMARY KEY, url TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, site INTEGER NOT NULL, depth INTEGER NOT NULL,
    host INTEGER NOT NULL, turn INTEGER NOT NULL, outcome TEXT, status INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, target TEXT, redirects TEXT NOT NULL DEFAULT '[]',
    taken INTEGER NOT NULL DEFAULT 0, held TEXT);
CREATE INDEX urls_queue ON urls (host, turn) WHERE outcome IS NULL;
CREATE INDEX urls_away ON urls (host) WHERE outcome = 'away';
CREATE INDEX urls_left ON urls (kind, site, host) WHERE outcome = 'budget';
CREATE TABLE asked (
    url TEXT PRIMARY KEY, asked REAL NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL,
    attempts INTEGER NOT NULL, round INTEGER NOT NULL, html INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE late (
    url TEXT PRIMARY KEY, outcome TEXT NOT NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL,
    next_try REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE licences (origin TEXT, url TEXT, PRIMARY KEY (origin, url)) WITHOUT ROWID;
CREATE TABLE counts (kind TEXT, outcome TEXT, number INTEGER NOT NULL, PRIMARY KEY (kind, outcome)) WITHOUT ROWID;
CREATE TABLE beats (at REAL PRIMARY KEY, seconds REAL NOT NULL, answers INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE listed (
    page TEXT, image TEXT, text TEXT, source TEXT, licences TEXT NOT NULL, PRIMARY KEY (page, image, text, source)
) WITHOUT ROWID;
CREATE TABLE page_read (url TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE taken_in (name TEXT PRIMARY KEY, records INTEGER NOT NULL, done INTEGER NOT NULL, tally TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE parked (
    url TEXT PRIMARY KEY, archive TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL,
    headers TEXT NOT NULL, body BLOB NOT NULL, left_over INTEGER NOT NULL DEFAULT 0);
CREATE INDEX parked_waiting ON parked (url) WHERE NOT left_over;
CREATE TABLE searches (
    url TEXT PRIMARY KEY, query TEXT NOT NULL, number INTEGER NOT NULL, search TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE results (query TEXT, image_url TEXT, PRIMARY KEY (query, image_url)) WITHOUT ROWID;
CREATE TABLE log ({_LOG_COLUMNS});
CREATE TABLE found ({_FOUND_COLUMNS});
CREATE TABLE payloads (
    sha256 TEXT PRIMARY KEY, warc TEXT NOT NULL, "offset" INTEGER NOT NULL, length INTEGER NOT NULL,
    body_offset INTEGER NOT NULL, url TEXT NOT NULL, date TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (name TEXT PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
"""
_VERSION = 6  # of the tables above
_BEATS_KEPT = 300.0  # seconds of rates
_CACHE = 64 * 1024  # KiB of the database in memory: the pages that a million URLs keep warm
_LATER = 2_000  # rows of one statement that wait for the checkpoint: some MB; a page may give many more than a picture


@dataclass
class State:
    """The open database; `db` is inside a transaction from `open` to `close`.

    Numbers and counts change with every URL: they are kept in memory, and written once before each commit.
    """

    path: Path
    db: sqlite3.Connection = field(init=False)
    _lock: BinaryIO = field(init=False)
    _numbers: dict[str, int] = field(default_factory=dict, init=False)  # those of `meta`
    _changed: set[str] = field(default_factory=set, init=False)  # of these, what the database does not know
    _savers: list[Callable[[], None]] = field(default_factory=list, init=False)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict, init=False)
    _later: dict[str, list[Sequence[Any]]] = field(default_factory=dict, init=False)

    def open(self) -> None:
        """Open or create. Raises WorkFailed when another crawl holds it, Damaged when it is no state of ours."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path.parent / f".{self.path.stem}.lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise WorkFailed(f"{self.path}: another crawl is at work here; wait for it, or end it") from None
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        self.db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self.db.create_function("host_queue", 1, host_queue, deterministic=True)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")  # a seal renames files on the strength of a commit
            self.db.execute(f"PRAGMA cache_size = -{_CACHE}")
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
            self.db.execute("BEGIN IMMEDIATE")
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    self.db.execute(statement)
                self.db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            self.db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise Damaged(
                f"{self.path}: not a crawl's state ({error}); restore it, or crawl into another folder"
            ) from None
        if version not in (0, _VERSION):
            self.db.close()
            raise Damaged(f"{self.path}: written by another version of the crawler; finish the crawl with that one")
        rows = self.db.execute("SELECT name, value FROM meta WHERE typeof(value) = 'integer'")
        self._numbers = dict(rows.fetchall())
        self._changed, self._later, self._savers = set(), {}, []
        rows = self.db.execute("SELECT kind, outcome, number FROM counts")
        self._counts = {(kind, outcome): number for kind, outcome, number in rows}

    def commit(self) -> None:
        """Make all so far durable, and go on in a new transaction."""
        self._write()
        self.db.execute("COMMIT")
        self.db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Forget what is not committed, and let go."""
        self.db.close()
        self._lock.close()

    def later(self, statement: str, row: Sequence[Any]) -> None:
        """Run a statement with a row before the next commit at the latest, with all others of its kind at once.

        Only for rows that nobody reads, or changes otherwise, before.
        """
        rows = self._later.setdefault(statement, [])
        rows.append(row)
        if len(rows) >= _LATER:
            self._run(statement)

    def before_commit(self, save: Callable[[], None]) -> None:
        """Have `save` called before each commit, to write what its owner has in memory."""
        self._savers.append(save)

    def _run(self, statement: str) -> None:
        self.db.executemany(statement, self._later.pop(statement))

    def _write(self) -> None:
        """Put into the transaction what was kept out of it."""
        for save in self._savers:
            save()
        for statement in list(self._later):
            self._run(statement)
        self.db.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [(name, self._numbers[name]) for name in sorted(self._changed)],
        )
        self._changed.clear()
        self.db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number",
            [(*name, number) for name, number in sorted(self._counts.items())],
        )

    def get(self, name: str, default: int = 0) -> int:
        """A number kept under a name."""
        return self._numbers.get(name, default)

    def put(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self._numbers[name] = value
        self._changed.add(name)

    def count(self, kind: str, outcome: Outcome, number: int = 1) -> None:
        """Add to the count of a kind's outcome."""
        name = kind, str(outcome)
        self._counts[name] = self._counts.get(name, 0) + number

    def counts(self) -> dict[str, int]:
        """How many URLs ended how, over all rounds, as {'page/ok': 12, …}."""
        return {f"{kind}/{outcome}": number for (kind, outcome), number in sorted(self._counts.items()) if number}

    def beat(self, now: float, seconds: float, answers: int, received: int) -> None:
        """Note what came in the last `seconds`, for whoever asks at which rate; the last minutes are kept."""
        self.db.execute("DELETE FROM beats WHERE at < ?", (now - _BEATS_KEPT,))
        self.db.execute("INSERT OR REPLACE INTO beats VALUES (?, ?, ?, ?)", (now, seconds, answers, received))


def partitions_of(path: Path) -> int:
    """In how many partitions the crawl of a state goes, read beside whoever holds it; 0 while it is being made."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            row = db.execute("SELECT value FROM meta WHERE name = 'partitions'").fetchone()
        except sqlite3.OperationalError:
            return 0
    return 0 if row is None else int(row[0])


def check_partitions(corpus: Path, number: int) -> None:
    """Raise BadInput where a crawl goes in another number of partitions: its hosts would change hands."""
    for path in sorted((corpus / "crawl" / "state").glob("part-*.sqlite")):
        refuse_other(str(path), partitions_of(path), number)


def refuse_other(path: str, of: int, number: int) -> None:
    """Raise BadInput where the crawl of a state goes in `of` partitions, and not in `number`; 0 is not known yet."""
    if of not in (0, number):
        way = "leave --partitions away" if of == 1 else f"say --partitions {of}, or --partition i/{of}"
        raise BadInput(f"{path}: this crawl goes in {of} partition{'s' * (of > 1)}, not {number}; {way}")
