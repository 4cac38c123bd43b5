"""A crawl that waits for a robots.txt says so: while it runs, in one process or several, and as its status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web import Web, answer, loopback, serving

from crawlers import status
from crawlers.crawl import crawl
from crawlers.late import Wait
from pipelines import crawl as verb
from pipelines.crawl_options import CrawlOptions
from pipelines.status import lines
from schemas.seeds import Site

CHANGES: dict[str, Any] = {"robots_later": (1.2, 1.1), "checkpoint_seconds": 0.05}


@pytest.fixture
def web() -> Iterator[Web]:
    """A site that keeps its robots.txt to itself."""
    with serving(web := Web({"/robots.txt": answer(b"", "403 Forbidden"), "/": answer("<p>x")})):
        yield web


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_crawl_says_once_for_each_try_what_it_waits_for(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str], partitions: int
) -> None:
    options = CrawlOptions(
        seeds=[web.url("/")], out=str(tmp_path), allow_address=["127.0.0.0/8"], delay=0.0, partitions=partitions
    )
    counts = verb.crawl(options, **CHANGES)
    assert counts == {"page/robots_unreachable": 1, "robots/http_error": 1, "sitemap/robots_unreachable": 1}
    said = [line for line in capsys.readouterr().err.splitlines() if "waiting" in line]
    wait = re.escape(f"crawl: waiting for robots.txt of {web.url('')}: HTTP Error 403: Forbidden, again in ")
    assert len(said) == 2 and all(re.fullmatch(f"{wait}[01] s", line) for line in said)
    assert web.paths() == ["/robots.txt"] * 3


def test_the_status_says_what_is_waited_for(web: Web, tmp_path: Path) -> None:
    seen: list[status.Status] = []
    settings = replace(loopback(), **CHANGES)
    crawl([Site(web.url("/"), sitemap=False)], tmp_path, settings, lambda _: seen.append(status.status(tmp_path)))
    waits = list(dict.fromkeys(wait for one in seen for wait in one.late))
    assert [(wait.url, wait.outcome, wait.status, wait.attempts) for wait in waits] == [
        (web.url("/robots.txt"), "http_error", 403, 1),
        (web.url("/robots.txt"), "http_error", 403, 2),
    ]
    while_waiting = next(one for one in seen if one.late)
    said = f"waiting for robots.txt of {web.url('')}: HTTP Error 403: Forbidden, again in 1 s"
    assert said in lines(while_waiting, while_waiting.late[0].next_try - 1)
    ended = status.status(tmp_path)
    assert ended.finished and ended.late == []
    assert not any("waiting" in line for line in lines(ended, 0.0))


def test_rules_that_come_end_the_wait(web: Web, tmp_path: Path) -> None:
    late: list[Wait] = []

    def report(_: object) -> None:
        late.extend(status.status(tmp_path).late)
        if late:
            web.answers["/robots.txt"] = answer("User-agent: *\n", kind="text/plain")

    settings = replace(loopback(), robots_later=(0.3, 30.0), checkpoint_seconds=0.05)
    assert crawl([Site(web.url("/"), sitemap=False)], tmp_path, settings, report) == {"page/ok": 1, "robots/ok": 1}
    assert late and status.waits(tmp_path, 0.0) == []
