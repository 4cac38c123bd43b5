"""A hostile web on loopback, crawled whole: every URL ends in the right outcome, in time and within memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hostile import CHUNKED, JPEG, certified, forever, gif, head, png, pushing, sends, tiff, webp
from web import Answer, Web, answer, redirect, serving

from filters.picture import decode

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {
    "deadline": 1.5,
    "connect_timeout": 1.0,
    "read_timeout": 0.6,
    "slow_after": 0.3,
    "attempts": 2,
    "longest_wait": 0.2,
    "delay": 0.1,
    "redirects": 4,
    "largest_page": 400_000,
    "largest_image": 1_000_000,
    "hosts": 128,
}
MEMORY = 64 << 20  # beyond the largest body

PIXELS = png(30_000, 30_000)
FRAMES = gif(60_000, 1_400, 20_000)
ZEROS = b"\0" * 60_000_000
PAGE = b"<!doctype html><p>" + "红烧肉".encode() * 2000
BOMB = PAGE + ZEROS


def page(body: bytes, **headers: str) -> bytes:
    return answer(body, **headers)


def picture(body: bytes = JPEG, **headers: str) -> bytes:
    return answer(body, kind="image/jpeg", **headers)


PICTURES: dict[str, tuple[Answer, str]] = {
    "a drip": (forever(head() + b"\r\n" + JPEG[:4], b"x", 0.05), "too_slow"),
    "a drop": (sends(), "connect"),
    "a part": (sends(head() + b"Content-Length: 6000\r\n\r\n" + JPEG), "truncated"),
    "a part that was not asked for": (answer(JPEG, "206 Partial Content", "image/jpeg"), "http_error"),
    "broken chunks": (sends(head() + CHUNKED + b"zz\r\n" + JPEG + b"\r\n0\r\n\r\n"), "truncated"),
    "a chunk longer than it says": (sends(head() + CHUNKED + b"5\r\nabcdefgh\r\n0\r\n\r\n"), "truncated"),
    "a chunk cut": (sends(head() + CHUNKED + b"ffff\r\n" + JPEG), "truncated"),
    "no last chunk": (sends(head() + CHUNKED + b"1388\r\n" + JPEG[:5000] + b"\r\n"), "truncated"),
    "chunks of a byte": (forever(head() + CHUNKED + b"4\r\n" + JPEG[:4] + b"\r\n", b"1\r\nx\r\n" * 500), "truncated"),
    "endless trailers": (forever(head() + CHUNKED + b"4\r\n" + JPEG[:4] + b"\r\n0\r\n", b"X: y\r\n"), "truncated"),
    "whole chunks": (sends(head() + CHUNKED + b"%x;a=b\r\n" % len(JPEG) + JPEG + b"\r\n0\r\nX: y\r\n\r\n"), "ok"),
    "a reset": (sends(reset=True), "connect"),
    "a reset within": (sends(head() + b"Content-Length: 6000\r\n\r\n" + JPEG, hold=0.05, reset=True), "truncated"),
    "a page": (answer(PAGE, kind="image/jpeg"), "bad_type"),
    "a script": (answer(b"<svg xmlns='x'><script>1</script></svg>", kind="image/png"), "bad_type"),
    "nothing": (picture(b""), "bad_type"),
    "a length too long": (sends(head() + b"Content-Length: 9000\r\n\r\n" + JPEG), "truncated"),
    "a length too short": (sends(head() + b"Content-Length: 1000\r\n\r\n" + JPEG), "truncated"),
    "two lengths": (sends(head() + b"Content-Length: 5004\r\nContent-Length: 9\r\n\r\n" + JPEG), "http_error"),
    "a length that is none": (sends(head() + b"Content-Length: -1\r\n\r\n" + JPEG), "http_error"),
    "an endless length": (sends(head() + b"Content-Length: 99999999999\r\n\r\n" + JPEG, hold=1), "too_large"),
    "an endless body": (forever(head() + b"\r\n" + JPEG, b"x" * 65_536), "too_large"),
    "a body that ends with the connection": (sends(head() + b"\r\n" + JPEG), "ok"),
    "a huge header": (sends(head() + b"X: " + b"x" * 500_000 + b"\r\n\r\n"), "http_error"),
    "endless headers": (forever(head(), b"X: y\r\n" * 100), "http_error"),
    "many headers": (sends(head() + b"X: y\r\n" * 200 + b"\r\n" + JPEG), "http_error"),
    "slow headers": (forever(head(), b"X: y\r\n", 0.05), "timeout"),
    "silence": (sends(hold=2), "timeout"),
    "silence within": (sends(head() + b"Content-Length: 6000\r\n\r\n" + JPEG, hold=2), "timeout"),
    "early hints": (sends(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + picture()), "ok"),
    "endless interim answers": (forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9), "http_error"),
    "another protocol": (sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + JPEG), "http_error"),
    "HTTP/0.9": (sends(JPEG), "http_error"),
    "HTTP/2": (sends(b"HTTP/2 200\r\n\r\n" + JPEG), "http_error"),
    "no HTTP": (sends(b"SSH-2.0-OpenSSH_9.6\r\n"), "http_error"),
    "status 999": (answer(JPEG, "999 Request Denied", "image/jpeg"), "http_error"),
    "status 2000": (answer(JPEG, "2000 OK", "image/jpeg"), "http_error"),
    "a NUL in a header": (sends(head() + b"X: a\0b\r\n\r\n" + JPEG), "http_error"),
    "a return in a header": (sends(head() + b"X: a\rb\r\n\r\n" + JPEG), "http_error"),
    "a header that is no UTF-8": (sends(head() + b"X: \xff\xfe\xb9\xfa\r\nContent-Length: 5004\r\n\r\n" + JPEG), "ok"),
    "a folded header": (sends(head() + b"X: a\r\n b\r\nContent-Length: 5004\r\n\r\n" + JPEG), "ok"),
    "a header without a name": (sends(head() + b": x\r\n\r\n" + JPEG), "http_error"),
    "a coding within": (sends(head() + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "bad_encoding"),
    "a gzip bomb": (picture(gzip.compress(JPEG + ZEROS, 1), Content_Encoding="gzip"), "too_large"),
    "a PNG of 900 million pixels": (answer(PIXELS, kind="image/png"), "ok"),
    "a GIF of 20,000 frames": (answer(FRAMES, kind="image/gif"), "ok"),
    "endless redirects": (redirect("/"), "too_many_redirects"),
    "a redirect to a file": (redirect("file:///etc/passwd"), "http_error"),
    "a redirect to a script": (redirect("javascript:alert(1)"), "http_error"),
    "a redirect with a password": (redirect("http://user:secret@127.0.0.1/"), "http_error"),
    "a redirect into loopback": (redirect("http://127.0.0.2:1/"), "blocked_address"),
    "a redirect to a number": (redirect("http://2130706434:1/"), "blocked_address"),
    "a redirect to the metadata": (redirect("http://169.254.169.254/latest/meta-data/"), "blocked_address"),
    "a redirect to a mapped address": (redirect("http://[::ffff:10.0.0.1]/"), "blocked_address"),
    "a redirect to a strange port": (redirect("http://1.1.1.1:22/"), "blocked_address"),
}  # fmt: skip
PAGES: dict[str, tuple[Answer, str]] = {
    "a gzip bomb": (page(gzip.compress(BOMB, 1), Content_Encoding="gzip"), "too_large"),
    "a deflate bomb": (page(zlib.compress(BOMB, 1), Content_Encoding="deflate"), "too_large"),
    "a brotli bomb": (page(brotli.compress(BOMB, quality=1), Content_Encoding="br"), "too_large"),
    "a zstd bomb": (page(b"\x28\xb5\x2f\xfd" + ZEROS[:100], Content_Encoding="zstd"), "bad_encoding"),
    "two codings": (page(gzip.compress(brotli.compress(PAGE)), Content_Encoding="br, gzip"), "bad_encoding"),
    "two headers of coding": (
        sends(head("text/html") + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)),
        "bad_encoding",
    ),
    "gzip without its end": (page(gzip.compress(PAGE)[:-8], Content_Encoding="gzip"), "truncated"),
    "gzip with a wrong sum": (page(gzip.compress(PAGE)[:-8] + b"\0" * 8, Content_Encoding="gzip"), "bad_encoding"),
    "endless empty gzip": (
        forever(head("text/html") + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 500), "bad_encoding",
    ),
    "endless padding": (
        forever(head("text/html") + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE), b"\0" * 65_536),
        "too_large",
    ),
    "deep nesting": (page(b"<!doctype html>" + b"<div>" * 70_000 + b"<b>" * 10_000), "ok"),
    "many attributes": (page(b"<!doctype html><p " + b"a " * 190_000 + b">"), "ok"),
    "NULs": (page(b"<!doctype html><p>" + b"\0" * 300_000), "ok"),
}  # fmt: skip
ROBOTS: dict[str, tuple[Answer, str]] = {  # of a host whose page is there
    "a page": (page(b"<!doctype html><title>404</title>" * 99), "ok"),
    "endless redirects": (redirect("/robots.txt"), "robots_unreachable"),
    "a drop": (sends(), "robots_unreachable"),
    "silence": (sends(hold=2), "robots_unreachable"),
    "a part": (sends(head("text/plain") + b"Content-Length: 99\r\n\r\nUser-agent: *\n"), "robots_unreachable"),
    "a bomb": (
        answer(gzip.compress(b"User-agent: *\nDisallow: /\n" + ZEROS, 1), kind="text/plain", Content_Encoding="gzip"),
        "robots",
    ),
    "an endless text": (forever(head("text/plain") + b"\r\nUser-agent: *\nDisallow: /\n", b"# " * 32_768), "robots"),
}  # fmt: skip
ALLOWED = answer("User-agent: *\nAllow: /\n", kind="text/plain")


@dataclass
class Crawled:
    """What the crawl of the hostile web left behind."""

    rows: dict[str, dict[str, Any]]
    webs: dict[tuple[str, str], Web]
    folder: Path
    seconds: float
    memory: int

    def row(self, kind: str, name: str, path: str = "/") -> dict[str, Any]:
        return self.rows[self.webs[kind, name].url(path)]


def _hosts(folder: Path) -> dict[tuple[str, str], Web]:
    """One host for every behaviour, so that none waits for another."""
    webs = {("picture", name): Web({"/robots.txt": ALLOWED, "/": given}) for name, (given, _) in PICTURES.items()}
    webs |= {("page", name): Web({"/robots.txt": ALLOWED, "/": given}) for name, (given, _) in PAGES.items()}
    webs |= {("robots", name): Web({"/robots.txt": given, "/": page(PAGE)}) for name, (given, _) in ROBOTS.items()}
    for name, days, address in (
        ("self-signed", 9, "127.0.0.1"),
        ("expired", -9, "127.0.0.1"),
        ("other", 9, "127.9.9.9"),
    ):
        webs["tls", name] = Web({"/": page(PAGE)}, tls=certified(folder, days=days, name=address)[0])
    poison = pushing(picture(JPEG + b"1"), picture(JPEG + b"poison"), 0.02)
    webs["poison", ""] = Web({"/robots.txt": ALLOWED, "/1.jpg": poison, "/2.jpg": picture(JPEG + b"2")})
    return webs


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """The whole hostile web, crawled once in a process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    webs = _hosts(folder)
    home = Web({"/robots.txt": ALLOWED})
    with serving(home, *webs.values()):
        shown = [web.url() for (kind, _), web in webs.items() if kind == "picture"]
        shown += [webs["poison", ""].url(path) for path in ("/1.jpg", "/2.jpg")]
        home.answers["/"] = page(b"".join(b"<img alt=x src=%b>" % url.encode() for url in shown))
        sites = [
            {"url": web.url(), "sitemap": False} for (kind, _), web in webs.items() if kind not in ("picture", "poison")
        ]
        sites.append({"url": home.url(), "sitemap": False})
        allowed = [f"127.0.0.1/32:{web.port}" for web in (home, *webs.values())]
        words = [json.dumps(sites), str(folder), json.dumps(SETTINGS), json.dumps(allowed)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))}
        environment |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        begun = time.monotonic()
        program = [sys.executable, str(HERE / "crawl_measured.py"), *words]
        done = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
    rows = pq.read_table(folder / "crawl" / "log").to_pylist()
    assert len({row["url"] for row in rows}) == len(rows)
    return Crawled({row["url"]: row for row in rows}, webs, folder, time.monotonic() - begun, int(done.stdout))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(crawled: Crawled, name: str) -> None:
    row = crawled.row("picture", name)
    assert row["outcome"] == PICTURES[name][1], row
    assert bool(row["warc"]) == (row["outcome"] == "ok") or row["outcome"] in ("http_error", "too_many_redirects")


