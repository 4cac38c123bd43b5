"""One request. The only module that opens sockets; all that the world does comes back as a value."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import TracebackType

import aiohttp
from yarl import URL

from crawlers import coding, media
from crawlers.addresses import may_reach
from crawlers.settings import Settings
from crawlers.urls import fetchable
from schemas.outcome import Outcome

Headers = tuple[tuple[str, str], ...]
"""Names and values, each character one byte as it came (Latin-1)."""

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADER_BYTES = 16_384  # of one line; 8 KB is the usual limit, Chinese CDNs exceed it with tracing headers
_HEADERS = 128  # lines
_DETAIL = 200  # characters of what an error says


@dataclass(frozen=True)
class Fetched:
    """How one request ended. `outcome` is OK for a whole 2xx answer of a wanted type; a redirect is HTTP_ERROR with
    `location` set, which the caller may follow, asking robots and address anew."""

    url: str
    outcome: Outcome
    started: float  # seconds since 1970
    seconds: float = 0.0
    status: int = 0
    reason: str = ""
    headers: Headers = ()
    request_headers: Headers = ()
    body: bytes = b""  # decoded
    wire: int = 0  # bytes of the body as they came
    content_type: str = ""  # sniffed
    ip: str = ""
    location: str | None = None
    detail: str = ""  # in words, for the log
    archive: Mapping[str, object] | None = None  # for the log: where it was read instead of being asked for

    def header(self, name: str) -> str:
        """The first header of that name; '' without."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def header_values(self, name: str) -> list[str]:
        """Every header of that name."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True)
class Want:
    """What is asked for: the Accept header, the types that are read to the end (None: any), the most bytes."""

    accept: str
    cap: int
    types: frozenset[str] | None = None
    codings: str = coding.ACCEPTED
    cut: bool = False  # at the cap the rest is left, and what came is good
    more: Headers = ()  # sent besides


class _Blocked(OSError):
    """The address is not one that we may reach."""


@dataclass
class _Attempt:
    """What is learnt on the way, for the error handlers."""

    blocked: str = ""
    reused: bool = False  # the connection had served an earlier request
    answer: Fetched | None = None


_attempt: ContextVar[_Attempt] = ContextVar("attempt")


class _Response(aiohttp.ClientResponse):
    """Remembers who answered, and whether they hung up: aiohttp lets go of the connection as soon as it can."""

    peer = ""
    hung_up: asyncio.Future[None] | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        address = transport.get_extra_info("peername") if transport is not None else None
        self.peer = address[0] if address else ""
        self.hung_up = connection.protocol.closed if connection.protocol is not None else None
        return await super().start(connection)

    @contextlib.contextmanager
    def noticing_the_end(self) -> Iterator[None]:
        """Wake the reader of a body whose chunks are broken: aiohttp closes the connection, and lets it wait."""

        def wake(ended: asyncio.Future[None]) -> None:
            why = None if ended.cancelled() else ended.exception()
            if not self.content.is_eof() and self.content.exception() is None:
                self.content.set_exception(aiohttp.ClientPayloadError(f"the connection ended within the body: {why}"))

        if self.hung_up is None:
            yield
            return
        self.hung_up.add_done_callback(wake)
        try:
            yield
        finally:
            self.hung_up.remove_done_callback(wake)  # the connection may serve many answers


@dataclass
class Fetcher:
    """Asks for one URL at a time and never raises for what the world does. Use as an async context."""

    settings: Settings
    clock: Callable[[], float] = time.time
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def __aenter__(self) -> Fetcher:
        settings = self.settings

        def guarded(info: aiohttp.connector.AddrInfoType) -> socket.socket:
            """Called for each address, literal ones too, just before the connection to it is opened."""
            family, kind, protocol, _, address = info
            if family not in (socket.AF_INET, socket.AF_INET6) or not may_reach(
                str(address[0]), int(address[1]), settings.allow_addresses
            ):
                _attempt.get().blocked = str(address[0])
                raise _Blocked(f"{address[0]} port {address[1]} is not public")
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            limit=settings.hosts * 2, ttl_dns_cache=300, keepalive_timeout=20, socket_factory=guarded
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[tracing],
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            requote_redirect_url=False,
            response_class=_Response,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=settings.deadline, sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
            ),
        )
        self._session._retry_connection = False  # it would ask twice on new connections too, unseen
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def resolve(self, url: str) -> str:
        """A numeric address of the URL's host, from the cache that `fetch` uses; '' where none is found."""
        assert self._session is not None and self._session.connector is not None, "use the fetcher as an async context"
        try:
            address = URL(url, encoded=True)
            connector = self._session.connector
            assert isinstance(connector, aiohttp.TCPConnector)
            found = await asyncio.wait_for(
                connector._resolve_host(address.raw_host or "", address.port or 0), self.settings.connect_timeout
            )
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
            return ""  # asking for the URL will say why
        return str(found[0]["host"]) if found else ""

    async def fetch(self, url: str, want: Want) -> Fetched:
        """Ask once for a URL; redirects are not followed."""
        attempt = _Attempt()
        _attempt.set(attempt)
        started, begun = self.clock(), time.monotonic()
        blank = Fetched(url, Outcome.CONNECT, started)
        try:
            address = URL(url, encoded=True)
        except ValueError as error:
            return replace(blank, outcome=Outcome.BAD_URL, detail=str(error)[:_DETAIL])
        try:
            answer = await self._ask_anew(address, want, attempt, blank)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, UnicodeError) as error:
            outcome, detail = _fault(error, attempt)
            answer = replace(attempt.answer or blank, outcome=outcome, detail=detail)
        return replace(answer, seconds=time.monotonic() - begun)

    async def _ask_anew(self, url: URL, want: Want, attempt: _Attempt, blank: Fetched) -> Fetched:
        """Ask; once more where a kept connection was closed meanwhile, which says nothing of a URL (RFC 9112 §9.3)."""
        try:
            return await self._ask(url, want, attempt, blank)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if not attempt.reused or attempt.answer is not None:
                raise
        return await self._ask(url, want, attempt, blank)

    async def _ask(self, url: URL, want: Want, attempt: _Attempt, blank: Fetched) -> Fetched:
        assert self._session is not None, "use the fetcher as an async context"
        headers = {
            "User-Agent": self.settings.user_agent,
            "Accept": want.accept,
            "Accept-Encoding": want.codings,
            **dict(want.more),
        }
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            assert isinstance(response, _Response)
            answer = attempt.answer = replace(
                blank,
                outcome=Outcome.OK if 200 <= response.status < 300 else Outcome.HTTP_ERROR,
                status=response.status,
                reason=(response.reason or "").encode("utf-8", "surrogateescape").decode("latin-1"),
                headers=tuple(
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
                ),
                request_headers=tuple((str(name), value) for name, value in response.request_info.headers.items()),
                ip=response.peer,
            )
            if response.status in _REDIRECTS and answer.header("location"):
                location = answer.header("location").encode("latin-1").decode("utf-8", "replace")
                target = fetchable(blank.url, location)
                detail = "" if target else "the redirect leads to what is no http(s) URL"
                return replace(answer, location=target, detail=detail)
            with response.noticing_the_end():
                return await self._read(response, answer, want)

    async def _read(self, response: aiohttp.ClientResponse, answer: Fetched, want: Want) -> Fetched:
        settings = self.settings
        begun = time.monotonic()
        pieces: list[bytes] = []
        wire = length = 0
        kind = ""
        try:
            decoder = coding.decoder(",".join(answer.header_values("content-encoding")), want.cap)
            if not want.cut and (response.content_length or 0) > want.cap:
                raise coding.TooLarge
            async for chunk in response.content.iter_any():
                wire += len(chunk)
                piece = decoder.feed(chunk)
                length += len(piece)
                pieces.append(piece)
                if not kind and length >= media.ENOUGH:
                    kind = media.sniff(b"".join(pieces)[: media.ENOUGH], answer.header("content-type"))
                    if answer.outcome is Outcome.OK and want.types is not None and kind not in want.types:
                        return self._left(response, answer, Outcome.BAD_TYPE, wire, kind)
                elapsed = time.monotonic() - begun
                if elapsed > settings.slow_after and wire < settings.slowest * elapsed:
                    return self._left(response, answer, Outcome.TOO_SLOW, wire, kind)
            whole = decoder.finish()
        except coding.TooLarge:
            if not want.cut:
                return self._left(response, answer, Outcome.TOO_LARGE, wire, kind)
            response.close()
            whole = True
        except coding.Broken as error:
            return replace(self._left(response, answer, Outcome.BAD_ENCODING, wire, kind), detail=str(error))
        body = b"".join(pieces)
        kind = kind or media.sniff(body, answer.header("content-type"))
        answer = replace(answer, body=body, wire=wire, content_type=kind)
        if not whole:
            return replace(answer, outcome=Outcome.TRUNCATED, detail="the content coding ends too early")
        if answer.outcome is Outcome.OK and want.types is not None and kind not in want.types:
            return replace(answer, outcome=Outcome.BAD_TYPE)
        return answer

    def _left(
        self, response: aiohttp.ClientResponse, answer: Fetched, outcome: Outcome, wire: int, kind: str
    ) -> Fetched:
        """Hang up on what is not worth the rest."""
        response.close()
        if answer.outcome is Outcome.HTTP_ERROR:
            outcome = Outcome.HTTP_ERROR  # the status says more than what was wrong with its page
        return replace(answer, outcome=outcome, wire=wire, content_type=kind)


