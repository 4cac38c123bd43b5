"""Whether a text has Chinese in it at all: cheap enough to ask of every page of an archive."""

from __future__ import annotations

import re

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def has_han(text: str) -> bool:
    """Whether one character is Han.

    >>> has_han("<title>红烧肉</title>"), has_han("<title>すし</title>")
    (True, False)
    """
    return _HAN.search(text) is not None