@pytest.mark.parametrize("name", PAGES)
def test_pages(crawled: Crawled, name: str) -> None:
    row = crawled.row("page", name)
    assert row["outcome"] == PAGES[name][1], row


@pytest.mark.parametrize("name", ROBOTS)
def test_robots(crawled: Crawled, name: str) -> None:
    row = crawled.row("robots", name)
    assert row["outcome"] == ROBOTS[name][1], row
    assert ("/" in crawled.webs["robots", name].paths()) == (row["outcome"] == "ok")


@pytest.mark.parametrize("name", ["self-signed", "expired", "other"])
def test_certificates(crawled: Crawled, name: str) -> None:
    assert crawled.row("tls", name)["outcome"] == "robots_unreachable"
    assert crawled.row("tls", name, "/robots.txt")["outcome"] == "tls"
    assert crawled.webs["tls", name].asked == []


def test_what_was_pushed_is_not_the_answer_to_the_next_request(crawled: Crawled) -> None:
    bodies = {}
    for path in (crawled.folder / "crawl" / "images").glob("*.warc"):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                bodies[record.headers["WARC-Target-URI"]] = record.reader.read()
    web = crawled.webs["poison", ""]
    assert [bodies[web.url(path)] for path in ("/1.jpg", "/2.jpg")] == [JPEG + b"1", JPEG + b"2"]


