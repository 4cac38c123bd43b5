"""One connection of the fetcher, once it is open: it sends a request and hands what comes to the receiver."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from crawlers.receive import Receiver


class Wire(asyncio.BufferedProtocol):
    """One connection. What comes is handed to the receiver at once, so nothing piles up; all share one buffer."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._done: asyncio.Future[None] | None = None
        self.ip = ""
        self.idle_since = 0.0
        self.heard_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it may serve a request."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes, receiver: Receiver) -> asyncio.Future[None]:
        """Send a request; the future is done when the receiver has its outcome."""
        assert self._transport is not None
        self._done = asyncio.get_running_loop().create_future()
        self._receiver, self.heard_at = receiver, time.monotonic()
        self._transport.write(request)
        return self._done

    def leave(self) -> None:
        """Hang up at once."""
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._receiver is None:  # nobody asked: it must not be taken for the answer to the next request
            self.leave()
            return
        self.heard_at = time.monotonic()
        self._receiver.feed(bytes(self._buffer[:nbytes]), self.heard_at)
        if self._receiver.outcome is not None:
            self._over()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._receiver is not None:
            self._receiver.hung_up(exc)
        self._over()

    def _over(self) -> None:
        self._receiver = None
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
