"""Labels become a threshold: known numbers, files that are wrong in every way, and a keep that a recipe takes."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from crawls import small_crawl
from hypothesis import given
from hypothesis import strategies as st
from test_cli import tuwen

from pipelines import calibrate, curve, files, labels
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.measure import measure
from pipelines.pair import pair
from pipelines.ranges import passes
from schemas.errors import BadInput
from schemas.recipe import load

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> list[list[str]]:
    lines = (GOLDEN / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("hits", "count", "low", "high"), golden("wilson.tsv"))
def test_wilson_gives_the_published_intervals(hits: str, count: str, low: str, high: str) -> None:
    rate = curve.wilson(int(hits), int(count))
    assert (f"{rate.low:.4f}", f"{rate.high:.4f}") == (low, high)


@pytest.mark.parametrize(("yes", "yes_no", "no_yes", "no", "kappa"), golden("kappa.tsv"))
def test_kappa_gives_the_known_values(yes: str, yes_no: str, no_yes: str, no: str, kappa: str) -> None:
    votes = [("y", "y")] * int(yes) + [("y", "n")] * int(yes_no) + [("n", "y")] * int(no_yes) + [("n", "n")] * int(no)
    assert f"{curve.agreement(votes).kappa:.4f}" == kappa


def test_kappa_of_one_and_the_same_label_is_not_defined() -> None:
    assert math.isnan(curve.agreement([("fits", "fits")] * 9).kappa)


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_holds_its_share_and_lies_between_0_and_1(hits: int, more: int) -> None:
    rate = curve.wilson(hits, hits + more - 1 or 1)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


VALUES = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.3, math.nan, math.inf]) | st.floats(width=32), st.booleans()), min_size=1
)


@given(VALUES, st.booleans())
def test_every_point_is_what_counting_gives(rows: list[tuple[float, bool]], low: bool) -> None:
    found = curve.points([value for value, _ in rows], [fits for _, fits in rows], low)
    passed = [at.passed for at in found]
    assert passed == sorted(passed, reverse=True) and len(set(passed)) == len(passed)
    for at in found:
        inside = [fits for value, fits in rows if (value <= at.threshold if low else value >= at.threshold)]
        assert (at.passed, at.precision.value) == (len(inside), sum(inside) / len(inside))
        if any(fits for _, fits in rows):
            assert at.recall.value == sum(inside) / sum(fits for _, fits in rows)


@given(VALUES, st.floats(0.01, 1))
def test_the_chosen_threshold_is_the_loosest_that_reaches(rows: list[tuple[float, bool]], wanted: float) -> None:
    found = curve.points([value for value, _ in rows], [fits for _, fits in rows])
    chosen = curve.reaching(found, wanted)
    able = [at for at in found if at.passed >= curve.LEAST and at.precision.value >= wanted]
    assert chosen == (max(able, key=lambda at: at.passed) if able else None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = small_crawl(tmp_path_factory.mktemp("corpus"))
    pair(corpus, engine=Engine())
    measure(corpus, ["text", "image"], engine=Engine())
    return corpus


def values(corpus: Corpus, signal: str, family: str = "text") -> dict[str, float]:
    tables = [files.read_table(corpus.signals(family, shard)) for shard in corpus.shards()]
    return {row["key"]: row[signal] for table in tables for row in table.to_pylist()}


def written(path: Path, rows: dict[str, str], end: str = "\n") -> str:
    path.write_text(end.join(["key,label", *(f"{key},{label}" for key, label in rows.items())]) + end, "utf-8")
    return str(path)


def by_length(corpus: Corpus, bound: int = 5) -> dict[str, str]:
    """The long texts fit, as far as this labeller can see."""
    return {key: "fits" if chars >= bound else "does_not_fit" for key, chars in values(corpus, "text_chars").items()}


def test_a_keep_is_written_that_a_recipe_takes(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "LEAST", 3)
    path = written(tmp_path / "labels.csv", by_length(corpus))
    found = calibrate.calibrate(corpus, labels.read(path), "text_chars", 1.0)
    assert found.chosen and found.chosen.threshold == min(
        chars for chars in values(corpus, "text_chars").values() if chars >= 5
    )
    svg, toml = calibrate.write(found, labels.read(path))
    ElementTree.parse(svg)
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\n' + Path(toml).read_text("utf-8"), "utf-8")
    (keep,) = load(str(recipe)).keep
    assert keep.signal == "text_chars" and "labels.csv" in keep.why and "1.00 (" in keep.why
    first = Path(svg).read_bytes(), Path(toml).read_bytes()
    calibrate.write(found, labels.read(path))
    assert (Path(svg).read_bytes(), Path(toml).read_bytes()) == first


def test_the_threshold_is_exact_in_the_signals_own_type(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keep lets pass the pairs that the curve counted, the one at the threshold among them."""
    monkeypatch.setattr(curve, "LEAST", 3)
    entropy = {key: value for key, value in values(corpus, "image_entropy", "image").items() if not math.isnan(value)}
    bound = float(np.median(list(entropy.values())))
    given_ = labels.Labels(
        "x.csv", {key: "fits" if value > bound else "does_not_fit" for key, value in entropy.items()}, {}
    )
    found = calibrate.calibrate(corpus, given_, "image_entropy", 1.0)
    assert found.chosen
    path = Path(corpus.root) / "exact.toml"
    path.write_text('name = "exact"\n' + calibrate.keep(found, given_), "utf-8")
    (keep,) = load(str(path)).keep
    tables = [files.read_table(corpus.signals("image", shard)) for shard in corpus.shards()]
    assert sum(int(passes(keep, table).sum()) for table in tables) == found.chosen.passed


