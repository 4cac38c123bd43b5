"""Really Simple Licensing (RSL 1.0): links to a licence are recorded, and a licence that prohibits training refuses.

Source: https://rslstandard.org/rsl. A licence is found by a `License:` line in robots.txt, a Link header or a <link>.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from crawlers.consent import Consent
from crawlers.groups import Line
from crawlers.paths import covers
from crawlers.urls import fetchable, origin

NAME = "rsl"
TYPE = "application/rsl+xml"
LARGEST = 1024 * 1024  # bytes of a licence: some thousand scopes
_TRAINING = ("ai-train", "ai-all", "all", "train-ai", "train-genai")  # the last two: the vocabulary before 1.0
_MOST_LINKS = 8  # licences that one robots.txt or answer may name


def robots_licences(lines: Iterable[Line], base: str) -> tuple[str, ...]:
    """The licences that the License lines of robots.txt name, as URLs; `base` is where it stands.

    >>> robots_licences([("license", "/license.xml")], "https://a.example/robots.txt")
    ('https://a.example/license.xml',)
    """
    return _urls((value for name, value in lines if name == "license"), base)


_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]*))?)*)')
_PARAMETER = re.compile(r';\s*([\w!#$&+.^`|~*-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]*))')


def link_licences(values: Iterable[str], base: str) -> tuple[str, ...]:
    """The RSL licences that the Link headers (RFC 8288) of an answer from `base` name.

    >>> link_licences(['</l.xml>; rel="license"; type="application/rsl+xml", </x>; rel=next'], "https://a.example/")
    ('https://a.example/l.xml',)
    """
    return _urls(_linked(values), base)


def page_licences(rels: Iterable[tuple[str, str, str]], base: str) -> tuple[str, ...]:
    """The RSL licences that a page's <link> elements, as (rel, type, href), name.

    >>> page_licences([("license", "application/rsl+xml", "l.xml"), ("license", "", "/by")], "https://a.example/b/")
    ('https://a.example/b/l.xml',)
    """
    return _urls((href for rel, kind, href in rels if kind == TYPE and "license" in rel.split()), base)


def _linked(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        for reference, parameters in _LINK.findall(value):
            said = {name.lower(): (quoted or bare).lower() for name, quoted, bare in _PARAMETER.findall(parameters)}
            if "license" in said.get("rel", "").split() and said.get("type") == TYPE:
                yield reference


def _urls(references: Iterable[str], base: str) -> tuple[str, ...]:
    found = dict.fromkeys(filter(None, (fetchable(base, reference.strip()) for reference in references)))
    return tuple(found)[:_MOST_LINKS]


def licence(body: bytes, url: str, source: str) -> Consent:
    """What an RSL document (read at `source`) says of the use of a URL for training.

    A scope that covers the URL and prohibits training refuses; so does the narrowest such scope when each of its
    licences lists what it permits, and training is not on the list. What is asked in return (payment) is recorded.
    Never raises: what is no such document, or has a DTD, says `unread`.

    >>> body = b'<rsl><content url="/"><license><prohibits type="usage">ai-all</prohibits></license></content></rsl>'
    >>> licence(body, "https://a.example/b", "https://a.example/l.xml").decided
    'prohibits ai-all'
    """
    root = _root(body)
    if root is None:
        return Consent(NAME, ("unread",), source=source)
    scopes = [(length, one) for one in root.iter() if _tag(one) == "content" and (length := _scope(one, url)) >= 0]
    longest = max((length for length, _ in scopes), default=-1)
    said: list[str] = []
    refusals: list[str] = []
    for length, content in scopes:
        licences = [one for one in content.iter() if _tag(one) == "license"]
        for one in licences:
            said += _terms(one)
            refusals += [f"prohibits {word}" for word in _usage(one, "prohibits") if word in _TRAINING]
        if length == longest and licences and all(_permits_others(one) for one in licences):
            refusals.append("permits no training")
    return Consent(NAME, tuple(dict.fromkeys(said)), next(iter(refusals), ""), source)


@lru_cache(maxsize=32)  # a document is read once for all URLs that it speaks of; a tree may be ten times its 1 MiB
def _root(body: bytes) -> Element | None:
    try:
        return fromstring(body[:LARGEST], forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError, LookupError):
        return None


def _tag(element: Element) -> str:
    """The name without its namespace; '' for a comment."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _scope(content: Element, url: str) -> int:
    """How long the scope's pattern is where it covers a URL, else -1. A path is one of the site that names it."""
    pattern = (content.get("url") or "").strip()
    if "://" in pattern:
        site, path = re.match(r"([^/]*//[^/?#]*)(.*)", pattern, re.S).groups()  # type: ignore[union-attr]
        if site.lower().rstrip("*") != origin(url):
            return -1
        pattern = path or "/"
    return covers(pattern, url)


def _usage(one: Element, verb: str) -> list[str]:
    """The uses that a licence permits or prohibits; the type is usage where none is given."""
    words: list[str] = []
    for child in one:
        if _tag(child) == verb and (child.get("type") or "usage").lower() == "usage":
            words += re.split(r"[\s,]+", (child.text or "").strip().lower())
    return [word for word in words if word]


def _permits_others(one: Element) -> bool:
    permitted = _usage(one, "permits")
    return bool(permitted) and not set(permitted) & set(_TRAINING)


def _terms(one: Element) -> list[str]:
    said = [f"{verb} {word}"[:100] for verb in ("permits", "prohibits") for word in _usage(one, verb)[:20]]
    kinds = [(child.get("type") or "free")[:50] for child in one if _tag(child) == "payment"]
    return said + [f"payment {kind}" for kind in kinds[:5]]
