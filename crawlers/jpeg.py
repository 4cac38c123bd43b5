"""The metadata of a JPEG, from the segments before its first scan: XMP, EXIF, IPTC and C2PA.

Sources: ITU-T T.81 for the segments, ISO 16684-3 (XMP part 3) for XMP and its extension, ISO 19566-5 for JUMBF.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from crawlers.block import BROKEN, C2PA, EXIF, XMP, Block, photoshop

_SOS, _EOI = 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_APP1, _APP11, _APP13 = 0xE1, 0xEB, 0xED
_XMP, _EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_EXIF, _PHOTOSHOP, _JUMBF = b"Exif\0", b"Photoshop 3.0\0", b"JP"
_MOST = 20_000  # segments: 32 MiB of the largest are 512


def blocks(body: bytes) -> Iterator[Block]:
    """Every block of metadata in a JPEG. Never raises; BROKEN where the segments do not hold together."""
    extensions: dict[bytes, list[tuple[int, int, bytes]]] = defaultdict(list)
    boxes: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    resources: list[bytes] = []
    for marker, data in _segments(body):
        if marker == _APP1 and data.startswith(_XMP):
            yield Block(XMP, data[len(_XMP) :])
        elif marker == _APP1 and data.startswith(_EXTENSION) and len(data) >= len(_EXTENSION) + 40:
            guid, piece = data[len(_EXTENSION) :][:32], data[len(_EXTENSION) + 40 :]
            numbers = data[len(_EXTENSION) + 32 :][:8]
            whole, offset = int.from_bytes(numbers[:4], "big"), int.from_bytes(numbers[4:], "big")
            extensions[guid].append((offset, whole, piece))
        elif marker == _APP1 and data.startswith(_EXIF):
            yield Block(EXIF, data[6:])
        elif marker == _APP11 and data.startswith(_JUMBF) and len(data) >= 16:
            boxes[data[2:4]].append((int.from_bytes(data[4:8], "big"), data[8:]))
        elif marker == _APP13 and data.startswith(_PHOTOSHOP):
            resources.append(data[len(_PHOTOSHOP) :])  # a resource may go on in the next segment
        elif marker < 0:
            yield BROKEN
    yield from photoshop(b"".join(resources))
    yield from map(_extended, extensions.values())
    yield from map(_box, boxes.values())


def _segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, data) of each segment before the first scan; marker -1 where there is none that can be read."""
    at = 2
    for _ in range(_MOST):
        if at + 4 > len(body) or body[at] != 0xFF:
            break
        marker = body[at + 1]
        if marker in (_SOS, _EOI):
            return
        if marker == 0xFF or marker in _ALONE:  # a fill byte, or a marker without data
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(body):
            break
        yield marker, body[at + 4 : end]
        at = end
    yield -1, b""


def _extended(pieces: Iterable[tuple[int, int, bytes]]) -> Block:
    """An extended packet, from pieces that say where they belong, in any order; a piece may come twice."""
    packet, wanted = bytearray(), 0
    for offset, whole, piece in sorted(pieces):
        wanted = max(wanted, whole)
        if offset == len(packet):
            packet += piece
        elif offset > len(packet):
            return Block(XMP, bytes(packet + piece), whole=False)
    return Block(XMP, bytes(packet), whole=len(packet) == wanted)


def _box(parts: Iterable[tuple[int, bytes]]) -> Block:
    """A JUMBF box from the parts of one instance: each repeats the box's header, counted from 1."""
    ordered = sorted(parts)
    header = 16 if ordered[0][1][:4] == b"\0\0\0\1" else 8  # a length of 1 means that the real one follows, in 8 bytes
    data = ordered[0][1] + b"".join(part[header:] for _, part in ordered[1:])
    numbers = [number for number, _ in ordered]
    return Block(C2PA, data, whole=numbers == list(range(numbers[0], numbers[0] + len(numbers))))
