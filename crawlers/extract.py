"""A page becomes what it shows and says: pictures with the texts beside them, links, and its own wishes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawlers.nearby import nearby
from crawlers.pictures import shown
from crawlers.tame import tame
from crawlers.urls import fetchable, resolve
from schemas.pair import Candidate, TextSource

LONGEST_TEXT = (
    4_096  # characters: a caption is far shorter, and a page's whole text beside each picture would be a bomb
)
MOST_PICTURES = 5_000  # of one page: the largest galleries have some hundreds
MOST_LINKS = 20_000  # of one page: site maps in HTML have some thousands
_METAS = 256  # meta elements that are read
_CLIMB = 6  # elements between a picture and its <a> or <figure>

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")  # never text; NUL and escape sequences harm terminals and files
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Page:
    """What one page holds.

    candidates  each picture with each text beside it, in the page's order, none twice
    links       the http(s) URLs that it lets a crawler follow, in order, none twice
    title       its <title>; section: its own category; base: what its references are relative to
    licences    the RSL licences that it links to
    metas       (name, content) of its <meta> elements, the names in lower case
    """

    candidates: tuple[Candidate, ...] = ()
    links: tuple[str, ...] = ()
    title: str = ""
    section: str = ""
    base: str = ""
    metas: tuple[tuple[str, str], ...] = ()
    licences: tuple[str, ...] = ()


def candidates(page: str, url: str) -> list[Candidate]:
    """Each picture of a page (its text, at its URL) with each text beside it: see `read_page`.

    >>> [(one.image_url, one.text) for one in candidates("<img src=a.jpg alt='红烧肉'>", "https://a.example/b/")]
    [('https://a.example/b/a.jpg', '红烧肉')]
    """
    return list(read_page(page, url).candidates)


def read_page(page: str, url: str) -> Page:
    """Read a decoded page that was found at `url`. Never raises, whatever the page.

    A picture's texts are its alt, title (its own, or its link's), aria-label and what aria-labelledby and
    -describedby name, its figure's caption, the page's title and the nearest block of text; og:image goes with
    og:title and og:description.
    """
    tree = LexborHTMLParser(tame(page))
    metas = tuple(_metas(tree))
    named = dict(reversed(metas))  # the first of a name counts
    base = _base(tree, url)
    head = tree.css_first("title")
    title = clean(head.text(deep=True)) if head is not None else ""
    reader = _Reader(tree, base, title, clean(named.get("article:section", "")), _captions(tree))
    for node in tree.css("img")[:MOST_PICTURES]:
        reader.read(node)
    reader.read_og(named)
    return Page(
        candidates=tuple(reader.found),
        links=tuple(_links(tree, base)),
        title=title,
        section=reader.section,
        base=base,
        metas=metas,
        licences=tuple(_licences(tree, base)),
    )


def clean(text: str) -> str:
    """White space collapsed, control characters gone, lone surrogates U+FFFD, at most 4,096 characters.

    >>> clean("  红烧\\n\\t肉\\x00 ")
    '红烧 肉'
    """
    text = " ".join(text[: 4 * LONGEST_TEXT].split())
    if not text.isprintable():
        text = " ".join(_SURROGATE.sub("\ufffd", _CONTROL.sub("", text)).split())
    return text[:LONGEST_TEXT].rstrip()


@dataclass
class _Reader:
    """Gathers the candidates of one page while its pictures pass by."""

    tree: LexborHTMLParser
    base: str
    title: str
    section: str
    captions: Mapping[int, str]
    found: dict[Candidate, None] = field(default_factory=dict)

    def read(self, node: LexborNode) -> None:
        attributes = node.attributes
        reference = shown(node, attributes)
        url = fetchable(self.base, reference) if reference else None
        if url is None:
            return
        self._add(url, attributes.get("alt"), TextSource.ALT)
        self._add(url, attributes.get("title"), TextSource.TITLE)
        self._add(url, attributes.get("aria-label"), TextSource.ARIA)
        for name in ("aria-labelledby", "aria-describedby"):
            self._add(url, self._of_ids(attributes.get(name)), TextSource.ARIA)
        self._around(node, url)
        self._add(url, self.title, TextSource.PAGE_TITLE)
        self._add(url, nearby(node), TextSource.NEARBY)

    def _around(self, node: LexborNode, url: str) -> None:
        """The texts of the link and the figure that hold the picture."""
        parent = node.parent
        for _ in range(_CLIMB):
            if parent is None or parent.tag == "body":
                return
            if parent.tag == "a":
                self._add(url, parent.attributes.get("title"), TextSource.TITLE)
                self._add(url, parent.attributes.get("aria-label"), TextSource.ARIA)
            elif parent.tag == "figure":
                self._add(url, self.captions.get(parent.mem_id), TextSource.FIGCAPTION)
                return
            parent = parent.parent

    def _of_ids(self, ids: str | None) -> str | None:
        if not ids:
            return None
        nodes = [self.named[one] for one in ids.split()[:4] if one in self.named]
        return " ".join(node.text(deep=True)[: 4 * LONGEST_TEXT] for node in nodes)

    @cached_property
    def named(self) -> dict[str, LexborNode]:
        """The first element of each id; gathered once, and only for a page that refers to one."""
        return {node.id or "": node for node in reversed(self.tree.css("[id]"))}

    def read_og(self, named: Mapping[str, str]) -> None:
        url = fetchable(self.base, named.get("og:image") or named.get("og:image:url") or "http://")
        if url is not None:
            for name in ("og:title", "og:description", "og:image:alt"):
                self._add(url, named.get(name), TextSource.OG)

    def _add(self, url: str, text: str | None, source: TextSource) -> None:
        if text and (text := clean(text)):
            self.found.setdefault(Candidate(url, text, str(source), self.section))


def _metas(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for node in tree.css("meta[content]")[:_METAS]:
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name")
        if name:
            yield name.strip().lower(), attributes.get("content") or ""


def _captions(tree: LexborHTMLParser) -> dict[int, str]:
    """The text of each figure's first caption. From the captions up: looking down from every picture is quadratic."""
    found: dict[int, str] = {}
    for caption in tree.css("figcaption")[:MOST_PICTURES]:
        parent = caption.parent
        for _ in range(_CLIMB):
            if parent is None or parent.tag == "figure":
                break
            parent = parent.parent
        if parent is not None and parent.tag == "figure" and parent.mem_id not in found:
            found[parent.mem_id] = caption.text(deep=True)[: 4 * LONGEST_TEXT]
    return found


