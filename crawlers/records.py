"""WARC records of what was asked and answered (warcio), as bytes that depend on nothing else."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from io import BytesIO

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import BufferWARCWriter, WARCWriter

from crawlers.fetch import Fetched

END = b"\r\n\r\n"  # what follows the block of every record
# Bodies are kept decoded. The headers that spoke of the coding are kept under another name, as Common Crawl does.
_CODING_HEADERS = ("content-encoding", "transfer-encoding", "content-length")
_RENAMED = "X-Crawl-"
_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"  # WARC 1.1 §6.7.3


class _Head(StatusAndHeaders):  # type: ignore[misc]
    """Keeps the bytes of headers as they came: warcio would rewrite those beyond ASCII, and fails at some."""

    def to_ascii_bytes(self, filter_func: object = None) -> bytes:
        text: str = self.to_str(filter_func)
        return text.encode("latin-1") + b"\r\n"


def warc_date(seconds: float) -> str:
    """A time as WARC 1.1 writes it.

    >>> warc_date(0.25)
    '1970-01-01T00:00:00.250000Z'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def response(fetched: Fetched, sha256: str, *, gzip: bool) -> bytes:
    """A response record: status, headers and the decoded body. Plain, it ends with the body and `END`."""
    head = _head(fetched)
    head.add_header("Content-Length", str(len(fetched.body)))
    return _written(
        gzip,
        fetched.url,
        "response",
        payload=BytesIO(fetched.body),
        length=len(fetched.body),
        warc_headers_dict=_warc_headers(fetched, "response", sha256),
        http_headers=head,
    )


def request(fetched: Fetched, *, gzip: bool) -> bytes:
    """The request record that goes with a response."""
    path = "/" + fetched.url.partition("//")[2].partition("/")[2]
    headers = _warc_headers(fetched, "request")
    headers["WARC-Concurrent-To"] = _record_id(fetched, "response")
    return _written(
        gzip,
        fetched.url,
        "request",
        warc_headers_dict=headers,
        http_headers=_Head(f"GET {path} HTTP/1.1", list(fetched.request_headers), is_http_request=True),
    )


def revisit(fetched: Fetched, sha256: str, first_url: str, first_date: str) -> bytes:
    """A record that says: the same payload as at `first_url`, `first_date`. It keeps the headers of this answer."""
    headers = _warc_headers(fetched, "response")
    writer = WARCWriter(None, gzip=False, warc_version="1.1")
    record = writer.create_revisit_record(
        fetched.url, f"sha256:{sha256}", first_url, first_date, http_headers=_head(fetched), warc_headers_dict=headers
    )
    return _bytes_of(record, gzip=False)


def unmodified(fetched: Fetched, held_date: str, *, gzip: bool) -> bytes:
    """A record that says: by its 304, this URL has not changed since the answer at `held_date`."""
    headers = _warc_headers(fetched, "response")
    headers["WARC-Profile"] = _NOT_MODIFIED
    headers["WARC-Refers-To-Target-URI"] = fetched.url
    headers["WARC-Refers-To-Date"] = held_date
    return _written(gzip, fetched.url, "revisit", http_headers=_head(fetched), warc_headers_dict=headers)


def _head(fetched: Fetched) -> _Head:
    headers = [(_RENAMED + name if name.lower() in _CODING_HEADERS else name, value) for name, value in fetched.headers]
    return _Head(f"{fetched.status} {fetched.reason}".strip(), headers, protocol="HTTP/1.1")


def _warc_headers(fetched: Fetched, kind: str, sha256: str = "") -> dict[str, str]:
    headers = {"WARC-Record-ID": _record_id(fetched, kind), "WARC-Date": warc_date(fetched.started)}
    if fetched.ip:
        headers["WARC-IP-Address"] = fetched.ip
    if sha256:
        headers["WARC-Payload-Digest"] = f"sha256:{sha256}"
    return headers


def _record_id(fetched: Fetched, kind: str) -> str:
    """Made from what the record is, not drawn: the same crawl state gives the same bytes."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {fetched.started:.6f} {fetched.url}')}>"


def _written(gzip: bool, url: str, kind: str, **parts: object) -> bytes:
    record = WARCWriter(None, gzip=False, warc_version="1.1").create_warc_record(url, kind, **parts)
    return _bytes_of(record, gzip=gzip)


def _bytes_of(record: object, *, gzip: bool) -> bytes:
    writer = BufferWARCWriter(gzip=gzip, warc_version="1.1")
    writer.write_record(record)
    written: bytes = writer.get_contents()
    return written
