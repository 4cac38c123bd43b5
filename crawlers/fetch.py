"""One request. The only module that opens sockets; all that the world does comes back as a value.

A client of our own, because what makes a crawler's client safe is what others leave out: the numeric address is
checked where the connection is opened, nothing but GET is spoken, one answer is taken from a connection for each
request, and whatever comes unasked ends the connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, cast

from aiohappyeyeballs import start_connection

from crawlers.addresses import may_reach
from crawlers.fetched import Fetched, Want
from crawlers.http1 import Headers
from crawlers.receive import Receiver
from crawlers.settings import Settings
from crawlers.urls import fetchable, origin
from crawlers.wire import Wire
from schemas.outcome import Outcome

__all__ = ["Fetched", "Fetcher", "Headers", "Want"]

_IDLE = 20.0  # seconds that a connection waits for its next request: servers hang up after 5 to 75
# Connections that wait: more than the hosts in rotation, or each would be opened anew for each request; half of the
# files that a process may open.
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_KEPT = 2_048 if _FILES == resource.RLIM_INFINITY else min(2_048, _FILES // 2)
_NAMES_AGE = 300.0  # seconds that an address counts for a name: a resolver's usual floor
_NAMES = 10_000  # remembered: some 5 MB
_READ = 262_144  # bytes at once: a picture in one turn of the loop
_SECOND_FAMILY = 0.25  # seconds until the next address is tried beside a silent one: RFC 8305 §5
_DETAIL = 200  # characters of what an error says

_Info = tuple[int, int, int, str, tuple[Any, ...]]  # an address as getaddrinfo gives it


class _Blocked(OSError):
    """The address is not one that we may reach."""


@dataclass
class Fetcher:
    """Asks for one URL at a time and never raises for what the world does. Use as an async context."""

    settings: Settings
    clock: Callable[[], float] = time.time
    _buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(_READ)), init=False, repr=False)
    _waiting: OrderedDict[str, Wire] = field(default_factory=OrderedDict, init=False)  # by origin, the longest first
    _names: OrderedDict[str, tuple[float, list[_Info]]] = field(default_factory=OrderedDict, init=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False)

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for wire in self._waiting.values():
            wire.leave()
        self._waiting.clear()

    async def fetch(self, url: str, want: Want) -> Fetched:
        """Ask once for a URL; redirects are not followed."""
        started, begun = self.clock(), time.monotonic()
        asked = fetchable("about:blank", url)
        if asked is None:
            return Fetched(url, Outcome.BAD_URL, started, detail="no http(s) URL without a user's name in it")
        headers = (
            ("Host", origin(asked).partition("//")[2]),
            ("User-Agent", self.settings.user_agent),
            ("Accept", want.accept),
            ("Accept-Encoding", want.codings),
            *want.more,
        )
        receiver, ip = await self._ask(
            asked, _written(asked, headers), lambda: Receiver(url, want, self.settings), begun
        )
        return receiver.fetched(started, time.monotonic() - begun, headers, ip)

    async def _ask(
        self, url: str, request: bytes, receivers: Callable[[], Receiver], begun: float
    ) -> tuple[Receiver, str]:
        """Ask on the connection that waits, else on a new one; on a new one, too, where the old one ended unheard,
        which says nothing of a URL (RFC 9112 §9.3)."""
        wire = self._waiting.pop(origin(url), None)
        if wire is not None and wire.is_open:
            receiver = receivers()
            await self._exchange(wire, url, request, receiver, begun)
            if receiver.heard or receiver.outcome is not Outcome.CONNECT:
                return receiver, wire.ip
        receiver = receivers()
        left = self.settings.deadline - (time.monotonic() - begun)
        try:
            wire = await asyncio.wait_for(self._connected(url), left)
        except (OSError, asyncio.TimeoutError, UnicodeError) as error:
            receiver.give_up(*_fault(error))
            return receiver, ""
        await self._exchange(wire, url, request, receiver, begun)
        return receiver, wire.ip

    async def _exchange(self, wire: Wire, url: str, request: bytes, receiver: Receiver, begun: float) -> None:
        """Send the request, wait for the outcome, and keep the connection where it may serve another."""
        try:
            await wire.ask(request, receiver, begun)
        finally:
            if not (receiver.keeps and wire.is_open):
                wire.leave()
        if wire.is_open:
            self._let_wait(origin(url), wire)

    def _let_wait(self, where: str, wire: Wire) -> None:
        """Keep a connection for the next request to its origin; those that waited too long are closed."""
        wire.idle_since = now = time.monotonic()
        if (other := self._waiting.pop(where, None)) is not None:
            other.leave()  # one is kept for each origin
        self._waiting[where] = wire
        while True:
            oldest, waiting = next(iter(self._waiting.items()))
            if now - waiting.idle_since < _IDLE and len(self._waiting) <= _KEPT:
                return
            del self._waiting[oldest]
            waiting.leave()

    async def _connected(self, url: str) -> Wire:
        """A new connection. The guard is here: only addresses that passed it are handed on, as numbers."""
        host, port = _host_and_port(url)
        found = await self._resolved(host)
        reachable = [
            (family, kind, protocol, "", (address[0], port, *address[2:]))
            for family, kind, protocol, _, address in found
            if may_reach(str(address[0]), port, self.settings.allow_addresses)
        ]
        if not reachable:
            raise _Blocked(f"{found[0][4][0]} port {port} is not public")
        dial = start_connection(reachable, happy_eyeballs_delay=_SECOND_FAMILY, interleave=1)
        connection = await asyncio.wait_for(dial, self.settings.connect_timeout)
        wire = Wire(self._buffer, self.settings)
        loop = asyncio.get_running_loop()
        try:
            wire.ip = str(connection.getpeername()[0])
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.startswith("https:"):
                self._tls = self._tls or _verifying()
                await loop.create_connection(lambda: wire, sock=connection, ssl=self._tls, server_hostname=host)
            else:
                await loop.create_connection(lambda: wire, sock=connection)
        except BaseException:
            connection.close()
            raise
        return wire

    async def _resolved(self, host: str) -> list[_Info]:
        """The addresses of a host, from memory while they are fresh. Raises OSError where there are none, and
        TimeoutError where nobody says."""
        now = time.monotonic()
        known = self._names.get(host)
        if known is None or known[0] + _NAMES_AGE < now:
            found = await asyncio.wait_for(_looked_up(host), self.settings.connect_timeout)
            known = self._names[host] = (now, found)
            if len(self._names) > _NAMES:
                self._names.popitem(last=False)
        return known[1]

    async def resolve(self, url: str) -> str:
        """A numeric address of the URL's host, from the same memory as `fetch`; '' where none is found."""
        asked = fetchable("about:blank", url)
        if asked is None:
            return ""
        try:
            found = await self._resolved(_host_and_port(asked)[0])
        except (OSError, asyncio.TimeoutError, UnicodeError):
            return ""  # asking for the URL will say why
        return str(found[0][4][0])


