"""Content codings, undone as a stream with a cap on what comes out."""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli

ACCEPTED = "gzip, deflate, br"
_BROTLI_PIECE = 65_536  # bytes of output at once, or somewhat more
_MOST_MEMBERS = 1_000  # of one gzip stream: each may be empty, so their number is no matter of size


class Broken(Exception):
    """The coding is broken, unknown, or one upon another."""


class TooLarge(Exception):
    """More bytes come out than the cap allows; `fits` are those of the last piece that it does allow."""

    def __init__(self, fits: bytes) -> None:
        super().__init__()
        self.fits = fits


class Decoder(Protocol):
    """Takes coded bytes as they come; gives decoded ones. Raises Broken or TooLarge."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bool:
        """Whether the stream ended where it should."""
        ...


def decoder(content_encoding: str, cap: int) -> Decoder:
    """The decoder for a Content-Encoding header; at most `cap` bytes come out in all.

    Raises Broken for a coding that we did not ask for, or for two: nobody honest sends those.
    """
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        return _Identity(cap)
    if name in ("gzip", "x-gzip"):
        return _Zlib(cap, zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Zlib(cap, 0)
    if name == "br":
        return _Brotli(cap)
    raise Broken(f"content coding {name[:40]!r}")


class _Identity:
    def __init__(self, cap: int) -> None:
        self._left = cap

    def feed(self, data: bytes) -> bytes:
        if len(data) > self._left:
            raise TooLarge(data[: self._left])
        self._left -= len(data)
        return data

    def finish(self) -> bool:
        return True


class _Zlib:
    """gzip (of several members, too) and deflate, which servers send with and without zlib's header."""

    def __init__(self, cap: int, window: int) -> None:
        self._left = cap
        self._window = window
        self._fed = False
        self._held = b""  # a first byte, which alone does not tell what begins
        self._machine = zlib.decompressobj(window) if window else None
        self._ended = 0  # members that ended

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        self._fed = self._fed or bool(data)
        data, self._held = self._held + data, b""
        while data:
            if self._machine is None or self._machine.eof:
                if len(data) < 2:
                    self._held = data
                    break
                if self._ended and not data.startswith(b"\x1f\x8b"):
                    break  # padding after the last member: browsers pass over it
                self._machine = zlib.decompressobj(self._window or _deflate_window(data))
            try:
                piece = self._machine.decompress(data, self._left + 1)
            except zlib.error as error:
                raise Broken(str(error)) from None
            out.append(piece[: self._left])
            if len(piece) > self._left:
                raise TooLarge(b"".join(out))
            self._left -= len(piece)
            data = self._machine.unused_data
            self._ended += self._machine.eof
            if self._ended > _MOST_MEMBERS:
                raise Broken(f"more than {_MOST_MEMBERS} members in one gzip stream")
        return b"".join(out)

    def finish(self) -> bool:
        return not self._fed or (self._machine is not None and self._machine.eof)


def _deflate_window(data: bytes) -> int:
    zlib_header = len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
    return zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self, cap: int) -> None:
        self._left = cap
        self._fed = False
        self._machine = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        self._fed = self._fed or bool(data)
        try:
            while data or out:
                piece = self._machine.process(data, output_buffer_limit=_BROTLI_PIECE)
                data = b""
                out.append(piece[: self._left])
                if len(piece) > self._left:
                    raise TooLarge(b"".join(out))
                self._left -= len(piece)
                # That it takes more data does not mean that it gave all: what is less than a piece does.
                if self._machine.is_finished() or (len(piece) < _BROTLI_PIECE and self._machine.can_accept_more_data()):
                    break
        except brotli.error as error:
            raise Broken(str(error)) from None
        return b"".join(out)

    def finish(self) -> bool:
        return not self._fed or bool(self._machine.is_finished())