def test_nothing_leaks_to_whom_we_ask(crawled: Crawled) -> None:
    told = {"host", "user-agent", "accept", "accept-encoding"}
    for web in crawled.webs.values():
        assert all(set(request.headers) == told for request in web.asked)


def test_it_is_over_in_time_and_within_memory(crawled: Crawled) -> None:
    assert (
        max(row["seconds"] for row in crawled.rows.values()) < SETTINGS["deadline"] + 1
    )  # a loaded machine wakes late
    assert crawled.seconds < 30
    assert crawled.memory < SETTINGS["largest_image"] + MEMORY


BOMBS = {
    "PNG": PIXELS,
    "PNG with a text bomb": png(8, 8, (b"zTXt", b"a\0\0" + zlib.compress(ZEROS))),
    "PNG with a profile bomb": png(8, 8, (b"iCCP", b"a\0\0" + zlib.compress(ZEROS))),
    "GIF of frames": FRAMES,
    "GIF of pixels": gif(65_535, 65_535, 1),
    "WebP": webp(16_383, 16_383),
    "TIFF": tiff(60_000, 60_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_that_grows_is_a_value_within_memory(name: str, tmp_path: Path) -> None:
    """Decoded in a process that may not have more than a picture of the largest size takes."""
    (tmp_path / "bomb").write_bytes(BOMBS[name])
    program = (
        "import sys; from filters.picture import decode; from crawl_measured import peak; before = peak();"
        "shown = decode(open(sys.argv[1], 'rb').read()); print(shown.decodes, shown.width, peak() - before)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))}
    words = [sys.executable, "-c", program, str(tmp_path / "bomb")]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert int(said[2]) < 400 << 20, said
    assert decode(BOMBS[name][:200]).decodes is False
