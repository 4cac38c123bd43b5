"""WARC and WAT files, read as a stream: the pages that somebody else has fetched, one record in memory at a time."""

from __future__ import annotations

import io
import json
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecordType

from crawlers import media
from crawlers.chunked import unchunked
from crawlers.coding import Broken, TooLarge, decoder
from crawlers.fetch import Headers
from crawlers.urls import fetchable
from crawlers.wat import Described, described
from schemas.outcome import Outcome

_HEAD = 65_536  # bytes of an HTTP head: what our own fetcher takes is far less
_LARGEST_WAT = 32 * 1024 * 1024  # of one record's JSON: a page of 20,000 links has some 4 MB
_CHUNK = 262_144  # bytes read of a file at once


@dataclass(frozen=True)
class Archived:
    """One page as an archive holds it. `outcome` is OK for a whole one, else it says what is wrong with it."""

    url: str
    date: str  # when it was fetched, as the archive writes it
    offset: int  # where its record begins in the file; in a gzip of many records at once, where that begins
    outcome: Outcome
    status: int
    reason: str
    headers: Headers
    body: bytes  # decoded; empty unless OK


@dataclass(frozen=True)
class Passed:
    """A record that gives no page, and why: one of a few words that are counted."""

    why: str


class Cut(Exception):
    """An archive that cannot be read on: it ends too early, or is broken. `offset` is a place in the file."""

    def __init__(self, why: str, offset: int, outcome: Outcome) -> None:
        super().__init__(f"{why} at byte {offset:,}")
        self.offset, self.outcome = offset, outcome


def read(file: BinaryIO, cap: int) -> Iterator[Archived | Passed]:
    """Every record of a WARC or WAT file, plain or gzipped, in order; what gives no page as the reason why.

    `cap` is the most bytes of a page's body. Raises Cut where the file cannot be read on.
    """
    plain = _Plain(file)
    records = iter(ArchiveIterator(plain, parse_http=False))
    offset = 0
    while True:
        try:
            record = next(records, None)
        except OSError as error:
            plain.check()
            offset = max(offset, plain.newest())
            raise Cut(f"no WARC record ({error}) there, or after the record", offset, Outcome.BAD_TYPE) from None
        plain.check()
        if record is None:
            return
        offset = plain.place(record.stream_pos)
        if not (record.headers.get("Content-Length") or "").isdigit():  # without its last lines fastwarc takes 0
            raise Cut("it ends within a record", offset, Outcome.TRUNCATED)
        block = record.reader.read(_largest(record, cap))
        rest = 0
        while skipped := len(record.reader.read(_CHUNK)):
            rest += skipped
        plain.check()
        if len(block) + rest < record.content_length:
            raise Cut("it ends within a record", offset, Outcome.TRUNCATED)
        yield _page(record, block, rest, offset, cap)


def _largest(record: Any, cap: int) -> int:
    return _LARGEST_WAT if record.record_type == WarcRecordType.metadata else cap + _HEAD


def _page(record: Any, block: bytes, rest: int, offset: int, cap: int) -> Archived | Passed:
    """What one record holds; `rest` bytes of it were not kept."""
    kind = (record.headers.get("Content-Type") or "").lower()
    if record.record_type == WarcRecordType.metadata and kind.startswith("application/json"):
        return _of_wat(block, rest, offset)
    if record.record_type != WarcRecordType.response or not kind.startswith("application/http"):
        return Passed("no response")
    url = fetchable("about:blank", (record.headers.get("WARC-Target-URI") or "").strip("<> "))
    if url is None:
        return Passed("bad_url")
    status, reason, headers, body = _message(block)
    if not 200 <= status < 300:
        return Passed("not 2xx")
    outcome = Outcome.TRUNCATED if record.headers.get("WARC-Truncated") else Outcome.OK
    if rest:
        outcome = Outcome.TOO_LARGE
    else:
        try:
            body = _decoded(body, headers, cap)
        except TooLarge:
            outcome = Outcome.TOO_LARGE
        except Broken:
            outcome = Outcome.BAD_ENCODING
    seen = b"" if outcome in (Outcome.TOO_LARGE, Outcome.BAD_ENCODING) and not rest else body[: media.ENOUGH]
    if media.sniff(seen, _header(headers, "content-type")) not in media.PAGES:  # of coded bytes the header must do
        return Passed("no page")
    date = record.headers.get("WARC-Date") or ""
    return Archived(url, date, offset, outcome, status, reason, headers, body if outcome is Outcome.OK else b"")


