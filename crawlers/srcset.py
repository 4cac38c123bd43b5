"""The srcset attribute, by the algorithm of the HTML standard."""

from __future__ import annotations

import re

_SPACE = "\t\n\f\r "
_URL = re.compile(rf"[^{_SPACE}]+")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?\Z")


def parse(value: str) -> list[tuple[str, str]]:
    """Its candidates in order, each (url as written, descriptor or ''); those with a wrong descriptor are left out.

    Source: https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute.

    >>> parse("a.jpg 1x, b.jpg 2x"), parse("a,b.jpg"), parse("small.jpg 320w, big.jpg 1280w")
    ([('a.jpg', '1x'), ('b.jpg', '2x')], [('a,b.jpg', '')], [('small.jpg', '320w'), ('big.jpg', '1280w')])
    """
    found: list[tuple[str, str]] = []
    place = 0
    while True:
        while place < len(value) and value[place] in _SPACE + ",":
            place += 1
        match = _URL.match(value, place)
        if match is None:
            return found
        url, place = match.group(), match.end()
        descriptors: list[str] = []
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            descriptors, place = _descriptors(value, place)
        descriptor = _checked(descriptors)
        if url and descriptor is not None:
            found.append((url, descriptor))


def _descriptors(value: str, place: int) -> tuple[list[str], int]:
    """The words up to the next comma that is outside parentheses, and the place after it."""
    words: list[str] = []
    start, inside = -1, False  # parentheses do not nest
    while place < len(value):
        character = value[place]
        if not inside and character in _SPACE + ",":
            if start >= 0:
                words.append(value[start:place])
                start = -1
            if character == ",":
                return words, place + 1
        else:
            start = place if start < 0 else start
            inside = character != ")" if inside else character == "("
        place += 1
    if start >= 0:
        words.append(value[start:])
    return words, place


def _checked(words: list[str]) -> str | None:
    """The one descriptor that counts; None when the standard throws the candidate away."""
    kinds: dict[str, str] = {}
    for word in words:
        number, kind = word[:-1], word[-1:]
        if kind in kinds or not _valid(number, kind):
            return None
        kinds[kind] = word
    if "x" in kinds and len(kinds) > 1:
        return None
    if "h" in kinds and "w" not in kinds:
        return None
    return kinds.get("w") or kinds.get("x") or ""


def _valid(number: str, kind: str) -> bool:
    if kind in ("w", "h"):
        return number.isascii() and number.isdigit() and int(number) > 0
    return kind == "x" and _NUMBER.match(number) is not None and float(number) >= 0