async def _note_reuse(*_: object) -> None:
    _attempt.get().reused = True


def _fault(error: Exception, attempt: _Attempt) -> tuple[Outcome, str]:
    """The outcome of an exception, and what it says, in one short line."""
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:_DETAIL]
    if attempt.blocked and attempt.answer is None:
        return Outcome.BLOCKED_ADDRESS, f"{attempt.blocked} is not public"
    if attempt.answer is not None and attempt.answer.outcome is Outcome.HTTP_ERROR:
        return Outcome.HTTP_ERROR, detail  # the status came; only its page did not
    if isinstance(error, asyncio.TimeoutError):
        return Outcome.TIMEOUT, detail
    if attempt.answer is not None:
        return Outcome.TRUNCATED, detail
    if isinstance(error, aiohttp.ClientSSLError):
        return Outcome.TLS, detail
    if isinstance(error, aiohttp.ClientConnectorDNSError | UnicodeError):  # a name that IDNA cannot write
        return Outcome.DNS, detail
    if isinstance(error, aiohttp.InvalidURL):
        return Outcome.BAD_URL, detail
    if isinstance(error, aiohttp.ClientResponseError):
        return Outcome.HTTP_ERROR, detail  # an answer that is no HTTP, or whose headers are beyond the caps
    return Outcome.CONNECT, detail
