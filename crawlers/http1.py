"""Answers of HTTP/1.1, taken apart as they come; nothing here does input or output.

One reading of every answer, and a strict one: what browsers and servers could read in two ways is refused.
Source: RFC 9112, whose sections the comments name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]
"""Names and values, each character one byte as it came (Latin-1)."""

LONGEST_HEAD = 65_536  # bytes of all headers: honest ones have some two thousand
LONGEST_LINE = 16_384  # of one line; 8 KB is the usual limit, Chinese CDNs exceed it with tracing headers
MOST_LINES = 128  # headers, and trailers
_MOST_INTERIM = 8  # answers with a status of 1xx before the one that counts: early hints come once or twice
_SMALL_CHUNKS = 1_000  # that may be smaller …
_MEAN_CHUNK = 16  # … than this in the mean: each costs us a turn, so a byte at a time is an attack
_NO_BODY = (204, 205, 304)  # §6.3

_FRAMING = frozenset({"transfer-encoding", "content-length", "connection"})
_BEGIN = b"HTTP/1."
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: (.*))?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.S)


class Malformed(Exception):
    """What came is no answer of HTTP/1.1, or its headers are beyond the caps."""


class Broken(Exception):
    """The chunks of a body are broken, or far too many."""


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer. `length` is its Content-Length, None without one that counts."""

    status: int
    reason: str
    headers: Headers
    length: int | None
    chunked: bool
    codings: str  # Transfer-Encoding, when it is not just `chunked`
    keeps: bool  # whether the connection may serve another request

    def values(self, name: str) -> list[str]:
        """Every header of that lower-case name."""
        return [value for key, value in self.headers if key.lower() == name]


class Answer:
    """One answer. Feed it bytes until it is `over`; `head` is there as soon as it came whole."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.over = False
        self.surplus = b""  # what came after the end
        self._start = b""
        self._interim = 0
        self._left: int | None = None  # of a body whose length is said
        self._chunks: _Chunks | None = None

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in what came. Raises Malformed or Broken."""
        if self.head is None:
            data = self._feed_head(data)
            if self.head is None or self.over:
                self.surplus += data
                return b""
        if self._chunks is not None:
            piece = self._chunks.feed(data)
            self.over, self.surplus = self._chunks.over, self._chunks.rest
            return piece
        if self._left is None:
            return data
        piece = data[: self._left]
        self._left -= len(piece)
        if not self._left:
            self.over, self.surplus = True, data[len(piece) :]
        return piece

    def end(self) -> bool:
        """The connection has ended: whether the answer is whole, which it is too where only the end ends it (§6.3)."""
        self.over = self.over or (self.head is not None and self._left is None and self._chunks is None)
        return self.over

    @property
    def keeps(self) -> bool:
        """Whether the connection may serve another request."""
        return self.over and self.head is not None and self.head.keeps and not self.surplus

    def _feed_head(self, data: bytes) -> bytes:
        """What follows the head; b'' while it is not whole."""
        searched = max(0, len(self._start) - 2)
        self._start += data
        while True:
            if not self._start.startswith(_BEGIN[: len(self._start)]):
                raise Malformed("no answer of HTTP/1")
            found = _HEAD_END.search(self._start, searched)
            if (found.end() if found else len(self._start)) > LONGEST_HEAD:
                raise Malformed(f"headers of more than {LONGEST_HEAD} bytes")
            if found is None:
                return b""
            head, rest = _head(self._start[: found.start()].decode("latin-1")), self._start[found.end() :]
            if head.status >= 200 or head.status == 101:
                break
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Malformed(f"more than {_MOST_INTERIM} interim answers")
            self._start, searched = rest, 0
        if head.status == 101:
            raise Malformed("another protocol, for which nobody asked")
        self.head, self._start = head, b""
        if head.status in _NO_BODY or head.length == 0:
            self.over = True
        elif head.chunked:
            self._chunks = _Chunks()
        else:
            self._left = head.length
        return rest


