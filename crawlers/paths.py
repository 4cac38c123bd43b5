"""Path patterns as robots.txt writes them (RFC 9309 §2.2.2, §2.2.3): for the rules that other files borrow them for.

Whether a URL may be asked for is Protego's to say (`crawlers.robots`); these patterns say what a wish covers.
"""

from __future__ import annotations

import re
from urllib.parse import quote

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT = "%/:?#[]@!&'()+,;=~"  # RFC 3986's delimiters and what is escaped already; * and $ are escaped when meant


def covers(pattern: str, url: str) -> int:
    """How long the pattern is in octets when it matches the path and query of a URL; -1 when it does not.

    `*` stands for any characters, `$` at the end for the end. Unreserved characters are the same escaped or not. Time
    is linear in each of the pattern's pieces, whatever it holds.

    >>> covers("/a/*.jpg$", "https://a.example/a/b/c.jpg"), covers("/b", "https://a.example/a"), covers("", "https://a/")
    (9, -1, -1)
    """
    if not pattern:
        return -1
    path = _normal(path_of(url))
    anchored = pattern.endswith("$")
    first, *rest = map(_normal, pattern.removesuffix("$").split("*"))
    length = len(first) + sum(len(piece) + 1 for piece in rest) + anchored
    if not path.startswith(first):
        return -1
    place = len(first)
    for piece in rest[:-1] if anchored else rest:
        found = path.find(piece, place)
        if found < 0:
            return -1
        place = found + len(piece)
    if anchored:
        ends = path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= place if rest else len(path) == place
        return length if ends else -1
    return length


def path_of(url: str) -> str:
    """The path and the query of a normalised URL.

    >>> path_of("https://a.example/b?c#d"), path_of("https://a.example")
    ('/b?c', '/')
    """
    rest = url.partition("//")[2].partition("#")[0]
    place = re.search(r"[/?]", rest)
    path = rest[place.start() :] if place else "/"
    return path if path.startswith("/") else f"/{path}"


def _normal(text: str) -> str:
    """The one spelling of a path: unreserved characters bare, all else beyond ASCII escaped, digits in capitals."""

    def spelled(match: re.Match[str]) -> str:
        octet = int(match[1], 16)
        return chr(octet) if octet in _UNRESERVED else f"%{octet:02X}"

    return _ESCAPE.sub(spelled, quote(text, safe=_KEPT, errors="replace"))
