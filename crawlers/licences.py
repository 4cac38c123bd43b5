"""The licence that a page states, as one line that can be kept: a URL where it is one, else its words."""

from __future__ import annotations

from crawlers.urls import resolve
from crawlers.words import clean

_LONGEST = 512  # characters: a licence is named here, not quoted


def licence(base: str, stated: str) -> str:
    """An href or a JSON-LD value as it is kept; '' for none. What looks like a reference is resolved against `base`.

    >>> licence("https://a.example/b/", "/licence.html"), licence("https://a.example/", "CC BY 4.0")
    ('https://a.example/licence.html', 'CC BY 4.0')
    """
    words = clean(stated)
    if words.startswith(("http://", "https://", "/", "./", "../")) and " " not in words:
        words = resolve(base, words) or words
    return words if len(words) <= _LONGEST else ""
