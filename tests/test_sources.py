import gzip
import io
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawls import RawCrawl, photo
from searching import HITS, SearchService
from test_archive import response, warc, wat
from test_crawl import ROBOTS, found, log, outcomes, page, picture
from web import Web, answer, held_after, loopback, serving

from crawlers import archives
from crawlers.archive import read
from crawlers.archives import from_archives
from crawlers.clicks import from_click_log
from crawlers.parked import Parked
from crawlers.queries import from_queries
from crawlers.searches import Search
from crawlers.settings import Settings
from crawlers.state import State
from pipelines import files
from pipelines.crawl_options import CrawlOptions
from pipelines.engine import Engine
from pipelines.pair import pair
from pipelines.ranges import first_failed
from pipelines.sources import archives_of, chosen
from schemas.errors import BadInput
from schemas.outcome import Outcome
from schemas.pair import click_rate
from schemas.recipe import load

CLOSED = answer("User-agent: *\nDisallow: /", kind="text/plain")


@pytest.fixture
def webs() -> Iterator[tuple[Web, Web, Web]]:
    """A site whose robots.txt lets us in but for /closed/, one that lets nobody in, and a host of pictures."""
    pictures = {f"/{number}.png": picture(number) for number in range(40)}
    sites = (Web({"/robots.txt": ROBOTS}), Web({"/robots.txt": CLOSED}, "127.0.0.2"), Web(pictures, "127.0.0.3"))
    with serving(*sites):
        yield sites


def shown(host: Web, number: int, text: str = "红烧肉") -> bytes:
    return f"<!doctype html><img src={host.url(f'/{number}.png')} alt={text}><a href=/other.html></a>".encode()


def listed(corpus: Path) -> dict[str, dict[str, Any]]:
    """What became of the records of each file, by its name."""
    rows = [row for row in log(corpus).values() if row["kind"] == "list" and row["url"].startswith("/")]
    return {Path(row["url"]).name: json.loads(row["evidence"]) | {"outcome": row["outcome"]} for row in rows}


# Archives


