"""Topics of a corpus: by a model, by words, by the source; and the classes of its ledgers."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from apache_beam.internal import pickler
from colours import colour_crawl, write_model
from hypothesis import given
from hypothesis import strategies as st

from filters import models as kinds
from filters.topics import OTHER, Class, Other, Overlap, Topics
from filters.zero_shot import answers, class_vectors
from pipelines import files, topical
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.funnel import funnel
from pipelines.judge import judge
from pipelines.measure import measure
from pipelines.models import Chosen
from pipelines.pair import pair
from pipelines.report import report
from schemas.errors import BadInput, WorkFailed
from schemas.recipe import Recipe, load

LOCAL = Engine()
COLOURS = Topics(
    (
        Class("red", "红", ("红", "一张红图"), ("红色",)),
        Class("green", "绿", ("绿",), ("绿色",)),
        Class("blue", "蓝", ("蓝",), ("蓝色",)),
    ),
    close=0.25,
    close_why="a test",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Chosen]:
    """A model that knows colours, one that takes each for the next, and one that is a demo."""
    root = tmp_path_factory.mktemp("models")
    refs = {
        "colours": write_model(root / "a"),
        "blind": write_model(root / "b", "blind", blind=True),
        "demo": write_model(root / "c", "shows", demo=True),
    }
    return {name: Chosen(ref, "cpu") for name, ref in refs.items()}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crawl that is paired, with a class of its source for one picture, to be copied."""
    crawl = colour_crawl(tmp_path_factory.mktemp("crawled"), 16)
    crawl.found[0]["class"] = "荤菜"
    corpus = crawl.write()
    pair(corpus, engine=LOCAL)
    return Path(corpus.root)


@pytest.fixture
def corpus(crawled: Path, tmp_path: Path) -> Corpus:
    """A paired corpus of one's own."""
    shutil.copytree(crawled, tmp_path / "corpus")
    return Corpus(str(tmp_path / "corpus"))


def told(corpus: Corpus) -> list[dict[str, Any]]:
    """Every pair with its topic."""
    rows = []
    for shard in corpus.shards():
        pairs, topics = (pq.read_table(path) for path in (corpus.pairs(shard), corpus.signals("topic", shard)))
        assert pairs.column("key").equals(topics.column("key"))
        rows += [a | b for a, b in zip(pairs.to_pylist(), topics.to_pylist(), strict=True)]
    return rows


def digests(corpus: Corpus) -> dict[str, str]:
    """The digest of every file of topics."""
    paths = Path(corpus.path("signals", "topic")).iterdir()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_real_model_tells_what_pictures_show_and_words_the_rest(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["match", "topic"], engine=LOCAL, models=(models["blind"],), topics=COLOURS)
    rows = told(corpus)
    takes = {
        "红": "green",
        "绿": "blue",
        "蓝": "red",
    }  # so it is the model that tells
    reads = {"红": "red", "绿": "green", "蓝": "blue"}
    assert {row["topic_source"] for row in rows} == {"source", "match_blind", "words", "none"}
    for row in rows:
        colour = next(name for name in "红绿蓝" if name in row["text"])
        if row["topic_source"] == "source":
            assert (row["topic_class"], row["topic_score"]) == ("荤菜", 1)
        elif row["topic_source"] == "match_blind":
            assert row["topic_class"] == takes[colour]
            assert row["topic_score"] > 0.9 and row["topic_margin"] > 0.5
        else:  # pictures that do not decode
            assert row["topic_class"] == (reads[colour] if f"{colour}色" in row["text"] else OTHER)


def test_told_together_and_apart_and_again_is_the_same(
    corpus: Corpus, crawled: Path, tmp_path: Path, models: dict[str, Chosen]
) -> None:
    topics, both = COLOURS, (models["demo"], models["colours"], models["blind"])
    measure(corpus, ["match"], engine=LOCAL, models=both, topics=topics)
    by, shards = topical.teller(topics, both), corpus.shards()
    model = kinds.load(models["colours"].ref, "cpu", "fp32")
    sent = pickler.loads(pickler.dumps(topical.Tell(corpus, shards, by, class_vectors(model, topics))))
    for shard in reversed(shards):  # as another process would
        topical.tell_shard(shard, sent.corpus, sent.by, sent.vectors)
    together = digests(corpus)
    assert {row["topic_source"] for row in told(corpus)} >= {"match_colours"}  # the first that is no demo
    shutil.copytree(crawled, tmp_path / "apart")
    apart = Corpus(str(tmp_path / "apart"))
    for families in (["match", "topic"], ["topic"]):
        measure(apart, families, engine=LOCAL, models=both[1:], topics=topics)
    assert set(digests(apart).values()) == set(together.values())
    times = {path: path.stat().st_mtime_ns for path in Path(apart.path("signals")).rglob("*.parquet")}
    measure(apart, ["topic"], engine=LOCAL, models=both[1:], topics=topics)
    assert times == {path: path.stat().st_mtime_ns for path in times}
    measure(apart, ["topic"], engine=LOCAL, models=both[1:])
    assert set(digests(apart).values()) != set(together.values())


