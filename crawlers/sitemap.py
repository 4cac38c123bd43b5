"""Sitemaps: an index, a list of pages, or one URL a line; plain or gzipped."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

# https://www.sitemaps.org/protocol.html: 50 MB uncompressed and 50,000 URLs a file.
LARGEST = 50 * 1024 * 1024
MOST = 50_000
DEEPEST = 11  # levels of indexes within indexes; honest sites have two, a loop has no end


@dataclass(frozen=True)
class Sitemap:
    """What one sitemap names, as written. `whole` is False when it was cut by a cap or broken half-way."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    whole: bool = True


def parse(body: bytes) -> Sitemap:
    """Read a sitemap of any of the protocol's forms. XML entities and anything outside the file are refused.

    >>> parse(b"https://a.example/1\\nhttps://a.example/2\\n").pages
    ('https://a.example/1', 'https://a.example/2')
    """
    text, whole = _unzipped(body)
    start = text[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<") or b"\0" in start:  # NUL: XML in UTF-16
        return _xml(text.lstrip(), whole)
    lines = [line.strip() for line in text.decode("utf-8-sig", "replace").splitlines()]
    pages = [line for line in lines if line.startswith(("http://", "https://"))]
    return Sitemap(tuple(pages[:MOST]), (), whole and len(pages) <= MOST)


def _unzipped(body: bytes) -> tuple[bytes, bool]:
    if not body.startswith(b"\x1f\x8b"):
        return body[:LARGEST], len(body) <= LARGEST
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = machine.decompress(body, LARGEST)
    except zlib.error:
        return b"", False
    return text, machine.eof


def _xml(text: bytes, whole: bool) -> Sitemap:
    """Element by element, so that a broken end loses only itself and a large file takes little memory."""
    pages: list[str] = []
    sitemaps: list[str] = []
    parents: list[str] = []
    try:
        for event, element in iterparse(BytesIO(text), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(_name(element.tag))
                continue
            parents.pop()
            parent = parents[-1] if parents else ""
            if _name(element.tag) == "loc" and parent in ("url", "sitemap"):
                (pages if parent == "url" else sitemaps).append((element.text or "").strip())
            if parent in ("urlset", "sitemapindex"):
                element.clear()
            if len(pages) + len(sitemaps) >= MOST:
                whole = False
                break
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        whole = False
    return Sitemap(tuple(filter(None, pages)), tuple(filter(None, sitemaps)), whole)


def _name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()
