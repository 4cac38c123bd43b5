import asyncio
import contextlib
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import brotli
import pytest
from hostile import certified
from web import HTML, Request, Web, answer, loopback, redirect, serving

from crawlers import media
from crawlers.addresses import Allowed
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.settings import Settings
from schemas.outcome import Outcome

ANY = Want("*/*", 1_000_000)
PICTURE = Want("image/*", 1_000_000, media.PICTURES, codings="identity")
JPEG = b"\xff\xd8\xff\xe0" + b"x" * 5000
QUICK = loopback(deadline=1.0, read_timeout=0.5, slow_after=0.2, connect_timeout=0.5)
PAGE = "<!doctype html><p>" + "红烧肉" * 2000


def fetch(url: str, want: Want = ANY, settings: Settings = QUICK) -> Fetched:
    async def once() -> Fetched:
        async with Fetcher(settings) as fetcher:
            return await fetcher.fetch(url, want)

    return asyncio.run(once())


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web({})
    with serving(site):
        yield site


def sends(*parts: bytes, pause: float = 0.0, hold: float = 0.0, reset: bool = False):  # type: ignore[no-untyped-def]
    """A behaviour: these bytes one after another, then hang up (or reset)."""

    def behave(connection: socket.socket, request: Request) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        time.sleep(hold)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    return behave


