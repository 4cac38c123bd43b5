"""What a page says of itself: its <meta> and <link> elements, its title, and what its references are relative to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborNode

from crawlers.urls import resolve

_MOST = 256  # <meta> or <link> elements that are read: the longest heads that we saw have some 80


def metas(nodes: Iterable[LexborNode]) -> Iterator[tuple[str, str]]:
    """(name, content) of each <meta> that has both; the name is its property, name or itemprop, in lower case."""
    for node in list(nodes)[:_MOST]:
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        if name and "content" in attributes:
            yield name.strip().lower(), attributes.get("content") or ""


def rels(nodes: Iterable[LexborNode]) -> Iterator[tuple[str, str, str]]:
    """(rel, type, href) of each <link> that has a rel and an href; rel and type in lower case, href as written."""
    for node in list(nodes)[:_MOST]:
        attributes = node.attributes
        rel, href = " ".join((attributes.get("rel") or "").lower().split()), (attributes.get("href") or "").strip()
        if rel and href:
            yield rel, (attributes.get("type") or "").strip().lower(), href


def base(nodes: Iterable[LexborNode], url: str) -> str:
    """What the references of the page at `url` are relative to: the first <base> with an href, where it is http(s)."""
    for node in nodes:
        href = node.attributes.get("href")
        if href is not None:
            found = resolve(url, href)
            return found if found is not None and found.startswith(("http://", "https://")) else url
    return url
