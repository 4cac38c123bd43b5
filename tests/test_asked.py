"""What is asked of an origin first, over real sockets: robots.txt in every state, and the files that speak of use."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from web import Answer, Web, answer, loopback, redirect, serving

from crawlers.asked import Answers, next_try
from crawlers.crawl import crawl, opened
from crawlers.fetched import Fetched
from crawlers.settings import Settings
from schemas.errors import BadInput
from schemas.outcome import Outcome
from schemas.seeds import Site

SHUT = "User-agent: TuwenBot\nDisallow: /shut\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(600)


def robots(body: bytes | str, status: str = "200 OK", kind: str = "text/plain", **headers: str) -> bytes:
    return answer(body, status, kind, **headers)


def page(body: str = "", **headers: str) -> bytes:
    return answer(f"<!doctype html><title>页</title>{body}", **headers)


def picture(**headers: str) -> bytes:
    return answer(PNG, kind="image/png", **headers)


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web({"/": page("<a href=/shut>"), "/shut": page()})
    with serving(site):
        yield site


def run(web: Web, corpus: Path, answers: dict[str, Answer], **changes: Any) -> dict[str, dict[str, Any]]:
    """Crawl the web from / with these answers; the rows of the last round by path, the evidence read."""
    web.answers.update(answers)
    crawl([Site(web.url("/"), sitemap=False)], corpus, loopback(**{"longest_wait": 0.02} | changes))
    rows = sorted(pq.read_table(corpus / "crawl" / "log").to_pylist(), key=lambda row: row["round"])
    assert len({(row["url"], row["round"]) for row in rows}) == len(rows)
    return {row["url"].removeprefix(web.url("")): row | {"evidence": json.loads(row["evidence"])} for row in rows}


# Every status with every way to write the rules: what follows hangs on the one for the page, on the other for /shut.

BODIES: dict[str, bytes] = {
    "UTF-8": SHUT.encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + SHUT.encode(),
    "GBK comments": "# 禁止抓取 请勿\n".encode("gbk") + SHUT.encode() + "# 谢谢\n".encode("gbk"),
    "UTF-16": SHUT.encode("utf-16"),
    "UTF-16 without a mark": SHUT.encode("utf-16-le"),
    "NULs": b"\0\0" + SHUT.encode().replace(b"\n", b"\0\n"),
    "CR": SHUT.replace("\n", "\r").encode(),
    "more than 500 KiB": SHUT.encode() + b"#" * 600_000 + b"\n",
}
STATUSES = {
    "200 OK": "rules",
    "203 Non-Authoritative": "rules",
    "401 Unauthorized": "closed",
    "403 Forbidden": "closed",
    "404 Not Found": "open",
    "410 Gone": "open",
    "418 Teapot": "open",
    "429 Too Many Requests": "closed",
    "500 Oh": "closed",
    "503 Busy": "closed",
}
FOLLOWS = {"rules": ("ok", "robots"), "open": ("ok", "ok"), "closed": ("robots_unreachable", None)}


@pytest.fixture(scope="module", params=BODIES)
def crawled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The rules in one encoding, served with every status by a site of its own: rows of the log by status and path."""
    sites = {
        status: Web(
            {"/robots.txt": robots(BODIES[request.param], status), "/": page("<a href=/shut>"), "/shut": page()},
            f"127.0.0.{number}",
        )
        for number, status in enumerate(STATUSES, 10)
    }
    corpus = tmp_path_factory.mktemp("corpus")
    with serving(*sites.values()):
        seeds = [Site(site.url("/"), sitemap=False) for site in sites.values()]
        crawl(seeds, corpus, loopback(attempts=1, robots_later=()))
    rows = {row["url"]: row for row in pq.read_table(corpus / "crawl" / "log").to_pylist()}
    paths = ("/robots.txt", "/", "/shut")
    for status, site in sites.items():
        assert ("/shut" in site.paths()) == (STATUSES[status] == "open")
    return {status: {path: rows.get(site.url(path)) for path in paths} for status, site in sites.items()}


