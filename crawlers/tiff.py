"""The metadata of a TIFF, and of EXIF, which is a TIFF without pixels. Sources: TIFF 6.0, EXIF 2.32 (CIPA DC-008)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from crawlers.block import C2PA, EXIF, IPTC, TEXT, XMP, Block, photoshop

_EXIF_FOLDER, _PHOTOSHOP, _COMMENT = 0x8769, 34377, 0x9286
_KINDS = {700: XMP, 33723: IPTC, 52545: C2PA}
_TEXTS = {0x010E: "ImageDescription", 0x8298: "Copyright", _COMMENT: "UserComment"}
_WANTED = {*_KINDS, *_TEXTS, _PHOTOSHOP}
_SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes of each field type, in its order
_MOST_FOLDERS = 16  # image file directories: pages, a thumbnail, the EXIF of each
_MOST_FIELDS = 4096  # of one directory: the registered tags are some 500
_BROKEN = Block(EXIF, b"", whole=False)


def blocks(data: bytes) -> Iterator[Block]:
    """Every block of metadata in a TIFF or an EXIF block, and the fields of words. Never raises.

    Values may overlap; together they are cut at the length of the file, so no small file makes much of itself.
    """
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        yield _BROKEN
        return

    def number(start: int, end: int) -> int:
        return int.from_bytes(data[start:end], order)

    pages, seen, left = [(number(4, 8), True)], set[int](), len(data)
    while pages and len(seen) < _MOST_FOLDERS:
        at, is_page = pages.pop()
        count = number(at, at + 2)
        end = at + 2 + 12 * count
        if at == 0 or at in seen:
            continue
        seen.add(at)
        if end > len(data) or count > _MOST_FIELDS:
            yield _BROKEN
            continue
        for place in range(at + 2, end, 12):
            tag = number(place, place + 2)
            if tag == _EXIF_FOLDER:
                pages.append((number(place + 8, place + 12), False))
            if tag not in _WANTED:
                continue
            kind = number(place + 2, place + 4)
            length = number(place + 4, place + 8) * (_SIZES[kind] if kind < len(_SIZES) else 1)
            start = place + 8 if length <= 4 else number(place + 8, place + 12)
            left -= length
            if start + length > len(data) or left < 0:
                yield _BROKEN
                return
            yield from _field(tag, data[start : start + length], order)
        if is_page:
            pages.append((number(end, end + 4), True))


def _field(tag: int, value: bytes, order: Literal["little", "big"]) -> Iterator[Block]:
    if tag in _KINDS:
        yield Block(_KINDS[tag], value)
    elif tag == _PHOTOSHOP:
        yield from photoshop(value)
    else:
        yield Block(TEXT, _comment(value, order) if tag == _COMMENT else value, _TEXTS[tag])


def _comment(value: bytes, order: Literal["little", "big"]) -> bytes:
    """A user comment without the eight bytes that name its encoding, as UTF-8 where that is UTF-16."""
    code, text = value[:8], value[8:]
    if code != b"UNICODE\0":
        return text
    if not text.startswith((b"\xff\xfe", b"\xfe\xff")):  # writers differ from the file's order: what is Latin tells
        order = "big" if text[:1] == b"\0" else "little" if text[1:2] == b"\0" else order
        return text.decode("utf-16-le" if order == "little" else "utf-16-be", "replace").encode("utf-8", "replace")
    return text.decode("utf-16", "replace").encode("utf-8", "replace")
