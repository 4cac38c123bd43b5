"""The funnel and the report, on corpora with real pictures, a broken one, and texts that mean harm."""

from __future__ import annotations

import base64
import io
import math
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines import best, files
from pipelines.charts import HEIGHT, WIDTH, chart, number, short
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.examples import printable
from pipelines.funnel import funnel, percent, rows
from pipelines.histograms import histograms, numeric
from pipelines.judge import judge
from pipelines.report import report
from schemas import recipe as recipes
from schemas.errors import BadInput
from schemas.recipe import Keep, Recipe
from schemas.tables import LOG

DEMO = recipes.load("demo")
HOSTILE = "<script>alert(1)</script>\x00\x1b[31m\u202e\"'&<img src=http://evil.example/x>"


@pytest.fixture(scope="module")
def corpus(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Twenty good pairs, one with a hostile text, one whose picture is cut off."""
    cut = bench.picture(77, size=(400, 300))[:700]
    pairs = [replace(pair, signals={"image_width": 300 + 10 * at}) for at, pair in enumerate(bench.plant(20))]
    pairs.append(bench.planted(bench.picture(50), HOSTILE, tier="strong", class_=HOSTILE, base=True))
    pairs.append(bench.planted(cut, "清蒸鱼", tier="", verdict="image_decodes", signals={"image_width": 0}))
    return bench.corpus(tmp_path_factory.mktemp("report"), pairs)


@pytest.fixture(scope="module")
def page(corpus: Corpus) -> str:
    return report(corpus, DEMO, funnel(corpus, DEMO)).decode()


class Seen(HTMLParser):
    """Every start tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_funnel_counts_what_the_files_hold(corpus: Corpus) -> None:
    counted = funnel(corpus, DEMO)
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.ledger("demo", shard)).to_pylist()]
    verdicts, tiers = Counter(row["verdict"] for row in rows), Counter(row["tier"] for row in rows)
    assert (counted.found, counted.fetched, counted.measured, counted.kept) == (23, 22, 22, verdicts[""])
    assert (counted.weak, counted.strong) == (tiers["weak"], tiers["strong"])
    assert counted.base == sum(row["base"] for row in rows) > 0
    assert list(counted.verdicts) == DEMO.verdicts()
    assert counted.verdicts["too_small"] == verdicts["too_small"] == 2
    assert counted.verdicts["image_decodes"] == 1
    assert sum(counted.verdicts.values()) + counted.kept == counted.measured
    for names in (counted.sites, counted.sources):
        assert sum(names.values()) == counted.kept
        assert list(names.values()) == sorted(names.values(), reverse=True)
    pairs, kept, base = zip(*counted.classes.values(), strict=True)
    assert (sum(pairs), sum(kept), sum(base)) == (22, counted.kept, counted.base)
    assert list(pairs) == sorted(pairs, reverse=True)
    assert counted.outcomes == {"ok": 22, "http_error": 1}
    assert counted.pages == {"ok": 1}


def test_a_url_counts_once_as_its_last_round_ended(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(3))
    path = corpus.crawl("log", "00000.parquet")
    first = pq.read_table(path).to_pylist()
    later = [row | {"round": 1, "outcome": "timeout" if row["outcome"] == "ok" else "ok"} for row in first]
    files.write_table(corpus.crawl("log", "00001.parquet"), pa.Table.from_pylist(later, LOG), "test")
    assert funnel(corpus, DEMO).outcomes == {"timeout": 3, "ok": 1}


def test_the_rows_for_the_terminal_lead_from_found_to_base(corpus: Corpus) -> None:
    counted = funnel(corpus, DEMO)
    told = rows(counted, counted.verdicts)
    assert told[0] == ("found", "23", "100.0%")
    steps = [name for name, _, _ in told if not name.startswith(" ")]
    assert steps == ["found", "fetched", "measured", "kept", "weak", "strong", "base"]
    assert ("  − too_small", "2", "8.7%") in told
    assert ("  − not fetched", "1", "4.3%") in told


