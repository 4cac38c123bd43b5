"""What a page wrote is data: nothing of it is obeyed by a shell, a terminal, a sheet or a browser."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines import cli
from pipelines.arguments import split
from pipelines.engine import Engine
from pipelines.pack import Packing, pack
from pipelines.release import release

TEXTS = [
    "../../../etc/passwd",
    "/etc/cron.d/x",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "\x1b]0;owned\x07图",
    "\x1b[2J红烧肉",
    "\x9b31m图",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egpj.exe\u2066图",
    "| a | b |\n|---|---|",
    "`rm -rf /`; $(reboot)",
    "a\0b\r\nc",
    "{{ 7 * 7 }}{% raw %}",
    "[x](javascript:alert(1))",
    "%s%n\ud7ff",
]
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def made(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of hostile texts, of URLs with hostile endings, and of hostile classes."""
    pairs = [
        bench.planted(
            bench.picture(number, size=(300, 300)),
            text,
            "strong",
            class_=text,
            url=f"https://a.example/{number}/%2e%2e/..%2f{number}.exe",
        )
        for number, text in enumerate(TEXTS)
    ]
    corpus = bench.corpus(tmp_path_factory.mktemp("names"), pairs)
    pack(corpus, bench.recipe, "1.0.0", engine=Engine(), packing=Packing())
    release(corpus, bench.recipe, "1.0.0", engine=Engine(), agent="TuwenBot/0.1 (+https://example.cn/)")
    return Path(corpus.release("demo", "1.0.0"))


def test_members_and_files_are_named_by_us(made: Path) -> None:
    names = []
    for path in made.rglob("*.tar"):
        with tarfile.open(path) as tar:
            names += tar.getnames()
            assert all(member.isreg() and member.mode == 0o444 for member in tar.getmembers())
    assert len(names) == 3 * len(TEXTS)
    assert all(re.fullmatch(r"[0-9a-f]{32}\.(jpg|txt|json)", name) for name in names)
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert all(re.fullmatch(r"[A-Za-z0-9_./]+", name) and ".." not in name for name in files)


def test_a_text_is_kept_as_it_is_in_parquet_and_in_json(made: Path) -> None:
    captions = [text for path in made.glob("strong/*.parquet") for text in pq.read_table(path)["caption"].to_pylist()]
    assert sorted(captions) == sorted(TEXTS)
    for path in made.glob("strong/*.tar"):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if member.name.endswith(".json"):
                    written = io.BufferedReader(tar.extractfile(member)).read()  # type: ignore[arg-type]
                    assert json.loads(written)["caption"] in TEXTS


@pytest.mark.parametrize("name", ["CARD.md", "CARD.zh.md", "manifest.json", "croissant.json"])
def test_what_is_shown_obeys_nobody(made: Path, name: str) -> None:
    page = (made / name).read_text("utf-8")
    assert not OBEYED.search(page)
    assert "<script>" not in page and "onerror" not in page and "javascript:" not in page


@pytest.mark.parametrize("words", [["report"], ["verify"], ["diff"], ["diff", "--json"]])
def test_what_is_printed_obeys_nobody(
    made: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger's release: its manifest bears a hostile name, and a tar members with such."""
    release_ = Path(shutil.copytree(made, tmp_path / "release"))
    manifest = release_ / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"name":"demo"', '"name":"\\u001b]0;owned\\u0007\\u009b"', 1))
    for path in release_.glob("strong/*.tar"):
        with tarfile.open(path, "w") as tar:
            for ending in ("jpg", "txt", "json"):
                tar.addfile(tarfile.TarInfo(f"\x1b]0;owned\x07/../{ending}.{ending}"), io.BytesIO())
    paths = [str(release_)] * (2 if words[0] == "diff" else 1)
    cli.run(split([words[0], *paths, *words[1:]]))
    said = capsys.readouterr()
    assert said.out + said.err
    assert not OBEYED.search(said.out + said.err), said
