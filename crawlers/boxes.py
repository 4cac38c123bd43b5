"""Boxes within boxes: the metadata of AVIF and HEIC.

Items are found by name in `iinf` and by place in `iloc`; C2PA and, from some writers, XMP lie in boxes of their own.
Sources: ISO 14496-12 (BMFF), ISO 23008-12 (HEIF), C2PA 2.2 annex A.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crawlers.block import BROKEN, C2PA, EXIF, XMP, Block

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST = 4096  # boxes in one box, items, and extents: an honest file has some dozens


class Box(NamedTuple):
    """A box by its place: what it holds is data[start:end]. `kind` is b'' where the file does not hold together."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that lie side by side between two places."""
    at = start
    for _ in range(_MOST):
        if at >= end:
            return
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:  # to the end
            size = end - at
        if body > end or at + size < body or at + size > end:
            break
        yield Box(data[at + 4 : at + 8], body, at + size)
        at += size
    yield Box(b"", at, end)


def blocks(body: bytes) -> Iterator[Block]:
    """Every block of metadata in an AVIF or HEIC. Never raises; BROKEN where the boxes do not hold together."""
    for box in boxes(body, 0, len(body)):
        if box.kind == b"meta":
            yield from _items(body, box)
        elif box.kind == b"uuid":
            yield from _private(body[box.start : box.start + 16], body[box.start + 16 : box.end])
        elif not box.kind:
            yield BROKEN


def _private(name: bytes, data: bytes) -> Iterator[Block]:
    if name == _XMP:
        yield Block(XMP, data)
    elif name == _C2PA:
        purpose, _, rest = data[4:].partition(b"\0")  # behind version and flags
        if purpose != b"merkle":  # hashes of the parts of a film
            yield Block(C2PA, rest[8:])  # behind the offset of those


def _items(body: bytes, meta: Box) -> Iterator[Block]:
    inner = {box.kind: box for box in boxes(body, meta.start + 4, meta.end)}
    kinds = _kinds(body, inner[b"iinf"]) if b"iinf" in inner else {}
    places = _places(body, inner[b"iloc"], inner.get(b"idat")) if kinds and b"iloc" in inner else {}
    left = len(body)  # items may overlap: together they are no longer than the file
    for item, kind in kinds.items():
        pieces = places.get(item, [])
        left -= sum(end - start for start, end in pieces)
        if not pieces or left < 0 or any(end > len(body) for _, end in pieces):
            yield BROKEN
            continue
        data = b"".join(body[start:end] for start, end in pieces)
        if kind == EXIF:
            skip = 4 + int.from_bytes(data[:4], "big")  # where the TIFF header begins
            yield Block(EXIF, data[skip:])
        else:
            yield Block(kind, data)
    if b"" in inner:
        yield BROKEN


def _kinds(body: bytes, iinf: Box) -> dict[int, str]:
    """The items that are metadata, by their number."""
    wide = body[iinf.start] > 0  # the version
    kinds = {}
    for box in boxes(body, iinf.start + (8 if wide else 6), iinf.end):
        version = body[box.start] if box.kind == b"infe" and box.end > box.start else 0
        if version < 2:
            continue
        at = box.start + 4 + (2 if version == 2 else 4)
        item, kind = int.from_bytes(body[box.start + 4 : at], "big"), body[at + 2 : at + 6]
        if kind == b"Exif":
            kinds[item] = EXIF
        elif kind == b"mime":
            _, _, rest = body[at + 6 : box.end].partition(b"\0")  # the item's name
            if rest.partition(b"\0")[0].lower() == b"application/rdf+xml":
                kinds[item] = XMP
    return kinds


def _places(body: bytes, iloc: Box, idat: Box | None) -> dict[int, list[tuple[int, int]]]:
    """Where each item's pieces lie in the file; none for an item that lies in another one."""
    reader = _Reader(body, iloc.start, iloc.end)
    version = reader.take(1)
    reader.take(3)
    sizes = reader.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    places: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(reader.take(wide), _MOST)):
        item = reader.take(wide)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)  # the file: this one
        base = reader.take(base_size)
        pieces = []
        for _ in range(min(reader.take(2), _MOST)):
            if version:
                reader.take(index_size)
            start, length = base + reader.take(offset_size), reader.take(length_size)
            if method == 1 and idat is not None:
                start += idat.start
            end = start + length if length else len(body)  # no length: to the end
            pieces.append((start, end))
            if reader.at > iloc.end:
                return places
        places[item] = pieces if method < 2 else []
    return places


class _Reader:
    """Numbers one after another; zeros behind the end."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self.at, self._end = data, start, end

    def take(self, size: int) -> int:
        self.at += size
        return int.from_bytes(self._data[self.at - size : min(self.at, self._end)], "big")