def test_a_corpus_that_was_not_judged_says_what_to_run(corpus: Corpus) -> None:
    with pytest.raises(BadInput, match=r"tuwen judge .* --recipe …/other\.toml"):
        funnel(corpus, Recipe(name="other"))


def test_the_same_corpus_gives_the_same_bytes(corpus: Corpus, page: str) -> None:
    assert report(Corpus(corpus.root), recipes.load("demo"), funnel(corpus, DEMO)).decode() == page


def test_a_hostile_text_is_text(page: str) -> None:
    seen = Seen(page)
    assert printable(HOSTILE) in seen.text
    assert not {"script", "iframe", "object", "link"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)


def test_the_page_asks_nothing_of_anyone(page: str) -> None:
    seen = Seen(page)
    asked = [value for _, attrs in seen.tags for name, value in attrs.items() if name in ("src", "href", "srcset")]
    assert asked
    assert all((value or "").startswith("data:image/jpeg;base64,") for value in asked)
    assert "url(" not in page
    assert "@import" not in page
    policy = [attrs["content"] for tag, attrs in seen.tags if tag == "meta" and "http-equiv" in attrs]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_step_of_the_recipe_is_there_with_its_reason(page: str) -> None:
    text = Seen(page).text
    for step in (*DEMO.keep, *DEMO.once):
        assert step.verdict in text
        assert step.why in text
    assert "image_width ≥ 200" in text
    assert "text_is_filename is false" in text
    assert "at most 3 for each image_cluster" in text


def test_thumbnails_are_small_jpegs_and_a_broken_picture_is_a_box(page: str) -> None:
    sources = [attrs["src"] or "" for tag, attrs in Seen(page).tags if tag == "img"]
    for source in sources:
        with Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= 128
            assert not image.getexif()
    assert page.count("does not decode</span>") == 1
    assert "清蒸鱼" in page


def test_histograms_count_every_pair_and_what_the_recipe_leaves_out(corpus: Corpus) -> None:
    found = {histogram.signal: histogram for histogram in histograms(corpus, DEMO)}
    assert list(found) == [name for name in numeric(DEMO) if name in found]
    width = found["image_width"]
    assert (sum(width.inside), sum(width.outside), width.dropped, width.total) == (20, 2, 2, 22)
    assert [(bound.value, bound.at) for bound in width.bounds] == [(200, 199.5)]
    for histogram in found.values():
        assert sum(histogram.inside) + sum(histogram.outside) + histogram.undrawn == 22
        for bar in chart(histogram).bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
            assert bar.inside + bar.outside <= HEIGHT


@pytest.mark.parametrize(
    ("signal", "values", "says"),
    [
        ("image_entropy", [-0.2175, -0.2034, 0.4], ["-0.218 to -0.202: 2", "0.385 to 0.4: 1"]),
        ("image_entropy", [12.0001, 12.0002], ["12.0001 to 12.0001025: 1", "12.0001978 to 12.0002003: 1"]),
        ("image_width", [12, 13, 50], ["12: 1", "13: 1", "50: 1"]),
    ],
)
def test_a_bar_says_what_it_holds(
    bench: Any, tmp_path: Path, signal: str, values: list[float], says: list[str]
) -> None:
    pairs = [
        bench.planted(bench.picture(at), f"第{at}道菜", signals={signal: value}) for at, value in enumerate(values)
    ]
    recipe = replace_keeps(DEMO, Keep(signal, "a test", min=values[0]))
    (histogram,) = histograms(bench.corpus(tmp_path, pairs), recipe)
    titles = [bar.title for bar in chart(histogram).bars]
    assert titles == says


