"""The text family on golden tables, and the properties that hold for any text."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import language as languages
from filters import text, writing
from filters.interface import model_of

GOLDEN = Path(__file__).parent / "golden"
ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates included


def golden(name: str) -> list[tuple[str, str]]:
    lines = (GOLDEN / f"text_{name}.tsv").read_text("utf-8").splitlines()[1:]
    rows = [tuple(line.rsplit("\t", 1)) for line in lines]
    assert len(rows) >= 20
    return rows  # type: ignore[return-value]


def yes_no(function: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda value: str(function(value)).lower()


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("language", text.language),
        ("script", text.script),
        ("filename", yes_no(text.is_filename)),
        ("boilerplate", yes_no(text.is_boilerplate)),
    ],
)
def test_golden_tables(name: str, function: Callable[[str], str]) -> None:
    wrong = [(value, expected, function(value)) for value, expected in golden(name) if function(value) != expected]
    assert wrong == []


def test_the_model_alone_gets_short_chinese_wrong_and_the_rule_right() -> None:
    model = model_of(languages.Language())
    assert model.predict("番茄炒蛋")[0] == ("__label__ja",)
    assert languages.identify("番茄炒蛋", model) == ("zh", 1.0)


def test_a_caption_of_which_the_model_knows_no_part_is_still_surely_chinese() -> None:
    assert languages.identify("杭州西湖断桥残雪", model_of(languages.Language())) == ("zh", 1.0)


def test_latin_words_take_their_share_of_the_score() -> None:
    assert languages.identify("iPhone 手机壳", model_of(languages.Language())) == ("zh", 0.75)


@pytest.mark.parametrize(
    ("character", "block"),
    [
        ("一", "unified"), ("㐀", "A"), ("\U00020000", "B"), ("\U0002a700", "C"), ("\U0002b740", "D"),
        ("\U0002b820", "E"), ("\U0002ceb0", "F"), ("\U00030000", "G"), ("\U00031350", "H"), ("\U0002ebf0", "I"),
        ("\U000323b0", "J"), ("豈", "compatibility"), ("\U0002f800", "compatibility supplement"), ("々", "mark"),
        ("〇", "zero"), ("⼀", "radical"), ("⺀", "radical"), ("鿿", "last unified"),
    ],
)  # fmt: skip
def test_every_block_of_han_counts(character: str, block: str) -> None:
    assert text.han(character) == 1, block


@pytest.mark.parametrize("character", ["あ", "ア", "ー", "한", "A", "Ａ", "1", "，", "。", "「", "\u3000", "🍜"])
def test_what_stands_beside_han_is_not_han(character: str) -> None:
    assert text.han(character) == 0


def test_traditional_text_becomes_simplified_phrase_by_phrase() -> None:
    assert text.simplify("著作權") == "著作权"  # 著 alone would become 着
    assert text.simplify("乾隆皇帝吃餅乾") == "乾隆皇帝吃饼干"


def test_lone_surrogates_can_be_stored_afterwards() -> None:
    assert text.simplify("紅\ud800燒").encode("utf-8").decode() == "红\ufffd烧"


@given(ANY_TEXT)
def test_any_text_has_values_in_range(value: str) -> None:
    assert text.chars(value) == len(value)
    assert 0 <= text.han(value) <= len(value)
    assert 0.0 <= text.han_ratio(value) <= 1.0
    assert 0.0 <= text.repetition(value) <= 1.0
    assert text.script(value) in {"hans", "hant", "han", "kana", "hangul", "latin", "other", "none"}
    code, score = languages.identify(value, model_of(languages.Language()))
    assert (code == "und") == (score == 0.0) == (text.script(value) == "none")
    assert 0.0 <= score <= 1.0
    text.simplify(value).encode("utf-8")
    assert isinstance(text.is_filename(value), bool)
    assert isinstance(text.is_boilerplate(value), bool)


@given(ANY_TEXT)
def test_simplified_text_stays_as_it_is(value: str) -> None:
    once = text.simplify(value)
    assert text.simplify(once) == once


@given(st.text(min_size=4, max_size=20))
def test_a_text_written_twice_is_all_repetition(value: str) -> None:
    assert text.repetition(value * 2) == 1.0


def by_hand(value: str) -> float:
    """The share of characters in repeated 3-grams, straight from the definition."""
    grams = [value[at : at + 3] for at in range(len(value) - 2)]
    inside = {at + step for at, gram in enumerate(grams) if grams.count(gram) > 1 for step in range(3)}
    return len(inside) / len(value) if value else 0.0


@given(st.text("ab红", max_size=30))
def test_repetition_is_its_definition(value: str) -> None:
    assert text.repetition(value) == by_hand(value)


@pytest.mark.parametrize("unit", ["红", "紅燒獅子頭", "a b ", "あの", "\ud800", "1", "_", "(", "IMG_0", "\n", "a."])
def test_a_megabyte_of_text_takes_well_under_a_second(unit: str) -> None:
    value = (unit * 1_000_000)[:1_000_000]
    model = model_of(languages.Language())
    text.simplify("紅")  # the tables load once
    begin = time.process_time()
    for function in (text.chars, text.han, text.han_ratio, text.script, text.simplify, text.repetition):
        function(value)
    text.is_filename(value)
    text.is_boilerplate(value)
    languages.identify(value, model)
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize("unit", ["图片 ", "IMG_1 ", "1-", "a ", "wa1 ", "hdr", "上午1", "a.jpg "])
def test_no_pattern_explodes_on_the_longest_name(unit: str) -> None:
    begin = time.process_time()
    text.is_filename((unit * 255)[:254] + "\t")
    text.is_filename("IMG_1" + (unit * 255)[:240] + "!")
    assert time.process_time() - begin < 0.1


def test_every_phrase_of_the_list_is_boilerplate_and_none_stands_twice() -> None:
    lines = Path(text.__file__).with_name("boilerplate.txt").read_text("utf-8").splitlines()
    phrases = [line for line in lines if line and not line.startswith("#")]
    assert len(phrases) > 250
    assert [phrase for phrase in phrases if not text.is_boilerplate(phrase)] == []
    assert len(set(phrases)) == len(phrases)


def test_an_ornamental_no_is_not_japanese_where_a_character_is_only_chinese() -> None:
    assert writing.units("鲜の味").kana == 0
    assert writing.units("会社の写真").kana == 1  # 会 and 写 are Japanese too
    assert writing.units("鲜のラーメン").kana == 4  # and other kana are no ornament
