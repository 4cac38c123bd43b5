"""The pictures that a style attribute puts behind an element: url(…) and image-set(…) of its backgrounds."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST = 16_384  # characters of one style attribute: a longer one carries its pictures inline
_MOST = 16  # pictures of one element: layered backgrounds have two or three

# CSS's tokens, as far as they matter here. A string or a url( that is not closed goes to its end, as CSS wants it.
_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z))
    |url\(\s*(?P<bare>(?!["'\s])(?:[^"'()\\\s]|\\[0-9a-f]{1,6}\s?|\\.)*)\s*(?:\)|\Z)
    |(?P<function>-?[a-z][a-z0-9-]*)?\(
    |(?P<string>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)
    |(?P<resolution>[0-9.]+)(?:x|dppx)\b
    |(?P<word>-?[a-z][a-z0-9-]*)
    |(?P<sign>[:;,)])""",
    re.I | re.S | re.X,
)
_PROPERTIES = ("background", "background-image")
_SETS = ("image-set", "-webkit-image-set")
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})[ \t\r\n\f]?|(.))", re.I | re.S)


def references(style: str) -> list[tuple[str, ...]]:
    """The pictures of a style attribute's backgrounds as written, each with its other sizes behind it.

    Of an image-set the candidate of the highest resolution comes first. Source: CSS Images Level 4.

    >>> references("color:red; background:url('a.jpg'), url(b.jpg)")
    [('a.jpg',), ('b.jpg',)]
    >>> references("background-image: image-set('s.png' 1x, url(l.png) 2x)")
    [('l.png', 's.png')]
    """
    found: dict[tuple[str, ...], None] = {}
    for picture in _pictures(style[:_LONGEST]):
        found[picture] = None
        if len(found) == _MOST:
            break
    return list(found)


def _pictures(style: str) -> Iterator[tuple[str, ...]]:
    name, value = "", False  # of the declaration that the scan is in; whether its colon was passed
    functions: list[str] = []
    of_set: list[tuple[float, str]] = []
    for token in _TOKEN.finditer(style):
        kind, text = token.lastgroup, token.group()
        if kind == "comment":
            continue
        if text.endswith("(") and kind in ("function", None):
            functions.append((token.group("function") or "").lower())
        elif text == ")":
            if functions and functions.pop() in _SETS and of_set:
                yield _by_resolution(of_set)
                of_set = []
        elif text == ";" and not functions:
            name, value = "", False
        elif text == ":" and not functions:
            value = True
        elif kind == "word" and not value:
            name = text.lower()
        elif not (value and name in _PROPERTIES):
            continue
        elif kind == "resolution" and of_set and functions and functions[-1] in _SETS:
            of_set[-1] = (float(token.group("resolution").strip(".") or 1), of_set[-1][1])
        elif reference := _reference(token, functions):
            if any(function in _SETS for function in functions):
                of_set.append((1.0, reference))
            else:
                yield (reference,)
    if of_set:
        yield _by_resolution(of_set)


def _reference(token: re.Match[str], functions: list[str]) -> str:
    """The URL that a token is; '' when it is none. A string is one inside url( and image-set( alone."""
    written = token.group("bare")
    if written is None:
        string = token.group("string")
        if string is None or not functions or functions[-1] not in ("url", *_SETS):
            return ""
        written = string[1:].removesuffix(string[0])
    return _ESCAPE.sub(_unescaped, written).strip()


def _unescaped(escape: re.Match[str]) -> str:
    if escape.group(1) is None:
        return "" if escape.group(2) == "\n" else str(escape.group(2))
    number = int(escape.group(1), 16)
    return chr(number) if 0 < number <= 0x10FFFF else "\ufffd"


def _by_resolution(candidates: list[tuple[float, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(url for _, url in sorted(candidates, key=lambda one: -one[0])))