@pytest.mark.parametrize("reset", [False, True])
def test_a_host_that_hangs_up_before_it_is_asked(reset: bool) -> None:
    """It says nothing, and must end nothing but its own URL."""
    ended = threading.Event()

    def hang_up(listening: socket.socket) -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        thread = threading.Thread(target=hang_up, args=(listening,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"

            async def all_of_them() -> list[Fetched]:
                async with Fetcher(QUICK) as fetcher:
                    return [await fetcher.fetch(url, ANY) for _ in range(200)]

            assert {(one.outcome, one.body) for one in asyncio.run(all_of_them())} == {(Outcome.CONNECT, b"")}
        finally:
            ended.set()
            thread.join()


def test_each_request_on_a_connection_has_the_whole_time(web: Web) -> None:
    web.answers["/"] = answer("<p>1")
    web.delay = 0.4  # longer than half of the deadline, shorter than the longest silence

    async def four() -> list[Fetched]:
        async with Fetcher(QUICK) as fetcher:
            return [await fetcher.fetch(web.url("/"), ANY) for _ in range(4)]

    assert [one.outcome for one in asyncio.run(four())] == [Outcome.OK] * 4


def test_a_steady_answer_is_not_silent(web: Web) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 80000\r\n\r\n"
    web.answers["/"] = sends(head, *[b"x" * 10_000] * 8, pause=0.1)
    found = fetch(web.url("/"))
    assert found.outcome is Outcome.OK and found.seconds > 0.6 > QUICK.read_timeout


def test_a_whole_answer(web: Web) -> None:
    web.answers["/x?q=%E5%9B%BE"] = answer(PAGE, X_Robots_Tag="noai")
    before = time.time()
    found = fetch(web.url("/x?q=%E5%9B%BE"))
    assert (found.outcome, found.status, found.reason, found.ip) == (Outcome.OK, 200, "OK", "127.0.0.1")
    assert found.body == PAGE.encode() and found.wire == len(found.body) and found.content_type == "text/html"
    assert found.header_values("x-robots-tag") == ["noai"] and found.header("content-type") == HTML
    assert before <= found.started <= time.time() and 0 < found.seconds < 1
    (request,) = web.asked
    assert request.path == "/x?q=%E5%9B%BE"
    assert request.headers["user-agent"].startswith("TuwenBot/0.1 (+https://")
    assert request.headers["accept-encoding"] == "gzip, deflate, br"
    assert dict(found.request_headers)["User-Agent"] == request.headers["user-agent"]


def test_pictures_are_asked_for_as_they_are(web: Web) -> None:
    web.answers["/a.jpg"] = answer(JPEG, kind="text/plain")
    found = fetch(web.url("/a.jpg"), PICTURE)
    assert (found.outcome, found.content_type) == (Outcome.OK, "image/jpeg")
    assert web.asked[0].headers["accept-encoding"] == "identity" and web.asked[0].headers["accept"] == "image/*"


def test_no_cookies_no_proxy(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    web.answers["/"] = answer("x", Set_Cookie="a=b")

    async def twice() -> list[Fetched]:
        async with Fetcher(QUICK) as fetcher:
            return [await fetcher.fetch(web.url(), ANY), await fetcher.fetch(web.url(), ANY)]

    assert [one.outcome for one in asyncio.run(twice())] == [Outcome.OK] * 2
    assert all("cookie" not in request.headers for request in web.asked)


def test_a_kept_connection_that_was_closed_is_no_failure(web: Web) -> None:
    """The first answer ends its connection without saying so; a new one that is hung up on is not tried again."""

    async def twice(path: str) -> list[Outcome]:
        async with Fetcher(QUICK) as fetcher:
            return [(await fetcher.fetch(web.url(one), ANY)).outcome for one in ("/", path)]

    def closing_soon(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer("x"))
        while connection.recv(9999).count(b"GET /again") == 0:
            continue
        connection.close()

    web.answers |= {"/": closing_soon, "/again": answer("y"), "/never": sends()}
    assert asyncio.run(twice("/again")) == [Outcome.OK, Outcome.OK]
    assert web.paths() == ["/", "/again"]
    web.asked.clear()
    assert fetch(web.url("/never")).outcome is Outcome.CONNECT
    assert web.paths() == ["/never"]


RAW = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": gzip.compress(PAGE.encode()),
    "x-gzip": gzip.compress(PAGE.encode()[:100]) + gzip.compress(PAGE.encode()[100:]),
    "GZIP": gzip.compress(PAGE.encode()) + b"\0" * 100,
    "deflate": zlib.compress(PAGE.encode()),
    "Deflate": RAW.compress(PAGE.encode()) + RAW.flush(),
    "br": brotli.compress(PAGE.encode()),
    "identity": PAGE.encode(),
}


@pytest.mark.parametrize("coding", CODED)
def test_content_codings(web: Web, coding: str) -> None:
    web.answers["/"] = answer(CODED[coding], Content_Encoding=coding)
    found = fetch(web.url())
    assert (found.outcome, found.body, found.wire) == (Outcome.OK, PAGE.encode(), len(CODED[coding]))


BOMB = b"\0" * 50_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
HOSTILE: dict[str, tuple[object, Outcome]] = {
    "not found": (answer("no", "404 Not Found"), Outcome.HTTP_ERROR),
    "gzip bomb": (answer(gzip.compress(BOMB), Content_Encoding="gzip"), Outcome.TOO_LARGE),
    "deflate bomb": (answer(zlib.compress(BOMB), Content_Encoding="deflate"), Outcome.TOO_LARGE),
    "brotli bomb": (answer(brotli.compress(BOMB, quality=1), Content_Encoding="br"), Outcome.TOO_LARGE),
    "too large, said": (HEAD + b"Content-Length: 2000000\r\n\r\n", Outcome.TOO_LARGE),
    "too large, unsaid": (sends(HEAD + b"\r\n", b"x" * 2_000_000), Outcome.TOO_LARGE),
    "two codings": (answer(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip"), Outcome.BAD_ENCODING),
    "zstd unasked": (answer(b"\x28\xb5\x2f\xfd", Content_Encoding="zstd"), Outcome.BAD_ENCODING),
    "no gzip": (answer(b"<html>", Content_Encoding="gzip"), Outcome.BAD_ENCODING),
    "no brotli": (answer(b"<html>" * 9, Content_Encoding="br"), Outcome.BAD_ENCODING),
    "gzip broken": (answer(CODED["gzip"][:40] + b"x" * 50, Content_Encoding="gzip"), Outcome.BAD_ENCODING),
    "gzip cut": (answer(CODED["gzip"][:-20], Content_Encoding="gzip"), Outcome.TRUNCATED),
    "brotli cut": (answer(CODED["br"][:-5], Content_Encoding="br"), Outcome.TRUNCATED),
    "lying length": (sends(HEAD + b"Content-Length: 100\r\n\r\nshort"), Outcome.TRUNCATED),
    "chunks cut": (sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"), Outcome.TRUNCATED),
    "chunks broken": (
        sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nabcde\r\n", pause=0.05),
        Outcome.TRUNCATED,
    ),
    "reset in the body": (sends(HEAD + b"Content-Length: 99\r\n\r\nab", hold=0.1, reset=True), Outcome.TRUNCATED),
    "reset": (sends(reset=True), Outcome.CONNECT),
    "hung up": (sends(), Outcome.CONNECT),
    "no http": (sends(b"SSH-2.0-OpenSSH_9.6\r\n" * 3), Outcome.HTTP_ERROR),
    "huge header": (sends(HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"), Outcome.HTTP_ERROR),
    "many headers": (sends(HEAD + b"".join(b"X%d: y\r\n" % n for n in range(999)) + b"\r\n"), Outcome.HTTP_ERROR),
    "silence": (sends(hold=3), Outcome.TIMEOUT),
    "silence in the body": (sends(HEAD + b"Content-Length: 99\r\n\r\nab", hold=3), Outcome.TIMEOUT),
    "drip": (sends(HEAD + b"\r\n", *[b"x"] * 40, pause=0.05), Outcome.TOO_SLOW),
    "dripping headers": (sends(HEAD, *[b"X"] * 60, pause=0.05), Outcome.TIMEOUT),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_are_values(web: Web, name: str) -> None:
    given, outcome = HOSTILE[name]
    web.answers["/"] = given  # type: ignore[assignment]
    begun = time.monotonic()
    found = fetch(web.url())
    assert found.outcome is outcome, found
    assert len(found.body) <= ANY.cap
    assert time.monotonic() - begun < 2.5


def test_the_wrong_type_is_left_early(web: Web) -> None:
    web.answers["/a.jpg"] = answer("<!doctype html><p>404 …" + "x" * 900_000, kind="image/jpeg")
    web.answers["/b.jpg"] = answer("", kind="image/jpeg")
    web.answers["/c.svg"] = answer("<svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml")
    for path, kind in (("/a.jpg", "text/html"), ("/b.jpg", ""), ("/c.svg", "image/svg+xml")):
        found = fetch(web.url(path), PICTURE)
        assert (found.outcome, found.content_type, found.status) == (Outcome.BAD_TYPE, kind, 200)
    assert found.wire < 900_000


def test_a_cut_answer_may_be_wanted(web: Web) -> None:
    web.answers["/robots.txt"] = answer("#" * 900_000, kind="text/plain")
    found = fetch(web.url("/robots.txt"), Want("*/*", 500_000, cut=True))
    assert found.outcome is Outcome.OK and 200_000 < len(found.body) <= 500_000


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "{}/b"),
        ("http://127.0.0.2/x#y", "http://127.0.0.2/x"),
        ("/图.jpg", "{}/%E5%9B%BE.jpg"),
        ("ftp://a/", None),
        ("http://u:p@a/", None),
        ("http://[", None),
    ],
)
def test_redirects_are_handed_back(web: Web, location: str, target: str | None) -> None:
    web.answers["/"] = redirect(location)
    found = fetch(web.url())
    assert (found.outcome, found.status) == (Outcome.HTTP_ERROR, 302)
    assert found.location == (target and target.format(web.url("")))
    assert len(web.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"])
def test_only_public_addresses_are_reached(web: Web, host: str) -> None:
    found = fetch(f"http://{host}:{web.port}/", settings=Settings(deadline=2.0))
    assert found.outcome is Outcome.BLOCKED_ADDRESS and "not public" in found.detail
    assert web.asked == []


def test_a_name_may_not_lead_to_a_private_address(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the check is on the address that is connected to, not on the name."""
    real = socket.getaddrinfo

    def rebound(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == "rebind.example" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    url = f"http://rebind.example:{web.port}/"
    assert fetch(url, settings=Settings(deadline=2.0)).outcome is Outcome.BLOCKED_ADDRESS
    assert web.asked == []
    assert fetch(url).status == 404  # allowed by number, so the name is no matter


def test_one_port_may_be_allowed(web: Web) -> None:
    other = (Allowed.parse(f"127.0.0.1/32:{web.port + 1}"),)
    assert fetch(web.url(), settings=replace(QUICK, allow_addresses=other)).outcome is Outcome.BLOCKED_ADDRESS
    same = (Allowed.parse(f"127.0.0.1/32:{web.port}"),)
    assert fetch(web.url(), settings=replace(QUICK, allow_addresses=same)).status == 404


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert fetch(f"http://127.0.0.1:{port}/").outcome is Outcome.CONNECT


def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert fetch("http://none.example/").outcome is Outcome.DNS


def test_no_tls_at_all_is_a_fault_of_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(9999)

        thread = threading.Thread(target=serve)
        thread.start()
        assert fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/").outcome is Outcome.TLS
        thread.join()


def test_tls_with_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, pem = certified(tmp_path, days=1)
    site = Web({"/": answer(PAGE * 20)}, tls=context)
    with serving(site):
        assert fetch(site.url()).outcome is Outcome.TLS
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        found = fetch(site.url())
        assert (found.outcome, found.body.decode()) == (Outcome.OK, PAGE * 20)


@pytest.mark.parametrize(
    "host",
    [
        "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "127.0.0.1.", "0", "[::1]", "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[::127.0.0.1]", "[fe80::1]", "localhost",
        "１２７.０.０.１", "127。0。0。1", "169.254.169.254", "100.100.100.200",
    ],
)  # fmt: skip
def test_however_it_is_written_a_closed_address_is_not_reached(web: Web, host: str) -> None:
    found = fetch(f"http://{host}:{web.port}/", settings=Settings(deadline=5.0))
    assert found.outcome is Outcome.BLOCKED_ADDRESS and "not public" in found.detail
    assert web.asked == []


@pytest.mark.parametrize(
    "url", ["http://u:p@127.0.0.1/", "http://u@127.0.0.1/", "file:///etc/passwd", "http://1.2.3.999/"]
)
def test_what_is_not_to_be_asked_for_is_a_bad_url(url: str) -> None:
    assert fetch(url).outcome is Outcome.BAD_URL


def test_a_name_is_looked_up_once_and_checked_each_time(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere after the robots.txt came: the answer that was checked is the one that is used."""
    real, answers = socket.getaddrinfo, iter(["127.0.0.1", "127.0.0.9", "127.0.0.9"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real(next(answers), *rest, **more))
    web.answers |= {"/robots.txt": answer("", Connection="close"), "/": answer("x")}

    async def twice() -> list[Fetched]:
        async with Fetcher(QUICK) as fetcher:
            url = f"http://turning.example:{web.port}"
            assert await fetcher.resolve(url) == "127.0.0.1"
            return [await fetcher.fetch(f"{url}/robots.txt", ANY), await fetcher.fetch(url, ANY)]

    assert [(one.outcome, one.ip) for one in asyncio.run(twice())] == [(Outcome.OK, "127.0.0.1")] * 2


def test_of_several_addresses_only_the_public_are_tried(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def both(host: str, *rest: Any, **more: Any) -> Any:
        return [*real("10.0.0.1", *rest, **more), *real("127.0.0.1", *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    web.answers["/"] = answer("x")
    assert fetch(f"http://both.example:{web.port}/").ip == "127.0.0.1"


def test_what_comes_unasked_ends_the_connection(web: Web) -> None:
    """Response desync: a second answer on a kept connection is not the answer to the next request."""
    pushed = threading.Event()

    def pushing(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer("first"))
        time.sleep(0.02)
        connection.sendall(answer("poison"))
        pushed.set()
        with contextlib.suppress(OSError):
            connection.recv(9999)

    async def twice() -> list[bytes]:
        async with Fetcher(QUICK) as fetcher:
            first = await fetcher.fetch(web.url("/1"), ANY)
            while not pushed.is_set():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)  # a turn of the loop, in which it arrives
            return [first.body, (await fetcher.fetch(web.url("/2"), ANY)).body]

    web.answers |= {"/1": pushing, "/2": answer("second")}
    assert asyncio.run(twice()) == [b"first", b"second"]


def test_a_connection_is_kept_for_its_origin(web: Web) -> None:
    ports = set()

    def noting(connection: socket.socket, request: Request) -> None:
        while True:
            ports.add(connection.getpeername()[1])
            connection.sendall(answer("x"))
            if not connection.recv(9999):
                return

    async def often() -> list[Outcome]:
        async with Fetcher(QUICK) as fetcher:
            return [(await fetcher.fetch(web.url("/"), ANY)).outcome for _ in range(5)]

    web.answers["/"] = noting
    assert asyncio.run(often()) == [Outcome.OK] * 5 and len(ports) == 1


def test_a_cancelled_request_hangs_up(web: Web) -> None:
    gone = threading.Event()

    def waiting(connection: socket.socket, request: Request) -> None:
        with contextlib.suppress(OSError):
            connection.recv(1)
        gone.set()

    async def cancelled() -> None:
        async with Fetcher(QUICK) as fetcher:
            task = asyncio.ensure_future(fetcher.fetch(web.url(), ANY))
            while not web.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    web.answers["/"] = waiting
    asyncio.run(cancelled())
    assert gone.wait(2)


def test_the_user_s_machine_says_nothing_of_the_user(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    web.answers["/"] = answer("x", Set_Cookie="a=b")
    assert fetch(web.url()).outcome is Outcome.OK
    assert set(web.asked[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_what_is_sent_besides(web: Web) -> None:
    fetch(web.url(), replace(ANY, more=(("If-None-Match", '"x"'),)))
    assert web.asked[0].headers["if-none-match"] == '"x"'


def test_a_cut_answer_keeps_what_fits_however_it_is_coded(web: Web) -> None:
    """Else a robots.txt that grows beyond the cap at once would be an empty one, which allows all."""
    text = b"User-agent: *\nDisallow: /\n" + b"#" * 900_000
    for coding, data in (("gzip", gzip.compress(text)), ("br", brotli.compress(text)), ("identity", text)):
        web.answers["/robots.txt"] = answer(data, kind="text/plain", Content_Encoding=coding)
        found = fetch(web.url("/robots.txt"), Want("*/*", 500_000, cut=True))
        assert (found.outcome, found.body) == (Outcome.OK, text[:500_000]), coding