def _host_and_port(url: str) -> tuple[str, int]:
    """Of a normalised URL; an IPv6 address without its brackets."""
    scheme, _, authority = origin(url).partition("://")
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        return authority.strip("[]"), 443 if scheme == "https" else 80
    return host.strip("[]"), int(port)


def _written(url: str, headers: Headers) -> bytes:
    """The request: a normalised URL is ASCII, with neither spaces nor controls."""
    target = "/" + url.partition("//")[2].partition("/")[2]
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _verifying() -> ssl.SSLContext:
    """TLS as browsers do it: the certificate must be the host's, and be signed by whom this machine trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _looked_up(host: str) -> list[_Info]:
    """Ask the resolver in a thread of its own: a dead name takes half a minute, and must not make others wait."""
    try:
        ipaddress.ip_address(host)
        return cast(list[_Info], socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[_Info]] = loop.create_future()

    def tell(found: list[_Info] | None, error: Exception | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def ask() -> None:
        found, fault = None, None
        try:
            found = cast(list[_Info], socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            fault = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, found, fault)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await answer


def _fault(error: Exception) -> tuple[Outcome, str]:
    """The outcome of an exception while connecting, and what it says, in one short line."""
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:_DETAIL]
    if isinstance(error, _Blocked):
        return Outcome.BLOCKED_ADDRESS, str(error)
    if isinstance(error, asyncio.TimeoutError):
        return Outcome.TIMEOUT, "no connection in time"
    if isinstance(error, socket.gaierror | UnicodeError):  # a name that IDNA cannot write
        return Outcome.DNS, detail
    if isinstance(error, ssl.SSLError):
        return Outcome.TLS, detail
    return Outcome.CONNECT, detail
