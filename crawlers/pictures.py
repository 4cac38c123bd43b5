"""Which URL a picture on a page really has: the largest of its candidates, not the stand-in of a lazy loader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from crawlers import srcset
from crawlers.urls import LONGEST

# Lazy loaders of the libraries and sites that Chinese pages use, in order of trust.
_LAZY_NAMES = """
data-original data-actualsrc data-src data-lazy-src data-lazyload data-lazy data-ks-lazyload data-lazyload-src
data-lazy-img data-lazy-original data-original-src data-real-src data-img-src data-imgsrc data-img data-image data-url
data-echo data-croporisrc zoomfile file original _src real_src realsrc imgsrc lazy-src lazy_src lazysrc lay-src
lazyload load-src src2 data-bg data-background data-background-image
"""
_LAZY = {name: rank for rank, name in enumerate(_LAZY_NAMES.split())}
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "lazy-srcset")
_IN_NO_URL = re.compile(r"""[\s<>"'{}]""")
_PLACEHOLDER = re.compile(
    r"(?:^|[/_\-.])(?:blank|none|empty|spacer|clear|dot|trans(?:parent)?|placeholder|load(?:ing)?|lazy(?:load)?|grey|gray"
    r"|pixel|1x1)(?:[_\-.]?\d+(?:x\d+)?|[_\-.][0-9a-f]{6,32})?\.(?:gif|png|jpe?g|svg|webp)(?:[?#]|$)"
    r"|(?:^|/)[st]\.gif(?:[?#]|$)",
    re.I,
)
_NO_PICTURE = ("data:", "about:", "javascript:", "blob:")
_PICTURE_ENDING = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp|avif)(?:[?#]|\Z)", re.I)
_LONGEST_SET = 65_536  # characters of a srcset that are read


class Shown(NamedTuple):
    """A picture's references as written: the one in full ('' when nothing is shown), and its other sizes."""

    full: str
    others: tuple[str, ...] = ()


def shown(picture: LexborNode, attributes: Mapping[str, str | None]) -> Shown:
    """The picture that an <img> shows, or an <amp-img>, <input type=image>, <video poster> or <object data>.

    Of <picture>, srcset and src the largest candidate counts (by width, else by density, the first of equals). A lazy
    loader's attribute goes before src, for src is then a stand-in: data:, blank.gif, a small preview. A picture of one
    pixel counts visits and shows nothing; a stand-in before a <noscript> shows the picture in that.
    """
    found = _shown(picture, attributes)
    if is_placeholder(found.full) and (real := _in_noscript(picture)) is not None:
        return _shown(real, real.attributes)
    return found


def _shown(picture: LexborNode, attributes: Mapping[str, str | None]) -> Shown:
    singles = _singles(attributes)
    single = singles[0] if singles else ""
    sets = [value for name in (*_LAZY_SETS, "srcset") if (value := attributes.get(name))]
    parent = picture.parent
    if parent is not None and parent.tag == "picture":
        sets += _sources(picture)
    if not sets:
        return Shown("") if _is_a_pixel(attributes) else Shown(single, tuple(singles[1:]))
    full, others = _largest(sets, single)
    return Shown(full, tuple(dict.fromkeys(one for one in (*others, *singles) if one != full)))


def lazy(attributes: Mapping[str, str | None]) -> list[str]:
    """What lazy loaders are to load, as written, the most trusted attribute first."""
    ranked = sorted((_LAZY[name], (value or "").strip()) for name, value in attributes.items() if name in _LAZY)
    return [value for _, value in ranked if _is_like_a_url(value) and not is_placeholder(value)]


def _is_like_a_url(value: str) -> bool:
    """Loaders also keep flags, JSON, templates and encrypted names (base64: without a dot) there."""
    if len(value) > LONGEST or _IN_NO_URL.search(value):
        return False
    return "." in value or value.startswith(("/", "http://", "https://"))


def is_placeholder(reference: str) -> bool:
    """Whether a reference reads like the stand-in of a lazy loader.

    >>> is_placeholder("/img/blank.gif"), is_placeholder("/img/blank-page-design.jpg")
    (True, False)
    """
    return reference.startswith("data:") or bool(_PLACEHOLDER.search(reference))


def names_a_picture(reference: str) -> bool:
    """Whether a link leads straight to a picture, by its ending. A wiki's `File:a.jpg` is a page about one.

    >>> names_a_picture("/img/a.JPG?v=2"), names_a_picture("/a.jpg/"), names_a_picture("/wiki/File:a.jpg")
    (True, False, False)
    """
    match = _PICTURE_ENDING.search(reference)
    if match is None:
        return False
    path = reference[: match.start()]
    name = path.rpartition("/")[2]
    return bool(name) and ":" not in name and "?" not in path and "#" not in path


def _singles(attributes: Mapping[str, str | None]) -> list[str]:
    """Its references outside of sets, the one that counts first; a stand-in only where there is nothing else."""
    found = lazy(attributes) if not _LAZY.keys().isdisjoint(attributes) else []
    written = attributes.get("src") or attributes.get("poster") or attributes.get("data") or ""
    source = written.strip()
    if source and not source.startswith(_NO_PICTURE) and not (found and is_placeholder(source)):
        found.append(source)
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def _is_a_pixel(attributes: Mapping[str, str | None]) -> bool:
    return attributes.get("width") in ("0", "1") and attributes.get("height") in ("0", "1")


def _in_noscript(picture: LexborNode) -> LexborNode | None:
    """The <img> for browsers without scripts, where the next element is a <noscript> that holds one."""
    following = picture.next
    while following is not None and following.is_text_node and not (following.text_content or "").strip():
        following = following.next
    inner = following.first_child if following is not None and following.tag == "noscript" else None
    while inner is not None and inner.is_text_node:
        inner = inner.next
    return inner if inner is not None and inner.tag == "img" else None


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


def _largest(sets: list[str], single: str) -> tuple[str, list[str]]:
    """The largest, and all. Widths say more than densities; src counts as 1x, but one of 1x in a set goes before it."""
    best, best_size = single, (0, 0.99 if single and not is_placeholder(single) else 0.0)
    every: list[str] = []
    for value in sets:
        for url, descriptor in srcset.parse(value[:_LONGEST_SET]):
            if is_placeholder(url):
                continue
            every.append(url)
            size = (1, float(descriptor[:-1])) if descriptor.endswith("w") else (0, float(descriptor[:-1] or 1))
            if size > best_size:
                best, best_size = url, size
    return best, every