def _of_wat(block: bytes, rest: int, offset: int) -> Archived | Passed:
    if rest:
        return Passed("too large")
    try:
        said = described(json.loads(block))
    except (ValueError, RecursionError):
        return Passed("broken JSON")
    if not isinstance(said, Described):
        return Passed(said)
    return Archived(said.url, said.date, offset, Outcome.OK, said.status, said.reason, said.headers, said.body)


def _message(block: bytes) -> tuple[int, str, Headers, bytes]:
    """Status, reason, headers and body of an HTTP answer; status 0 for what is none."""
    head, _, body = block.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/") or not (status.isascii() and status.isdigit()):
        return 0, "", (), body
    headers = [(name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
    return int(status[:3]), reason, tuple(headers), body


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _decoded(body: bytes, headers: Headers, cap: int) -> bytes:
    """The body without its codings. Many archives keep the headers that spoke of codings long undone."""
    if "chunked" in _header(headers, "transfer-encoding").lower():
        body = unchunked(body) or body
    coding = _header(headers, "content-encoding")
    if coding and media.sniff(body[: media.ENOUGH]) not in media.PAGES:
        machine = decoder(coding, cap)
        body = machine.feed(body)
        if not machine.finish():
            raise Broken("ends too early")
    if len(body) > cap:
        raise TooLarge(body[:cap])
    return body


class _Plain(io.RawIOBase):
    """An archive's bytes with gzip undone, for fastwarc to read; it remembers where gzip's members began.

    fastwarc's own gzip reader ends without a word where a file is cut between the parts of a member.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._start = file.read(2)
        self._gzip = self._start == b"\x1f\x8b"
        self._machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members: deque[tuple[int, int]] = deque([(0, 0)])  # (place in the plain bytes, place in the file)
        self._read = self._given = 0
        self._waiting = b""
        self._fault: Cut | None = None

    def read(self, size: int = -1) -> bytes:
        """Up to `size` plain bytes; none at the end, and where the file is broken."""
        wanted = size if size > 0 else _CHUNK
        data = self._inflated(wanted) if self._gzip else self._raw(wanted)
        self._given += len(data)
        return data

    def _raw(self, size: int) -> bytes:
        if self._start:
            data, self._start = self._start, b""
        else:
            data = self._file.read(size)
        self._read += len(data)
        return data

    def _inflated(self, size: int) -> bytes:
        while self._fault is None:
            data = self._waiting or self._raw(_CHUNK)
            if not data:
                if not self._machine.eof:
                    self._fault = Cut("it ends within a gzip member", self._members[-1][1], Outcome.TRUNCATED)
                return b""
            if self._machine.eof:
                self._members.append((self._given, self._read - len(data)))
                self._machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                plain = self._machine.decompress(data, size)
            except zlib.error as error:
                self._fault = Cut(f"broken gzip ({error})", self._members[-1][1], Outcome.BAD_ENCODING)
                return b""
            self._waiting = self._machine.unused_data if self._machine.eof else self._machine.unconsumed_tail
            if plain:
                return plain
        return b""

    def check(self) -> None:
        """Raise Cut if the bytes given so far ended where they should not."""
        if self._fault is not None:
            raise self._fault

    def place(self, plain: int) -> int:
        """Where in the file a plain byte lies: of gzip, where its member begins. Asked for in rising order."""
        if not self._gzip:
            return plain
        while len(self._members) > 1 and self._members[1][0] <= plain:
            self._members.popleft()
        return self._members[0][1]

    def newest(self) -> int:
        """Where in the file the newest gzip member begins; 0 of a plain file."""
        return self._members[-1][1]

    def tell(self) -> int:
        """How many plain bytes were given."""
        return self._given
