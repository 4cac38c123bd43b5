"""A block of metadata as a picture's file carries it, and what the readers of every kind of file share."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

XMP, C2PA, EXIF, IPTC, TEXT = "xmp", "c2pa", "exif", "iptc", "text"


@dataclass(frozen=True)
class Block:
    """One block: its kind (xmp, c2pa, exif, iptc, text), its bytes, and the keyword of a text.

    `whole` is False where the file is broken around it, or a cap cut it: what is in it may say more than can be read.
    """

    kind: str
    data: bytes
    name: str = ""
    whole: bool = True


BROKEN = Block("container", b"", whole=False)
"""What a walker yields where it cannot go on: metadata may follow that it did not see."""


# Image resource blocks, by number, in Adobe's Photoshop File Formats Specification.
_RESOURCES = {0x0404: IPTC, 0x0422: EXIF, 0x0424: XMP}
_MOST_RESOURCES = 1000  # Photoshop knows some 100 kinds, each of them once


def photoshop(data: bytes) -> Iterator[Block]:
    """The metadata among Photoshop's image resources: '8BIM', number, padded name, length, padded data."""
    at = 0
    for _ in range(_MOST_RESOURCES):
        if at + 12 > len(data) or data[at : at + 4] != b"8BIM":
            break
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = 1 + data[at + 6]
        start = at + 6 + name + name % 2 + 4
        end = start + int.from_bytes(data[start - 4 : start], "big")
        if number in _RESOURCES:
            yield Block(_RESOURCES[number], data[start:end], whole=end <= len(data))
        at = end + (end - start) % 2
    if data[at:].strip(b"\0"):
        yield BROKEN


_LONGEST = 65_536  # bytes of a text that are read: a notice, a label, a generator's settings
_UNPRINTABLE = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")


def plain(data: bytes) -> str:
    """Text of metadata that does not name its encoding: UTF-8, else what a Chinese or a Western camera writes.

    >>> plain("版权所有".encode("gb18030")), plain(b"\\xa9 2024\\0")
    ('版权所有', '© 2024')
    """
    data = data[:_LONGEST].rstrip(b"\0 ")
    for encoding in ("utf-8", "gb18030"):
        text = codecs.getincrementaldecoder(encoding)("replace").decode(data)  # leaves out a character that was cut
        if "\ufffd" not in text:
            return text
    return data.decode("latin-1")


def clean(text: str, longest: int) -> str:
    """A text of at most so many characters on one line, without control characters and lone surrogates."""
    text = _UNPRINTABLE.sub(" ", text[: 4 * longest]).strip()[:longest]
    return text.encode("utf-8", "replace").decode("utf-8")