def test_pages_of_an_archive_are_read_and_not_asked_for(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, closed, host = webs
    path = tmp_path / "a.warc.gz"
    records = [
        response(ours.url("/1.html"), shown(host, 1)),
        response(ours.url("/closed/2.html"), shown(host, 2)),
        response(closed.url("/3.html"), shown(host, 3)),
        response(ours.url("/4.html"), shown(host, 4), ("Content-Type", "text/html"), ("X-Robots-Tag", "noai")),
        response(ours.url("/5.html"), b"<meta name=robots content=noimageindex>" + shown(host, 5)),
        response(ours.url("/6.html"), shown(host, 6), WARC_Truncated="length"),
        response(ours.url("/7.html"), shown(host, 7), status="404 Not Found"),
        response(ours.url("/1.html"), shown(host, 8)),
        response("http://127.0.0.1:9/9.html", shown(host, 9)),
    ]
    path.write_bytes(warc(records))
    counts = from_archives([str(path)], tmp_path / "c", loopback(attempts=1, longest_wait=0.1))
    ended = outcomes(tmp_path / "c", ours)
    assert [ended[f"/{name}.html"] for name in ("1", "closed/2", "4", "5", "6")] == [
        "ok", "robots", "opted_out", "opted_out", "truncated",
    ]  # fmt: skip
    assert log(tmp_path / "c")[closed.url("/3.html")]["outcome"] == "robots"
    assert log(tmp_path / "c")["http://127.0.0.1:9/9.html"]["outcome"] == "robots_unreachable"
    assert "/7.html" not in ended and counts["page/ok"] == 1
    assert ours.paths() == closed.paths() == ["/robots.txt"] and sorted(host.paths()) == ["/1.png", "/robots.txt"]
    assert found(tmp_path / "c") == [
        (host.url("/1.png"), "红烧肉", "alt", ours.url("/1.html"), ours.url(""), False, "")
    ]
    row = log(tmp_path / "c")[ours.url("/1.html")]
    evidence = json.loads(row["evidence"])
    assert evidence["archive"]["file"] == str(path) and evidence["archive"]["date"] == "2026-02-03T04:05:06Z"
    assert gzip.decompress(path.read_bytes()[evidence["archive"]["offset"] :]).startswith(b"WARC/1.0")
    assert evidence["robots"]["says"] == "yes" and (row["attempts"], row["warc"], row["status"]) == (0, "", 200)
    assert json.loads(log(tmp_path / "c")[closed.url("/3.html")]["evidence"])["archive"]["file"] == str(path)
    assert listed(tmp_path / "c")["a.warc.gz"] == {
        "outcome": "ok",
        "records": 19,
        "taken_in": {"page": 7, "met before": 1, "not 2xx": 1, "no response": 10},
    }


def test_archives_are_taken_in_once_and_more_may_come(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.warc").write_bytes(warc([response(ours.url("/1"), shown(host, 1))], per_record=False))
    described = json.dumps(
        wat(ours.url("/2"), [{"path": "IMG@/src", "url": host.url("/2.png"), "alt": "清蒸鱼"}])
    ).encode()
    (tmp_path / "in" / "a.warc.wat.gz").write_bytes(warc([{"url": ours.url("/2"), "json": described}]))
    (tmp_path / "in" / "notes.txt").write_text("no archive")
    names = archives_of(str(tmp_path / "in"))
    assert [Path(name).name for name in names] == ["a.warc.wat.gz", "b.warc"]
    counts = from_archives(names, tmp_path / "c", loopback())
    assert counts == {"image/ok": 2, "page/ok": 2, "robots/http_error": 1, "robots/ok": 1}
    asked = len(ours.asked) + len(host.asked)
    assert from_archives(names, tmp_path / "c", loopback()) == counts
    assert len(ours.asked) + len(host.asked) == asked
    assert {row["round"] for row in pq.read_table(tmp_path / "c/crawl/log").to_pylist()} == {0}
    (tmp_path / "in" / "c.warc").write_bytes(warc([response(ours.url("/3"), shown(host, 3))], per_record=False))
    assert from_archives(archives_of(str(tmp_path / "in")), tmp_path / "c", loopback())["page/ok"] == 3
    assert log(tmp_path / "c")[ours.url("/3")]["round"] == 1


@pytest.mark.parametrize("per_record", [True, False])
def test_an_archive_that_is_cut_counts_up_to_there(
    webs: tuple[Web, Web, Web], tmp_path: Path, per_record: bool
) -> None:
    ours, _, host = webs
    whole = warc([response(ours.url(f"/{number}"), shown(host, number)) for number in range(9)], per_record=per_record)
    path, other = tmp_path / "a.warc.gz", tmp_path / "b.warc.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    other.write_bytes(warc([response(ours.url("/other"), shown(host, 10))]))
    with pytest.raises(BadInput, match=r"a\.warc\.gz: it ends within a .* at byte [\d,]+; what comes before counts"):
        from_archives([str(path), str(other)], tmp_path / "c", loopback())
    before = listed(tmp_path / "c")["a.warc.gz"]
    assert before["outcome"] == "truncated" and "at byte" in before["error"] and 3 < before["taken_in"]["page"] < 9
    assert log(tmp_path / "c")[ours.url("/other")]["outcome"] == "ok"
    path.write_bytes(whole)
    assert from_archives([str(path), str(other)], tmp_path / "c", loopback())["page/ok"] == 10
    assert len(found(tmp_path / "c")) == 10 and listed(tmp_path / "c")["a.warc.gz"]["taken_in"] == {
        "page": 9,
        "no response": 10,
    }
    assert Counter(host.paths()).most_common(1)[0][1] == 1


def test_pages_are_taken_in_as_the_budget_and_the_others_let_them(
    webs: tuple[Web, Web, Web], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _, host = webs
    monkeypatch.setattr(archives, "_MOST_WAITING", 3)
    monkeypatch.setattr(archives, "_BATCH_RECORDS", 4)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(warc([response(ours.url(f"/{number}"), shown(host, number)) for number in range(20)]))
    assert from_archives([str(path)], tmp_path / "c", loopback(max_pages=5))["page/ok"] == 5
    assert from_archives([str(path)], tmp_path / "c", loopback(max_pages=5))["page/ok"] == 5
    assert from_archives([str(path)], tmp_path / "c", loopback(max_pages=13))["page/ok"] == 13
    counts = from_archives([str(path)], tmp_path / "c", loopback())
    assert counts["page/ok"] == counts["image/ok"] == len(found(tmp_path / "c")) == 20
    assert "page/budget" not in counts and ours.paths() == ["/robots.txt"]


def test_only_pages_with_a_han_character(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    gbk = f"<meta charset=gb2312><img src={host.url('/1.png')} alt=红烧肉>".encode("gbk")
    records = [
        response(ours.url("/1"), gbk, ("Content-Type", "text/html")),
        response(ours.url("/2"), shown(host, 2, "pork")),
    ]
    (tmp_path / "a.warc.gz").write_bytes(warc(records))
    from_archives([str(tmp_path / "a.warc.gz")], tmp_path / "c", loopback(), only_han=True)
    assert [row[1] for row in found(tmp_path / "c")] == ["红烧肉"]
    assert listed(tmp_path / "c")["a.warc.gz"]["taken_in"]["no Han"] == 1
    with pytest.raises(BadInput, match=r"a\.warc\.gz: was taken in with another --only-han"):
        from_archives([str(tmp_path / "a.warc.gz")], tmp_path / "c", loopback())


def test_a_page_that_a_budget_left_over_is_kept_for_later(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    state.open()
    parked = Parked(state)
    (one,) = (page for page in read(io.BytesIO(warc([response("http://a.cn/", b"<p>x")])), 99) if hasattr(page, "url"))
    parked.put(one, "a.warc")
    assert parked.waiting() == 1
    parked.ended(one.url, Outcome.BUDGET)
    assert parked.waiting() == 0 and parked.holds(one.url)
    again = parked.of(one.url, 1.0)
    assert again is not None and again.body == b"<p>x" and again.archive is not None
    parked.ended(one.url, Outcome.OK)
    assert not parked.holds(one.url) and parked.of(one.url, 1.0) is None
    state.close()


def test_a_later_round_asks_neither_an_archive_nor_a_search_again(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    path, queries = tmp_path / "a.warc.gz", tmp_path / "q.txt"
    path.write_bytes(warc([response(ours.url("/1"), shown(host, 1))]))
    queries.write_text("a\n")
    ours.answers |= {"/s?q=a": answer(json.dumps([{"image_url": host.url("/2.png")}]), kind="application/json")}
    from_archives([str(path)], tmp_path / "c", loopback())
    from_queries(queries, Search(ours.url("/s?q={query}")), tmp_path / "c", loopback())
    asked, rows = ours.paths(), found(tmp_path / "c")
    from_archives([str(path)], tmp_path / "c", loopback(), again=True)
    ended = outcomes(tmp_path / "c", ours)
    assert ended["/1"] == ended["/s?q=a"] == "not_modified"
    assert ours.paths() == asked and found(tmp_path / "c") == rows
    assert sorted(host.paths()) == ["/1.png", "/1.png", "/2.png", "/2.png", "/robots.txt"]


def killed_often(crawl: Callable[[Path, Settings], object], corpus: Path, web: Web, most: int) -> None:
    """Crawl in forked processes: three are killed after at most so many more requests, and the fourth ends."""
    chance = random.Random(3)
    settings = loopback(checkpoint_responses=2, checkpoint_seconds=0.02)
    for kill in (True, True, True, False):
        through = chance.randrange(1, most + 1)
        child = get_context("fork").Process(target=crawl, args=(corpus, settings))
        with held_after(through, web) if kill else nullcontext():
            goal = len(web.asked) + through
            child.start()
            while kill and len(web.asked) < goal and child.is_alive():
                time.sleep(0.002)
            if kill:
                child.kill()
            child.join(60)
        assert child.exitcode == (-signal.SIGKILL if kill else 0)


def said(corpus: Path) -> tuple[dict[str, str], list[tuple[Any, ...]], dict[str, Any]]:
    return {url: row["outcome"] for url, row in log(corpus).items()}, sorted(found(corpus)), listed(corpus)


def test_kill_9_while_an_archive_is_taken_in(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    path = tmp_path / "a.warc.gz"
    path.write_bytes(warc([response(ours.url(f"/{number}"), shown(host, number)) for number in range(20)]))
    from_archives([str(path)], tmp_path / "calm", loopback())
    killed_often(lambda *given: from_archives([str(path)], *given), tmp_path / "wild", host, 6)
    assert said(tmp_path / "wild") == said(tmp_path / "calm")
    assert len(said(tmp_path / "calm")[1]) == 20


def test_kill_9_while_queries_are_asked(searched: tuple[Web, Web], tmp_path: Path) -> None:
    engine, _ = searched
    queries = tmp_path / "q.txt"
    queries.write_text("红烧肉\n清蒸鱼\n菜\n没有的菜\n")
    search = Search(engine.url("/api?q={query}&page={page}"), image_field="image.url")
    from_queries(queries, search, tmp_path / "calm", loopback())
    killed_often(lambda *given: from_queries(queries, search, *given), tmp_path / "wild", engine, 2)
    assert said(tmp_path / "wild") == said(tmp_path / "calm")


# Queries


@pytest.fixture
def searched() -> Iterator[tuple[Web, Web]]:
    """A search service over 36 pictures of two dishes, and the host of the pictures."""
    host = Web({f"/{number}.png": picture(number) for number in range(36)}, "127.0.0.3")
    engine = Web({})
    with serving(host, engine):
        names = [("红烧肉", "清蒸鱼")[number % 3 == 0] for number in range(36)]
        pictures = [
            (host.url(f"/{number}.png"), host.url(f"/{number}.html"), f"{name}的第{number}道菜")
            for number, name in enumerate(names)
        ]
        engine.answers = SearchService(pictures, {"/robots.txt": ROBOTS})
        yield engine, host


def asked_for(engine: Web) -> list[str]:
    return [path for path in engine.paths() if path != "/robots.txt"]


def test_each_result_is_a_pair_of_its_query(searched: tuple[Web, Web], tmp_path: Path) -> None:
    engine, host = searched
    queries = tmp_path / "q.txt"
    queries.write_text("清蒸鱼\n\n  红烧肉 \n清蒸鱼\n无\n")
    search = Search(engine.url("/api?q={query}&page={page}"), image_field="image.url")
    counts = from_queries(queries, search, tmp_path / "c", loopback())
    rows = found(tmp_path / "c")
    assert Counter(row[1] for row in rows) == {"红烧肉": 24, "清蒸鱼": 12}
    assert (host.url("/3.png"), "清蒸鱼", "query", host.url("/3.html"), engine.url(""), False, "") in rows
    assert len(set(rows)) == len(rows) and counts["image/ok"] == 36
    # three pages of ten hold 24 results; the one after the last says that there are no more
    assert Counter(path.partition("&")[0] for path in asked_for(engine)).most_common() == [
        ("/api?q=%E7%BA%A2%E7%83%A7%E8%82%89", 4),
        ("/api?q=%E6%B8%85%E8%92%B8%E9%B1%BC", 3),
        ("/api?q=%E6%97%A0", 1),
    ]
    assert listed(tmp_path / "c")["q.txt"]["taken_in"] == {"query": 3, "empty": 1, "met before": 1}
    asked = len(engine.asked)
    assert from_queries(queries, search, tmp_path / "c", loopback()) == counts and len(engine.asked) == asked
    assert {row["round"] for row in pq.read_table(tmp_path / "c/crawl/log").to_pylist()} == {0}
    with queries.open("a") as file:
        file.write("菜\n")
    assert from_queries(queries, search, tmp_path / "c", loopback())["list/ok"] == counts["list/ok"] + 5
    assert len(found(tmp_path / "c")) == 36 * 2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"template": "/other?q={query}&page={page}"}, r"--search \(it was http://.*/api\?q="),
        ({"most": 7}, r"--max-results \(it was 5\)"),
    ],
)
def test_queries_are_not_put_to_another_search(
    searched: tuple[Web, Web], tmp_path: Path, other: dict[str, object], said: str
) -> None:
    engine, _ = searched
    (tmp_path / "q.txt").write_text("菜\n")
    search = Search(engine.url("/api?q={query}&page={page}"), image_field="image.url", most=5)
    from_queries(tmp_path / "q.txt", search, tmp_path / "c", loopback())
    if "template" in other:
        other = {"template": engine.url(str(other["template"]))}
    with pytest.raises(BadInput, match=rf"q\.txt: was taken in with another {said}"):
        from_queries(tmp_path / "q.txt", replace(search, **other), tmp_path / "c", loopback())


def test_html_results_by_offset_up_to_the_most(searched: tuple[Web, Web], tmp_path: Path) -> None:
    engine, _ = searched
    (tmp_path / "q.txt.gz").write_bytes(gzip.compress("红烧肉\n".encode()))
    search = Search(engine.url("/search?q={query}&start={page}"), first=0, step=HITS, most=15)
    from_queries(tmp_path / "q.txt.gz", search, tmp_path / "c", loopback())
    assert [path.rpartition("=")[2] for path in asked_for(engine)] == ["0", "10"]
    rows = found(tmp_path / "c")
    assert len(rows) == 15 and {row[1:3] for row in rows} == {("红烧肉", "query")}
    assert {row[3].partition("?")[0] for row in rows} == {engine.url("/search")}


def test_a_search_without_pages_is_asked_once(searched: tuple[Web, Web], tmp_path: Path) -> None:
    engine, _ = searched
    (tmp_path / "q.txt").write_text("菜\n")
    search = Search(engine.url("/api?q={query}"), image_field="image.url")
    from_queries(tmp_path / "q.txt", search, tmp_path / "c", loopback())
    assert len(asked_for(engine)) == 1 and len(found(tmp_path / "c")) == HITS


REFUSALS = {
    "robots": ({"/robots.txt": CLOSED}, "robots"),
    "a header": ({"/s?q=a": answer("[]", kind="application/json", X_Robots_Tag="noai")}, "opted_out"),
    "meta": ({"/s?q=a": page("<meta name=robots content=noindex><img src=/1.png alt=x>")}, "opted_out"),
    "no JSON": ({"/s?q=a": answer("{", kind="application/json")}, "bad_type"),
    "other JSON": ({"/s?q=a": answer('{"a": 1}', kind="application/json")}, "bad_type"),
    "numbers": ({"/s?q=a": answer("[1, 2]", kind="application/json")}, "bad_type"),
    "a picture": ({"/s?q=a": picture(1)}, "bad_type"),
    "an error": ({"/s?q=a": answer("no", "400 Bad Request")}, "http_error"),
    "nothing": ({"/s?q=a": answer("[]", kind="application/json")}, "ok"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_search_that_refuses_or_fails_gives_no_pairs(webs: tuple[Web, Web, Web], tmp_path: Path, name: str) -> None:
    answers, outcome = REFUSALS[name]
    webs[0].answers |= answers
    (tmp_path / "q.txt").write_text("a\n")
    from_queries(tmp_path / "q.txt", Search(webs[0].url("/s?q={query}")), tmp_path / "c", loopback(attempts=1))
    assert outcomes(tmp_path / "c", webs[0])["/s?q=a"] == outcome and found(tmp_path / "c") == []


def test_what_a_search_names_may_be_no_picture(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    hits = [
        {"image_url": "/closed/1.png"},
        {"image_url": "javascript:alert(1)"},
        {"page_url": "/x"},
        {"image_url": host.url("/2.png"), "page_url": "javascript:alert(1)"},
        {"image_url": host.url("/2.png")},
    ]
    ours.answers |= {"/s?q=a": answer(json.dumps(hits), kind="application/json")}
    (tmp_path / "q.txt").write_text("a\n")
    from_queries(tmp_path / "q.txt", Search(ours.url("/s?q={query}")), tmp_path / "c", loopback())
    assert {row[0]: row[3] for row in found(tmp_path / "c")} == {
        url: ours.url("/s?q=a") for url in (ours.url("/closed/1.png"), "javascript:alert(1)", host.url("/2.png"))
    }
    ended = {url: row["outcome"] for url, row in log(tmp_path / "c").items() if row["kind"] == "image"}
    assert sorted(ended.values()) == ["bad_url", "ok", "robots"]
    said = json.loads(log(tmp_path / "c")[ours.url("/s?q=a")]["evidence"])["error"]
    assert said == "1 of 5 results have no image_url"


@pytest.mark.parametrize(
    "template",
    [
        "https://s.example/?q=",
        "https://s.example/?q={query}&n={number}",
        "https://s.example/?q={query}{",
        "https://{query}.example/",
        "https://{query}/",
        "ftp://s.example/{query}",
        "s.example/{query}",
        "https://me@s.example/{query}",
    ],
)
def test_a_template_that_is_none(template: str) -> None:
    with pytest.raises(BadInput, match="--search"):
        Search(template)


@pytest.mark.parametrize("content", [None, b"\xb2\xcb\n"], ids=["none", "GBK"])
def test_queries_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "q.txt").write_bytes(content)
    with pytest.raises(BadInput, match="--queries"):
        from_queries(tmp_path / "q.txt", Search("https://s.example/{query}"), tmp_path / "c", loopback())


# Click logs


def write_clicks(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    names = ("query", "image_url", "impressions", "clicks")
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]), path)
    else:
        text = "".join("\t".join(map(str, row)) + "\n" for row in [("day", *names), *((7, *row) for row in rows)])
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.parquet"])
def test_a_click_log_of_any_form(webs: tuple[Web, Web, Web], tmp_path: Path, name: str) -> None:
    host = webs[2]
    rows = [
        ('"红烧 肉', host.url("/1.png"), 100, 7),
        ("鱼", host.url("/1.png"), 3, 5),
        ("鱼", "no url", 9, 1),
        ("鱼", host.url("/gone.png"), 0, 0),
    ]
    path = write_clicks(tmp_path / name, rows)
    counts = from_click_log(path, tmp_path / "c", loopback())
    assert counts == {"image/bad_url": 1, "image/http_error": 1, "image/ok": 1, "robots/http_error": 1}
    seen = pq.read_table(tmp_path / "c/crawl/found").to_pylist()
    assert sorted((row["text"], row["source"], row["impressions"], row["clicks"]) for row in seen) == [
        ('"红烧 肉', "query", 100, 7),
        ("鱼", "query", 0, 0),
        ("鱼", "query", 5, 5),
        ("鱼", "query", 9, 1),
    ]
    assert listed(tmp_path / "c")[name]["taken_in"] == {"row": 3, "more clicks than impressions": 1}
    asked = len(host.asked)
    assert from_click_log(path, tmp_path / "c", loopback()) == counts and len(host.asked) == asked
    assert {row["round"] for row in pq.read_table(tmp_path / "c/crawl/log").to_pylist()} == {0}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("鱼", "http://a.cn/1", "many", 1), "row 2: impressions 'many'"),
        (("鱼", "http://a.cn/1", -1, 0), "row 2: impressions '-1'"),
        (("鱼", "http://a.cn/1", 3, -2), "row 2: clicks '-2'"),
        (("鱼", "http://a.cn/1", 3, ""), "row 2: clicks ''"),
        (("鱼", "http://a.cn/1", 2**64, 1), "row 2: impressions"),
        (("鱼", "http://a.cn/1"), "row 2: impressions 'None'"),
    ],
)
def test_a_number_that_is_none_is_named_and_goes_on_when_mended(
    webs: tuple[Web, Web, Web], tmp_path: Path, row: tuple[Any, ...], message: str
) -> None:
    good = ("菜", webs[2].url("/1.png"), 2, 1)
    path = write_clicks(tmp_path / "a.tsv", [good, row])
    with pytest.raises(BadInput, match=message):
        from_click_log(path, tmp_path / "c", loopback())
    write_clicks(path, [good, ("鱼", webs[2].url("/2.png"), 1, 1)])
    from_click_log(path, tmp_path / "c", loopback())
    assert sorted(row[1] for row in found(tmp_path / "c")) == ["菜", "鱼"]