def test_without_vectors_it_says_what_to_run(corpus: Corpus, models: dict[str, Chosen]) -> None:
    with pytest.raises(BadInput, match=f"no vectors .* by colours.*run: tuwen measure {corpus.root} --model onnx:"):
        measure(corpus, ["text", "topic"], engine=LOCAL, models=(models["colours"],))
    assert not Path(corpus.signals("text", corpus.shards()[0])).exists()  # it is said before the work


def test_a_demo_model_is_not_asked(corpus: Corpus, models: dict[str, Chosen]) -> None:
    assert topical.teller(COLOURS, (models["demo"], models["blind"])).name == "blind"
    measure(corpus, ["topic"], engine=LOCAL, models=(models["demo"],), topics=COLOURS)
    assert {row["topic_source"] for row in told(corpus)} == {"source", "words", "none"}


def test_a_class_of_the_source_that_changes_is_told_anew(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["topic"], engine=LOCAL, models=(models["demo"],))
    for path in Path(corpus.path("crawl", "found")).glob("*.parquet"):
        table = pq.read_table(path)
        at = table.schema.get_field_index("class")
        pq.write_table(table.set_column(at, table.schema.field(at), [["素菜"] * len(table)]), path)
    pair(corpus, engine=LOCAL)
    measure(corpus, ["topic"], engine=LOCAL, models=(models["demo"],))
    assert {row["topic_class"] for row in told(corpus)} == {"素菜"}


def test_what_a_model_cannot_read_is_named(models: dict[str, Chosen]) -> None:
    model = kinds.load(models["colours"].ref, "cpu", "fp32")
    english = Class("green", "绿", ("green grass",), ("绿色",))
    topics = Topics((COLOURS.classes[0], english), 0.25, "a test")
    with pytest.raises(BadInput, match="the model colours reads none of the prompts of the class green"):
        class_vectors(model, topics)
    broken = Topics((COLOURS.classes[0], Class("bad", "坏", ("坏",), ("坏",))), 0.25, "a test")
    with pytest.raises(WorkFailed, match="no number for the prompt '坏'"):
        class_vectors(model, broken)


def topics_of(*names: str, before: tuple[tuple[str, str], ...] = (), other: int = 0) -> Topics:
    """Classes of these names, the close a quarter."""
    classes = tuple(Class(name, name, ("x",), (name,)) for name in names)
    overlaps = tuple(Overlap(first, second, "a test") for first, second in before)
    return Topics(classes, 0.25, "a test", Other(prompts=("x",) * other), overlaps)


def named(scores: list[float], topics: Topics, others: int = 0) -> str:
    """The class of a picture whose cosines with the classes are these."""
    width = len(scores)
    picture = np.asarray([scores], np.float64)
    picture = np.concatenate([picture, np.sqrt(1 - (picture**2).sum(axis=1, keepdims=True))], axis=1)
    return answers(picture.astype(np.float16), np.eye(width, width + 1, dtype=np.float32), topics).names[0]


def test_close_answers_are_settled_by_an_overlap_or_are_none() -> None:
    topics = topics_of("sea", "landscape", "car", before=(("sea", "landscape"),))
    assert named([0.10, 0.50, 0.10], topics) == "landscape"
    assert named([0.48, 0.50, 0.10], topics) == "sea"
    assert named([0.10, 0.50, 0.48], topics) == OTHER
    assert named([0.45, 0.44, 0.46], topics) == "car"
    assert named([0.25, 0.30, 0.296], topics) == OTHER


