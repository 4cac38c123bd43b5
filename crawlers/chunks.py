"""The metadata of PNG and WebP, which are rows of named chunks. Sources: PNG third edition, RFC 9649, C2PA 2.2 annex A.

A chunk counts even where its checksum is wrong: a sloppy writer's wish is a wish.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from crawlers.block import BROKEN, C2PA, EXIF, IPTC, TEXT, XMP, Block, photoshop

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST = 100_000  # chunks: an IDAT is 8 KiB by habit, so 32 MiB are 4,096
INFLATED = 4 * 1024 * 1024  # bytes in all that compressed texts of one PNG may grow to; a packet of XMP is some 10 KiB


def png(body: bytes) -> Iterator[Block]:
    """Every block of metadata in a PNG. Never raises; BROKEN where the chunks do not hold together."""
    at, left = len(_PNG), INFLATED
    for _ in range(_MOST):
        if at + 12 > len(body):
            break
        end = at + 12 + int.from_bytes(body[at : at + 4], "big")
        name, data = body[at + 4 : at + 8], body[at + 8 : min(end - 4, len(body))]
        if end > len(body):
            break
        if name == b"IEND":
            return
        if name == b"caBX":
            yield Block(C2PA, data)
        elif name == b"eXIf":
            yield Block(EXIF, data)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text, whole = _text(name, data, left)
            left -= len(text) if name != b"tEXt" else 0
            yield from _said(keyword, text, whole)
        at = end
    yield BROKEN


def _text(name: bytes, data: bytes, left: int) -> tuple[str, bytes, bool]:
    """Keyword, text, and whether the text is whole; at most `left` bytes of it are inflated."""
    keyword, _, rest = data.partition(b"\0")
    packed = name == b"zTXt" or rest[:1] == b"\1"
    if name == b"zTXt":
        rest = rest[1:]  # the method: there is but one
    elif name == b"iTXt":
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    else:
        return keyword.decode("latin-1"), rest, True
    text, whole = _inflated(rest, left) if packed else (rest, True)
    return keyword.decode("latin-1"), text, whole


def _inflated(data: bytes, cap: int) -> tuple[bytes, bool]:
    machine, out = zlib.decompressobj(), b""
    if cap > 0:  # to zlib a cap of 0 is none
        try:
            out = machine.decompress(data, cap)
        except zlib.error:
            return b"", False
    return out, machine.eof


def _said(keyword: str, text: bytes, whole: bool) -> Iterator[Block]:
    """A text as the block that it is: XMP, one of ImageMagick's profiles in hexadecimal digits, or words."""
    if keyword == "XML:com.adobe.xmp":
        yield Block(XMP, text, whole=whole)
    elif keyword.startswith("Raw profile type "):
        yield from _profile(keyword.removeprefix("Raw profile type ").strip().lower(), text, whole)
    else:
        yield Block(TEXT, text, keyword, whole)


def _profile(kind: str, text: bytes, whole: bool) -> Iterator[Block]:
    """ImageMagick's form: newline, name, newline, length, newline, lines of hexadecimal digits."""
    if kind not in ("xmp", "exif", "app1", "iptc", "8bim"):
        return
    digits = text.split(b"\n", 3)[-1]
    try:
        data = bytes.fromhex(digits.decode("ascii")) if len(digits) <= 2 * INFLATED else b""
    except ValueError:
        data = b""
    if not data:
        yield Block(kind, text, whole=False)
        return
    if data[:5] == b"Exif\0":
        yield Block(EXIF, data[6:], whole=whole)
    elif data[:4] == b"8BIM":
        yield from photoshop(data)
    elif kind == "iptc":
        yield Block(IPTC, data, whole=whole)
    else:
        yield Block(XMP, data.removeprefix(b"http://ns.adobe.com/xap/1.0/\0"), whole=whole)


_WEBP = {b"XMP ": XMP, b"EXIF": EXIF, b"C2PA": C2PA}


def webp(body: bytes) -> Iterator[Block]:
    """Every block of metadata in a WebP. Never raises; BROKEN where a chunk is cut off."""
    at = 12
    for _ in range(_MOST):
        if at >= len(body):
            return
        name, end = body[at : at + 4], at + 8 + int.from_bytes(body[at + 4 : at + 8], "little")
        if name in _WEBP:
            data = body[at + 8 : end]
            yield Block(_WEBP[name], data.removeprefix(b"Exif\0\0"), whole=end <= len(body))
        elif end > len(body):
            break
        at = end + end % 2  # a chunk of odd length is padded by one byte
    yield BROKEN