def _base(tree: LexborHTMLParser, url: str) -> str:
    node = tree.css_first("base[href]")
    found = resolve(url, node.attributes.get("href") or "") if node is not None else None
    return found if found is not None and found.startswith(("http://", "https://")) else url


def _licences(tree: LexborHTMLParser, base: str) -> Iterator[str]:
    """What <link rel=license> of RSL's type leads to; at most as many as are read of one site."""
    for node in tree.css("link[rel][href]")[:_METAS]:
        attributes = node.attributes
        kind = (attributes.get("type") or "").strip().lower()
        if kind == "application/rsl+xml" and "license" in (attributes.get("rel") or "").lower().split():
            url = fetchable(base, attributes.get("href") or "")
            if url is not None:
                yield url


def _links(tree: LexborHTMLParser, base: str) -> Iterator[str]:
    """What <a href> leads to, without those that say nofollow."""
    seen: set[str] = set()
    for node in tree.css("a[href]")[:MOST_LINKS]:
        attributes = node.attributes
        href = attributes.get("href") or ""
        if href.startswith("#") or href in seen or "nofollow" in (attributes.get("rel") or "").lower().split():
            continue
        seen.add(href)
        url = fetchable(base, href)
        if url is not None and url not in seen:
            seen.add(url)
            yield url
