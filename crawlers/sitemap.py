"""Sitemaps: an index, a list of pages (with pictures, by the image extension), or one URL a line; plain or gzipped."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from crawlers.finds import Finds
from crawlers.licences import licence
from crawlers.urls import fetchable
from schemas.pair import Candidate, TextSource

# https://www.sitemaps.org/protocol.html: 50 MB uncompressed and 50,000 URLs a file.
LARGEST = 50 * 1024 * 1024
MOST = 50_000
_GZIP = b"\x1f\x8b"
_OF_PICTURE = ("loc", "title", "caption", "license")
DEEPEST = 11  # levels of indexes within indexes; honest sites have two, a loop has no end


class Listed(NamedTuple):
    """A picture that the image extension lists with its page, as written; '' for what it does not say."""

    page: str
    image: str
    title: str = ""
    caption: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Sitemap:
    """What one sitemap names, as written. `whole` is False when it was cut by a cap or broken half-way."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    whole: bool = True
    pictures: tuple[Listed, ...] = ()


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


def candidates(pictures: Iterable[Listed], base: str) -> Iterator[tuple[str, Candidate]]:
    """(page, candidate) of each text that a sitemap at `base` gives a picture: image:title is its title, image:caption
    its caption. Source: https://developers.google.com/search/docs/crawling-indexing/sitemaps/image-sitemaps."""
    for one in pictures:
        page = fetchable(base, one.page)
        finds = Finds(base, ())
        url = finds.picture(one.image, (), [licence(base, one.licence)])
        if page is not None and url is not None:
            finds.text(url, one.title, TextSource.TITLE)
            finds.text(url, one.caption, TextSource.FIGCAPTION)
            yield from ((page, candidate) for candidate in finds.candidates("", ()))


def _unzipped(body: bytes) -> tuple[bytes, bool]:
    """The text of a file, gzipped or not, as far as the cap allows; a gzip file may have several members."""
    if not body.startswith(_GZIP):
        return body[:LARGEST], len(body) <= LARGEST
    parts: list[bytes] = []
    room = LARGEST
    while body.startswith(_GZIP) and room > 0:
        machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            parts.append(machine.decompress(body, room))
        except zlib.error:
            return b"".join(parts), False
        room -= len(parts[-1])
        if not machine.eof:
            return b"".join(parts), False
        body = machine.unused_data
    return b"".join(parts), not body.startswith(_GZIP)


def _xml(text: bytes, whole: bool) -> Sitemap:
    """Element by element, each forgotten at its end: a broken end loses only itself, a large file takes no memory."""
    pages: list[str] = []
    sitemaps: list[str] = []
    pictures: list[Listed] = []
    parents: list[Element] = []
    page, of_page, of_picture = "", list[dict[str, str]](), dict[str, str]()
    try:
        for event, element in iterparse(BytesIO(text), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                continue
            parents.pop()
            name, parent = _name(element), _name(parents[-1]) if parents else ""
            said = (element.text or "").strip()
            if parent == "image" and name in _OF_PICTURE:
                of_picture[name] = said
            elif name == "image" and parent == "url":
                of_page.append(of_picture)
                of_picture = {}
            elif name == "loc" and parent == "url":
                page = said
                pages.append(said)
            elif name == "loc" and parent == "sitemap":
                sitemaps.append(said)
            elif name == "url":
                pictures += [_listed(page, one) for one in of_page if page and one.get("loc")]
                page, of_page = "", []
            if parents:
                parents[-1].remove(element)
            if max(len(pages) + len(sitemaps), len(pictures) + len(of_page)) >= MOST:
                whole = False
                break
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        whole = False
    return Sitemap(tuple(filter(None, pages)), tuple(filter(None, sitemaps)), whole, tuple(pictures[:MOST]))


def _listed(page: str, said: dict[str, str]) -> Listed:
    return Listed(page, said["loc"], said.get("title", ""), said.get("caption", ""), said.get("license", ""))


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower()
