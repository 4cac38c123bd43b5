"""Pages that are built to choke a parser are cut back to what a parser takes in its stride."""

from __future__ import annotations

import re
from collections import Counter

from crawlers.attributes import few_attributes

# The tree builder walks its open elements at most tags, so open elements cost their square.
_FEW_TAGS = 10_000
_DEEPEST = 512  # open elements; Blink and Gecko stop nesting at this depth too
# Unclosed formatting elements are opened again in every paragraph, so a few kB of them can make gigabytes of nodes.
_MOST_FORMATTING = 64

_FORMATTING_TAGS = "b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
_FORMATTING = re.compile(rf"<(/?)({_FORMATTING_TAGS})(?=[\s/>])[^<>]*>?", re.I)
_OPENS_FORMATTING = re.compile(rf"<(?=[bcefinstu])(?:{_FORMATTING_TAGS})[\s/>]", re.I)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_VOID = "area base br col embed hr img input link meta param source track wbr"
_CLOSED_BY_THE_NEXT = "a p li dt dd td th tr tbody thead tfoot option optgroup colgroup"
_NEVER_OPEN = frozenset(f"{_VOID} {_CLOSED_BY_THE_NEXT}".split())
# What a page that nests too deep may keep: what holds a picture, a text or a link, and does not nest.
_NESTING = re.compile(
    r"</?(?!(?:html|head|body|title|meta|base|a|img|source|p|h[1-6]|li|br|hr|script|style|textarea)[\s/>])"
    r"[a-zA-Z][^<>]*>?",
    re.I,
)


def tame(page: str) -> str:
    """The page itself, or, where it nests deeper than any honest page, the page without the tags that nest.

    Pictures, texts and links stay; attributes beyond a tag's first 512 go. Only a page with more than 64 formatting
    elements left open loses those, and only one of more than 10,000 tags that are more than 512 deep loses its divs,
    tables, lists and figures.

    >>> tame("<div><b>x</b></div>")
    '<div><b>x</b></div>'
    """
    page = few_attributes(page)
    formatting = len(_OPENS_FORMATTING.findall(page))  # most pages have few, and a count is four times as fast
    if formatting > _MOST_FORMATTING and _opens_more_than(_MOST_FORMATTING, _FORMATTING, page):
        page = _FORMATTING.sub("", page)
    if page.count("<") > _FEW_TAGS and _opens_more_than(_DEEPEST, _TAG, page):
        page = _NESTING.sub("\n", page)
    return page


def _opens_more_than(most: int, pattern: re.Pattern[str], page: str) -> bool:
    """Whether so many elements of the pattern are ever open at once; a closing tag closes one of its name, if any."""
    opened: Counter[str] = Counter()
    depth = 0
    for match in pattern.finditer(page):
        slash, written = match.groups()
        name = written.lower()
        if name in _NEVER_OPEN:
            continue
        if not slash:
            opened[name] += 1
            depth += 1
            if depth > most:
                return True
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return False
