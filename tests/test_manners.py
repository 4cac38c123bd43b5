"""Whole crawls on loopback: budgets, the breaker, shared addresses, traps, scope, later rounds, and --status."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from test_crawl import ROBOTS, log, outcomes, page, picture, run
from warcio.archiveiterator import ArchiveIterator
from web import Answer, Request, Web, answer, loopback, redirect, serving

from crawlers.crawl import crawl
from crawlers.status import Status, status
from pipelines.pair import join, read_log
from pipelines.status import lines, show
from schemas.errors import BadInput
from schemas.seeds import Site


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web({"/robots.txt": ROBOTS})
    with serving(site):
        yield site


def links(*paths: str) -> bytes:
    return page("".join(f"<a href='{path}'>x</a>" for path in paths))


def why(corpus: Path, url: str) -> str:
    return str(json.loads(log(corpus)[url]["evidence"]).get("error", ""))


# Budgets.


def test_a_host_has_a_budget_of_bytes(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{n}": page("x" * 5_000) for n in range(9)}
    answers["/"] = links(*answers)
    ended = run(web, tmp_path, answers, max_bytes=16_000)
    assert Counter(ended.values()) == {"ok": 6, "budget": 5}  # robots, /, and pages until they are beyond it
    left = next(path for path, outcome in ended.items() if outcome == "budget")
    assert "--max-bytes 16000 of the host" in why(tmp_path, web.url(left))
    assert log(tmp_path)[web.url(left)]["attempts"] == 0
    asked = len(web.asked)
    assert run(web, tmp_path, {}, max_bytes=16_000) == ended and len(web.asked) == asked
    assert Counter(run(web, tmp_path, {}, max_bytes=21_000).values()) == {"ok": 7, "budget": 4}
    assert set(run(web, tmp_path, {}).values()) == {"ok"}


def test_a_host_has_a_budget_of_time(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{n}": page("") for n in range(9)}
    answers["/"] = links(*answers)
    ended = run(web, tmp_path, answers, delay=0.1, max_seconds=0.45)
    counts = Counter(ended.values())
    assert 2 <= counts["ok"] <= 6 and counts["budget"] == 11 - counts["ok"]
    assert any("--max-seconds 0.45" in why(tmp_path, url) for url in log(tmp_path))


@pytest.mark.parametrize(
    ("site", "reason"), [({"max_bytes": 9_000}, "max_bytes 9000"), ({"max_seconds": 0.2}, "max_seconds 0.2")]
)
def test_a_site_has_budgets_of_its_own(web: Web, tmp_path: Path, site: dict[str, Any], reason: str) -> None:
    answers: dict[str, Answer] = {f"/{n}": page("x" * 3_000) for n in range(9)}
    answers["/"] = links(*answers)
    web.delay = 0.03
    ended = run(web, tmp_path, answers, site)
    left = [path for path, outcome in ended.items() if outcome == "budget"]
    assert 3 <= len(left) <= 8 and all(f"{reason} of the site" in why(tmp_path, web.url(path)) for path in left)


# The breaker.


def test_a_host_that_keeps_failing_is_left_alone_until_a_later_round(web: Web, tmp_path: Path) -> None:
    pages = [f"/{n}" for n in range(20)]
    answers: dict[str, Answer] = dict.fromkeys(pages, answer("", "500 Oh"))
    answers["/"] = links(*pages)
    ended = run(web, tmp_path, answers, strikes=4, longest_wait=0.02)
    assert Counter(ended.values()) == {"ok": 2, "http_error": 20}
    assert len(web.asked) == 6  # robots.txt, / and four failures in a row
    rows = log(tmp_path)
    failed = [url for url in rows if rows[url]["outcome"] == "http_error"]
    assert sorted(rows[url]["attempts"] for url in failed) == [0] * 16 + [1] * 4
    assert all("left alone in this round" in why(tmp_path, url) and rows[url]["status"] == 500 for url in failed)
    asked = len(web.asked)
    assert run(web, tmp_path, {}, strikes=4) == ended and len(web.asked) == asked
    web.answers.update(dict.fromkeys(pages, page("")))
    crawl([Site(web.url("/"), sitemap=False)], tmp_path, loopback(strikes=4), again=True)
    assert set(outcomes(tmp_path, web).values()) <= {"ok", "not_modified"}


def test_one_success_closes_the_breaker(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{n}": page("") if n % 3 == 2 else answer("", "500 Oh") for n in range(18)}
    ended = run(web, tmp_path, {"/": links(*answers), **answers}, strikes=3, attempts=1, longest_wait=0.02)
    assert Counter(ended.values()) == {"ok": 8, "http_error": 12} and len(web.asked) == 20


# Many hosts at one address.


class Crowd:
    """How many requests are being answered at once, and when each came."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.at: list[float] = []
        self._lock = threading.Lock()

    def answer(self, given: bytes, seconds: float) -> Answer:
        def behave(connection: Any, request: Request) -> None:
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
                self.at.append(request.at)
            time.sleep(seconds)
            with self._lock:
                self.now -= 1
            connection.sendall(given)
            connection.close()

        return behave


