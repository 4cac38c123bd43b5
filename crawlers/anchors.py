"""What a page's links lead to, say and state: where a crawler may go, pictures, and licences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from crawlers.figures import figure_of
from crawlers.nearby import inner_text
from crawlers.pictures import names_a_picture
from crawlers.urls import fetchable

_SAME = 4  # links to one target whose texts are looked at: a picture, a headline, 'more', a count of comments


@dataclass
class Anchors:
    """The <a href> elements of one page.

    links     the http(s) URLs that a crawler may follow, in order, none twice
    pictures  the links that lead straight to a picture, each with its attributes
    licences  (the figure that states it, or None; the href) of each link with rel=license
    """

    links: tuple[str, ...]
    pictures: list[tuple[LexborNode, Mapping[str, str | None]]]
    licences: list[tuple[int | None, str]]
    _by_href: Mapping[str, tuple[LexborNode, ...]]
    _texts: dict[int, str] = field(default_factory=dict)

    def text(self, anchor: LexborNode, href: str) -> str:
        """What a link says; where it holds a picture alone, what the first other link to the same target says.

        Chinese lists write the picture and its headline as two links. `#` and scripts are no target.
        """
        own = self._text(anchor)
        if own or href.startswith(("#", "javascript:")):
            return own
        others = (self._text(other) for other in self._by_href.get(href, ()))
        return next(filter(None, others), "")

    def _text(self, anchor: LexborNode) -> str:
        """Each is gathered once, however many pictures it holds."""
        known = self._texts.get(anchor.mem_id)
        if known is None:
            known = self._texts[anchor.mem_id] = inner_text(anchor).strip()
        return known


def read_anchors(nodes: Iterable[LexborNode], base: str) -> Anchors:
    """Read the <a href> elements of a page whose references are relative to `base`. Without those that say nofollow,
    but a link to a licence or a picture counts all the same: it is not followed."""
    followed: dict[str, None] = {}
    by_href: dict[str, tuple[LexborNode, ...]] = {}
    pictures: list[tuple[LexborNode, Mapping[str, str | None]]] = []
    licences: list[tuple[int | None, str]] = []
    for node in nodes:
        attributes = node.attributes
        href = attributes.get("href") or ""
        rel = attributes.get("rel")
        words = rel.lower().split() if rel else ()
        if "license" in words:
            licences.append((figure_of(node), href))
        if names_a_picture(href):
            pictures.append((node, attributes))
        same = by_href.get(href, ())
        if len(same) < _SAME:
            by_href[href] = (*same, node)
        if "nofollow" not in words and not href.startswith("#"):
            followed[href] = None
    urls = dict.fromkeys(fetchable(base, href) for href in followed)
    return Anchors(tuple(filter(None, urls)), pictures, licences, by_href)
