"""Serve the demo's web on three loopback origins: the gallery, the kitchen and the picture host.

    python -m demo.serve demo/work        until Ctrl-C, on ports 18101, 18102 and 18103

The ports are fixed, so a picture has the same URL, and a pair the same key, in every run; DEMO_PORT moves all three.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

from demo.plants import DELETED
from demo.sections import ORIGINS, PICTURES
from demo.website import NOT_FOUND, build, folder_of
from schemas.errors import BadInput, TuwenError

ADDRESS = "127.0.0.1"
PORT = 18101
"""The first of three ports in a row; few services are known to use them, and Linux gives them to no client."""

LAST_MODIFIED = "Sat, 26 Oct 1985 08:15:00 GMT"
"""The time that npm writes at every file of every package."""

TYPES = {
    ".html": "text/html",  # without a charset: a page's own meta has to say it
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""By the file's ending, as most servers do it: where an ending lies (seven of the package's do), so does the type."""

REWRITTEN = frozenset({".html", ".xml", ".txt"})


@dataclass(frozen=True)
class Web:
    """The three servers while they run.

    `origins` are the real ones of gallery, kitchen and pictures; `requests` grows with each request's whole URL as
    it came, in the order of arrival at each host.
    """

    origins: tuple[str, ...]
    requests: list[str]


def base_port() -> int:
    """The first port: DEMO_PORT, else 18101. Raises BadInput when DEMO_PORT is not a port with two more after it."""
    given = os.environ.get("DEMO_PORT", str(PORT))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 65533:
        raise BadInput(f"DEMO_PORT={given}: not a port from 1 to 65533")
    return int(given)


def origins(first: int) -> tuple[str, ...]:
    """The three origins on the ports from `first` on."""
    return tuple(f"http://{ADDRESS}:{first + place}" for place in range(len(ORIGINS)))


@contextmanager
def serving(site: Path, first: int = 0) -> Iterator[Web]:
    """Serve a built site while the block runs, on three ports from `first` on, or on free ones for 0.

    Raises BadInput when a port is taken.
    """
    with ExitStack() as stack:
        requests: list[str] = []
        names: dict[str, str] = {}
        servers = []
        for place, origin in enumerate(ORIGINS):
            handler = partial(_Handler, site / folder_of(origin), origin, names, requests)
            server = stack.enter_context(_listen(first + place if first else 0, handler))
            names[origin] = f"http://{ADDRESS}:{server.server_address[1]}"
            servers.append(server)
        for server in servers:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield Web(tuple(names.values()), requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a crawler may open many connections at once


def _listen(port: int, handler: partial[_Handler]) -> _Server:
    try:
        return _Server((ADDRESS, port), handler)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        other = port + 1000 if port < 60_000 else PORT
        way_out = f"give the first of three free ones, as in DEMO_PORT={other} make demo"
        raise BadInput(f"port {port} of {ADDRESS} cannot be used ({error.strerror}); {way_out}") from None


class _Handler(BaseHTTPRequestHandler):
    """One host: files below a folder, with the placeholder origins replaced in text."""

    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    disable_nagle_algorithm = True  # else a kept connection waits 40 ms between head and body
    wbufsize = 65_536

    def __init__(self, folder: Path, origin: str, names: dict[str, str], requests: list[str], *rest: object) -> None:
        self._folder, self._origin, self._names, self._requests = folder, origin, names, requests
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a file, 304, or 404."""
        self._requests.append(self._names[self._origin] + self.path)
        file = self._file(unquote(urlsplit(self.path).path))
        if file is None:
            self._answer(404, "text/html", "<!doctype html>\n<title>404</title>\n<p>没有这个网页。</p>\n".encode())
            return
        body = self._body(file)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, TYPES[file.suffix.lower()], b"", etag)
        else:
            self._answer(200, TYPES[file.suffix.lower()], body, etag)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: `Web.requests` has it all."""

    def _file(self, path: str) -> Path | None:
        """The file that a URL's path means; None when there is none, or none that we serve."""
        if self._origin == PICTURES and path.startswith(f"/{DELETED}"):
            return self._folder / NOT_FOUND
        if "\0" in path or ".." in path.split("/"):
            return None
        file = self._folder / path.lstrip("/")
        if path.endswith("/"):
            file /= "index.html"
        return file if file.suffix.lower() in TYPES and file.is_file() else None

    def _body(self, file: Path) -> bytes:
        body = file.read_bytes()
        if file.suffix in REWRITTEN:
            for placeholder, name in self._names.items():
                body = body.replace(placeholder.encode(), name.encode())
        return body

    def _answer(self, status: int, content_type: str, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", LAST_MODIFIED)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> None:
    """Build if need be, serve, and say where."""
    with serving(build(Path(sys.argv[1] if len(sys.argv) > 1 else "demo/work")), base_port()) as web:
        print("serving", *web.origins, "(Ctrl-C ends)", flush=True)
        Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except TuwenError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
