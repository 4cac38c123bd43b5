"""What a body is, by its first bytes: headers and endings of names lie too often."""

from __future__ import annotations

import re

PICTURES = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif", "image/heic"}
)
"""The types that are kept as pictures: raster formats. SVG is a program, not a photo."""

PAGES = frozenset({"text/html"})
ENOUGH = 512  # bytes by which every type below is known: the WHATWG MIME sniffing standard reads 1,445 at most

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\0\0\x01\0", "image/x-icon"),
)
_AVIF = (b"avif", b"avis")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|link|table|div|p|a|h[1-6]|img|br|ul|font|span)[\s>/]",
    re.I,
)


def sniff(start: bytes, content_type: str = "") -> str:
    """The type of a body by its first bytes, else the header's, lower case and bare; '' when nothing is known.

    >>> sniff(b"\\xff\\xd8\\xff\\xe0", "text/html"), sniff(b"<!doctype html>"), sniff(b"{}", "Application/JSON; x=y")
    ('image/jpeg', 'text/html', 'application/json')
    """
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:8] == b"ftyp":
        brands = {start[8:12], *(start[place : place + 4] for place in range(16, min(len(start), 64), 4))}
        if brands & set(_AVIF):
            return "image/avif"
        return "image/heic" if start[8:12] in _HEIC else "video/mp4"
    said = content_type.partition(";")[0].strip().lower()
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:5].lower() == b"<?xml" or text[:4].lower() == b"<svg":
        return _xml(text, said)
    if _HTML.match(text) or (text.startswith(b"<!--") and said in ("", "text/html")):
        return "text/html"
    if said in ("application/xhtml+xml", "text/html"):
        return "text/html"
    return "" if said in PICTURES else said  # a header that says picture over bytes that are none is no witness


def _xml(text: bytes, said: str) -> str:
    if b"<svg" in text:
        return "image/svg+xml"
    if b"<html" in text.lower() or said in ("text/html", "application/xhtml+xml"):
        return "text/html"
    return "application/xml"