@pytest.mark.parametrize("content", [b"query\timage_url\timpressions\n", b"", b"\xff\xfe", None])
def test_a_click_log_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.tsv").write_bytes(content)
    with pytest.raises(BadInput, match="--click-log"):
        from_click_log(tmp_path / "a.tsv", tmp_path / "c", loopback())


def test_pairs_add_clicks_up_and_know_their_rate(tmp_path: Path) -> None:
    crawl = RawCrawl(tmp_path)
    for number in range(2):
        crawl.fetch(f"http://i.example/{number}.jpg", photo(number))
    crawl.see("http://i.example/0.jpg", "红烧肉", impressions=0, clicks=0)
    crawl.see("http://i.example/0.jpg", "红烧肉", "query", page="", impressions=100, clicks=7)
    crawl.see("http://i.example/0.jpg", "红烧肉", "query", page="", impressions=80, clicks=12)
    crawl.see("http://i.example/1.jpg", "鱼")
    corpus = crawl.write()
    pair(corpus, engine=Engine("local", 1))
    rows = {row["text"]: row for row in files.read_table(corpus.pairs("00000")).to_pylist()}
    assert (rows["红烧肉"]["impressions"], rows["红烧肉"]["clicks"], rows["红烧肉"]["source"]) == (180, 19, "alt")
    assert rows["红烧肉"]["click_rate"] == pytest.approx(20 / 200)
    assert (rows["鱼"]["impressions"], rows["鱼"]["clicks"]) == (0, 0) and rows["鱼"]["click_rate"] == pytest.approx(
        0.05
    )


