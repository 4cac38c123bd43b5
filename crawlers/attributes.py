"""Tags with more attributes than any honest one are cut short: a parser compares each attribute with all before it."""

from __future__ import annotations

import re

_MOST = 512  # attributes of one tag: 100,000 of them cost the parser half a minute, and an honest tag has some ten
_SMALL = 65_536  # characters: what a smaller page can cost is a quarter of a second
_MEDIUM = 262_144  # characters: two seconds, for a page that hides its signs; to look for those takes longer, too
_STRETCH = 1_500  # characters of a tag without a `>`: less cannot hold more than _MOST attributes
_QUOTED = 16  # values in which a `>` hides the end of a tag: a few of them cannot hide many attributes

_LONG_TAG = re.compile(rf"<[a-zA-Z][^>]{{{_STRETCH},}}")
_BETWEEN = re.compile(r"""[\s/"']""")  # what stands between two attributes
_HIDDEN = re.compile(r"""=\s*(?:"[^">]*>|'[^'>]*>)""")
_TAG = re.compile(r"<[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"""[\s/]*[^\s/>][^\s/>=]*(?:\s*=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\s>"'][^\s>]*|))?""")


def few_attributes(page: str) -> str:
    """The page itself, or, where a tag may have more than 512 attributes, the page without those beyond.

    >>> few_attributes("<img src=a alt=b>")
    '<img src=a alt=b>'
    """
    if len(page) < _SMALL or not _may_have_many(page):
        return page
    kept: list[str] = []
    begin = place = 0
    while tag := _TAG.search(page, place):
        place = tag.end()
        count, cut = 0, -1
        while attribute := _ATTRIBUTE.match(page, place):
            place = attribute.end()
            count += 1
            if count == _MOST:
                cut = place
        if count > _MOST:
            kept.append(page[begin:cut])
            begin = place
    return "".join((*kept, page[begin:])) if kept else page


def _may_have_many(page: str) -> bool:
    """Whether a tag may have too many. Looked at roughly, for it is asked of every page."""
    if any(len(_BETWEEN.findall(tag.group())) >= _MOST for tag in _LONG_TAG.finditer(page)):
        return True
    return len(page) >= _MEDIUM and len(_HIDDEN.findall(page)) > _QUOTED