def crowded(corpus: Path, hosts: int, seconds: float, **changes: Any) -> Crowd:
    """Crawl so many hosts at one address, two requests each."""
    crowd = Crowd()
    robots = answer("User-agent: *\nDisallow: /closed\n", kind="text/plain")
    with ExitStack() as stack:
        webs = [
            Web({"/robots.txt": crowd.answer(robots, seconds), "/": crowd.answer(page(""), seconds)})
            for _ in range(hosts)
        ]
        for web in webs:
            stack.enter_context(serving(web))
        crawl([Site(web.url("/"), sitemap=False) for web in webs], corpus, loopback(**changes))
        assert set(Counter(row["outcome"] for row in log(corpus).values())) == {"ok"}
    assert len(crowd.at) == 2 * hosts
    return crowd


def test_an_address_has_so_many_connections_at_once(tmp_path: Path) -> None:
    assert crowded(tmp_path / "few", 12, 0.03, address_hosts=3).most <= 3
    assert crowded(tmp_path / "many", 12, 0.1, address_hosts=99).most > 3  # else the test would see nothing


def test_an_address_is_asked_at_its_own_pace(tmp_path: Path) -> None:
    crowd = crowded(tmp_path, 6, 0.0, delay=0.2, address_hosts=2)
    # Twelve requests, two per delay, take 1.1 s, and 0.2 s at the hosts' own pace; on a busy machine the first may
    # reach the web late.
    assert max(crowd.at) - min(crowd.at) >= 0.7


# Traps and scope.


class Endless(dict[str, Answer]):
    """A web where every page links to one below it, to one with a session's id, and to a calendar far ahead."""

    def get(self, path: str, default: Any = None) -> Any:
        if path in self:
            return self[path]
        return links("more/", "about.html;jsessionid=12AB", f"/calendar?year={time.gmtime().tm_year + 2}&month=1")


def test_traps_end(web: Web, tmp_path: Path) -> None:
    web.answers = Endless(web.answers)
    ended = run(web, tmp_path, {})
    pages = {path: outcome for path, outcome in ended.items() if path != "/robots.txt"}
    calendar = f"/calendar?year={time.gmtime().tm_year + 2}&month=1"
    traps = {path for path, outcome in pages.items() if outcome == "bad_url"}
    assert traps == {"/more/more/more/", calendar}
    assert "a trap: more is repeated" in why(tmp_path, web.url("/more/more/more/"))
    assert not any("jsessionid" in path for path in (*pages, *web.paths())) and len(pages) < 12


def test_a_trap_does_not_fill_the_log(web: Web, tmp_path: Path) -> None:
    made = [f"/x/news/news/news/{n}.html" for n in range(30)]
    ended = run(web, tmp_path, {"/": links(*made, "/good"), "/good": page("")}, traps=5)
    assert Counter(ended.values()) == {"ok": 3, "bad_url": 5} and len(web.asked) == 3
    assert status(tmp_path).traps == 30


def test_the_seeds_file_bounds_a_site(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/": links("/a/1", "/b/1", "/a/print?print=1"),
        "/a/1": links("/a/2"),
        "/a/2": links("/a/3"),
    }
    ended = run(web, tmp_path, answers, {"include": ("/a/",), "exclude": ("[?&]print=1",), "max_depth": 2})
    assert ended == dict.fromkeys(("/robots.txt", "/", "/a/1", "/a/2"), "ok")


