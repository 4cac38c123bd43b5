"""Take the metadata out of a JPEG, PNG or WebP without touching a pixel: EXIF, XMP, IPTC, comments and what is hidden.

What stays is named; all else goes. A file whose structure is not plain is answered with None, and the caller encodes
it again. Sources: ITU-T T.81 and JFIF 1.02, the PNG specification (third edition), RFC 9649 for WebP.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator


def strip(data: bytes) -> bytes | None:
    """The same picture without metadata; None when it cannot be had without decoding (other formats included).

    Never raises, whatever the bytes are: no length in the file is trusted.

    >>> strip(b"GIF89a") is None, strip(b"\\xff\\xd8\\xff") is None
    (True, True)
    """
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:8] == _PNG:
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return None


# JPEG: FF D8, then segments FF <marker> <length> …; a scan's data follows its SOS up to the next marker.
_SOS, _EOI, _ICC = 0xDA, 0xD9, b"ICC_PROFILE\0"
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD}  # Huffman and arithmetic tables, quantisation, restart interval
_FRAMES = set(range(0xC0, 0xD0)) - _TABLES - {0xC8}
_METADATA = {*range(0xE0, 0xF0), 0xFE}  # APP0 to APP15 and comments
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)  # in a scan FF 00 is data, FF D0 to D7 restart


def _jpeg(data: bytes) -> bytes | None:
    out, at, frames, scans = [data[:2]], 2, 0, 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:  # the end: what follows is no part of this picture (the other views of an MPO, a payload)
            return b"".join([*out, b"\xff\xd9"]) if frames == 1 and scans else None
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        if end < at + 4 or end > len(data):
            return None
        if marker == _SOS:
            found = _NEXT_MARKER.search(data, end)
            if not found:
                return None
            out.append(data[at : found.start()])
            at, scans = found.start(), scans + 1
            continue
        if marker in _METADATA:
            out.append(_kept_app(marker, body))
        elif marker in _TABLES or marker in _FRAMES:
            out.append(data[at:end])
            frames += marker in _FRAMES
        else:
            return None
        at = end
    return None


def _kept_app(marker: int, body: bytes) -> bytes:
    """What a decoder needs of an application segment: JFIF without its thumbnail, the colour profile, Adobe's flag."""
    kept = b""
    if marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        kept = body[:12] + b"\0\0"
    elif marker == 0xE2 and body.startswith(_ICC):
        kept = body
    elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
        kept = body[:12]
    return b"\xff" + bytes([marker]) + (len(kept) + 2).to_bytes(2, "big") + kept if kept else b""


_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND"),
    *(b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"cICP", b"mDCV", b"cLLI", b"pHYs"),
    *(b"acTL", b"fcTL", b"fdAT"),  # an animation's
}


def _png(data: bytes) -> bytes | None:
    out, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if end > len(data) or (len(out) == 1) != (name == b"IHDR"):
            return None
        if name in _PNG_KEPT:
            if zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big") != data[end - 4 : end]:
                return None
            out.append(data[at:end])
        elif not name[0] & 0x20:  # a critical chunk that we do not know
            return None
        if name == b"IEND":
            return b"".join(out) if end == at + 12 and any(chunk[4:8] == b"IDAT" for chunk in out) else None
        at = end
    return None


_WEBP_FLAGS = 0x0C  # in VP8X: EXIF is there, XMP is there
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_PICTURE = {b"VP8 ", b"VP8L", b"ANMF"}


def _webp(data: bytes) -> bytes | None:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) or end < 12:
        return None
    out, pictures = [b"WEBP"], 0
    for name, body in _riff(data[12:end]):
        if name == b"VP8X" and len(body) == 10:
            out.append(_riff_chunk(name, bytes([body[0] & ~_WEBP_FLAGS]) + body[1:]))
        elif name == b"ANMF" and len(body) >= 16:
            inside = list(_riff(body[16:]))
            if any(not inner for inner, _ in inside):
                return None
            frame = b"".join(_riff_chunk(inner, part) for inner, part in inside if inner in _WEBP_KEPT)
            out.append(_riff_chunk(name, body[:16] + frame))
        elif name in (b"", b"VP8X", b"ANMF"):  # cut off, or too short
            return None
        elif name in _WEBP_KEPT:
            out.append(_riff_chunk(name, body))
        pictures += name in _WEBP_PICTURE
    whole = b"".join(out)
    return b"RIFF" + len(whole).to_bytes(4, "little") + whole if pictures else None


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, body) of each chunk; ('', rest) where one is cut off."""
    at = 0
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 > len(data) or end > len(data):
            yield b"", data[at:]
            return
        yield data[at : at + 4], data[at + 8 : end]
        at = end + end % 2  # a chunk of odd length is padded by one byte


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
