"""What was fetched and found, kept in segments: WARC files that grow, rows that wait in the state, Parquet at the end.

A segment is sealed when its pictures fill a WARC, or the crawl ends. Between checkpoints files may be ahead of the
state; the state knows how far they were good, so after a kill the rest is cut off. A seal is renames and whole files,
each of which may be done twice; so a kill between any two of them loses nothing and doubles nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawlers import records
from crawlers.fetch import Fetched
from crawlers.growing import Growing
from crawlers.settings import Settings
from crawlers.state import State
from schemas.errors import Damaged
from schemas.files import GROUP, sync_folder, whole, write_groups
from schemas.pair import Candidate
from schemas.tables import FOUND, LOG

PAGES, IMAGES = "pages", "images"
_ENDING = {PAGES: ".warc.gz", IMAGES: ".warc"}
_BATCH = 4_096  # rows as Python objects at once, some 15 MB; a row group has a multiple of it
_LOG_NAMES = tuple(LOG.names)
_INSERT_LOG = f"INSERT INTO log VALUES ({', '.join('?' * len(LOG))})"
_INSERT_FOUND = f"INSERT INTO found VALUES ({', '.join('?' * len(FOUND))})"
_INSERT_PAYLOAD = "INSERT INTO payloads VALUES (?, ?, ?, ?, ?, ?, ?)"
_LISTS = tuple(_LOG_NAMES.index(name) for name in ("redirects", "licences"))
_STARTED = _LOG_NAMES.index("started")


@dataclass(frozen=True)
class Place:
    """Where a response is kept: file (relative to crawl/), its record, and its body's own bytes (-1 when gzipped)."""

    warc: str = ""
    offset: int = -1
    length: int = 0
    body_offset: int = -1
    sha256: str = ""