def test_a_redirect_within_the_domain_but_to_a_page_that_is_not_included_is_followed(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {"/": redirect("/home"), "/home": links("/a/1"), "/a/1": page("")}
    assert set(run(web, tmp_path, answers, {"include": ("/a/",)}).values()) == {"ok"}


# Later rounds.


def versioned(body: bytes, etag: str, kind: str = "text/html; charset=utf-8", **headers: str) -> Answer:
    """An answer that is 304 to who has it."""

    def behave(connection: Any, request: Request) -> None:
        have = request.headers.get("if-none-match") == etag
        same = answer(b"", "304 Not Modified", kind, ETag=etag, **headers)
        connection.sendall(same if have else answer(body, "200 OK", kind, ETag=etag, **headers))
        connection.close()

    return behave


def body_of(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


@pytest.fixture
def two_rounds(web: Web, tmp_path: Path) -> Web:
    """A site crawled, changed in parts, and crawled again."""
    shown = "".join(f"<img src=/{name}.png alt={name}>" for name in ("same", "gone", "no", "later", "flaky", "moved"))
    png = "image/png"
    answers: dict[str, Answer] = {
        "/": versioned(body_of(page(shown + "<a href=/new>n</a><a href=/closed/x>c</a>")), '"v1"'),
        "/new": versioned(body_of(page("<p>旧</p>")), '"a"'),
        "/same.png": versioned(body_of(picture(1)), '"p1"', png),
        "/gone.png": answer("", "404 Not Found"),
        "/no.png": picture(2, X_Robots_Tag="noai"),
        "/later.png": versioned(body_of(picture(3)), '"p3"', png),
        "/flaky.png": answer("", "500 Oh"),
        "/moved.png": redirect("/there.png"),
        "/there.png": versioned(body_of(picture(4)), '"p4"', png),
    }
    run(web, tmp_path, answers, attempts=1, longest_wait=0.02)
    web.asked.clear()
    web.answers["/new"] = versioned(body_of(page("<img src=/fresh.png alt=新>")), '"b"')
    web.answers["/fresh.png"] = picture(5)
    web.answers["/flaky.png"] = picture(6)
    web.answers["/later.png"] = versioned(body_of(picture(3)), '"p3"', png, X_Robots_Tag="noai")
    crawl([Site(web.url("/"), sitemap=False)], tmp_path, loopback(), again=True)
    return web


def test_a_later_round_asks_for_what_may_have_changed(two_rounds: Web, tmp_path: Path) -> None:
    rows = pq.read_table(tmp_path / "crawl" / "log").to_pylist()
    second = {row["url"].removeprefix(two_rounds.url("")): row["outcome"] for row in rows if row["round"] == 1}
    assert second == {
        "/": "not_modified",
        "/new": "ok",
        "/fresh.png": "ok",
        "/same.png": "not_modified",
        "/moved.png": "not_modified",  # where it leads has not changed
        "/flaky.png": "ok",
        "/later.png": "opted_out",
        "/closed/x": "robots",
    }
    assert sorted(two_rounds.paths()) == sorted(
        ["/", "/new", "/fresh.png", "/same.png", "/moved.png", "/there.png", "/flaky.png", "/later.png"]
    )
    before = len(two_rounds.asked)
    crawl([Site(two_rounds.url("/"), sitemap=False)], tmp_path, loopback())
    assert len(two_rounds.asked) == before  # without --again nothing is asked
    crawl([Site(two_rounds.url("/"), sitemap=False)], tmp_path, loopback(), again=True)
    assert "/later.png" not in two_rounds.paths()[before:]  # who has refused is not asked once more
    assert "/gone.png" not in two_rounds.paths()


def test_a_304_is_a_revisit_record(two_rounds: Web, tmp_path: Path) -> None:
    kept, first = {}, {}
    for path in (tmp_path / "crawl").glob("*/r*.warc*"):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                url = record.rec_headers["WARC-Target-URI"].removeprefix(two_rounds.url(""))
                if record.rec_type == "revisit":
                    kept[url] = record.rec_headers
                elif record.rec_type == "response" and path.name.startswith("r0000"):
                    first[url] = record.rec_headers["WARC-Date"]
    assert set(kept) == {"/", "/same.png", "/there.png"}
    assert {one["WARC-Profile"].rpartition("/")[2] for one in kept.values()} == {"server-not-modified"}
    assert all(headers["WARC-Refers-To-Date"] == first[url] for url, headers in kept.items())
    row = next(row for row in log(tmp_path).values() if row["url"].endswith("/same.png"))
    assert row["warc"].startswith("images/r0001") and row["length"] > 0 and row["body_offset"] == -1


def test_pairs_after_a_later_round(two_rounds: Web, tmp_path: Path) -> None:
    """What has not changed is the same row; what was refused since is none."""
    fetches: dict[str, list[Any]] = {}
    for path in sorted((tmp_path / "crawl" / "log").glob("*.parquet")):
        for url, fetch in read_log(str(path)):
            fetches.setdefault(url.removeprefix(two_rounds.url("")), []).append(fetch)
    best = {path: max(all_) for path, all_ in fetches.items()}
    assert {path for path, one in best.items() if one.ok} == {"/same.png", "/moved.png", "/flaky.png", "/fresh.png"}
    assert best["/same.png"] == fetches["/same.png"][0] and best["/same.png"].round == 0
    assert best["/later.png"].outcome == "opted_out" and best["/gone.png"].outcome == "http_error"
    assert list(join((b"", {"found": [], "fetched": [best["/gone.png"]]}), (), 1)) == []


def test_an_interrupted_round_goes_on_and_is_not_begun_anew(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{n}": page(str(n)) for n in range(6)}
    run(web, tmp_path, {"/": links(*answers), **answers})
    web.asked.clear()

    def stop(counts: object) -> None:
        if len(web.asked) >= 3:
            raise KeyboardInterrupt

    web.delay = 0.15
    sites = [Site(web.url("/"), sitemap=False)]
    with pytest.raises(KeyboardInterrupt):
        crawl(sites, tmp_path, loopback(checkpoint_responses=1), stop, again=True)
    web.delay = 0.0
    crawl(sites, tmp_path, loopback(), again=True)
    rounds = Counter(row["round"] for row in pq.read_table(tmp_path / "crawl" / "log").to_pylist())
    assert rounds == {0: 8, 1: 7}
    assert max(Counter(web.paths()).values()) <= 2 and len(web.asked) <= 9  # at most what was on its way


# --status.


def test_the_status_of_a_crawl_that_runs_and_of_one_that_has_ended(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: dict[str, Answer] = {f"/{n}": page("") for n in range(12)}
    answers["/"] = links(*answers)
    web.delay = 0.06
    seen: list[Status] = []
    web.answers |= answers
    settings = loopback(checkpoint_responses=1)
    crawl([Site(web.url("/"), sitemap=False)], tmp_path, settings, lambda _: seen.append(status(tmp_path)))
    running = [one for one in seen if one.waiting]
    assert running and not running[0].finished
    waits = [one.waiting["page"] for one in running[1:]]
    assert waits == sorted(waits, reverse=True) and all(one.hosts == 1 for one in running)
    last = running[-1].slowest[0]
    assert (last.host, last.address, last.waiting) == (f"127.0.0.1:{web.port}", "127.0.0.1", waits[-1])
    assert last.seconds >= 0.05 and last.eta >= 0.05 * waits[-1] and last.answers >= 3
    assert 0 < running[-1].answers_per_second < 17 and running[-1].bytes_per_second > 0
    said = lines(running[-1], 0.0)
    assert f"waiting: {waits[-1]} (page {waits[-1]}) at 1 hosts" in said
    assert said[-1].split()[0] == str(waits[-1]) and said[-1].endswith(f"  127.0.0.1:{web.port} at 127.0.0.1")
    ended = status(tmp_path)
    assert ended.finished and ended.waiting == {} and ended.ended == {"page/ok": 13, "robots/ok": 1}
    show(str(tmp_path), as_json=True)
    assert json.loads(capsys.readouterr().out)["ended"] == ended.ended
    show(str(tmp_path), as_json=False)
    assert capsys.readouterr().out.startswith("round 0, finished\nended: page/ok 13, robots/ok 1\n")


def test_no_crawl_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no crawl here"):
        status(tmp_path)
    with pytest.raises(BadInput, match="no crawl here"):
        show(str(tmp_path), as_json=False)
