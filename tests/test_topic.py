"""The topic family: what a caption and a source say a pair is about, and files of classes by other people."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from filters import FAMILIES, Sample, measure
from filters.topic import Words, family
from filters.topics import OTHER, cleaned, load, packaged
from pipelines.cli import app
from pipelines.measure import check
from schemas.errors import BadInput

GOLDEN = Path(__file__).parent / "golden" / "topics.tsv"
WORDS = Words.of(packaged())


def golden() -> list[tuple[str, str]]:
    """(class, caption) of the table."""
    lines = GOLDEN.read_text("utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines if not line.startswith("#")]


def test_the_nineteen_classes_are_told_by_captions() -> None:
    wrong = {text: (told.name, name) for name, text in golden() if (told := WORDS.tell(text)).name != name}
    assert not wrong
    assert {name for name, _ in golden()} == {*(one.name for one in packaged().classes), OTHER}
    assert len(packaged().classes) == 19


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("电影海报", "sea"), ("大海报", "sea"), ("上海滩", "sea"), ("上海水产市场", "sea"),
        ("推出海外版", "sea"), ("花费预算", "flower"), ("西兰花", "flower"), ("公司花开支", "flower"),
        ("心花开", "flower"), ("红烧狮子头", "animal"), ("扩大象征意义", "animal"), ("斑马线", "animal"),
        ("火车站", "car"), ("长途车站", "car"), ("草原上奔驰的骏马", "car"), ("黑森林蛋糕", "tree"),
        ("进一步扩大树立", "tree"), ("文化学院", "science"), ("现代化学校", "science"), ("药物理疗", "science"),
        ("背景点缀", "travel"), ("新办公园区", "travel"), ("大理石", "travel"), ("以中华为主", "technology"),
        ("理智能够", "technology"), ("选手机会", "technology"), ("運動鞋", "sports"),
        ("Hair dryer", "technology"), ("小朋友", "social"),
    ],
)  # fmt: skip
def test_a_word_inside_another_does_not_count(text: str, never: str) -> None:
    assert WORDS.tell(text).name != never


def test_the_score_is_the_share_of_the_words_with_a_doubt() -> None:
    assert WORDS.tell("郁金香") == ("flower", 3 / 5, 3 / 5, "words")
    assert WORDS.tell("郁金香 郁金香") == WORDS.tell("郁金香")  # once is enough
    assert WORDS.tell("郁金香与汽车") == ("flower", 3 / 7, 1 / 7, "words")
    assert WORDS.tell("清洁能源与再生") == ("energy", 4 / 6, 4 / 6, "words")
    assert WORDS.tell("可再生能源") == ("energy", 4 / 6, 4 / 6, "words")  # no longer word is heavier than four
    assert WORDS.tell("第三道") == (OTHER, 0, 0, "none")
    assert WORDS.tell("餐桌 客厅") == (OTHER, 4 / 6, 4 / 6, "words")


def test_ties_go_by_the_overlaps_then_to_the_last_that_is_no_place() -> None:
    assert ("sea", "landscape") in packaged().before()
    assert WORDS.tell("海边与草原").name == WORDS.tell("草原与海边").name == "sea"
    assert ("flower", "tree") in packaged().before()
    assert WORDS.tell("大树与樱花").name == WORDS.tell("樱花与大树").name == "flower"
    assert WORDS.tell("海边的汽车").name == "car"
    assert WORDS.tell("小狗趴在沙发上").name == "animal"
    assert WORDS.tell("小狗沙发").name == OTHER


def test_latin_words_are_whole_words_in_either_case() -> None:
    assert WORDS.tell("一辆SUV").name == WORDS.tell("suv 2023").name == "car"
    assert WORDS.tell("suvs").name == WORDS.tell("xsuv").name == WORDS.tell("suv2").name == OTHER


parts = st.sampled_from([*"海报上花树车大猫狗的 aAi5\ud800\u202e", "汽车", "海边", "樱花", "狮子头", "運動"])
texts = st.lists(parts, max_size=40).map("".join)


@given(texts)
def test_words_found_are_in_the_text_and_never_overlap(text: str) -> None:
    clean = cleaned(text)
    found = WORDS.find(clean)
    assert all(clean[one.start : one.end] == one.word for one in found)
    assert all(one.end <= after.start for one, after in pairwise(found))
    told = WORDS.tell(text)
    assert 0 <= told.margin <= told.score < 1
    assert (told.source == "none") == (not found) == (told.score == 0)


@given(st.lists(texts, max_size=12), st.integers(1, 12))
def test_any_split_gives_the_same(some: list[str], batch: int) -> None:
    samples = [Sample(str(number), text, given="荤菜" * (number % 3 == 0)) for number, text in enumerate(some)]
    whole = measure([FAMILIES["topic"]], samples)["topic"]
    parts = [measure([FAMILIES["topic"]], samples[at : at + batch])["topic"] for at in range(0, len(samples), batch)]
    assert [row for part in parts for row in part.to_pylist()] == whole.to_pylist()


def test_a_class_that_the_source_gives_wins_as_it_is() -> None:
    samples = [Sample("a", "一只小猫", given="荤菜"), Sample("b", "一只小猫", given="\ud800"), Sample("c", "一只小猫")]
    rows = measure([FAMILIES["topic"]], samples)["topic"].to_pylist()
    assert [row["topic_class"] for row in rows] == ["荤菜", "\ufffd", "animal"]
    assert [row["topic_source"] for row in rows] == ["source", "source", "words"]
    assert rows[0]["topic_score"] == rows[0]["topic_margin"] == 1


def test_a_text_of_a_megabyte_is_looked_at_as_far_as_captions_go() -> None:
    assert WORDS.tell("猫" * 1_000_000) == ("animal", 1 / 3, 1 / 3, "words")
    assert WORDS.tell("的" * 1_000_000 + "猫").source == "none"


# Files of classes by other people.

FILE = """close = 0.25
close_why = "a test"
[[class]]
name = "red"
chinese = "红"
prompts = ["红", "一张红图"]
words = ["红色"]
stop = ["红色旅游"]
[[class]]
name = "green"
chinese = "绿"
prompts = ["绿"]
words = ["绿色"]
[[class]]
name = "blue"
chinese = "蓝"
prompts = ["蓝"]
words = ["蓝色"]
[other]
words = ["说明书"]
[[overlap]]
first = "green"
second = "blue"
why = "a test"
"""


CIRCLE = """[[overlap]]
first = "blue"
second = "green"
why = "a test"
[[overlap]]"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sound file of three classes."""
    path = tmp_path / "colours.toml"
    path.write_text(FILE, "utf-8")
    return path


