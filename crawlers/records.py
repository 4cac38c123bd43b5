"""WARC 1.1 records of what was asked and answered, as bytes that depend on nothing else.

They are written here and not by a library: a crawl writes two for every answer, and warcio took more time for that
than the fetching did. It reads them, as FastWARC does, and the tests hold us to both.
Source: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime, timezone
from functools import lru_cache

from crawlers.fetch import Fetched, Headers

END = b"\r\n\r\n"  # what follows the block of every record
# Bodies are kept decoded. The headers that spoke of the coding are kept under another name, as Common Crawl does.
_CODING_HEADERS = ("content-encoding", "transfer-encoding", "content-length")
_RENAMED = "X-Crawl-"
_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"  # WARC 1.1 §6.7.3
_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_AT_HAND = 16  # the two records of an answer, and its row, have one time and name each other
_GZIP = 16  # what zlib adds to the bits of its window for gzip's framing
_LEVEL = 6  # of gzip: level 9 takes twice the time for one per cent of a page
# A window beyond the record is of no use, and making the largest takes ten times as long as writing a small record.
_SMALL, _SMALL_BITS, _SMALL_MEMORY = 4096, 12, 5


@lru_cache(_AT_HAND)
def warc_date(seconds: float) -> str:
    """A time as WARC 1.1 writes it.

    >>> warc_date(0.25)
    '1970-01-01T00:00:00.250000Z'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat("T", "microseconds").removesuffix("+00:00") + "Z"


def response(fetched: Fetched, sha256: str) -> bytes:
    """The beginning of a response record: the decoded body follows, and then `END`.

    In parts, so that a picture is not copied on its way to the disk. The digest is that of the payload: another of
    the whole block would read every picture twice.
    """
    head = _head(fetched, (("Content-Length", str(len(fetched.body))),))
    more = (("WARC-Payload-Digest", f"sha256:{sha256}"),)
    return _opening(fetched, "response", head, len(fetched.body), more)


def request(fetched: Fetched) -> bytes:
    """The request record that goes with a response."""
    path = "/" + fetched.url.partition("//")[2].partition("/")[2]
    head = _block(f"GET {path} HTTP/1.1", fetched.request_headers)
    more = (_digest(head), ("WARC-Concurrent-To", _record_id("response", fetched.started, fetched.url)))
    return _opening(fetched, "request", head, 0, more) + END


def revisit(fetched: Fetched, sha256: str, first_url: str, first_date: str) -> bytes:
    """A record that says: the same payload as at `first_url`, `first_date`. It keeps the headers of this answer."""
    head = _head(fetched)
    more = (
        _digest(head),
        ("WARC-Profile", _SAME_PAYLOAD),
        ("WARC-Refers-To-Target-URI", first_url),
        ("WARC-Refers-To-Date", first_date),
        ("WARC-Payload-Digest", f"sha256:{sha256}"),
    )
    return _opening(fetched, "revisit", head, 0, more) + END


def unmodified(fetched: Fetched, held_date: str) -> bytes:
    """A record that says: by its 304, this URL has not changed since the answer at `held_date`."""
    head = _head(fetched)
    more = (
        _digest(head),
        ("WARC-Profile", _NOT_MODIFIED),
        ("WARC-Refers-To-Target-URI", fetched.url),
        ("WARC-Refers-To-Date", held_date),
    )
    return _opening(fetched, "revisit", head, 0, more) + END


def gzipped(*record: bytes) -> bytes:
    """A record as a gzip member of its own."""
    if sum(map(len, record)) <= _SMALL:
        machine = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP | _SMALL_BITS, _SMALL_MEMORY)
    else:
        machine = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP | zlib.MAX_WBITS)
    return b"".join([*map(machine.compress, record), machine.flush()])


def _digest(block: bytes) -> tuple[str, str]:
    return "WARC-Block-Digest", f"sha256:{hashlib.sha256(block).hexdigest()}"


def _head(fetched: Fetched, more: Headers = ()) -> bytes:
    headers = [(_RENAMED + name if name.lower() in _CODING_HEADERS else name, value) for name, value in fetched.headers]
    return _block(f"HTTP/1.1 {fetched.status} {fetched.reason}".rstrip(), (*headers, *more))


def _block(first: str, headers: Headers) -> bytes:
    """A head as HTTP writes it, the bytes of its values as they came."""
    return _lines([first, *[f"{name}: {value}" for name, value in headers]]).encode("latin-1") + END


def _opening(fetched: Fetched, kind: str, head: bytes, more_bytes: int, named: Headers) -> bytes:
    """A record up to the end of its HTTP headers, which `more_bytes` of a body follow."""
    headers = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: {_record_id(kind, fetched.started, fetched.url)}",
        f"WARC-Target-URI: {fetched.url}",
        f"WARC-Date: {warc_date(fetched.started)}",
        *([f"WARC-IP-Address: {fetched.ip}"] if fetched.ip else ()),
        *[f"{name}: {value}" for name, value in named],
        f"Content-Type: application/http; msgtype={'request' if kind == 'request' else 'response'}",
        f"Content-Length: {len(head) + more_bytes}",
    ]
    return b"".join((_lines(headers).encode(), END, head))


def _lines(lines: list[str]) -> str:
    """No value may end its line: the parser of HTTP lets none through, and the archive does not depend on that."""
    if not "".join(lines).isprintable():
        lines = [line.replace("\r", " ").replace("\n", " ").replace("\0", " ") for line in lines]
    return "\r\n".join(lines)


def _record_id(kind: str, started: float, url: str) -> str:
    """A UUID made from what the record is (version 8, RFC 9562), not drawn: the same crawl gives the same bytes."""
    digest = _digest_of(started, url)[32 * (kind == "request") :]  # of an exchange, one half for each of its records
    return f"<urn:uuid:{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}>"


@lru_cache(_AT_HAND)
def _digest_of(started: float, url: str) -> str:
    return hashlib.sha256(f"{started:.6f} {url}".encode()).hexdigest()
