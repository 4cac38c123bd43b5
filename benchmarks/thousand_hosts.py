"""A thousand hosts and more on loopback, each an address of its own, that serve pictures of one pixel by number.

A few per cent of the answers are 404s, failures and pages in a picture's place: which, the number decides.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import resource
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from typing import ClassVar

MOST = 1 << 24  # pictures of one pixel, each of another colour

_FIRST = IPv4Address("127.1.0.1")
_PATH = re.compile(rb"GET /(\d+)\.png ")
_spawn = multiprocessing.get_context("spawn")


def answer(number: int) -> str:
    """What is answered for the URL of a number, in proportions out of a thousand and in no order."""
    chance = zlib.crc32(b"%d" % number) % 1_000
    if chance < 20:
        return "missing"
    if chance < 30:
        return "page"
    if chance < 32:
        return "failing once"  # retries come last in each queue: many would weigh on the last tenth
    return "failing" if chance < 33 else "picture"


OUTCOMES = {
    "missing": ("http_error",),
    "page": ("bad_type",),
    "failing once": ("ok", "http_error"),  # the latter where too many at its host that fail always came before it
    "failing": ("http_error",),
    "picture": ("ok",),
}


def picture(number: int) -> bytes:
    """A PNG of one pixel, whose colour is its number."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" + number.to_bytes(3, "big"))),
        (b"IEND", b""),
    )
    chunks = (
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class _Answering(asyncio.Protocol):
    """One connection to any of the hosts."""

    failed: ClassVar[set[int]] = set()  # numbers that have failed once, of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        *requests, self._waiting = (self._waiting + data).split(b"\r\n\r\n")
        for request in requests:
            self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        found = _PATH.match(request)
        if found is None:  # robots.txt
            return _http(b"404 Not Found", b"text/plain", b"there is none\n")
        number = int(found[1])
        what = answer(number)
        if what == "missing":
            return _http(b"404 Not Found", b"text/html", b"<p>gone</p>")
        if what == "page":
            return _http(b"200 OK", b"text/html", b"<!doctype html><title>a page</title>")
        if what == "failing" or (what == "failing once" and number not in self.failed):
            self.failed.add(number)
            return _http(b"500 Internal Server Error", b"text/plain", b"not now\n")
        return _http(b"200 OK", b"image/png", picture(number))


def _http(status: bytes, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, kind, len(body), body)


def _serve(hosts: int, told: Connection) -> None:
    """Listen at so many loopback addresses, one socket each, and tell their origins."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    async def serve() -> None:
        origins, loop = [], asyncio.get_running_loop()
        for address in (str(_FIRST + number) for number in range(hosts)):
            listening = socket.create_server((address, 0), backlog=128)
            await loop.create_server(_Answering, sock=listening)
            origins.append(f"http://{address}:{listening.getsockname()[1]}")
        told.send(origins)
        await asyncio.Event().wait()

    asyncio.run(serve())


@contextmanager
def serving(hosts: int) -> Iterator[list[str]]:
    """The loopback web; yields the origins of its hosts."""
    hearing, told = _spawn.Pipe(duplex=False)
    server = _spawn.Process(target=_serve, args=(hosts, told), daemon=True)
    server.start()
    told.close()
    try:
        yield hearing.recv()
    finally:
        server.terminate()
        server.join()


def url(number: int, origins: list[str]) -> str:
    """The URL of a number. Neighbours in the list are at different hosts, as in lists that were shuffled."""
    return f"{origins[number % len(origins)]}/{number}.png"
