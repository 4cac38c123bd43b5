"""The pictures that a page shows, each with the texts beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawlers import backgrounds
from crawlers.anchors import Anchors
from crawlers.figures import CLIMB
from crawlers.finds import Finds
from crawlers.nearby import inner_text, nearby
from crawlers.pictures import Shown, is_placeholder, names_a_picture, shown
from schemas.pair import TextSource

MOST_PICTURES = 5_000  # of one page: the largest galleries have some hundreds

_BACKGROUNDS = '[style*="url(" i], [data-bg], [data-background], [data-background-image]'
_LAZY_BACKGROUNDS = ("data-bg", "data-background-image", "data-background")
_CONTAINER = 512  # characters inside an element: with more it is a part of the page, and its background decoration
_IDS = 4  # that one attribute may name


@dataclass
class Beside:
    """Reads the pictures of one page into `finds`.

    `captions` and `licences` are by the identity (`mem_id`) of their figures.
    """

    tree: LexborHTMLParser
    finds: Finds
    anchors: Anchors
    captions: Mapping[int, str]
    licences: Mapping[int, list[str]]
    _in_links: set[int] = field(default_factory=set)

    def read(self, nodes: Iterable[LexborNode]) -> None:
        """All pictures: those of `nodes`, then backgrounds, then those that links lead straight to."""
        left = MOST_PICTURES
        for node in nodes:
            if left > 0:
                left -= 1
                attributes = node.attributes
                if node.tag != "object" or (attributes.get("type") or "").lower().startswith("image/"):
                    self._picture(node, attributes, shown(node, attributes))
        last = None
        for node in self.tree.css(_BACKGROUNDS):
            if left > 0 and node.mem_id != last:  # an element comes once for each part of the selector that it meets
                last = node.mem_id
                left -= self._backgrounds(node)
        for node, link in self.anchors.pictures[: max(left, 0)]:
            if node.mem_id not in self._in_links:
                self._linked(node, link)

    def _picture(
        self, node: LexborNode, attributes: Mapping[str, str | None], picture: Shown, *, inside: str | None = None
    ) -> None:
        anchor, figure = _around(node)
        link: Mapping[str, str | None] = {} if anchor is None else anchor.attributes
        href = link.get("href") or ""
        licences = self.licences.get(figure, ()) if figure is not None else ()
        url = None
        if anchor is not None and names_a_picture(href):
            # What the page shows is a thumbnail of what it links to.
            url = self.finds.picture(href, (picture.full, *picture.others), licences)
            self._in_links.add(anchor.mem_id)
        url = url or self.finds.picture(picture.full, picture.others, licences)
        if url is None:
            return
        self._own_texts(url, attributes)
        if anchor is not None:
            self._link_texts(url, anchor, link)
        if figure is not None:
            self.finds.text(url, self.captions.get(figure), TextSource.FIGCAPTION)
        self.finds.page_wide(url)
        self.finds.text(url, nearby(node) if inside is None else inside, TextSource.NEARBY)

    def _own_texts(self, url: str, attributes: Mapping[str, str | None]) -> None:
        self.finds.text(url, attributes.get("alt"), TextSource.ALT)
        self.finds.text(url, attributes.get("title"), TextSource.TITLE)
        self.finds.text(url, attributes.get("aria-label"), TextSource.ARIA)
        for name in ("aria-labelledby", "aria-describedby"):
            if ids := attributes.get(name):
                self.finds.text(url, " ".join(map(self._of_id, ids.split()[:_IDS])), TextSource.ARIA)

    def _link_texts(self, url: str, anchor: LexborNode, link: Mapping[str, str | None]) -> None:
        self.finds.text(url, link.get("title"), TextSource.TITLE)
        self.finds.text(url, link.get("aria-label"), TextSource.ARIA)
        self.finds.text(url, self.anchors.text(anchor, link.get("href") or ""), TextSource.LINK)

    def _linked(self, anchor: LexborNode, link: Mapping[str, str | None]) -> None:
        """A link of words that leads straight to a picture."""
        url = self.finds.picture(link.get("href") or "")
        if url is not None:
            self._link_texts(url, anchor, link)
            self.finds.page_wide(url)

    def _backgrounds(self, node: LexborNode) -> int:
        """How many pictures stand behind an element; an <img> has its own, and behind it stands a sign of waiting."""
        if node.tag == "img":
            return 0
        attributes = node.attributes
        found = [value for name in _LAZY_BACKGROUNDS if (value := attributes.get(name)) and not is_placeholder(value)]
        references = [one for value in found for one in backgrounds.references(f"background:{value}") or [(value,)]]
        if style := attributes.get("style"):
            references += backgrounds.references(style)
        pictures = [Shown(full, tuple(others)) for full, *others in references if not is_placeholder(full)]
        if pictures:
            text = inner_text(node).strip()
            inside = text if len(text) <= _CONTAINER else ""
            for picture in pictures:
                self._picture(node, attributes, picture, inside=inside or (None if not text else ""))
        return len(pictures)

    def _of_id(self, one: str) -> str:
        """The text of the element of an id; each is gathered once, however often it is named."""
        if one not in self._texts_of_ids:
            node = self._by_id.get(one)
            self._texts_of_ids[one] = inner_text(node) if node is not None else ""
        return self._texts_of_ids[one]

    @cached_property
    def _texts_of_ids(self) -> dict[str, str]:
        return {}

    @cached_property
    def _by_id(self) -> dict[str, LexborNode]:
        """The first element of each id; gathered once, and only for a page that refers to one."""
        return {node.id or "": node for node in reversed(self.tree.css("[id]"))}


def _around(node: LexborNode) -> tuple[LexborNode | None, int | None]:
    """The nearest link and the nearest figure (its identity) that hold a picture, where they are near."""
    anchor: LexborNode | None = node if node.tag == "a" else None
    figure: int | None = None
    parent = node.parent
    for _ in range(CLIMB):
        if parent is None or (tag := parent.tag) == "body":
            break
        if tag == "a" and anchor is None:
            anchor = parent
        elif tag == "figure" and figure is None:
            figure = int(parent.mem_id)
        parent = parent.parent
    return anchor, figure
