"""The metadata of a GIF, in application extensions: XMP, C2PA. Sources: GIF89a, ISO 16684-3 (XMP part 3), C2PA 2.2."""

from __future__ import annotations

from collections.abc import Iterator

from crawlers.block import BROKEN, C2PA, XMP, Block

_EXTENSION, _IMAGE, _TRAILER, _APPLICATION = 0x21, 0x2C, 0x3B, 0xFF
_MOST = 300_000  # blocks and sub-blocks: 32 MiB in sub-blocks of 255 bytes are 131,000


def blocks(body: bytes) -> Iterator[Block]:
    """Every block of metadata in a GIF. Never raises; BROKEN where its blocks do not hold together."""
    at = 13 + _table(body, 10)
    left = _MOST
    while left > 0 and at < len(body):
        introducer, label = body[at], body[at + 1 : at + 2]
        left -= 1
        if introducer == _TRAILER:
            return
        if introducer == _EXTENSION:
            start = at + 2
        elif introducer == _IMAGE:
            start = at + 11 + _table(body, at + 9)  # descriptor, colours, code size
        else:
            break
        at, taken = _end(body, start, left)
        left -= taken
        if introducer == _EXTENSION and label == b"\xff" and body[start : start + 1] == b"\x0b":
            yield from _application(body[start + 1 : start + 12], body[start + 12 : at], at <= len(body) and left > 0)
    yield BROKEN


def _table(body: bytes, at: int) -> int:
    """The length of the colour table that the flags at this place promise."""
    flags = body[at] if at < len(body) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end(body: bytes, at: int, most: int) -> tuple[int, int]:
    """Where a row of sub-blocks ends, behind its terminator, and how many there were; beyond the body if cut off."""
    size, taken = len(body), 0
    while at < size and taken < most:
        taken += 1
        length = body[at]
        at += 1 + length
        if not length:
            return at, taken
    return size + 1, taken


def _application(name: bytes, data: bytes, whole: bool) -> Iterator[Block]:
    if name == b"XMP DataXMP":
        # The packet lies there plain; the bytes behind it lead any reader of sub-blocks to the end.
        yield Block(XMP, data.partition(b"\x01\xff\xfe")[0], whole=whole)
    elif name[:8] == b"C2PA_GIF":
        yield Block(C2PA, b"".join(_sub_blocks(data)), whole=whole)


def _sub_blocks(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data) and data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
