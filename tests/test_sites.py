"""Which pages belong to a site: by registrable domain, more names, patterns, depth, and whose origin it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web import loopback

from crawlers.domains import registrable
from crawlers.frontier import Frontier
from crawlers.state import State
from schemas.seeds import Site, load

SEED = "https://www.example.com.cn/"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "part-00.sqlite")
    state.open()
    yield state
    state.close()


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com.cn", "example.com.cn"),
        ("a.b.example.com.cn:8080", "example.com.cn"),
        ("example.com.cn", "example.com.cn"),
        ("com.cn", "com.cn"),
        ("one.github.io", "one.github.io"),
        ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
        ("www.xn--fiqs8s", "www.xn--fiqs8s"),
        ("a.www.xn--fiqs8s", "www.xn--fiqs8s"),
        ("www.example.com.cn.", "example.com.cn"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:80", "[::1]:80"),
        ("localhost:8000", "localhost:8000"),
    ],
)
def test_the_registrable_domain(host: str, domain: str) -> None:
    assert registrable(host) == domain


SCOPES: list[tuple[dict[str, object], str, bool]] = [
    ({}, "https://www.example.com.cn/x", True),
    ({}, "http://pic.example.com.cn/x", True),
    ({}, "https://example.com.cn:8443/x", True),
    ({}, "https://other.com.cn/x", False),
    ({}, "https://example.com/", False),
    ({}, "https://notexample.com.cn/", False),
    ({"scope": "origin"}, "https://www.example.com.cn/x", True),
    ({"scope": "origin"}, "http://www.example.com.cn/x", False),
    ({"scope": "origin"}, "https://pic.example.com.cn/x", False),
    ({"domains": ("other.cn",)}, "https://www.other.cn:8080/x", True),
    ({"domains": ("other.cn",)}, "https://other.cn/x", True),
    ({"domains": ("other.cn",)}, "https://another.cn/x", False),
    ({"domains": ("b.other.cn",)}, "https://other.cn/x", False),
    ({"scope": "origin", "domains": ("pic.example.com.cn",)}, "https://pic.example.com.cn/x", True),
    ({"scope": "origin", "domains": ("pic.example.com.cn",)}, "https://m.example.com.cn/x", False),
    ({"include": ("/gallery/",)}, "https://www.example.com.cn/gallery/1", True),
    ({"include": ("/gallery/",)}, "https://www.example.com.cn/news/1", False),
    ({"include": ("/a/", "/b/")}, "https://www.example.com.cn/b/1", True),
    ({"exclude": (r"[?&]print=1(&|$)",)}, "https://www.example.com.cn/x?print=1", False),
    ({"exclude": (r"[?&]print=1(&|$)",)}, "https://www.example.com.cn/x?print=12", True),
    ({"include": ("/a/",), "exclude": (r"\.php",)}, "https://www.example.com.cn/a/x.php", False),
    ({"max_depth": 2}, "https://www.example.com.cn/x", True),
    ({"max_depth": 1}, "https://www.example.com.cn/x", False),
]


@pytest.mark.parametrize(("fields", "url", "wanted"), SCOPES)
def test_what_a_site_wants(state: State, fields: dict[str, object], url: str, wanted: bool) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site(SEED, **fields)])  # type: ignore[arg-type]
    assert frontier.wants(url, 1, 2) == wanted


def test_an_origin_that_is_a_seed_of_its_own_is_nobody_elses(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site("https://www.example.com.cn/"), Site("https://pic.example.com.cn/", strong=True)])
    assert not frontier.wants("https://pic.example.com.cn/x", 1, 1)
    assert frontier.wants("https://pic.example.com.cn/x", 2, 1)
    assert frontier.wants("https://m.example.com.cn/x", 1, 1) and frontier.wants("https://m.example.com.cn/x", 2, 1)


def test_two_ports_of_one_address_are_two_sites(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site("http://127.0.0.1:8001/"), Site("http://127.0.0.1:8002/")])
    for port, site in ((8001, 1), (8002, 2)):
        assert frontier.wants(f"http://127.0.0.1:{port}/x", site, 1)
        assert not frontier.wants(f"http://127.0.0.1:{port}/x", 3 - site, 1)
    assert not frontier.wants("http://127.0.0.1:8003/x", 1, 1)


def test_the_rules_are_those_that_the_seeds_file_said_last(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site(SEED, exclude=("/a/",))])
    frontier.begin([Site("https://more.cn/")])
    assert not frontier.wants(f"{SEED}a/", 1, 1)
    frontier.begin([Site(SEED, exclude=("/b/",))])
    assert frontier.wants(f"{SEED}a/", 1, 1) and not frontier.wants(f"{SEED}b/", 1, 1)
    state.commit()
    again = Frontier(state, loopback())  # as after a kill, with no seed given
    assert again.wants(f"{SEED}a/", 1, 1) and not again.wants(f"{SEED}b/", 1, 1)
    assert not again.wants("http://no.site/", 0, 1)  # of a list


def test_a_pattern_that_would_hang_another_engine_does_not(state: State, tmp_path: Path) -> None:
    path = tmp_path / "seeds.toml"
    path.write_text(f'[[site]]\nurl = "{SEED}"\nexclude = ["(a+)+$", "(.*a){20}b"]\n')
    frontier = Frontier(state, loopback())
    frontier.begin(load([str(path)]))
    begun = time.process_time()
    assert frontier.wants(SEED + "a" * 4_000 + "!", 1, 1)
    assert time.process_time() - begun < 1.0
