"""The pictures that stand for a whole page where it is shared: Open Graph, Twitter cards, and image_src."""

from __future__ import annotations

from collections.abc import Iterable

from crawlers.finds import Finds
from schemas.pair import TextSource

_MOST = 16  # pictures of one card

Pairs = Iterable[tuple[str, str]]


def read_cards(finds: Finds, metas: Pairs, rels: Iterable[tuple[str, str, str]]) -> None:
    """Put the card's pictures into `finds`, each with the card's texts.

    og:title and og:description go with every og:image, og:image:alt with the one before it. The texts of a Twitter
    card go with twitter:image, and where it names none with the og:image, which Twitter then shows. A picture named by
    link rel=image_src or by <meta itemprop=image> goes with the texts of the page as a whole.
    Sources: https://ogp.me/, https://developer.x.com/en/docs/x-for-websites/cards.
    """
    metas = tuple(metas)
    og = _card(finds, metas, TextSource.OG, ("og:image", "og:image:url"), ("og:image:secure_url",), "og")
    _card(finds, metas, TextSource.TWITTER, ("twitter:image", "twitter:image:src"), (), "twitter", og[:1])
    named = [content for name, content in metas if name == "image"]
    for reference in [*named, *(href for rel, _, href in rels if "image_src" in rel.split())][:_MOST]:
        if url := finds.picture(reference):
            finds.page_wide(url)


def _card(
    finds: Finds,
    metas: Pairs,
    source: TextSource,
    names: tuple[str, ...],
    others: tuple[str, ...],
    prefix: str,
    instead: Iterable[str] = (),
) -> list[str]:
    """Read one card; the URLs of its pictures. `instead` are those that its texts go with when it names none."""
    urls: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    url = None
    for name, content in metas:
        if name in names:
            url = finds.picture(content)
            if url is not None and len(urls) < _MOST:
                urls.setdefault(url, [])
        elif url in urls and name in others:
            finds.picture(url, [content])
        elif url in urls and name == f"{prefix}:image:alt":
            urls[url].append(content)
        elif name in (f"{prefix}:title", f"{prefix}:description"):
            texts.setdefault(name, content)  # the first counts
    for one, alts in (urls or {one: [] for one in instead}).items():
        for text in (*alts, texts.get(f"{prefix}:title"), texts.get(f"{prefix}:description")):
            finds.text(one, text, source)
    return list(urls)
