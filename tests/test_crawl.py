import csv
import gzip
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator
from PIL import Image
from web import Answer, Web, answer, held_after, loopback, redirect, serving

from crawlers.crawl import crawl
from crawlers.lists import from_list
from crawlers.settings import Settings
from schemas.errors import BadInput, Damaged, WorkFailed
from schemas.seeds import Site

ROBOTS = answer("User-agent: *\nDisallow: /closed/\n", kind="text/plain")


def png(number: int) -> bytes:
    """A small picture, another for every number."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 99)).save(out, "PNG")
    return out.getvalue()


def picture(number: int, **headers: str) -> bytes:
    return answer(png(number), kind="image/png", **headers)


def page(body: str, **headers: str) -> bytes:
    return answer(f"<!doctype html><title>页</title>{body}", **headers)


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web({"/robots.txt": ROBOTS})
    with serving(site):
        yield site


def log(corpus: Path) -> dict[str, dict[str, Any]]:
    """The rows of the log by URL; none twice in a round."""
    rows = pq.read_table(corpus / "crawl" / "log").to_pylist()
    assert len({(row["url"], row["round"]) for row in rows}) == len(rows)
    return {row["url"]: row for row in sorted(rows, key=lambda row: row["round"])}


def found(corpus: Path) -> list[tuple[Any, ...]]:
    seen = ["image_url", "text", "source", "page_url", "site", "strong", "class"]
    return [tuple(row.values()) for row in pq.read_table(corpus / "crawl" / "found", columns=seen).to_pylist()]


def outcomes(corpus: Path, web: Web) -> dict[str, str]:
    return {url.removeprefix(web.url("")): row["outcome"] for url, row in log(corpus).items()}


def run(
    web: Web, corpus: Path, answers: dict[str, Answer], site: dict[str, Any] | None = None, **changes: Any
) -> dict[str, str]:
    """Crawl the web from / with these answers; every outcome by path."""
    web.answers.update(answers)
    crawl([Site(web.url("/"), **({"sitemap": False} | (site or {})))], corpus, loopback(**changes))
    return outcomes(corpus, web)


def test_a_site(web: Web, tmp_path: Path) -> None:
    home = page(
        "<a href=/a.html>甲</a><a href=/closed/b.html>乙</a><a href=http://127.0.0.9/>他</a><a href=/file.zip>丙</a>"
        "<p>一盘红烧肉</p><img src=/1.png alt=红烧肉><img src=/same.png alt=同><img src=/none.png alt=无>"
        "<img src=/page.jpg alt=页>"
    )
    ended = run(
        web,
        tmp_path,
        {
            "/": home,
            "/a.html": page("<img src=/1.png alt='红烧肉 二'><a href=/>回</a>"),
            "/1.png": picture(1),
            "/same.png": picture(1),
            "/page.jpg": answer("<html>找不到", kind="image/jpeg"),
        },
        {"strong": True, "class_": "菜"},
    )
    assert ended == {
        "/robots.txt": "ok",
        "/": "ok",
        "/a.html": "ok",
        "/closed/b.html": "robots",
        "/1.png": "ok",
        "/same.png": "ok",
        "/none.png": "http_error",
        "/page.jpg": "bad_type",
    }
    assert Counter(web.paths()) == Counter(
        ["/robots.txt", "/", "/a.html", "/1.png", "/same.png", "/none.png", "/page.jpg"]
    )
    rows = log(tmp_path)
    one, same = rows[web.url("/1.png")], rows[web.url("/same.png")]
    place = ("warc", "offset", "length", "body_offset", "sha256", "bytes")
    assert [one[name] for name in place] == [same[name] for name in place]
    with (tmp_path / "crawl" / one["warc"]).open("rb") as file:
        file.seek(one["body_offset"])
        body = file.read(one["bytes"])
    assert body == png(1) and hashlib.sha256(body).hexdigest() == one["sha256"]
    assert rows[web.url("/none.png")]["status"] == 404 and rows[web.url("/none.png")]["content_type"] == "text/html"
    evidence = json.loads(rows[web.url("/closed/b.html")]["evidence"])
    assert evidence["robots"]["says"] == "no" and evidence["robots"]["url"] == web.url("/robots.txt")
    assert rows[web.url("/")]["ip"] == "127.0.0.1" and rows[web.url("/")]["host"] == f"127.0.0.1:{web.port}"
    site = web.url("")
    rows_of_page = [row for row in found(tmp_path) if row[3] == web.url("/a.html")]
    assert (web.url("/1.png"), "红烧肉 二", "alt", web.url("/a.html"), site, True, "菜") in rows_of_page
    assert {row[4:] for row in found(tmp_path)} == {(site, True, "菜")}


def test_the_second_time_nothing_is_asked(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {"/": page("<img src=/1.png alt=甲><img src=/none.png alt=乙>"), "/1.png": picture(1)}
    first = run(web, tmp_path, answers)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "crawl").rglob("*.parquet")}
    asked = len(web.asked)
    assert run(web, tmp_path, {}) == first
    assert len(web.asked) == asked
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "crawl").rglob("*.parquet")} == files


def test_new_seeds_and_a_larger_budget_add_a_round(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{number}": page(str(number)) for number in range(5)}
    answers["/"] = page("".join(f"<a href=/{number}>" for number in range(5)))
    first = run(web, tmp_path, answers, max_pages=3)
    assert Counter(first.values()) == {"ok": 4, "budget": 3}
    second = run(web, tmp_path, {}, max_pages=5)
    assert Counter(second.values()) == {"ok": 6, "budget": 1}
    assert run(web, tmp_path, {}, max_pages=5) == second
    rounds = Counter(row["round"] for row in pq.read_table(tmp_path / "crawl" / "log").to_pylist())
    assert rounds == {0: 7, 1: 3}
    other = Web({"/robots.txt": ROBOTS, "/": page("<p>他</p>")}, address="127.0.0.2")
    with serving(other):
        crawl([Site(web.url("/"), sitemap=False), Site(other.url("/"), sitemap=False)], tmp_path, loopback(max_pages=9))
        assert log(tmp_path)[other.url("/")]["round"] == 2
    assert Counter(outcomes(tmp_path, web).values())["ok"] == 9
    assert Counter(web.paths()) == dict.fromkeys(["/robots.txt", *answers], 1)


def test_budgets_of_pages_and_pictures(web: Web, tmp_path: Path) -> None:
    shown = "".join(f"<img src=/{number}.png alt=x>" for number in range(6))
    answers: dict[str, Answer] = {f"/{number}.png": picture(number) for number in range(6)}
    answers["/"] = page(shown + "".join(f"<a href=/p{number}>" for number in range(6)))
    answers |= {f"/p{number}": page("") for number in range(6)}
    ended = run(web, tmp_path, answers, {"max_pages": 3}, max_images=4)
    kinds = Counter((path.endswith(".png"), outcome) for path, outcome in ended.items() if path != "/robots.txt")
    assert kinds == {(True, "ok"): 4, (True, "budget"): 2, (False, "ok"): 3, (False, "budget"): 4}


def test_the_picture_host_is_asked_too(web: Web, tmp_path: Path) -> None:
    open_, closed = Web({"/1.png": picture(1)}, "127.0.0.2"), Web({"/2.png": picture(2)}, "127.0.0.3")
    closed.answers["/robots.txt"] = answer("User-agent: TuwenBot\nDisallow: /", kind="text/plain")
    with serving(open_, closed):
        shown = f"<img src={open_.url('/1.png')} alt=甲><img src={closed.url('/2.png')} alt=乙>"
        run(web, tmp_path, {"/": page(shown)})
        rows = log(tmp_path)
        assert rows[open_.url("/1.png")]["outcome"] == "ok"
        assert rows[closed.url("/2.png")]["outcome"] == "robots"
        assert open_.paths() == ["/robots.txt", "/1.png"] and closed.paths() == ["/robots.txt"]


OPT_OUTS: dict[str, tuple[bytes, str, bool]] = {  # the page, its outcome, whether its link is followed
    "none": (page("<img src=/1.png alt=甲><a href=/b>"), "ok", True),
    "header noai": (page("<img src=/1.png alt=甲><a href=/b>", X_Robots_Tag="noai"), "opted_out", True),
    "header for us": (page("<img src=/1.png alt=甲><a href=/b>", X_Robots_Tag="tuwenbot: none"), "opted_out", False),
    "header for another": (page("<img src=/1.png alt=甲><a href=/b>", X_Robots_Tag="other: none"), "ok", True),
    "meta": (page("<meta name=robots content='noimageindex'><img src=/1.png alt=甲><a href=/b>"), "opted_out", True),
    "meta nofollow": (page("<meta name=robots content=nofollow><img src=/1.png alt=甲><a href=/b>"), "ok", False),
    "meta for us": (page("<meta name=TuwenBot content=noai><img src=/1.png alt=甲><a href=/b>"), "opted_out", True),
}


@pytest.mark.parametrize("name", OPT_OUTS)
def test_a_page_may_opt_out(web: Web, tmp_path: Path, name: str) -> None:
    body, outcome, followed = OPT_OUTS[name]
    ended = run(web, tmp_path, {"/": body, "/1.png": picture(1), "/b": page("")})
    assert ended["/"] == outcome and ("/b" in ended) == followed
    assert ("/1.png" in ended) == (outcome == "ok") == bool(found(tmp_path))
    row = log(tmp_path)[web.url("/")]
    assert (row["warc"] == "") == (outcome == "opted_out")
    if outcome == "opted_out":
        assert any(one["decided"] for one in json.loads(row["evidence"])["consent"])


def test_a_picture_may_opt_out(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/": page("<img src=/1.png alt=甲><img src=/2.png alt=乙>"),
        "/1.png": picture(1, X_Robots_Tag="noimageai"),
        "/2.png": picture(2, X_Robots_Tag="max-image-preview: large"),
    }
    ended = run(web, tmp_path, answers)
    assert (ended["/1.png"], ended["/2.png"]) == ("opted_out", "ok")
    row = log(tmp_path)[web.url("/1.png")]
    assert row["warc"] == "" and json.loads(row["evidence"])["consent"][0]["decided"] == "noimageai"
    (warc,) = (tmp_path / "crawl" / "images").glob("*.warc")
    assert png(1) not in warc.read_bytes() and png(2) in warc.read_bytes()


def test_redirects(web: Web, tmp_path: Path) -> None:
    other = Web({"/1.png": picture(1), "/robots.txt": ROBOTS, "/closed/2.png": picture(2)}, "127.0.0.2")
    with serving(other):
        answers: dict[str, Answer] = {
            "/": page("".join(f"<img src=/{name} alt=x><a href=/l{name}>" for name in "abcd")),
            "/a": redirect(other.url("/1.png")),
            "/b": redirect(other.url("/closed/2.png")),
            "/c": redirect("/c"),
            "/d": redirect("http://10.0.0.1/"),
            "/la": redirect("/home"),
            "/lb": redirect("/home"),
            "/home": page("<p>文</p><img src=/i.png alt=y>"),
            "/i.png": picture(3),
            "/lc": redirect(other.url("/")),
            "/ld": answer("", "302 Found", Location="javascript:x"),
        }
        ended = run(web, tmp_path, answers, connect_timeout=1.0)
        assert {path: outcome for path, outcome in ended.items() if len(path) < 4 and path != "/"} == {
            "/a": "ok",
            "/b": "robots",
            "/c": "too_many_redirects",
            "/d": "blocked_address",
            "/la": "ok",
            "/lb": "ok",
            "/lc": "http_error",
            "/ld": "http_error",
        }
        rows = log(tmp_path)
        assert rows[web.url("/a")]["final_url"] == other.url("/1.png")
        assert rows[web.url("/a")]["redirects"] == [web.url("/a")] and rows[web.url("/a")]["attempts"] == 1
        assert rows[web.url("/c")]["status"] == 302 and len(rows[web.url("/c")]["redirects"]) == 10
        assert "out of the site" in rows[web.url("/lc")]["evidence"]
        of_home = [row for row in found(tmp_path) if row[3] == web.url("/home")]
        assert len(of_home) == len(set(of_home)) == 3  # two URLs led there: it is read once
        assert other.paths().count("/robots.txt") == 1


def test_a_site_that_has_moved_is_followed(web: Web, tmp_path: Path) -> None:
    new = Web({"/": page("<a href=/b>"), "/b": page("<img src=/1.png alt=甲>"), "/1.png": picture(1)}, "127.0.0.2")
    with serving(new):
        run(web, tmp_path, {"/": redirect(new.url("/"))})
        assert log(tmp_path)[new.url("/b")]["outcome"] == "ok"
        assert {row[4] for row in found(tmp_path)} == {web.url("")}  # the seed's origin


def test_sitemaps(web: Web, tmp_path: Path) -> None:
    def urlset(*paths: str) -> bytes:
        return ("<urlset>" + "".join(f"<url><loc>{web.url(path)}</loc></url>" for path in paths) + "</urlset>").encode()

    index = f"<sitemapindex><sitemap><loc>{web.url('/two.xml.gz')}</loc></sitemap></sitemapindex>"
    answers: dict[str, Answer] = {
        "/robots.txt": answer("Sitemap: /one.xml\nUser-agent: *\nDisallow: /closed/", kind="text/plain"),
        "/": page("x"),
        "/one.xml": answer(index, kind="text/xml"),
        "/two.xml.gz": answer(gzip.compress(urlset("/a", "/closed/b")), kind="application/gzip"),
        "/sitemap.xml": answer(
            urlset("/c").replace(b"</loc>", b"</loc><loc>http://127.0.0.9/x</loc>"), kind="text/xml"
        ),
        **{path: page("y") for path in ("/a", "/c")},
    }
    ended = run(web, tmp_path, answers, {"sitemap": True})
    assert ended == {
        **dict.fromkeys(("/robots.txt", "/", "/one.xml", "/two.xml.gz", "/sitemap.xml", "/a", "/c"), "ok"),
        "/closed/b": "robots",
    }
    assert {row["kind"] for url, row in log(tmp_path).items() if url.endswith((".xml", ".gz"))} == {"sitemap"}


def test_pictures_that_a_sitemap_lists_wait_for_the_word_of_their_page(web: Web, tmp_path: Path) -> None:
    def listed(path: str, image: str) -> str:
        image = f"<i:image><i:loc>{image}</i:loc><i:caption>图注</i:caption><i:license>/l</i:license></i:image>"
        return f"<url><loc>{web.url(path)}</loc>{image}</url>"

    rows = [
        listed("/open", "/1.png"),
        listed("/opted", "/2.png"),
        listed("/closed/x", "/3.png"),
        listed("/two", "/1.png"),
    ]
    answers: dict[str, Answer] = {
        "/robots.txt": answer("User-agent: *\nDisallow: /closed/", kind="text/plain"),
        "/": page("x"),
        "/sitemap.xml": answer(f"<urlset xmlns:i='image'>{''.join(rows)}</urlset>", kind="text/xml"),
        "/open": page("<img src=/1.png alt=一>"),
        "/opted": page("<meta name=robots content=noimageindex><img src=/2.png alt=二>"),
        "/two": page("<title>页</title>"),
        "/1.png": picture(1),
    }
    ended = run(web, tmp_path, answers, {"sitemap": True})
    assert ended["/1.png"] == "ok" and "/2.png" not in ended and "/3.png" not in ended
    rows_found = pq.read_table(tmp_path / "crawl" / "found").to_pylist()
    assert {(row["page_url"], row["source"], row["text"], *row["licences"]) for row in rows_found} == {
        (web.url("/open"), "alt", "一"),
        (web.url("/open"), "page_title", "页"),
        (web.url("/open"), "figcaption", "图注", web.url("/l")),
        (web.url("/two"), "figcaption", "图注", web.url("/l")),
    }


def test_sitemaps_are_followed_eleven_levels_deep(web: Web, tmp_path: Path) -> None:
    index = "<sitemapindex><sitemap><loc>/{}.xml</loc></sitemap></sitemapindex>"
    answers = {f"/{level}.xml": answer(index.format(level + 1), kind="text/xml") for level in range(2, 20)}
    answers |= {"/": page("x"), "/sitemap.xml": answer(index.format(2), kind="text/xml")}
    ended = run(web, tmp_path, answers, {"sitemap": True})
    assert "/11.xml" in ended and "/12.xml" not in ended


def test_a_soft_404_is_no_sitemap(web: Web, tmp_path: Path) -> None:
    ended = run(web, tmp_path, {"/": page("x"), "/sitemap.xml": answer("<html><p>找不到</html>")}, {"sitemap": True})
    assert ended["/sitemap.xml"] == "bad_type"


def test_what_is_shown_as_a_picture_and_is_a_page_of_the_site_is_read(web: Web, tmp_path: Path) -> None:
    """<img src="./"> and <img src="/news/"> are common: no page is lost by whether it was shown or linked first.

    A picture that is missing and answered with a page is none, whatever the status says.
    """
    answers: dict[str, Answer] = {
        "/": page("<img src=/shown/ alt=展><img src=./ alt=本><img src=/gone.jpg alt=无>"),
        "/shown/": page("<img src=/1.png alt=甲><a href=/next/>"),
        "/next/": page("<img src=/shown/ alt=展>"),
        "/gone.jpg": page("<p>找不到 <a href=/never/>"),
        "/1.png": picture(1),
    }
    ends = run(web, tmp_path, answers)
    assert {path: end for path, end in ends.items() if path != "/robots.txt"} == {
        **{"/": "ok", "/shown/": "ok", "/next/": "ok", "/1.png": "ok", "/gone.jpg": "bad_type"},
    }
    assert {path for path, kind in kinds(tmp_path, web).items() if kind == "page"} == {"/", "/shown/", "/next/"}


def kinds(corpus: Path, web: Web) -> dict[str, str]:
    return {url.removeprefix(web.url("")): row["kind"] for url, row in log(corpus).items()}


def test_a_link_to_a_picture_is_a_picture(web: Web, tmp_path: Path) -> None:
    run(web, tmp_path, {"/": page("<a href=/show?1>"), "/show?1": picture(1)})
    row = log(tmp_path)[web.url("/show?1")]
    assert (row["kind"], row["outcome"]) == ("image", "ok") and row["warc"].startswith("images/")


def after(times: int, first: bytes, then: bytes) -> Answer:
    """A behaviour that changes after some answers."""
    left = [times]

    def behave(connection: Any, request: Any) -> None:
        left[0] -= 1
        connection.sendall(first if left[0] >= 0 else then)
        connection.close()

    return behave


def test_what_fails_for_a_passing_reason_is_tried_again(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/": page("".join(f"<img src=/{number}.png alt=x>" for number in range(6))),
        "/0.png": after(2, answer("", "503 Service Unavailable"), picture(1)),
        "/1.png": after(9, answer("", "429 Too Many Requests", Retry_After="0"), b""),
        "/2.png": after(1, b"", picture(2)),
        "/3.png": after(9, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\xff\xd8\xff", b""),
        "/4.png": answer("", "404 Not Found"),
        "/5.png": after(9, answer("", "500 Oh"), b""),
    }
    ended = run(web, tmp_path, answers, longest_wait=0.05)
    want = ["ok", "throttled", "ok", "truncated", "http_error", "http_error"]
    assert [ended[f"/{number}.png"] for number in range(6)] == want
    assert [log(tmp_path)[web.url(f"/{number}.png")]["attempts"] for number in range(6)] == [3, 3, 2, 3, 1, 3]
    assert [web.paths().count(f"/{number}.png") for number in range(6)] == [3, 3, 2, 3, 1, 3]


def test_the_pace(web: Web, tmp_path: Path) -> None:
    other = Web({"/1.png": picture(1), "/2.png": picture(2)}, "127.0.0.2")
    other.answers["/robots.txt"] = answer("User-agent: *\nCrawl-delay: 0.4", kind="text/plain")
    with serving(other):
        shown = "".join(f"<img src={other.url(f'/{number}.png')} alt=x>" for number in (1, 2))
        run(
            web,
            tmp_path,
            {"/": page(shown + "<a href=/a>"), "/a": after(1, answer("", "503 Busy"), page(""))},
            delay=0.2,
        )
    gaps = [later.at - first.at for first, later in zip(web.asked, web.asked[1:], strict=False)]
    assert web.paths() == ["/robots.txt", "/", "/a", "/a"]
    assert min(gaps) >= 0.19 and gaps[-1] >= 0.39  # doubled after the 503
    asked = [request.at for request in other.asked]
    assert asked[2] - asked[1] >= 0.39  # what its robots.txt asks for


def test_retry_after_is_honoured(web: Web, tmp_path: Path) -> None:
    run(web, tmp_path, {"/": after(1, answer("", "429 Too Many", Retry_After="1"), page("x"))})
    assert web.paths() == ["/robots.txt", "/", "/"]
    assert web.asked[2].at - web.asked[1].at >= 0.99


def test_closed_and_empty_sites_end_normally(web: Web, tmp_path: Path) -> None:
    closed = answer("User-agent: *\nDisallow: /", kind="text/plain")
    assert run(web, tmp_path / "a", {"/robots.txt": closed}) == {"/robots.txt": "ok", "/": "robots"}
    assert run(web, tmp_path / "b", {"/robots.txt": ROBOTS}) == {"/robots.txt": "ok", "/": "http_error"}
    assert run(web, tmp_path / "c", {"/": page("")}) == {"/robots.txt": "ok", "/": "ok"}
    assert not (tmp_path / "a" / "crawl" / "images").exists()
    assert found(tmp_path / "c") == []


def test_loopback_is_not_reached_unless_allowed(web: Web, tmp_path: Path) -> None:
    crawl([Site(web.url("/"))], tmp_path, Settings(delay=0.0))
    assert set(outcomes(tmp_path, web).values()) == {"blocked_address"} and web.asked == []


def test_an_altered_corpus_is_named(web: Web, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {"/": page("<img src=/1.png alt=甲>"), "/1.png": picture(1)}
    run(web, tmp_path, answers)
    (tmp_path / "crawl/images/r0000-p00-00000.warc").unlink()
    with pytest.raises(Damaged, match=r"r0000-p00-00000\.warc: is missing"):
        run(web, tmp_path, {})
    (tmp_path / "crawl/state/part-00.sqlite").unlink()
    with pytest.raises(Damaged, match=r"part-00\.sqlite"):
        run(web, tmp_path, {})


def test_reports_while_it_runs(web: Web, tmp_path: Path) -> None:
    web.answers |= {"/": page("".join(f"<a href=/{number}>" for number in range(9)))}
    web.delay = 0.06
    seen: list[dict[str, int]] = []
    counts = crawl([Site(web.url("/"))], tmp_path, loopback(), lambda now: seen.append(dict(now)))
    assert counts == seen[-1] == {"page/http_error": 9, "page/ok": 1, "robots/ok": 1, "sitemap/http_error": 1}
    totals = [sum(one.values()) for one in seen]
    assert totals == sorted(totals) and len(set(totals)) > 2


# What a kill, a signal or a full disk leaves behind. The crawl runs in a process of its own.


def many_pages(number: int, others: tuple[Web, ...]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {"/robots.txt": ROBOTS, "/old": redirect("/7"), "/closed/x": page("")}
    links = "".join(f"<a href=/{one}>" for one in range(number))
    answers["/"] = page(f"{links}<a href=/old><a href=/closed/x><a href=/flaky>")
    answers["/flaky"] = page("<p>有时</p><img src=/flaky.png alt=时>")
    for one in range(number):
        hosts = "".join(f"<img src={web.url(f'/{one % 13}.png')} alt='图 {one}'>" for web in others)
        answers[f"/{one}"] = page(f"<p>第{one}页</p>{hosts}<a href=/{(one * 7) % number}>")
    return answers


@pytest.fixture
def wide_web() -> Iterator[tuple[Web, ...]]:
    """Two page sites and two picture hosts."""
    sites = Web({}, "127.0.0.1"), Web({}, "127.0.0.2")
    hosts = tuple(Web({f"/{one}.png": picture(one) for one in range(13) if one != 5}, f"127.0.0.{n}") for n in (3, 4))
    with serving(*sites, *hosts):
        for site in sites:
            site.answers.update(many_pages(25, hosts))
        yield (*sites, *hosts)


def process(webs: tuple[Web, ...], corpus: Path, limit: int | None = None, **changes: Any) -> subprocess.Popen[str]:
    """A crawl of the two sites; `limit` is the largest file that its disk takes."""
    sites = [{"url": web.url("/"), "strong": number == 0} for number, web in enumerate(webs[:2])]
    settings = {"segment_bytes": 6_000, "checkpoint_responses": 5, "longest_wait": 0.1} | changes
    command = [sys.executable, str(Path(__file__).with_name("crawl_once.py")), json.dumps(sites), str(corpus)]

    command += [json.dumps(settings), *([str(limit)] if limit else [])]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parent.parent}"},
    )


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = child.communicate(timeout=60)
    return child.returncode, errors


def said(corpus: Path) -> tuple[dict[str, str], list[tuple[Any, ...]], dict[str, bytes]]:
    """What a crawl must end in, however often it was killed: outcomes, what was found, and the pictures' bytes."""
    rows = log(corpus)
    pictures = {}
    for url, row in rows.items():
        if row["body_offset"] >= 0:
            with (corpus / "crawl" / row["warc"]).open("rb") as file:
                file.seek(row["body_offset"])
                pictures[url] = file.read(row["bytes"])
                assert hashlib.sha256(pictures[url]).hexdigest() == row["sha256"]
    for path in (corpus / "crawl").glob("*/*.warc*"):
        with path.open("rb") as file:
            assert all(
                record.verify_payload_digest() if record.headers["WARC-Type"] == "response" else True
                for record in ArchiveIterator(file, parse_http=True)
            )
    seen = found(corpus)
    assert len(set(seen)) == len(seen)
    assert not list((corpus / "crawl").rglob("*.part")) and not list((corpus / "crawl").rglob("*.tmp"))
    return {url: row["outcome"] for url, row in rows.items()}, sorted(seen), pictures