@pytest.mark.parametrize("status", STATUSES)
def test_robots_by_status_and_encoding(crawled: dict[str, dict[str, Any]], status: str) -> None:
    rows = crawled[status]
    page_ends, shut_ends = FOLLOWS[STATUSES[status]]
    assert rows["/"]["outcome"] == page_ends and (rows["/shut"] or {"outcome": None})["outcome"] == shut_ends
    evidence = json.loads(rows["/"]["evidence"])
    assert evidence["robots"]["status"] == int(status[:3]) == rows["/robots.txt"]["status"]
    assert evidence["robots"]["says"] == ("yes" if page_ends == "ok" else "no")
    assert evidence.get("decided", "") == ("" if page_ends == "ok" else "robots")


@pytest.mark.parametrize("hops", [1, 5, 6])
def test_redirects_are_followed_up_to_five_and_count_for_the_first(web: Web, tmp_path: Path, hops: int) -> None:
    other = Web({}, "127.0.0.2")
    with serving(other):
        chain = [web.url("/robots.txt"), *(other.url(f"/r{number}") for number in range(hops))]
        answers: dict[str, Answer] = {"/robots.txt": redirect(chain[1])}
        for number in range(hops - 1):
            other.answers[f"/r{number}"] = redirect(chain[number + 2])
        other.answers[f"/r{hops - 1}"] = robots(SHUT)
        rows = run(web, tmp_path, answers, robots_later=())
    assert rows["/robots.txt"]["redirects"] == chain[: min(hops, 5)]
    if hops > 5:
        assert rows["/"]["outcome"] == "robots_unreachable" and rows["/robots.txt"]["outcome"] == "too_many_redirects"
    else:
        assert rows["/"]["outcome"] == "ok" and rows["/shut"]["outcome"] == "robots"


def _reset(connection: socket.socket, request: object) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


