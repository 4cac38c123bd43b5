"""A small web on loopback for the crawler's tests: raw sockets, so that an answer may be as wrong as the world's."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from crawlers.addresses import Allowed
from crawlers.settings import Settings

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What a site was asked, and when (monotonic seconds)."""

    path: str
    headers: dict[str, str]
    at: float


Behaviour = Callable[[socket.socket, Request], None]
Answer = bytes | Behaviour


def answer(body: bytes | str = b"", status: str = "200 OK", kind: str = HTML, **headers: str) -> bytes:
    """A whole HTTP answer; header names are written with _ for -."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}"]
    named = {"Content-Length": str(len(data)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines += [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def redirect(location: str) -> bytes:
    """A redirect to somewhere."""
    return answer(b"", "302 Found", Location=location)


@dataclass
class Web:
    """One host: its answers by path, and what it was asked."""

    answers: dict[str, Answer]
    address: str = "127.0.0.1"
    port: int = 0
    asked: list[Request] = field(default_factory=list)
    delay: float = 0.0  # before each answer
    turnstile: threading.Semaphore | None = None  # lets so many requests through, and holds the rest
    tls: ssl.SSLContext | None = None

    def url(self, path: str = "/") -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64


@contextmanager
def serving(*webs: Web) -> Iterator[None]:
    """Serve every web on a free port until the block ends."""
    servers = []
    try:
        for web in webs:
            server = _Server((web.address, web.port), _handler(web))
            web.port = server.server_address[1]
            servers.append(server)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def held_after(number: int, *webs: Web) -> Iterator[None]:
    """Let so many requests through to the web, and hold the rest: no machine is so fast that a crawl gets away."""
    turnstile = threading.Semaphore(number)
    for web in webs:
        web.turnstile = turnstile
    try:
        yield
    finally:
        for web in webs:
            web.turnstile = None
        turnstile.release(1000)  # more than are held


def _handler(web: Web) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def setup(self) -> None:
            if web.tls is not None:
                self.request = web.tls.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            super().setup()

        def handle(self) -> None:
            try:
                while request := self._read():
                    turnstile = web.turnstile  # as it was before anybody could see that this request came
                    web.asked.append(request)
                    time.sleep(web.delay)
                    if turnstile is not None:
                        turnstile.acquire()
                    given = web.answers.get(request.path, answer("<p>404", "404 Not Found"))
                    if callable(given):
                        given(self.connection, request)
                        return
                    self.wfile.write(given)
            except OSError:
                return  # the client hung up, as it may

        def _read(self) -> Request | None:
            first = self.rfile.readline().decode("latin-1").split(" ")
            if len(first) != 3:
                return None
            headers = {}
            while (line := self.rfile.readline().decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            return Request(first[1], headers, time.monotonic())

    return Handler


def loopback(**changes: object) -> Settings:
    """Settings for the small web: all of loopback is open, nobody waits, and no file but robots.txt is asked for."""
    allowed = (Allowed.parse("127.0.0.0/8"),)
    unasked = (("tdmrep", "not what is tested here"), ("ai.txt", "not what is tested here"))
    return Settings(**({"allow_addresses": allowed, "delay": 0.0, "ignore": unasked} | changes))  # type: ignore[arg-type]