def requests(webs: tuple[Web, ...]) -> int:
    return sum(len(web.asked) for web in webs)


def wait_for(webs: tuple[Web, ...], number: int, child: subprocess.Popen[str]) -> None:
    """Until the web was asked so often, or the crawl is over."""
    while requests(webs) < number and child.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_at_any_point(wide_web: tuple[Web, ...], tmp_path: Path, seed: int) -> None:
    assert ended(process(wide_web, tmp_path / "undisturbed"))[0] == 0
    whole = said(tmp_path / "undisturbed")
    assert len(whole[0]) > 80 and len(list((tmp_path / "undisturbed/crawl/images").iterdir())) > 1
    chance = random.Random(seed)
    for _ in range(10):  # twenty points over the two seeds
        through = chance.randrange(1, 7)
        with held_after(through, *wide_web):
            before = requests(wide_web)
            child = process(wide_web, tmp_path / "killed")
            wait_for(wide_web, before + through, child)
            time.sleep(chance.random() * 0.02)
            child.kill()
            assert ended(child)[0] == -signal.SIGKILL
    assert ended(process(wide_web, tmp_path / "killed"))[0] == 0
    assert said(tmp_path / "killed") == whole
    before = requests(wide_web)
    assert ended(process(wide_web, tmp_path / "killed"))[0] == 0 and requests(wide_web) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_ends_at_once_and_goes_on_later(
    wide_web: tuple[Web, ...], tmp_path: Path, number: signal.Signals
) -> None:
    assert ended(process(wide_web, tmp_path / "undisturbed"))[0] == 0
    for web in wide_web:
        web.asked.clear()
    # One picture does not come and another comes a byte at a time: neither holds up the end.
    release = threading.Event()

    def silent(connection: Any, request: Any) -> None:
        release.wait(20)

    def dripping(connection: Any, request: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n\x89PNG")
        while not release.wait(0.05):
            connection.sendall(b".")

    wide_web[2].answers["/3.png"], wide_web[3].answers["/4.png"] = silent, dripping
    child = process(wide_web, tmp_path / "stopped", checkpoint_responses=10_000, checkpoint_seconds=600.0)
    wait_for(wide_web, 30, child)
    begun = time.monotonic()
    child.send_signal(number)
    code, errors = ended(child)
    assert (code, errors) == (130, "") and time.monotonic() - begun < 5
    before = requests(wide_web)
    release.set()
    wide_web[2].answers["/3.png"], wide_web[3].answers["/4.png"] = picture(3), picture(4)
    assert ended(process(wide_web, tmp_path / "stopped"))[0] == 0
    assert said(tmp_path / "stopped") == said(tmp_path / "undisturbed")
    repeated = Counter((web.address, path) for web in wide_web for path in web.paths() if path != "/old")
    assert sum(count - 1 for count in repeated.values()) <= 8 and before > 20  # at most what was on its way


def test_a_full_disk_is_one_line_and_a_rerun_goes_on(wide_web: tuple[Web, ...], tmp_path: Path) -> None:
    code, errors = ended(process(wide_web, tmp_path / "full", limit=60_000, segment_bytes=10**9))
    assert code == 1 and errors.startswith("WorkFailed: ") and errors.count("\n") == 1, errors
    assert "again" in errors and str(tmp_path / "full") in errors
    assert not list((tmp_path / "full/crawl").rglob("r*.warc*")) + list((tmp_path / "full/crawl").rglob("r*.parquet"))
    assert ended(process(wide_web, tmp_path / "full"))[0] == 0
    assert ended(process(wide_web, tmp_path / "undisturbed"))[0] == 0
    assert said(tmp_path / "full") == said(tmp_path / "undisturbed")


def test_two_crawls_do_not_meet(wide_web: tuple[Web, ...], tmp_path: Path) -> None:
    first = process(wide_web, tmp_path, delay=0.5)
    wait_for(wide_web, 2, first)
    with pytest.raises(WorkFailed, match="another crawl"):
        crawl([Site(wide_web[0].url("/"))], tmp_path, loopback())
    first.send_signal(signal.SIGINT)
    assert ended(first)[0] == 130


# A list instead of seeds.

ROWS = [
    ("/1.png", "红烧肉"),
    ("/2.png", '一盘, "菜"'),
    ("/2.png", "又一盘"),
    ("not a url", "坏"),
    ("/closed/3.png", "关"),
    ("/4.png", ""),
]


def write_list(path: Path, web: Web) -> Path:
    rows = [{"url": web.url(url) if url.startswith("/") else url, "caption": text, "more": 1} for url, text in ROWS]
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1), "utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", "utf-8")
    elif path.suffix == ".txt":
        path.write_text("\ufeff" + "\r\n".join(row["url"] for row in rows), "utf-8")
    else:
        text = io.StringIO()
        writer = csv.DictWriter(text, ["more", "url", "caption"], delimiter="\t" if ".tsv" in path.name else ",")
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.tsv.gz", "a.json", "a.jsonl", "a.parquet", "a.txt"])
def test_a_list_of_any_format(web: Web, tmp_path: Path, name: str) -> None:
    web.answers |= {"/1.png": picture(1), "/2.png": picture(2, X_Robots_Tag="noai")}
    path = write_list(tmp_path / name, web)
    caption = None if name.endswith("txt") else "caption"
    counts = from_list(path, "url", caption, tmp_path / "corpus", loopback())
    assert counts == {
        "image/bad_url": 1,
        "image/http_error": 1,
        "image/ok": 1,
        "image/opted_out": 1,
        "image/robots": 1,
        "robots/ok": 1,
    }
    rows = found(tmp_path / "corpus")
    expected = sorted((web.url(url) if url[0] == "/" else url, text if caption else "") for url, text in ROWS)
    assert sorted(row[:2] for row in rows) == expected
    assert {row[2:] for row in rows} == {("list", "", web.url(""), False, ""), ("list", "", "", False, "")}
    asked = len(web.asked)
    assert from_list(path, "url", caption, tmp_path / "corpus", loopback()) == counts
    assert len(web.asked) == asked and found(tmp_path / "corpus") == rows
    assert log(tmp_path / "corpus")["not a url"]["outcome"] == "bad_url"
    own = log(tmp_path / "corpus")[str(path)]
    assert (own["kind"], own["outcome"], own["round"]) == ("list", "ok", 0)
    assert json.loads(own["evidence"]) == {"records": len(ROWS), "taken_in": {"row": len(ROWS)}}