def _head(text: str) -> Head:
    if "\0" in text:
        raise Malformed("a NUL in the headers")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        raise Malformed("no status line of HTTP/1")
    if len(lines) - 1 > MOST_LINES:
        raise Malformed(f"more than {MOST_LINES} headers")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        if len(line) > LONGEST_LINE:
            raise Malformed(f"a header of more than {LONGEST_LINE} bytes")
        if "\r" in line:
            raise Malformed("a carriage return within a header")
        if line[:1] in (" ", "\t") and headers:  # §5.2: a folded line goes on with the last
            name, value = headers[-1]
            headers[-1] = (name, value + " " + line.strip(" \t"))
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise Malformed("a line that is no header")
        headers.append((name, value.strip(" \t")))
    return _framed(int(status[1]), int(status[2]), status[3] or "", tuple(headers))


def _framed(minor: int, status: int, reason: str, headers: Headers) -> Head:
    """The head with how long its body is, and whether the connection stays (§6.3, §9.3)."""
    framing: dict[str, list[str]] = {}
    for name, value in headers:
        if (lower := name.lower()) in _FRAMING:
            framing.setdefault(lower, []).append(value)
    coded = ",".join(framing.get("transfer-encoding", ())).strip().lower()
    lengths = {one.strip() for value in framing.get("content-length", ()) for one in value.split(",")}
    for one in lengths:
        if len(lengths) > 1 or not (one.isascii() and one.isdigit() and len(one) < 19):
            raise Malformed("a Content-Length that is none")
    options = {one.strip().lower() for value in framing.get("connection", ()) for one in value.split(",")}
    keeps = ("close" not in options) if minor else ("keep-alive" in options)
    # Both a length and chunks: the chunks count, and the connection ends, for somebody may mean to smuggle.
    length = int(lengths.pop()) if lengths and not coded else None
    chunked = coded == "chunked"
    return Head(
        status,
        reason,
        headers,
        length,
        chunked,
        codings="" if chunked else coded,
        keeps=keeps and (length is not None or (chunked and not lengths) or status in _NO_BODY),
    )


class _Chunks:
    """A body in chunks (§7.1): a line with a size in hexadecimal, so many bytes, an empty line; size 0 ends it."""

    def __init__(self) -> None:
        self.over = False
        self.rest = b""
        self._line = b""  # the beginning of one that is not whole
        self._left = 0  # of the chunk
        self._within = False  # data came, and its line end is due
        self._trailers = -1  # how many came; -1 before the last chunk
        self._number = self._received = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in what came. Raises Broken."""
        data, self._line = self._line + data, b""
        pieces, at = [], 0
        while at < len(data) and not self.over:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._received += len(piece)
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line = data[at:]
                if len(self._line) > LONGEST_LINE:
                    raise Broken("a line without an end among the chunks")
                return b"".join(pieces)
            self._take(data[at : end + 1])
            at = end + 1
        self.rest = data[at:]
        return b"".join(pieces)

    def _take(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or len(line) > LONGEST_LINE:
            raise Broken("a line of the chunks is broken")
        line = line[:-2]
        if self._within:
            if line:
                raise Broken("a chunk is longer than it says")
            self._within = False
        elif self._trailers >= 0:
            self._trailers += 1
            self.over = not line
            if self._trailers > MOST_LINES:
                raise Broken(f"more than {MOST_LINES} trailers")
        else:
            self._begin(line)

    def _begin(self, line: bytes) -> None:
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise Broken("a chunk without a size")
        self._number += 1
        if self._number > _SMALL_CHUNKS + self._received // _MEAN_CHUNK:
            raise Broken(f"more than {_SMALL_CHUNKS} chunks of a few bytes")
        self._left = int(size[1], 16)
        if self._left:
            self._within = True
        else:
            self._trailers = 0
