"""One connection of the fetcher, once it is open: it sends a request and hands what comes to the receiver."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from crawlers.receive import Receiver
from crawlers.settings import Settings
from schemas.outcome import Outcome


class Wire(asyncio.BufferedProtocol):
    """One connection. What comes is handed to the receiver at once, so nothing piles up; all share one buffer.

    One timer serves all its requests: it looks whether one takes too long, and when the next look is due.
    """

    def __init__(self, buffer: memoryview, settings: Settings) -> None:
        self._buffer, self._settings = buffer, settings
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._done: asyncio.Future[None] | None = None
        self._fault: Exception | None = None  # that ended the connection
        self._timer: asyncio.TimerHandle | None = None  # due no later than the request under way may take too long
        self._begun = self._heard_at = 0.0
        self.ip = ""
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it may serve a request."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes, receiver: Receiver, begun: float) -> asyncio.Future[None]:
        """Send a request; the future is done when the receiver has its outcome, which it has when the deadline after
        `begun` (monotonic seconds) or a silence allows no more."""
        self._done = asyncio.get_running_loop().create_future()
        if self._transport is None:  # the other side has hung up before it was asked
            receiver.hung_up(self._fault)
            self._over()
            return self._done
        self._receiver, self._begun, self._heard_at = receiver, begun, time.monotonic()
        if self._timer is None:
            self._look()
        self._transport.write(request)
        return self._done

    def leave(self) -> None:
        """Hang up at once."""
        self._receiver = None
        self._cancel_look()
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
        self._heard_at = time.monotonic()
        self._receiver.feed(bytes(self._buffer[:nbytes]), self._heard_at)
        if self._receiver.outcome is not None:
            self._over()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self._fault = None, exc
        self._cancel_look()
        if self._receiver is not None:
            self._receiver.hung_up(exc)
        self._over()

    def _look(self) -> None:
        """End what takes too long; else look again when it may be so."""
        self._timer = None
        if self._receiver is None:
            return
        limits, now = self._settings, time.monotonic()
        silent = self._heard_at + limits.read_timeout - now
        left = min(silent, self._begun + limits.deadline - now)
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
            return
        what = f"silent for {limits.read_timeout:g} s" if silent <= 0 else f"not done after {limits.deadline:g} s"
        self._receiver.give_up(Outcome.TIMEOUT, what)
        self.leave()

    def _cancel_look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._receiver = None
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