def test_a_list_that_grows(web: Web, tmp_path: Path) -> None:
    web.answers |= {"/1.png": picture(1), "/2.png": picture(2)}
    path = tmp_path / "a.txt"
    path.write_text(web.url("/1.png") + "\n")
    from_list(path, "url", None, tmp_path / "corpus", loopback())
    path.write_text(web.url("/1.png") + "\n" + web.url("/2.png") + "\n")
    from_list(path, "url", None, tmp_path / "corpus", loopback())
    assert web.paths() == ["/robots.txt", "/1.png", "/2.png"]
    assert sorted(row[0] for row in found(tmp_path / "corpus")) == [web.url("/1.png"), web.url("/2.png")]
    rows = pq.read_table(tmp_path / "corpus" / "crawl" / "log").to_pylist()
    own = sorted((row["round"], json.loads(row["evidence"])["records"]) for row in rows if row["url"] == str(path))
    assert own == [(0, 1), (1, 2)]


def test_a_list_is_not_taken_in_again_by_another_column(web: Web, tmp_path: Path) -> None:
    path, corpus = write_list(tmp_path / "a.csv", web), tmp_path / "corpus"
    counts = from_list(path, "url", "caption", corpus, loopback())
    said = r"a\.csv: was taken in with another --caption-col \(it was caption\); .* give another --out"
    with pytest.raises(BadInput, match=said):
        from_list(path, "url", "more", corpus, loopback())
    assert from_list(path, "url", "caption", corpus, loopback()) == counts