def test_low_is_good_makes_a_max(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "LEAST", 1)
    repeats = values(corpus, "text_repetition")
    said = {key: "fits" if value == 0 else "does_not_fit" for key, value in repeats.items()}
    if len(set(said.values())) == 1:
        said[next(iter(said))] = "does_not_fit"
    found = calibrate.calibrate(corpus, labels.Labels("x.csv", said, {}), "text_repetition", 0.5)
    assert found.low_is_good and "max    = " in calibrate.keep(found, labels.Labels("x.csv", said, {}))


KEY = "0" * 32
BAD = [
    (b"", "columns are none"),
    (b"key,label\n", "no label in it"),
    (b"a,b\n", ":1: the columns are a, b"),
    (b"key,label,key\n", ":1: the columns are"),
    (f"key;label\n{KEY};fits\n".encode(), ":1: the columns are key;label"),
    (f"key,label\n{KEY},fits\n{KEY[:-1]},fits\n".encode(), ":3: '0000000000000000000000000000000' is no key"),
    (f"key,label\n\n{KEY},good\n".encode(), ":3: 'good' is no label; use one of fits, does_not_fit, unsure"),
    (f"key,label\n{KEY},fits\n{KEY},fits\n".encode(), ":3: the key 0+ was labelled on line 2 already"),
    (f"key,label\n{KEY}\n".encode(), ":2: 1 columns, where the first line names 2"),
    (f'key,label\n"{KEY},fits\n'.encode(), "not CSV"),
    ("key,label\n".encode("utf-16"), "not UTF-8 at byte 0"),
    (b"key,label\n1.2E+31,fits\n", ":2: '1.2E.31' is no key of a pair .*spreadsheet"),
    (b"key,label\n=cmd|' /c calc'!A1,fits\n", ":2: .* is no key"),
]


@pytest.mark.parametrize(("data", "says"), BAD)
def test_a_bad_file_of_labels_names_the_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=says) as caught:
        labels.read(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_spreadsheets_make_of_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfkey,label,note\r\n" + f"{KEY}, fits ,图好\r\n,,\r\n\r\n".encode())
    read = labels.read(str(path))
    assert read.by_key == {KEY: "fits"} and read.place(KEY) == f"{path}:2"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        labels.read(str(tmp_path / "none.csv"))


@given(st.binary(max_size=200))
def test_any_bytes_are_labels_or_bad_input(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"key,label\n" + data)
    try:
        assert labels.read(str(path)).by_key
    except BadInput as error:
        assert str(path) in str(error)


def test_labels_that_cannot_decide_say_why(corpus: Corpus, tmp_path: Path) -> None:
    keys = sorted(by_length(corpus))
    for label, says in (("unsure", "labelled fits .27 are unsure"), ("fits", "labelled does_not_fit")):
        given_ = labels.read(written(tmp_path / "one.csv", dict.fromkeys(keys, label)))
        with pytest.raises(BadInput, match=says):
            calibrate.calibrate(corpus, given_, "text_chars", 0.9)
    mixed = by_length(corpus) | {"f" * 32: "fits"}
    given_ = labels.read(written(tmp_path / "other.csv", mixed))
    with pytest.raises(BadInput, match=rf"other.csv:{len(mixed) + 1}: the pair f+ is not in .*\(1 of 28 are not\)"):
        calibrate.calibrate(corpus, given_, "text_chars", 0.9)
    good = labels.read(written(tmp_path / "good.csv", by_length(corpus)))
    with pytest.raises(BadInput, match="its values are words"):
        calibrate.calibrate(corpus, good, "text_script", 0.9)
    with pytest.raises(BadInput, match="--precision 90"):
        calibrate.calibrate(corpus, good, "text_chars", 90)


def test_the_command_line_draws_and_refuses(corpus: Corpus, tmp_path: Path) -> None:
    two = dict.fromkeys(sorted(by_length(corpus))[:2], "does_not_fit")
    csv = written(tmp_path / "labels.csv", by_length(corpus, bound=1) | two)
    done = tuwen("calibrate", corpus.root, "--labels", csv, "--signal", "text_chars", "--precision", "0.5")
    assert done.returncode == 0, done.stderr
    assert "precision" in done.stdout and (tmp_path / "labels.text_chars.toml").exists()
    done = tuwen("calibrate", corpus.root, "--labels", csv, "--signal", "text_chars", "--precision", "1")
    assert done.returncode == 1 and "no threshold on text_chars reaches a precision of 1" in done.stderr
    assert not (tmp_path / "labels.text_chars.toml").exists() and (tmp_path / "labels.text_chars.svg").exists()
    other = written(tmp_path / "other.csv", by_length(corpus, bound=9))
    done = tuwen("calibrate", corpus.root, "--labels", csv, "--agreement", other)
    assert done.returncode == 0 and "kappa: " in done.stdout and "27 pairs" in done.stdout
    for words, says in (((), "nothing to do"), (("--signal", "text_char"), "did you mean text_chars?"),
                        (("--signal", "match_score"), "tuwen measure")):  # fmt: skip
        done = tuwen("calibrate", corpus.root, "--labels", csv, *words)
        assert done.returncode == 2 and says in done.stderr


def test_labels_of_other_pairs_cannot_be_compared(tmp_path: Path) -> None:
    one, other = ({letter * 32: "fits"} for letter in "ab")
    with pytest.raises(BadInput, match="none of its pairs"):
        calibrate.compare(labels.Labels("a.csv", one, {}), labels.Labels("b.csv", other, {}))