class Store:
    """The open segment of one crawl folder."""

    def __init__(self, folder: Path, state: State, settings: Settings) -> None:
        self._folder = folder
        self._state = state
        self._db = state.db
        self._settings = settings
        self.partition = settings.partition
        self._files: dict[str, Growing] = {}
        self._names: dict[str, str] = {}  # of the open files, as the tables name them
        self._payloads: dict[str, tuple[Any, ...]] = {}  # those that came since the last checkpoint, by digest
        self._rows: dict[str, int] = {}  # that wait for the seal, by table
        self.sealed = 0  # bytes of WARC since this was opened
        self._recover()
        for table in ("log", "found"):
            self._rows[table] = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    @property
    def name(self) -> str:
        """The name of the open segment: its round, partition and number."""
        return f"r{self._state.get('round'):04}-{self.partition.name}-{self._state.get('segment'):05}"

    def keep(self, fetched: Fetched, kind: str) -> Place:
        """Write a response and its request to the open WARC of `pages` or `images`.

        A picture whose very bytes are kept already is written as a revisit record, so that the WARC still tells that
        this URL was asked and answered; the place returned is that of the bytes, for whoever reads pictures.
        """
        sha256 = hashlib.sha256(fetched.body).hexdigest()
        plain = kind == IMAGES
        if plain and (first := self._first(sha256)) is not None:
            place, url, date = first
            self._append(kind, records.revisit(fetched, sha256, url, date), records.request(fetched))
            return place
        opening = records.response(fetched, sha256)
        if plain:
            offset = self._append(kind, opening, fetched.body, records.END + records.request(fetched))
            length, body = len(opening) + len(fetched.body) + len(records.END), offset + len(opening)
        else:
            record = records.gzipped(opening, fetched.body, records.END)
            offset = self._append(kind, record, records.gzipped(records.request(fetched)))
            length, body = len(record), -1
        warc = self._names[kind]
        place = Place(warc, offset, length, body, sha256)
        if plain:
            row = sha256, warc, offset, length, body, fetched.url, records.warc_date(fetched.started)
            self._payloads[sha256] = row
            self._state.later(_INSERT_PAYLOAD, row)
        return place

    def keep_unmodified(self, fetched: Fetched, kind: str, held_date: str) -> Place:
        """Write a 304 and its request: what came at `held_date` is still good."""
        parts = [records.unmodified(fetched, held_date), records.request(fetched)]
        if kind != IMAGES:
            parts = [records.gzipped(part) for part in parts]
        offset = self._append(kind, *parts)
        return Place(self._names[kind], offset, len(parts[0]))

    def _first(self, sha256: str) -> tuple[Place, str, str] | None:
        row = self._payloads.get(sha256)
        if row is None:
            row = self._db.execute("SELECT * FROM payloads WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            return None
        _, warc, offset, length, body_offset, url, date = row
        return Place(warc, offset, length, body_offset, sha256), url, date

    def _append(self, kind: str, *parts: bytes) -> int:
        """Write at the end of the open file; where it began."""
        file = self._files.get(kind)
        if file is None:
            self._names[kind] = f"{kind}/{self.name}{_ENDING[kind]}"
            path = self._part(self._names[kind])
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._files[kind] = Growing(path)
        return file.append(*parts)

    def _part(self, name: str) -> Path:
        path = self._folder / name
        return path.parent / f".{path.name}.part"

    def log(self, row: Mapping[str, Any]) -> None:
        """Let a row of the log wait for the seal. `started` is in seconds since 1970; lists are any sequences."""
        values = [row[name] for name in _LOG_NAMES]
        for place in _LISTS:
            values[place] = _list(values[place])
        values[_STARTED] = round(values[_STARTED] * 1e6)
        self._rows["log"] += 1
        self._state.later(_INSERT_LOG, values)

    def found(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Let rows of found wait for the seal, each in the order of the schema; its last columns, which are lists, may
        be left out where they are empty."""
        for row in rows:
            values = [_list(value) if isinstance(value, tuple) else value for value in row]
            self._rows["found"] += 1
            self._state.later(_INSERT_FOUND, values + ["[]"] * (len(FOUND) - len(values)))

    def list_texts(self, listed: Iterable[tuple[str, Candidate]]) -> None:
        """Let the texts that a sitemap gives to (page, candidate) wait until that page was read and allows it."""
        self._db.executemany(
            "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?, ?)",
            ((page, one.image_url, one.text, one.source, json.dumps(one.licences)) for page, one in listed),
        )

    def take_listed(self, pages: Iterable[str]) -> list[Candidate]:
        """What sitemaps have listed with any of these URLs of one page, each once."""
        found: list[Candidate] = []
        for page in pages:
            rows = self._db.execute(
                "SELECT image, text, source, licences FROM listed WHERE page = ? ORDER BY image, text, source", (page,)
            ).fetchall()
            self._db.execute("DELETE FROM listed WHERE page = ?", (page,))
            found += [Candidate(row[0], row[1], row[2], licences=tuple(json.loads(row[3]))) for row in rows]
        return found

    def checkpoint(self) -> None:
        """Make all so far durable: the files first, then the state that knows their length."""
        for kind, file in self._files.items():
            file.sync()
            self._db.execute(
                "INSERT INTO parts VALUES (?, ?) ON CONFLICT DO UPDATE SET length = excluded.length",
                (self._names[kind], file.length),
            )
        self._state.commit()
        self._payloads.clear()

    def full(self) -> bool:
        """Whether the open segment has reached its size."""
        largest = max((file.length for file in self._files.values()), default=0)
        return largest >= self._settings.segment_bytes or max(self._rows.values()) >= self._settings.segment_rows

    def seal(self) -> None:
        """Give the open segment its final names, and begin the next; nothing when it holds nothing."""
        if not self._files and not any(self._rows.values()):
            return
        self._state.put("sealing", 1)
        self.checkpoint()
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._finish_seal()

    def _finish_seal(self) -> None:
        """Every step may have been done before."""
        for name, length in self._db.execute("SELECT name, length FROM parts").fetchall():
            part, path = self._part(name), self._folder / name
            if part.exists():
                part.replace(path)
            if not path.exists() or path.stat().st_size != length:
                raise Damaged(f"{path}: missing or altered while it was being finished; restore it, or crawl anew")
            self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (name, length))
            self.sealed += length
        for table, schema, order in (
            ("log", LOG, "url, kind"),
            ("found", FOUND, "page_url, image_url, source, text"),
        ):
            name = f"{table}/{self.name}.parquet"
            with whole(self._folder / name) as file:
                write_groups(self._groups(table, schema, order), schema, file)
            size = (self._folder / name).stat().st_size
            self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (name, size))
            self._db.execute(f"DELETE FROM {table}")
            self._rows[table] = 0
        self._db.execute("DELETE FROM parts")
        self._state.put("segment", self._state.get("segment") + 1)
        self._state.put("sealing", 0)
        for folder in (PAGES, IMAGES):
            if (self._folder / folder).is_dir():
                sync_folder(self._folder / folder)
        self._state.commit()
        pa.default_memory_pool().release_unused()  # Arrow would keep some 170 MB for the next segment

    def _groups(self, table: str, schema: pa.Schema, order: str) -> Iterator[pa.Table]:
        """The rows of a table in order, a row group at a time: a whole segment would take a gigabyte."""
        cursor = self._db.execute(f"SELECT * FROM {table} ORDER BY {order}")
        batches, first = _batches(cursor, schema), True
        while len(group := pa.Table.from_batches(islice(batches, GROUP // _BATCH), schema)) or first:
            yield group.combine_chunks()
            first = False

    def _recover(self) -> None:
        """Bring the files back to the last checkpoint. Raises Damaged for one that is missing or altered."""
        files = () if self._settings.elsewhere else self._db.execute("SELECT name, length FROM files ORDER BY name")
        for name, length in files:
            path = self._folder / name
            if not path.exists() or path.stat().st_size != length:
                fault = "is not as it was written" if path.exists() else "is missing"
                raise Damaged(f"{path}: {fault}; restore it, or remove {self._folder} and crawl again")
        for table in ("log", "found"):
            # Of a kill within a seal; other partitions write files of their own names here.
            for left in (self._folder / table).glob(f".r*-{self.partition.name}-*.tmp"):
                left.unlink()
        if self._state.get("sealing"):
            self._finish_seal()
            return
        known = dict(self._db.execute("SELECT name, length FROM parts").fetchall())
        for kind, ending in _ENDING.items():
            name = f"{kind}/{self.name}{ending}"
            part = self._part(name)
            if name not in known:
                part.unlink(missing_ok=True)  # begun after the last checkpoint
                continue
            if not part.exists() or part.stat().st_size < known[name]:
                raise Damaged(f"{part}: missing or cut; restore it, or remove {self._folder} and crawl again")
            self._files[kind], self._names[kind] = Growing(part, known[name]), name

    def close(self) -> None:
        """Let go of the files, as they are: what the state does not know of is cut off next time."""
        for file in self._files.values():
            file.close()
        self._files.clear()


def _list(values: Sequence[str]) -> str:
    """As the state keeps a list: most are empty."""
    return json.dumps(list(values)) if values else "[]"


def _batches(cursor: sqlite3.Cursor, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rest of a query, as rows of a schema."""
    while rows := cursor.fetchmany(_BATCH):
        arrays = []
        for field, values in zip(schema, zip(*rows, strict=True), strict=True):
            read: Iterable[Any] = values
            if pa.types.is_list(field.type):
                read = [json.loads(value) if value != "[]" else [] for value in values]
            elif pa.types.is_boolean(field.type):
                read = map(bool, values)
            arrays.append(pa.array(list(read), field.type))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