def test_a_list_that_breaks_off_is_taken_in_as_far_as_it_goes(web: Web, tmp_path: Path) -> None:
    web.answers |= {"/1.png": picture(1), "/2.png": picture(2)}
    path, corpus = tmp_path / "a.jsonl", tmp_path / "corpus"
    first, second = (json.dumps({"url": web.url(f"/{number}.png")}) for number in (1, 2))
    path.write_text(f"{first}\n{second[:9]}\n")
    with pytest.raises(BadInput, match=r"cannot be read .*; the rows before it count: mend the file"):
        from_list(path, "url", None, corpus, loopback())
    own = log(corpus)[str(path)]
    assert (own["kind"], own["outcome"]) == ("list", "bad_type")
    said = json.loads(own["evidence"])
    assert said["records"] == 1 and "cannot be read" in said["error"]
    assert log(corpus)[web.url("/1.png")]["outcome"] == "ok"
    path.write_text(f"{first}\n{second}\n")
    assert from_list(path, "url", None, corpus, loopback())["image/ok"] == 2
    rows = pq.read_table(corpus / "crawl" / "log").to_pylist()
    assert [row["outcome"] for row in sorted(rows, key=lambda row: row["round"]) if row["kind"] == "list"] == [
        "bad_type",
        "ok",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "x,y\n1,2\n", "--url-col url"),
        ("a.csv", "url,y\n1,2\n", "--caption-col caption"),
        ("a.csv", b"url,caption\n\xb2\xcb,\xb2\xcb\n", "UTF-8"),
        ("a.jsonl", "{}\n", "--url-col url"),
        ("a.jsonl", '{"url": 1}\n{"url"\n', "cannot be read"),
        ("a.json", "{}", "JSON array"),
        ("a.json", '[{"url": "x"}, {"url"', "cannot be read"),
        ("a.parquet", "no", r"cannot be read \(.*\); give a whole Parquet file$"),
        ("a.tsv.gz", "no", "cannot be read"),
        ("a.xlsx", "no", "no format that is known"),
        ("none.csv", None, "no such file"),
    ],
)
def test_a_list_that_cannot_be_read(tmp_path: Path, name: str, content: str | bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadInput, match=message):
        from_list(path, "url", "caption", tmp_path / "corpus", loopback())
    if '{"url"' not in str(content):  # which has a row before the fault
        assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    "changes", [{"agent": "Tuwen Bot/1"}, {"agent": ""}, {"contact": "me"}, {"delay": -1.0}, {"max_pages": -1}]
)
def test_settings_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="--"):
        Settings(**changes)
