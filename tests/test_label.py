"""The page of labels: a deterministic sample, whole in itself, that no text can break out of."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crawls import small_crawl

from pipelines import files, label
from pipelines.cluster import cluster
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.judge import judge
from pipelines.measure import measure
from pipelines.pair import pair
from schemas.errors import BadInput
from schemas.recipe import load

LOCAL = Engine()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = small_crawl(tmp_path_factory.mktemp("corpus"))
    pair(corpus, engine=LOCAL)
    measure(corpus, ["text", "image"], engine=LOCAL)
    return corpus


class Page(HTMLParser):
    """The parts of a page, and every address that it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, Any], str]] = []
        self.addresses: list[str] = []
        self.policy, self.tags = "", list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append((found, ""))
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.scripts:
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def parsed(path: Path) -> tuple[Page, dict[str, Any]]:
    page = Page(path.read_text("utf-8"))
    return page, json.loads(page.scripts[0][1])


def test_the_page_needs_nothing_but_itself(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "label.html"
    assert label.label(corpus, 12, str(out)) == 12
    page, data = parsed(out)
    assert not page.addresses and len(page.scripts) == 2
    assert "default-src 'none'" in page.policy and "unsafe-eval" not in page.policy
    digest = base64.b64encode(hashlib.sha256(page.scripts[1][1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.policy
    assert all(item["picture"].startswith("data:image/jpeg;base64,") for item in data["items"])
    assert data["labels"] == ["fits", "does_not_fit", "unsure"]


def test_the_sample_is_the_smallest_keys_that_decode(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "label.html"
    label.label(corpus, 12, str(out))
    shown = [item["key"] for item in parsed(out)[1]["items"]]
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.signals("image", shard)).to_pylist()]
    assert shown == sorted(row["key"] for row in rows if row["image_decodes"])[:12]
    first = out.read_bytes()
    label.label(corpus, 12, str(out))
    assert out.read_bytes() == first


def test_no_more_than_there_are_and_none_that_is_broken(corpus: Corpus, tmp_path: Path) -> None:
    assert label.label(corpus, 500, str(tmp_path / "all.html")) == 26  # one of 27 does not decode


def test_a_signal_spreads_the_sample_over_its_tenths(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "label.html"
    label.label(corpus, 10, str(out), signal="image_entropy")
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.signals("image", shard)).to_pylist()]
    values = {row["key"]: row["image_entropy"] for row in rows if not math.isnan(row["image_entropy"])}
    rising = sorted(values, key=lambda key: (values[key], key))
    shown = {item["key"] for item in parsed(out)[1]["items"]}
    assert [len(shown & set(part)) for part in np.array_split(rising, 10)] == [1] * 10


def test_candidates_are_bounded_and_the_same_for_any_bound(corpus: Corpus) -> None:
    everything = label.candidates(corpus, 10_000)
    assert len(everything) == 27 and label.candidates(corpus, 5) == everything[:5]


def test_a_recipe_leaves_only_what_it_keeps(corpus: Corpus, tmp_path: Path) -> None:
    recipe, out = load("wudaomm"), tmp_path / "label.html"
    cluster(corpus, engine=LOCAL)
    with pytest.raises(BadInput, match="tuwen judge"):
        label.label(corpus, 5, str(out), recipe=recipe)
    judge(corpus, recipe, engine=LOCAL)
    label.label(corpus, 500, str(out), recipe=recipe)
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.ledger("wudaomm", shard)).to_pylist()]
    assert {item["key"] for item in parsed(out)[1]["items"]} == {row["key"] for row in rows if not row["verdict"]}


HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "\u2028\u2029", "=cmd|'/c calc'!A1", "\ud800", "\0\x1b[31m",
    "\u202egnp.exe", "{{ 7*7 }}", "' onload='x", "&lt;b&gt;", "]]>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_place(text: str, tmp_path: Path) -> None:
    items = [label.Item("0" * 32, label.printable(text), "data:image/jpeg;base64,AA==")]
    path = tmp_path / "page.html"
    path.write_bytes(label.page(items, text))
    page, data = parsed(path)
    plain, _ = parsed_of(label.page([label.Item("0" * 32, "红烧肉", items[0].picture)], "plain"), tmp_path)
    assert page.tags == plain.tags  # the text has made no element
    assert data["items"][0]["text"] == items[0].text
    assert "<script>alert" not in path.read_text("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", path.read_text("utf-8"))


def parsed_of(data: bytes, folder: Path) -> tuple[Page, dict[str, Any]]:
    path = folder / "plain.html"
    path.write_bytes(data)
    return parsed(path)


def test_what_cannot_be_shown_says_so(corpus: Corpus, tmp_path: Path) -> None:
    out = str(tmp_path / "x.html")
    with pytest.raises(BadInput, match="its values are words"):
        label.label(corpus, 5, out, signal="text_script")
    with pytest.raises(BadInput, match="at least 1"):
        label.label(corpus, 0, out)
    assert not Path(out).exists()