def test_a_histogram_leaves_out_what_the_judge_drops_by_top(bench: Any, tmp_path: Path) -> None:
    values = [0.5, 3.0, math.nan, -1.0, 2.5, 2.5, 2.5, 0.0, 7.25, 2.5, 4.0]
    pairs = [
        bench.planted(bench.picture(at), f"第{at}道菜", signals={"image_entropy": value})
        for at, value in enumerate(values)
    ]
    corpus = bench.corpus(tmp_path, pairs)
    keep = Keep("image_entropy", "a test", top=0.5, skip=0.1)  # of ten: five, but for the very best
    recipe = Recipe(name="top", keep=(keep,))
    (histogram,) = histograms(corpus, recipe)
    judge(corpus, recipe, engine=Engine())
    dropped = funnel(corpus, recipe).verdicts["image_entropy"]
    assert (sum(histogram.inside), histogram.dropped, histogram.undrawn) == (4, 7, 1)
    assert histogram.dropped == dropped
    assert [(bound.value, bound.is_min) for bound in histogram.bounds] == [(2.5, True), (7.25, False)]


@given(st.lists(st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0]), max_size=30), st.floats(0.01, 1))
def test_the_last_inside_a_fraction_is_that_of_a_sort(values: list[float], top: float) -> None:
    for signal in ("image_entropy", "text_repetition"):  # of the second, low is good
        keep = Keep(signal, "a test", top=top)
        halves = [np.array(values[:7], np.float64), np.array(values[7:], np.float64)]
        found = best.lasts(keep, partial(list, halves))
        ranked = sorted((v for v in values if not math.isnan(v)), reverse=not best.low_is_good(keep))
        count = math.floor(top * len(ranked))
        inside = best.Inside(keep, found)
        chosen = np.concatenate([half[inside(half)] for half in halves])
        assert sorted(chosen.tolist()) == sorted(ranked[:count])
        assert [last.value for last in found.values()] == ranked[count - 1 : count][: 1 if count else 0]


LONG = [1, 2, 3, 5, 8, 0, 1, 2, 100_000]


def test_a_long_tail_gets_a_logarithmic_axis_and_says_what_it_cannot_draw(bench: Any, tmp_path: Path) -> None:
    pairs = [
        bench.planted(bench.picture(at), f"第{at}道菜", signals={"image_pixels": value, "image_entropy": math.nan})
        for at, value in enumerate(LONG)
    ]
    recipe = replace_keeps(DEMO, Keep("image_pixels", "a test", max=5), Keep("image_entropy", "a test", min=1))
    (histogram,) = [each for each in histograms(bench.corpus(tmp_path, pairs), recipe) if each.bounds]
    assert histogram.log
    assert (sum(histogram.inside), sum(histogram.outside), histogram.undrawn, histogram.dropped) == (6, 2, 1, 2)
    drawn = chart(histogram)
    assert [mark.label for mark in drawn.bounds] == ["≤ 5"]
    assert [mark.label for mark in drawn.ticks] == ["1", "10", "100", "1,000", "10k", "100k"]
    (x, width), *_ = drawn.shades
    assert x + width == pytest.approx(WIDTH)


def replace_keeps(recipe: Recipe, *keeps: Keep) -> Recipe:
    return Recipe(name=recipe.name, keep=keeps)


@given(st.floats(-1e15, 1e15, allow_nan=False), st.integers(0, 10**9), st.integers(1, 10**9))
def test_numbers_read_as_numbers(value: float, part: int, whole: int) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=6e-3, abs=1e-300)
    assert len(short(value)) <= 12
    assert (percent(part, whole) == "0.0%") == (part == 0)


@given(st.text())
def test_a_printable_text_keeps_its_length_and_has_no_controls(text: str) -> None:
    shown = printable(text)
    assert len(shown) == min(len(text), 240)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", shown)


def test_the_page_says_which_class_is_short_of_the_floor_and_by_how_much(corpus: Corpus, page: str) -> None:
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.ledger("demo", shard)).to_pylist()]
    drawn = Counter(row["class"] for row in rows if row["base"])
    missing = {name: 4 - drawn[name] for name in {row["class"] for row in rows} if drawn[name] < 4}
    assert missing[HOSTILE] == 3
    said = Seen(page).text.split("Short of the floor of 4:")[1].split(".\n")[0]
    assert all(f"{printable(name)} by {count}, with {drawn[name]}" in said for name, count in missing.items())
