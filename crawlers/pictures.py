"""Which URL an <img> really shows: the largest of its candidates, and not the placeholder of a lazy loader."""

from __future__ import annotations

import re
from collections.abc import Mapping

from selectolax.lexbor import LexborNode

from crawlers import srcset

# Lazy loaders of the libraries and sites that Chinese pages use, in order of trust.
_LAZY_NAMES = """
data-original data-actualsrc data-src data-lazy-src data-lazyload data-lazy data-ks-lazyload data-lazyload-src
data-original-src data-real-src data-img data-url data-echo data-croporisrc zoomfile file original _src real_src
imgsrc lazy-src lazysrc lazyload src2
"""
_LAZY = _LAZY_NAMES.split()
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "lazy-srcset")
_LIKE_A_URL = re.compile(r"""[^\s<>"'{}]*[./][^\s<>"'{}]*\Z""")  # loaders also keep flags, JSON and templates there
_PLACEHOLDER = re.compile(
    r"(?:^|[/_\-.])(?:blank|none|spacer|transparent|placeholder|loading|lazy(?:load)?|grey|gray|pixel|1x1)"
    r"(?:[_\-.]?\d+(?:x\d+)?)?\.(?:gif|png|jpe?g|svg|webp)(?:[?#]|$)"
    r"|(?:^|/)[st]\.gif(?:[?#]|$)",
    re.I,
)


def shown(picture: LexborNode, attributes: Mapping[str, str | None]) -> str:
    """The reference, as written, of the picture that an <img> shows in full; '' when it shows none.

    Of <picture>, srcset and src the largest candidate counts (by width, else by density, the first of equals). A lazy
    loader's attribute goes before src, for src is then a stand-in: data:, blank.gif, a small preview.
    """
    sets = [value for name in (*_LAZY_SETS, "srcset") if (value := attributes.get(name))]
    parent = picture.parent
    if parent is not None and parent.tag == "picture":
        sets += _sources(picture)
    single = _single(attributes)
    return _largest(sets, single) if sets else single


def _single(attributes: Mapping[str, str | None]) -> str:
    for name in _LAZY:
        value = (attributes.get(name) or "").strip()
        if value and _LIKE_A_URL.match(value) and not value.startswith("data:") and not _PLACEHOLDER.search(value):
            return value
    value = (attributes.get("src") or "").strip()
    return "" if value.startswith(("data:", "about:", "javascript:", "blob:")) else value


def is_placeholder(reference: str) -> bool:
    """Whether a reference reads like the stand-in of a lazy loader.

    >>> is_placeholder("/img/blank.gif"), is_placeholder("/img/blank-page-design.jpg")
    (True, False)
    """
    return bool(_PLACEHOLDER.search(reference)) or reference.startswith("data:")


def _sources(picture: LexborNode) -> list[str]:
    """The srcsets of the <source>s before the <img> of a <picture>; a few are enough for any honest one."""
    found: list[str] = []
    node = picture.prev
    for _ in range(64):
        if node is None:
            break
        if node.tag == "source":
            attributes = node.attributes
            found += [value for name in ("data-srcset", "srcset") if (value := attributes.get(name))]
        node = node.prev
    return found[::-1]


def _largest(sets: list[str], single: str) -> str:
    """Widths say more than densities; src counts as 1x, but as in browsers a candidate of 1x goes before it."""
    best, best_size = single, (0, 0.99 if single and not is_placeholder(single) else 0.0)
    for value in sets:
        for url, descriptor in srcset.parse(value[:65_536]):
            if url.startswith("data:") or is_placeholder(url):
                continue
            size = (1, float(descriptor[:-1])) if descriptor.endswith("w") else (0, float(descriptor[:-1] or 1))
            if size > best_size:
                best, best_size = url, size
    return best
