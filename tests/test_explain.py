"""crawl --explain on real sockets, from the command line: what a site owner reads; and --ignore up to the release."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from web import Web, answer, loopback, serving

from crawlers.crawl import crawl
from crawlers.explain import explain
from crawlers.partition import Partition
from crawlers.settings import Settings
from pipelines import cli
from pipelines.arguments import split
from schemas.errors import BadInput
from schemas.outcome import Outcome
from schemas.seeds import Site


@dataclass(frozen=True)
class Done:
    """How one command line ended."""

    code: int
    out: str
    errors: str


Tuwen = Callable[..., Done]


@pytest.fixture
def tuwen(capsys: pytest.CaptureFixture[str]) -> Tuwen:
    """The command line, in this process."""

    def run(*words: str) -> Done:
        code = cli.run(split(list(words)))
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web({"/": answer("<p>x")})
    with serving(site):
        yield site


LOOPBACK = ("--allow-address", "127.0.0.0/8", "--delay", "0")


@pytest.fixture
def explained(tuwen: Tuwen, web: Web) -> Callable[..., str]:
    """What is printed of a path."""

    def run(path: str, *words: str) -> str:
        done = tuwen("crawl", "--explain", web.url(path), *LOOPBACK, *words)
        assert (done.code, done.errors) == (0, "")
        assert path not in web.paths()
        return done.out

    return run


def test_an_open_site(web: Web, explained: Callable[..., str]) -> None:
    said = explained("/x")
    assert "It would be fetched" in said and f"{web.url('/robots.txt')}: it is not there, status 404" in said
    assert web.paths() == ["/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"]
    assert web.asked[0].headers["user-agent"].startswith("TuwenBot/")


def test_a_closed_site_is_asked_for_no_more_than_its_rules(web: Web, explained: Callable[..., str]) -> None:
    web.answers["/robots.txt"] = answer("User-agent: *\nDisallow: /", kind="text/plain")
    said = explained("/x")
    assert "it says no to this URL" in said and "It is not fetched: robots refuses" in said
    assert web.paths() == ["/robots.txt"]


def test_a_crawl_delay_above_the_cap_is_named(web: Web, explained: Callable[..., str]) -> None:
    web.answers["/robots.txt"] = answer("User-agent: *\nCrawl-delay: 86400", kind="text/plain")
    assert "robots refuses: its crawl-delay of 86400 seconds is above the 30 that are waited" in explained("/x")
    assert "It would be fetched, 30 seconds" in explained("/x", "--ignore", "robots=the owner agreed")


def test_a_signal_refuses_and_may_be_ignored(web: Web, explained: Callable[..., str]) -> None:
    web.answers["/robots.txt"] = answer(
        "User-agent: *\nContent-Usage: /x train-ai=n\x1b[2J\nCrawl-delay: 7", kind="text/plain"
    )
    web.answers["/.well-known/tdmrep.json"] = answer('[{"location": "/x", "tdm-reservation": 1}]', kind="x/y")
    said = explained("/x/1.jpg")
    assert "\x1b" not in said
    assert "It is not fetched: tdmrep refuses. In the log its outcome is opted_out." in said
    assert f"tdm-reservation 1 (from {web.url('/.well-known/tdmrep.json')}): refuses" in said
    said = explained("/x/1.jpg", "--ignore", "tdmrep=the owner agreed")
    assert "tdmrep is ignored: the owner agreed" in said and "It would be fetched, 7 seconds" in said


def test_what_a_corpus_knows_is_not_asked_again(
    web: Web, tuwen: Tuwen, explained: Callable[..., str], tmp_path: Path
) -> None:
    out = str(tmp_path / "corpus")
    assert tuwen("crawl", "--seeds", web.url("/"), "--out", out, *LOOPBACK).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "corpus").rglob("*") if path.is_file()}
    web.asked.clear()
    assert "It would be fetched" in explained("/x", "--out", out)
    assert web.asked == []
    after = {path: path.read_bytes() for path in (tmp_path / "corpus").rglob("*") if path in before}
    assert {path: data for path, data in after.items() if "sqlite-" not in path.name} == {
        path: data for path, data in before.items() if "sqlite-" not in path.name
    }
    assert "It would be fetched" in explained("/x", "--out", str(tmp_path / "none"))
    assert len(web.asked) == 3 and not (tmp_path / "none").exists()


@pytest.mark.parametrize("number", range(3))
def test_the_partition_that_asked_a_host_answers_for_it(tmp_path: Path, number: int) -> None:
    webs = [Web({"/": answer("<p>x")}) for _ in range(12)]  # hosts by their ports, so of any of three partitions
    with serving(*webs):
        mine = [web for web in webs if Partition(number, 3).holds(web.url("/"))]
        for one in range(3):
            settings = loopback(partition=Partition(one, 3))
            crawl([Site(web.url("/"), sitemap=False) for web in webs], tmp_path, settings)
        asked = [len(web.asked) for web in webs]
        found = [explain(web.url("/x"), loopback(), tmp_path) for web in mine]
        assert [len(web.asked) for web in webs] == asked
    assert all(one.verdict is None for one in found)


def test_an_address_that_is_not_public_is_named() -> None:
    with serving(web := Web({})):
        found = explain(web.url("/x"), Settings(delay=0.0))
    assert found.verdict is Outcome.BLOCKED_ADDRESS and web.asked == []


@pytest.mark.parametrize("url", ["", "ftp://a.example/", "a.example", "https://me:pw@a.example/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="--explain"):
        explain(url, Settings())


@pytest.mark.parametrize(
    ("ignore", "said"),
    [("robots=", "reason"), ("robots", "reason"), ("robots= ", "reason"), ("robot=mine", "no signal of this name")],
)
def test_an_override_without_a_reason_is_bad_input(tuwen: Tuwen, tmp_path: Path, ignore: str, said: str) -> None:
    done = tuwen("crawl", "--seeds", "http://127.0.0.1/", "--out", str(tmp_path / "c"), "--ignore", ignore)
    assert done.code == 2 and said in done.errors and done.errors.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_an_override_stands_in_the_manifest_and_the_card(web: Web, tuwen: Tuwen, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.radial_gradient("L").resize((400, 300)).convert("RGB").save(picture, "JPEG")
    web.answers |= {
        "/": answer("<title>菜</title><img src=/1.jpg alt=一盘红烧肉和米饭>", X_Robots_Tag="noai"),
        "/1.jpg": answer(picture.getvalue(), kind="image/jpeg", tdm_reservation="1"),
    }
    out = tmp_path / "corpus"
    seeds = ("run", "--seeds", web.url("/"), "--out", str(out), "--recipe", "demo", *LOOPBACK)
    done = tuwen(*seeds, "--ignore", "x-robots-tag=the site is ours", "tdmrep=its pictures too")
    assert done.code == 0, done.errors
    reasons = ["tdmrep: its pictures too", "x-robots-tag: the site is ours"]
    assert (out / "crawl" / "overrides.txt").read_text().splitlines() == reasons
    (release,) = (out / "releases").iterdir()
    manifest = json.loads((release / "manifest.json").read_text())
    assert manifest["overrides"] == reasons and manifest["outcomes"]["ok"] == 1
    for name in ("CARD.md", "CARD.zh.md"):
        assert all(reason in (release / name).read_text() for reason in reasons)