BROKEN: dict[str, tuple[Answer, str]] = {
    "hung up": (lambda connection, request: connection.close(), "connect"),
    "reset": (_reset, "connect"),
    "silent": (lambda connection, request: time.sleep(0.5), "timeout"),
    "cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nConnection: close\r\n\r\nUser-agent: x", "timeout"),
    "broken gzip": (robots(b"no gzip", Content_Encoding="gzip"), "bad_encoding"),
    "a circle": (redirect("/robots.txt"), "too_many_redirects"),
    "a challenge": (robots("<title>Just a moment...</title>", "200 OK", "text/html"), "http_error"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_robots_that_do_not_come_mean_no(web: Web, tmp_path: Path, name: str) -> None:
    given, outcome = BROKEN[name]
    rows = run(web, tmp_path, {"/robots.txt": given}, read_timeout=0.1, deadline=1.0, robots_later=(), attempts=1)
    assert rows["/"]["outcome"] == "robots_unreachable" and "/" not in web.paths()
    row = rows["/robots.txt"]
    assert row["outcome"] in (outcome, "truncated") and row["outcome"] == rows["/"]["evidence"]["robots"]["outcome"]


def test_robots_at_a_closed_port_mean_no(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        web = Web({}, port=taken.getsockname()[1])
    rows = run(web, tmp_path, {}, robots_later=())
    assert rows["/"]["outcome"] == "robots_unreachable" and rows["/robots.txt"]["outcome"] == "connect"


def test_robots_gzipped_are_read(web: Web, tmp_path: Path) -> None:
    rows = run(web, tmp_path, {"/robots.txt": robots(gzip.compress(SHUT.encode()), Content_Encoding="gzip")})
    assert rows["/shut"]["outcome"] == "robots"


def test_html_in_the_place_of_robots_is_noted(web: Web, tmp_path: Path) -> None:
    rows = run(web, tmp_path, {"/robots.txt": page("welcome")})
    assert rows["/shut"]["outcome"] == "ok" and "HTML" in rows["/shut"]["evidence"]["robots"]["note"]


@pytest.mark.parametrize("first", [robots("", "500 Oh"), robots("", "403 No"), b"", robots("", "429 Slow")])
@pytest.mark.parametrize("heals", [True, False])
def test_robots_are_asked_for_again_later(web: Web, tmp_path: Path, first: bytes, heals: bool) -> None:
    passes = b"403" not in first
    asks = (3 if passes else 1) + 2  # at once, and after each pause
    left = [asks - 1 if heals else 99]

    def behave(connection: Any, request: Any) -> None:
        left[0] -= 1
        connection.sendall(first if left[0] >= 0 else robots(SHUT))
        connection.close()

    rows = run(web, tmp_path, {"/robots.txt": behave}, longest_wait=0.1)
    assert web.paths().count("/robots.txt") == asks == rows["/robots.txt"]["attempts"]
    assert rows["/"]["outcome"] == ("ok" if heals else "robots_unreachable")
    times = [request.at for request in web.asked if request.path == "/robots.txt"]
    assert min(later - one for one, later in zip(times[-3:], times[-2:], strict=False)) >= 0.09


def test_robots_are_good_for_a_day(web: Web, tmp_path: Path) -> None:
    run(web, tmp_path, {"/robots.txt": robots(SHUT)})
    with opened(tmp_path, loopback()) as (_, _, state):
        answers = Answers(state, loopback())
        asked = state.db.execute("SELECT asked FROM asked").fetchone()[0]
        assert answers.robots(web.url("/"), asked + 86_399) is not None
        assert answers.robots(web.url("/"), asked + 86_401) is None


@pytest.mark.parametrize(("delay", "outcome"), [("0.01", "ok"), ("30", "ok"), ("31", "robots"), ("86400", "robots")])
def test_a_host_that_asks_for_a_long_delay_is_left_alone(web: Web, tmp_path: Path, delay: str, outcome: str) -> None:
    rows = run(web, tmp_path, {"/robots.txt": robots(f"User-agent: *\nCrawl-delay: {delay}")})
    assert rows["/"]["outcome"] == outcome and ("/" in web.paths()) == (outcome == "ok")
    assert ("note" in rows["/"]["evidence"]["robots"]) == (outcome == "robots")


def test_a_host_that_is_left_alone_for_its_delay_keeps_nobody_waiting(web: Web, tmp_path: Path) -> None:
    begun = time.monotonic()
    rows = run(web, tmp_path, {"/robots.txt": robots("User-agent: *\nCrawl-delay: 31")}, longest_wait=30.0)
    assert rows["/"]["outcome"] == "robots" and time.monotonic() - begun < 10


# The files of consent.


def asking(**changes: Any) -> dict[str, Any]:
    return {"ignore": ()} | changes


TDM = "/.well-known/tdmrep.json"


def test_the_files_of_an_origin_are_asked_for_once(web: Web, tmp_path: Path) -> None:
    rules = [{"location": "/shut", "tdm-reservation": 1}]
    answers: dict[str, Answer] = {
        TDM: answer(json.dumps(rules), kind="application/json"),
        "/ai.txt": answer("User-Agent: *\nDisallow: *.jpg\n", kind="text/plain"),
    }
    rows = run(web, tmp_path, answers, **asking())
    assert web.paths() == ["/robots.txt", TDM, "/ai.txt", "/"]
    assert {path: (row["kind"], row["outcome"]) for path, row in rows.items()} == {
        "/robots.txt": ("robots", "http_error"),
        TDM: ("consent", "ok"),
        "/ai.txt": ("consent", "ok"),
        "/": ("page", "ok"),
        "/shut": ("page", "opted_out"),
    }
    assert rows[TDM]["warc"] and rows[TDM]["sha256"]
    evidence = rows["/shut"]["evidence"]
    assert evidence["decided"] == "tdmrep" and evidence["robots"]["says"] == "yes"
    assert [(one["url"], one["status"]) for one in evidence["files"]] == [
        (web.url(TDM), 200),
        (web.url("/ai.txt"), 200),
    ]
    assert all(one["asked"].startswith("20") for one in evidence["files"])
    assert evidence["consent"] == [
        {
            "signal": "tdmrep",
            "said": ["tdm-reservation 1"],
            "decided": "tdm-reservation 1",
            "source": web.url(TDM),
        },
        {"signal": "ai.txt", "said": ["image no"], "decided": "", "source": web.url("/ai.txt")},
    ]
    assert set(rows["/"]["evidence"]["read"]) == {
        *("content-usage", "content-signal", "tdmrep", "ai.txt", "x-robots-tag", "meta-robots")
    }
    assert "decided" not in rows["/"]["evidence"]


@pytest.mark.parametrize("given", [robots("", "500 Oh"), b"", robots("", "403 No"), robots("", "404 Not Found")])
def test_a_file_that_cannot_be_read_is_recorded_and_closes_nothing(web: Web, tmp_path: Path, given: bytes) -> None:
    def behave(connection: Any, request: Any) -> None:
        connection.sendall(given)
        connection.close()

    rows = run(web, tmp_path, {TDM: behave}, **asking())
    assert rows["/"]["outcome"] == rows["/shut"]["outcome"] == "ok"
    passing = given[9:12] in (b"500", b"")
    assert rows[TDM]["attempts"] == (3 if passing else 1) <= web.paths().count(TDM)
    assert rows["/"]["evidence"]["files"][0]["outcome"] == rows[TDM]["outcome"] != "ok"


def test_a_page_in_the_place_of_a_file_says_nothing(web: Web, tmp_path: Path) -> None:
    soft = page("User-Agent: *\nDisallow: /\n")
    rows = run(web, tmp_path, {TDM: soft, "/ai.txt": soft}, **asking())
    assert rows["/"]["outcome"] == "ok" and "consent" not in rows["/"]["evidence"]
    assert "note" in rows["/"]["evidence"]["files"][0]


def test_a_picture_in_the_place_of_a_file_is_not_kept(web: Web, tmp_path: Path) -> None:
    """A site that answers everything with a picture: to read that anew for each of its URLs would be slow."""
    run(web, tmp_path, {"/ai.txt": picture(), "/.well-known/tdmrep.json": picture()}, **asking())
    with opened(tmp_path, loopback(**asking())) as (_, _, state):
        kept = dict(state.db.execute("SELECT url, length(body) FROM asked WHERE url NOT LIKE '%robots.txt'"))
    assert set(kept) == {web.url("/ai.txt"), web.url("/.well-known/tdmrep.json")} and set(kept.values()) == {0}


def test_a_file_is_asked_for_only_where_robots_allow(web: Web, tmp_path: Path) -> None:
    closed = robots("User-agent: *\nDisallow: /.well-known/\nDisallow: /ai.txt")
    rows = run(web, tmp_path, {"/robots.txt": closed}, **asking())
    assert web.paths() == ["/robots.txt", "/", "/shut"]
    assert [one["outcome"] for one in rows["/"]["evidence"]["files"]] == ["robots", "robots"]


def test_the_host_of_a_picture_is_asked_for_its_own_files(web: Web, tmp_path: Path) -> None:
    other = Web({"/1.png": picture(), TDM: answer('[{"location": "/", "tdm-reservation": 1}]')}, "127.0.0.2")
    with serving(other):
        rows = run(web, tmp_path, {"/": page(f"<img src={other.url('/1.png')} alt=甲>")}, **asking())
        assert rows[other.url("/1.png")]["outcome"] == "opted_out"
        assert other.paths() == ["/robots.txt", TDM, "/ai.txt"]


def rsl(inside: str) -> bytes:
    body = f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>{inside}</license></content></rsl>'
    return answer(body, kind="application/rsl+xml")


NO_AI = rsl('<prohibits type="usage">ai-all</prohibits>')
LINK = '</l.xml>; rel="license"; type="application/rsl+xml"'
NAMED: dict[str, dict[str, Answer]] = {
    "robots": {"/robots.txt": robots("License: /l.xml\nUser-agent: *\nDisallow: /x")},
    "header": {"/": page("<a href=/shut>", Link=LINK)},
    "page": {"/": page('<link rel="license" type="application/rsl+xml" href="l.xml"><a href=/shut>')},
}


@pytest.mark.parametrize("place", NAMED)
@pytest.mark.parametrize(("licence", "outcome"), [(NO_AI, "opted_out"), (rsl("<permits>all</permits>"), "ok")])
def test_a_licence_is_read_wherever_it_is_named(
    web: Web, tmp_path: Path, place: str, licence: bytes, outcome: str
) -> None:
    rows = run(web, tmp_path, {**NAMED[place], "/l.xml": licence}, **asking())
    assert rows["/"]["outcome"] == outcome and rows["/l.xml"]["kind"] == "consent"
    before = 0 if place == "robots" else 1  # else the page itself names it, and is asked for again if it may be kept
    assert web.paths().count("/l.xml") == 1 and web.paths().count("/") == before + (outcome == "ok")
    said = [one for one in rows["/"]["evidence"]["consent"] if one["signal"] == "rsl"]
    assert said[0]["source"] == web.url("/l.xml") and bool(said[0]["decided"]) == (outcome == "opted_out")


def test_a_licence_on_another_host_is_asked_for_in_that_hosts_turn(web: Web, tmp_path: Path) -> None:
    other = Web({"/l.xml": NO_AI}, "127.0.0.2")
    with serving(other):
        named = robots(f"License: {other.url('/l.xml')}")
        rows = run(web, tmp_path, {"/robots.txt": named}, **asking())
        assert other.paths() == ["/robots.txt", "/l.xml"] and "/" not in web.paths()
    assert rows["/"]["outcome"] == "opted_out" and rows["/"]["evidence"]["decided"] == "rsl"


def test_a_licence_that_robots_forbid_is_recorded(web: Web, tmp_path: Path) -> None:
    named = robots("License: /l.xml\nUser-agent: *\nDisallow: /l.xml")
    rows = run(web, tmp_path, {"/robots.txt": named, "/l.xml": NO_AI}, **asking())
    assert rows["/"]["outcome"] == "ok" and "/l.xml" not in web.paths()
    assert rows["/"]["evidence"]["files"][-1] == {
        "url": web.url("/l.xml"),
        "asked": "",
        "outcome": "robots",
        "status": 0,
    }


SIGNALS: dict[str, tuple[dict[str, str], bool]] = {
    "x-robots-tag": ({"X_Robots_Tag": "noai"}, True),
    "tdmrep": ({"tdm_reservation": "1"}, True),
    "content-usage": ({"Content_Usage": "train-ai=n"}, True),
    "content-signal": ({"Content_Signal": "ai-train=no"}, True),
    "none of them": ({"Content_Usage": "train-ai=y", "tdm_reservation": "0", "X_Robots_Tag": "all"}, False),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_the_headers_of_a_page_and_of_a_picture(web: Web, tmp_path: Path, name: str) -> None:
    headers, refused = SIGNALS[name]
    answers: dict[str, Answer] = {"/": page("<img src=/1.png alt=甲><a href=/p>"), "/1.png": picture(**headers)}
    rows = run(
        web, tmp_path, answers | {"/p": page("<img src=/2.png alt=乙>", **headers), "/2.png": picture()}, **asking()
    )
    for path in ("/1.png", "/p"):
        assert rows[path]["outcome"] == ("opted_out" if refused else "ok")
        assert rows[path]["evidence"].get("decided", "") == (name if refused else "")
        assert rows[path]["warc"] == "" if refused else rows[path]["warc"]
    assert ("/2.png" in rows) != refused


def test_rules_of_use_in_robots(web: Web, tmp_path: Path) -> None:
    rules = "User-agent: *\nContent-Usage: /shut train-ai=n\nContent-Signal: ai-train=yes\n"
    rows = run(web, tmp_path, {"/robots.txt": robots(rules)})
    assert rows["/"]["outcome"] == "ok" and rows["/shut"]["outcome"] == "opted_out" and "/shut" not in web.paths()
    assert rows["/shut"]["evidence"]["decided"] == "content-usage"


# What is told to be ignored.


def test_an_ignored_signal_is_read_and_does_not_count(web: Web, tmp_path: Path) -> None:
    shut = page("<img src=/1.png alt=甲>", X_Robots_Tag="noai", Content_Usage="train-ai=n")
    answers: dict[str, Answer] = {"/robots.txt": robots(SHUT), "/shut": shut, "/1.png": picture(X_Robots_Tag="noai")}
    reasons = {"robots": "our own site", "x-robots-tag": "our own site too"}
    rows = run(web, tmp_path, answers, ignore=tuple(reasons.items()))
    evidence = rows["/shut"]["evidence"]
    assert rows["/shut"]["outcome"] == "opted_out" and evidence["decided"] == "content-usage"
    assert evidence["ignored"] == reasons and evidence["robots"]["says"] == "no"
    assert {one["signal"]: one["decided"] for one in evidence["consent"]} == {
        "x-robots-tag": "noai",
        "content-usage": "train-ai=n",
    }


@pytest.mark.parametrize("status", ["200 OK", "500 Oh"])
def test_robots_may_be_ignored_with_a_reason(web: Web, tmp_path: Path, status: str) -> None:
    closed = robots("User-agent: *\nDisallow: /", status)
    rows = run(web, tmp_path, {"/robots.txt": closed}, ignore=(("robots", "ours"),), robots_later=(), attempts=1)
    assert rows["/"]["outcome"] == rows["/shut"]["outcome"] == "ok"
    assert rows["/"]["evidence"]["robots"]["says"] == "no" and rows["/"]["evidence"]["ignored"] == {"robots": "ours"}


@pytest.mark.parametrize(
    "ignored", [("robots", ""), ("robots", " "), ("nosuch", "why"), ("rsl", "a\nb"), ("rsl", "x" * 999)]
)
def test_no_signal_is_ignored_without_a_reason(ignored: tuple[str, str]) -> None:
    with pytest.raises(BadInput, match=f"--ignore {ignored[0]}"):
        Settings(ignore=(ignored,))


# Challenges.


@pytest.mark.parametrize("status", ["403 Forbidden", "200 OK", "503 Busy"])
def test_a_challenge_is_an_outcome_and_no_page(web: Web, tmp_path: Path, status: str) -> None:
    waf = answer("<html><script>var arg1='0F';setCookie('acw_sc__v2', x)</script><a href=/x>", status)
    rows = run(web, tmp_path, {"/": waf})
    assert rows["/"]["outcome"] == "http_error" and rows["/"]["status"] == int(status[:3])
    assert rows["/"]["evidence"]["error"] == "a challenge page of Alibaba Cloud"
    assert "/x" not in rows and rows["/"]["warc"] == ""


def test_rules_that_could_not_be_read_are_asked_for_again_in_a_later_round(web: Web, tmp_path: Path) -> None:
    run(web, tmp_path, {"/robots.txt": robots("", "503 Not now"), "/": page()}, longest_wait=0.01)
    web.answers["/robots.txt"] = robots("User-agent: *\nAllow: /\n")
    crawl([Site(web.url("/"), sitemap=False)], tmp_path, loopback(), again=True)
    rows = pq.read_table(tmp_path / "crawl" / "log").to_pylist()
    assert {row["round"]: row["outcome"] for row in rows if row["url"] == web.url("/")} == {
        0: "robots_unreachable",
        1: "ok",
    }


@pytest.mark.parametrize(("outcome", "later"), [(Outcome.TIMEOUT, 30.0), (Outcome.DNS, None), (Outcome.BAD_URL, None)])
def test_what_minutes_do_not_change_is_not_waited_for(outcome: Outcome, later: float | None) -> None:
    fetched = Fetched("http://none.invalid/robots.txt", outcome, 0.0)
    assert next_try(Settings(), fetched, Settings().attempts, closes=True) == later
