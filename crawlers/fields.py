"""Dictionaries of structured fields (RFC 9651 §3.2): `train-ai=n, search=y;x=1`."""

from __future__ import annotations

import re

_KEY = r"[a-z*][a-z0-9_\-.*]*"
_TOKEN = r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*"
_BARE = (
    rf"""(?:{_TOKEN}|"(?:[ !#-\[\]-~]|\\["\\])*"|@?-?\d{{1,15}}(?:\.\d{{1,3}})?|:[A-Za-z0-9+/=]*:|\?[01]|%"[^"]*")"""
)
_PARAMETERS = rf"(?:; *{_KEY}(?:={_BARE})?)*"
_INNER = rf"\( *(?:{_BARE}{_PARAMETERS}(?: +{_BARE}{_PARAMETERS})*)? *\)"
_MEMBER = re.compile(rf"({_KEY})(?:=({_BARE}|{_INNER}))?{_PARAMETERS}")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_IS_TOKEN = re.compile(_TOKEN)
LONGEST = 4_096  # characters that are read: the known dictionaries have a tenth of it


def tokens(text: str) -> dict[str, str]:
    """Each key whose value is a token, with that token; the last of a key counts. Empty for what is no dictionary.

    >>> tokens("train-ai=y, train-ai=n;p, search"), tokens('a=y, a="n"'), tokens("Train-AI=n")
    ({'train-ai': 'n'}, {}, {})
    """
    text = text[:LONGEST].strip(" ")
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        member = _MEMBER.match(text, place)
        if member is None:
            return {}
        key, value = member[1], member[2] or ""
        found.pop(key, None)
        if _IS_TOKEN.fullmatch(value):
            found[key] = value
        place = member.end()
        if place == len(text):
            return found
        comma = _COMMA.match(text, place)
        if comma is None or comma.end() == len(text):
            return {}
        place = comma.end()
    return found