def test_zero_keeps_what_is_clicked_and_what_no_log_names() -> None:
    keeps = [keep for keep in load("zero").keep if keep.signal == "click_rate"]
    seen = [(0, 0), (1_000, 50), (1_000, 49), (20, 0), (20, 1), (1, 1)]
    table = pa.table({"key": list("abcdef"), "click_rate": pa.array([click_rate(*one) for one in seen], pa.float32())})
    assert first_failed(keeps, table, {}).tolist() == [0, 0, 1, 1, 0, 0]  # the keep that a row fails, counted from 1


# The command line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CrawlOptions(), "no source: give exactly one of --seeds, --url-list, --warc, --queries, --click-log"),
        (CrawlOptions(seeds=["https://a.cn/"], click_log="a.tsv"), "--seeds and --click-log together"),
        (CrawlOptions(queries=__file__), "--search URL-TEMPLATE"),
        (CrawlOptions(queries=__file__, search="https://s.cn/"), "--search https://s.cn/"),
        (CrawlOptions(queries=__file__, search="https://s.cn/{query}", page_step=0), "--page-step"),
        (CrawlOptions(queries="q.txt", search="https://s.cn/{query}"), "--queries q.txt: no such file"),
        (CrawlOptions(click_log="a.tsv"), "--click-log a.tsv: no such file"),
        (CrawlOptions(url_list="a.csv"), "--url-list a.csv: no such file"),
        (CrawlOptions(warc=["/nowhere/a.warc.gz"]), "--warc /nowhere/a.warc.gz"),
    ],
)
def test_exactly_one_source(options: CrawlOptions, message: str) -> None:
    with pytest.raises(BadInput) as error:
        chosen(options)
    assert message in str(error.value)


def test_the_option_reads_a_folder_as_streams(webs: tuple[Web, Web, Web], tmp_path: Path) -> None:
    ours, _, host = webs
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.warc.gz").write_bytes(warc([response(ours.url("/1"), shown(host, 1))]))
    told: list[int] = []
    source = chosen(CrawlOptions(warc=[str(tmp_path / "in")], only_han=True))
    counts = source(tmp_path / "c", loopback(), lambda counts: told.append(sum(counts.values())))
    assert counts["image/ok"] == counts["page/ok"] == 1 and told[-1] == sum(counts.values())


def test_a_folder_without_archives(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BadInput, match=r"--warc .*\.warc\.gz"):
        archives_of(str(tmp_path))
