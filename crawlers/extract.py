"""A page becomes what it shows and says: pictures with the texts beside them, links, and its own wishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawlers import heads, jsonld
from crawlers.anchors import Anchors, read_anchors
from crawlers.beside import MOST_PICTURES, Beside
from crawlers.cards import read_cards
from crawlers.figures import captions
from crawlers.finds import Finds, bounded
from crawlers.licences import licence
from crawlers.tame import tame
from crawlers.words import LONGEST_TEXT, clean
from schemas.pair import Candidate, TextSource

__all__ = ["LONGEST_TEXT", "MOST_LINKS", "MOST_PICTURES", "Page", "candidates", "clean", "read_page"]

MOST_LINKS = 20_000  # of one page: site maps in HTML have some thousands

# One walk over the tree finds them all: each walk more costs as much as a tenth of the parsing. No element may match
# twice, or it would be found twice.
_READ = """
meta, link, base, img, amp-img, input[type="image" i], video[poster], object[data], figcaption, a[href],
script[type="application/ld+json" i]
"""
_PICTURES = ("img", "amp-img", "input", "video", "object")


@dataclass(frozen=True)
class Page:
    """What one page holds.

    candidates  each picture with each text beside it, in the page's order, none twice
    links       the http(s) URLs that it lets a crawler follow, in order, none twice
    title       its <title>; section: its own category; base: what its references are relative to
    metas       (name, content) of its <meta> elements, the names in lower case
    rels        (rel, type, href) of its <link> elements, rel and type in lower case, href as written: relative to base
    licences    that it states of itself: URLs or words, sorted
    """

    candidates: tuple[Candidate, ...] = ()
    links: tuple[str, ...] = ()
    title: str = ""
    section: str = ""
    base: str = ""
    metas: tuple[tuple[str, str], ...] = ()
    rels: tuple[tuple[str, str, str], ...] = ()
    licences: tuple[str, ...] = ()


def candidates(page: str, url: str) -> list[Candidate]:
    """Each picture of a page (its text, at its URL) with each text beside it: see `read_page`.

    >>> [(one.image_url, one.text) for one in candidates("<img src=a.jpg alt='红烧肉'>", "https://a.example/b/")]
    [('https://a.example/b/a.jpg', '红烧肉')]
    """
    return list(read_page(page, url).candidates)


def read_page(page: str, url: str) -> Page:
    """Read a decoded page that was found at `url`. Never raises, whatever the page.

    The pictures that it shows: <img>, <picture>, <amp-img>, <input type=image>, <video poster>, <object> and CSS
    backgrounds, and those that its links lead straight to. Their texts: alt, title (their own, or their link's),
    aria-label and what aria-labelledby and -describedby name, the figure's caption, the link's text, the nearest block
    of text, and the page's title and keywords. The pictures that stand for the page go with the texts of their card:
    og:image, twitter:image, and what JSON-LD describes.
    """
    tree = LexborHTMLParser(tame(page))
    nodes: defaultdict[str, list[LexborNode]] = defaultdict(list)
    for node in tree.css(_READ):
        nodes["img" if node.tag in _PICTURES else node.tag or ""].append(node)
    metas = tuple(heads.metas(nodes["meta"]))
    rels = tuple(heads.rels(nodes["link"]))
    named = dict(reversed(metas))  # the first of a name counts
    base = heads.base(nodes["base"], url)
    head = tree.css_first("title")
    title = clean(head.text(deep=True)) if head is not None else ""
    finds = Finds(base, ((title, TextSource.PAGE_TITLE), (named.get("keywords"), TextSource.KEYWORDS)))
    anchors = read_anchors(nodes["a"][:MOST_LINKS], base)
    of_figures, of_page = _stated(anchors, rels, base)
    Beside(tree, finds, anchors, captions(nodes["figcaption"]), of_figures).read(nodes["img"])
    read_cards(finds, metas, rels)
    of_page += _described(finds, nodes["script"], base)
    licences = bounded(of_page)
    section = clean(named.get("article:section", ""))
    return Page(finds.candidates(section, licences), anchors.links, title, section, base, metas, rels, licences)


def _stated(
    anchors: Anchors, rels: Iterable[tuple[str, str, str]], base: str
) -> tuple[dict[int, list[str]], list[str]]:
    """The licences that links state: those within a figure, by its identity, and those of the page."""
    of_figures: defaultdict[int, list[str]] = defaultdict(list)
    of_page = [licence(base, href) for rel, _, href in rels if "license" in rel.split()]
    for figure, href in anchors.licences:
        (of_page if figure is None else of_figures[figure]).append(licence(base, href))
    return of_figures, of_page


def _described(finds: Finds, scripts: Iterable[LexborNode], base: str) -> list[str]:
    """Read the JSON-LD; the licences that it states of the page."""
    described, stated = jsonld.read(node.text() or "" for node in scripts)
    for one in described:
        url = finds.picture(one.reference, one.others, [licence(base, said) for said in one.licences])
        for text in one.texts if url else ():
            finds.text(url or "", text, TextSource.JSONLD)
    return [licence(base, said) for said in stated]
