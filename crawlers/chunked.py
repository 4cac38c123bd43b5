"""The chunked transfer coding undone (RFC 9112 §7.1), for archives that keep it."""

from __future__ import annotations

_LONGEST_SIZE = 64  # characters of a chunk's size and extensions


def unchunked(body: bytes) -> bytes | None:
    """The body without its chunks; None when it is not chunked from front to end.

    >>> unchunked(b"3\\r\\nabc\\r\\n2;x=y\\r\\nde\\r\\n0\\r\\n\\r\\n"), unchunked(b"<html>")
    (b'abcde', None)
    """
    pieces: list[bytes] = []
    place = 0
    while True:
        end = body.find(b"\r\n", place, place + _LONGEST_SIZE)
        digits = body[place:end].partition(b";")[0].strip() if end >= 0 else b""
        try:
            size = int(digits, 16)
        except ValueError:
            return None
        if size < 0 or end + 2 + size > len(body):
            return None
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        place = end + 2 + size
        if body[place : place + 2] != b"\r\n":
            return None
        place += 2