@pytest.mark.parametrize("scale", [1, 0.1])
def test_how_close_is_close_is_the_models_own_scale(scale: float) -> None:
    topics = topics_of("sea", "landscape", "car", before=(("sea", "landscape"),))
    base = np.array([0.3, 0.3, 0.3])
    assert named(list(base + scale * np.array([0.18, 0.20, -0.20])), topics) == "sea"
    assert named(list(base + scale * np.array([0.10, 0.20, -0.20])), topics) == "landscape"
    assert named(list(base + scale * np.array([-0.20, 0.20, 0.18])), topics) == OTHER


def test_what_looks_like_other_is_other() -> None:
    topics = topics_of("sea", "car", other=2)
    assert named([0.3, 0.1, 0.1, 0.1], topics) == "sea"
    assert named([0.3, 0.1, 0.1, 0.6], topics) == OTHER
    assert named([0.3, 0.1, 0.1, 0.29], topics) == OTHER


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True), st.integers(1, 9))
def test_a_picture_has_one_answer_whatever_stands_beside_it(seeds: list[int], cut: int) -> None:
    topics = topics_of(*"abcdef", other=2)
    rows = np.concatenate([np.random.default_rng(seed).normal(size=(4, 12)) for seed in seeds])
    pictures = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    vectors = np.random.default_rng(1).normal(size=(8, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole, parts = (
        answers(pictures, vectors, topics),
        [answers(one, vectors, topics) for one in np.split(pictures, [cut])],
    )
    assert whole.names == [name for part in parts for name in part.names]
    assert np.array_equal(whole.scores, np.concatenate([part.scores for part in parts]))
    assert np.array_equal(whole.margins, np.concatenate([part.margins for part in parts]))
    assert (whole.margins >= 0).all()


# In ledgers.


def recipe() -> Recipe:
    """A recipe that keeps what it is told, and draws a base over the classes."""
    keep = '[[keep]]\nsignal = "text_han"\nmin = 1\nwhy = "x"\n'
    text = f'name = "t"\n{keep}[base]\nsize = 6\nfrom = "kept"\nfloor = 1\n'
    return msgspec.toml.decode(text, type=Recipe)


def test_ledgers_have_the_class_of_the_source_the_topic_or_other(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["text"], engine=LOCAL)
    judge(corpus, recipe(), engine=LOCAL)
    assert classes(corpus) == {"荤菜": 1, OTHER: 31}
    measure(corpus, ["topic"], engine=LOCAL, models=(models["demo"],), topics=COLOURS)
    judge(corpus, recipe(), engine=LOCAL)
    assert classes(corpus) == {"荤菜": 1, "red": 5, "green": 5, "blue": 5, OTHER: 16}
    counted = funnel(corpus, recipe()).classes
    assert sum(pairs for pairs, _, _ in counted.values()) == sum(kept for _, kept, _ in counted.values()) == 32
    assert next(iter(counted)) == OTHER
    assert counted["荤菜"] == (1, 1, 1)
    assert all(1 <= base <= 2 for _, _, base in counted.values())
    assert sum(base for _, _, base in counted.values()) == 6
    page = report(corpus, recipe(), funnel(corpus, recipe())).decode()
    assert "<tr><td><bdi>荤菜</bdi></td><td>1</td><td>1</td><td>1</td></tr>" in page


def test_topics_that_are_not_of_every_shard_are_measured_first(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["text", "topic"], engine=LOCAL, models=(models["demo"],))
    Path(corpus.signals("topic", corpus.shards()[-1])).unlink()
    with pytest.raises(BadInput, match=r"topic.*not there yet; run: tuwen measure"):
        judge(corpus, recipe(), engine=LOCAL)


def test_a_recipe_may_name_topics(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    keep = '[[keep]]\nsignal = "topic_class"\none_of = ["sea"]\nwhy = "x"\n'
    path.write_text(f'name = "r"\n{keep}[[keep]]\nsignal = "topic_margin"\nmin = 0.1\nwhy = "x"\n', "utf-8")
    assert load(str(path)).columns() == ["topic_class", "topic_margin"]


def classes(corpus: Corpus) -> dict[str, int]:
    """How many pairs of the ledger have which class."""
    found: dict[str, int] = {}
    for shard in corpus.shards():
        for name in files.read_table(corpus.ledger("t", shard), ["class"]).column("class").to_pylist():
            found[name] = found.get(name, 0) + 1
    return found
