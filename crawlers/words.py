"""What a page says, made fit to keep: one line, printable, of bounded length."""

from __future__ import annotations

import re

LONGEST_TEXT = (
    4_096  # characters: a caption is far shorter, and a page's whole text beside each picture would be a bomb
)
BEFORE_CLEANING = 4 * LONGEST_TEXT  # characters that are looked at: the white space of an honest page is less

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")  # never text; NUL and escape sequences harm terminals and files
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """White space collapsed, control characters gone, lone surrogates U+FFFD, at most 4,096 characters.

    >>> clean("  红烧\\n\\t肉\\x00 ")
    '红烧 肉'
    """
    text = " ".join(text[:BEFORE_CLEANING].split())
    if not text.isprintable():
        text = " ".join(_SURROGATE.sub("\ufffd", _CONTROL.sub("", text)).split())
    return text[:LONGEST_TEXT].rstrip()
