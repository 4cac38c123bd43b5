"""Every verb after the crawl, as a user types them, and what they leave: for the tests of engines and of storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from crawls import RawCrawl, photo, small_crawl

from pipelines import arguments, cli
from pipelines.corpus import Corpus

VERBS: tuple[tuple[str, ...], ...] = (
    ("pair",),
    ("measure",),
    ("cluster",),
    ("judge", "--recipe", "demo"),
    ("pack", "--recipe", "demo", "--version", "1.0.0"),
    ("release", "--recipe", "demo", "--version", "1.0.0"),
)


def tuwen(*words: str) -> int:
    """The exit code of a command, run here."""
    return cli.run(arguments.split(list(words)))


def each(root: str, *engine: str) -> Iterator[str]:
    """The name of each verb after the crawl, when it has been run."""
    for verb, *options in VERBS:
        assert tuwen(verb, root, *options, *engine) == 0, verb
        yield verb


def build(root: str, *engine: str) -> str:
    """Run every verb after the crawl; returns the release's folder."""
    assert [*each(root, *engine)][-1] == "release"
    return f"{root}/releases/demo-1.0.0"


def digests(root: Path) -> dict[str, str]:
    """The digest of each file below a folder."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


MORE = 90  # pictures: with them what a job sends whatever its corpus is no longer most of what it sends


def crawl_of_many(root: Path) -> Corpus:
    """The small crawl with MORE photographs, three texts each, URLs as long as they are on the web."""
    crawl = RawCrawl(root)
    for seed in range(100, 100 + MORE):
        folder = f"http://pictures.example.cn/upload/2026/03/{seed % 7:02d}/{hashlib.md5(b'%d' % seed).hexdigest()}"
        crawl.fetch(f"{folder}.jpg", photo(seed, 320, 240), warc=seed % 2)
        for number, text in enumerate(("家常的做法", f"第{seed}号菜谱：红烧牛肉配米饭和青菜", f"成品图 {seed}")):
            crawl.see(f"{folder}.jpg", text, page=f"http://pages.example.cn/article/{seed}/{number}.html")
    return small_crawl(root, crawl)


def pairs_of(root: Path) -> int:
    """How many pairs a corpus built of `crawl_of_many` has."""
    from pipelines.pair import tally

    return tally(Corpus(str(root)))["fetched"]