def test_a_users_file_is_read_and_its_words_are_used(file: Path) -> None:
    topics = load(str(file))
    assert Words.of(topics).tell("紅色的图").name == "red"
    assert Words.of(topics).tell("红色旅游").name == OTHER
    assert Words.of(topics).tell("小猫").source == "none"
    assert family(topics).digests() != FAMILIES["topic"].digests()


def test_the_digest_is_of_what_is_said_and_not_of_how(file: Path) -> None:
    before = load(str(file)).digest
    file.write_text("# a comment\n" + FILE.replace("= ", " =   "), "utf-8")
    assert load(str(file)).digest == before
    file.write_text(FILE.replace('"绿色"', '"绿色", "碧绿"'), "utf-8")
    assert load(str(file)).digest != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('close = 0.25', 'close = "x"', r"`\$\.close`"),
        ("close = 0.25", "close = 2.5", "close = 2.5: a fraction"),
        ("close = 0.25", "close = nan", "close = nan: a fraction"),
        ("close = 0.25\n", "", "missing required field `close`"),
        ("[[class]]", "[[classes]]", "unknown field `classes`"),
        ('name = "red"', 'name = "red"\ncolor = 1', r"unknown field `color` - at `\$\.class\[0\]`"),
        ('name = "red"', 'name = "Red"', r"class\[0\] \(Red\): name: lower-case"),
        ('name = "red"', 'name = "other"', r"class\[0\] \(other\): name: .* not other"),
        ('name = "green"', 'name = "red"', r"class\[1\] \(red\): class\[0\] \(red\) has the same name"),
        ('prompts = ["绿"]', "prompts = []", r"class\[1\] \(green\): prompts is empty"),
        ('prompts = ["绿"]', 'prompts = [" "]', r"class\[1\] \(green\): prompts: one of them is blank"),
        ('words = ["绿色"]', "words = []", r"class\[1\] \(green\): words is empty"),
        ('words = ["绿色"]', 'words = [""]', r"class\[1\] \(green\): words: '' is blank"),
        ('words = ["绿色"]', 'words = ["綠色"]', r"words: '綠色' would never be found; write it as '绿色'"),
        ('words = ["绿色"]', 'words = ["Green"]', r"write it as 'green'"),
        ('words = ["绿色"]', 'words = ["绿色", "红色"]', r"\(green\): words: '红色' is there already, in class\[0\]"),
        ('"说明书"', '"红色"', r"other: words: '红色' is there already"),
        ('stop = ["红色旅游"]', 'stop = ["红色"]', r"class\[0\] \(red\): stop: '红色' is among its words"),
        ('first = "green"', 'first = "gren"', r"overlap\[0\]: no class 'gren'; there are: red, green, blue"),
        ('first = "green"', 'first = "blue"', r"overlap\[0\]: blue before blue"),
        ("[[overlap]]", CIRCLE, r"overlap\[1\]: green before blue: by the others it comes after"),
        ("[other]", "[other", "not TOML"),
    ],
)  # fmt: skip
def test_a_fault_in_a_users_file_is_named_with_its_place(file: Path, old: str, new: str, said: str) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new, -1 if old == "[[class]]" else 1), "utf-8")
    with pytest.raises(BadInput, match=said) as error:
        load(str(file))
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"close = \xff")
    for path in (tmp_path / "none.toml", tmp_path, latin):
        done = CliRunner().invoke(app, ["measure", str(tmp_path), "--topics", str(path)])
        assert isinstance(done.exception, BadInput)
        assert str(path) in str(done.exception)


def test_options_that_no_family_asks_for_are_refused() -> None:
    assert check([])[-1] == "topic"
    assert check(["topic"], ["hf:x"], "x.toml") == ("topic",)
    with pytest.raises(BadInput, match=r"--topics x.toml: .* add --family topic"):
        check(["text"], topics="x.toml")
