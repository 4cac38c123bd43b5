"""The demo scorer: what it is made of, that it beats colours on pages that it never saw, and what it cannot read."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from demo import package
from filters.models import load
from filters.models.interface import Model
from filters.models.words import CONTEXT, GRAMS, WORDS_FILE, Words
from schemas.errors import BadInput, Damaged
from trainers import mini, mini_fit, mini_pictures, mini_sources
from trainers.mini import FOLDER
from trainers.mini_fit import Pairs, auc, fit, unit
from trainers.mini_run import run
from trainers.mini_worth import worth

WORK = Path(__file__).parent.parent / "demo" / "work"


@pytest.fixture(scope="module")
def model() -> Model:
    return load("mini", device="cpu")


@pytest.fixture(scope="module")
def halves() -> tuple[list[mini_sources.Picture], list[mini_sources.Picture]]:
    package.unpacked(WORK)
    return mini_sources.dishes()


def trained_on() -> list[list[str]]:
    """Digest, picture and page of every picture that the model was trained on."""
    return [line.split("  ") for line in (FOLDER / "training.txt").read_text("utf-8").splitlines()]


def test_the_folder_is_what_its_sources_say() -> None:
    said = dict(re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", (FOLDER / "SOURCES.md").read_text("utf-8")))
    there = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.name != "SOURCES.md"}
    made = {name: digest for name, digest in said.items() if name in there}
    assert made == {name: hashlib.sha256(data).hexdigest() for name, data in there.items()}
    assert all(source.sha256 in (FOLDER / "SOURCES.md").read_text("utf-8") for source in mini_sources.SOURCES)
    assert sum(map(len, there.values())) < 12_000_000


def test_it_says_that_it_is_a_demo(model: Model) -> None:
    assert (model.name, model.demo, model.width) == ("mini", True, 2 * mini_fit.WIDTH)
    assert "demo scorer" in (FOLDER / "model.toml").read_text("utf-8")
    assert model.preprocessing.size == mini_pictures.SIZE


def test_it_was_trained_on_no_page_that_the_demo_serves(
    halves: tuple[list[mini_sources.Picture], list[mini_sources.Picture]],
) -> None:
    seen, held_out = halves
    assert {page for _, _, page in trained_on()}.isdisjoint(picture.page for picture in held_out)
    assert not any(package.serves(page) for _, _, page in trained_on())
    assert {digest for digest, _, _ in trained_on()}.isdisjoint(picture.sha256 for picture in held_out)
    assert trained_on() == [[picture.sha256, picture.path, picture.page] for picture in seen]
    assert len(held_out) > 150


def test_it_beats_colours_on_pages_that_it_never_saw_and_nonsense_beats_nothing(
    halves: tuple[list[mini_sources.Picture], list[mini_sources.Picture]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = worth()
    with capsys.disabled():
        print(f"\nmini {found.mini:.3f}, colours {found.colour:.3f}, shuffled captions {found.shuffled:.3f}")
    assert found.mini > 0.57
    assert found.mini > found.colour + 0.05
    assert abs(found.shuffled - 0.5) < 0.03


def test_texts_of_one_meaning_lie_close(model: Model) -> None:
    texts = model.texts(["一只猫", "猫", "汽车"])
    assert texts[0] @ texts[1] > texts[0] @ texts[2] + 0.2


def test_a_text_without_han_is_not_scored(model: Model) -> None:
    vectors = model.texts(["红烧肉", "", "braised pork", "🍜", "ラーメン", "红烧肉"])
    assert np.isnan(vectors[1:5]).all()
    assert np.allclose(np.linalg.norm(vectors[[0, 5]], axis=1), 1, atol=1e-5)
    assert (vectors[0] == vectors[5]).all()


def test_a_text_of_any_length_has_one_vector(model: Model) -> None:
    long = model.texts(["牛肉面" * 4000, "牛肉面" * 40, "x" * 9000 + "牛肉面", "牛肉面", "牛肉\ud800面"])
    assert (long[0] == long[1]).all()
    assert (long[2] == long[3]).all()
    assert np.isfinite(long).all()


def test_traditional_writing_says_the_same(model: Model) -> None:
    one, other = model.texts(["紅燒獅子頭", "红烧狮子头"])
    assert (one == other).all()


def test_a_vector_is_the_same_in_any_company(model: Model) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (37, mini_pictures.SIZE, mini_pictures.SIZE, 3), np.uint8)
    texts = [f"第{number}种做法" for number in range(37)]
    assert np.array_equal(model.images(pixels)[36:], model.images(pixels[36:]))
    assert np.array_equal(model.texts(texts)[36:], model.texts(texts[36:]))
    assert np.allclose(np.linalg.norm(model.images(pixels), axis=1), 1, atol=1e-5)


def test_words_counts_every_word_that_stands_in_a_text(tmp_path: Path) -> None:
    (tmp_path / WORDS_FILE).write_text("牛\n牛肉\n肉面\n牛肉面\n")
    words = Words.read(tmp_path)
    found = words(["牛肉面, 牛", "肉", ""])
    assert found["word_ids"][0, :6].tolist() == [1, 2, 4, 3, 1, 0]
    assert np.allclose(found["word_weights"][0, :6], [0.3, 1, 1.5, 1, 0.3, 0])
    assert not found["word_ids"][1:].any()
    assert found["grams"].sum(1).tolist() == [4 + 3 + 2, 1, 0]
    assert found["word_ids"].shape == (3, 2 * CONTEXT)
    assert found["grams"].shape == (3, GRAMS)


def test_a_folder_without_its_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=WORDS_FILE):
        Words.read(tmp_path)


def test_texts_become_features_by_the_formula_and_vectors_of_two_shares() -> None:
    texts = [f"{one}{other}" for one in "红白水干清油" for other in ("烧肉", "切鸡", "煮鱼", "煸豆角", "蒸蛋")]
    arrays = Words.read(FOLDER)(texts)
    features, embedding = run(FOLDER / "text.onnx", arrays, "features", "embedding")
    grams = np.log1p(arrays["grams"].astype(np.float32))
    assert np.allclose(features[:, -GRAMS:], mini.GRAM_SHARE * unit(grams), atol=1e-5)
    assert np.allclose(np.linalg.norm(features[:, :-GRAMS], axis=1), 1, atol=1e-5)
    trained, bridge = (np.linalg.norm(part, axis=1) for part in np.split(embedding, 2, axis=1))
    assert np.allclose(trained, (1 - mini.BRIDGE) ** 0.5, atol=1e-5)
    assert np.allclose(bridge, mini.BRIDGE**0.5, atol=1e-5)


@pytest.mark.clip
def test_both_graphs_give_what_numpy_gives() -> None:
    """The reference of the ONNX project computes every operator in numpy."""
    reference = pytest.importorskip("onnx.reference").ReferenceEvaluator
    pixels = np.random.default_rng(5).integers(0, 256, (1, mini_pictures.SIZE, mini_pictures.SIZE, 3), np.uint8)
    for name, arrays in (("image.onnx", {"pixels": pixels}), ("text.onnx", Words.read(FOLDER)(["水煮牛肉"]))):
        (found,) = run(FOLDER / name, arrays, "embedding")
        (wanted,) = reference(str(FOLDER / name)).run(["embedding"], dict(arrays))
        assert np.abs(found - wanted).max() < 1e-4


def test_the_fit_finds_what_is_shared_and_nothing_else() -> None:
    random = np.random.default_rng(3)
    shared = random.normal(size=(400, 5))
    images, texts = (
        (shared @ random.normal(size=(5, size)) + random.normal(size=(400, size))).astype(np.float32)
        for size in (60, 90)
    )
    groups = [str(number) for number in range(300, 400)]
    ones = np.ones(300, np.float32)
    found = fit(Pairs(images[:300], texts[:300], ones))
    assert auc(found.scores(images[300:], texts[300:]), groups) > 0.9
    dealt = fit(Pairs(images[:300], texts[random.permutation(300)], ones))
    assert abs(auc(dealt.scores(images[300:], texts[300:]), groups) - 0.5) < 0.1
    again = fit(Pairs(images[:300], texts[:300], ones))
    assert np.array_equal(again.image, found.image)
    assert np.array_equal(again.text, found.text)


def test_few_rows_are_fitted_as_many_are() -> None:
    """The short way for few rows, and the long one, which rows of zeros force, have one answer."""
    random = np.random.default_rng(4)
    rows = random.normal(size=(30, 50))
    padded = np.concatenate([rows, np.zeros((40, 50))])
    assert np.allclose(mini_fit._whitening(rows), mini_fit._whitening(padded))


@pytest.mark.parametrize(
    ("scores", "groups", "wanted"),
    [
        ([[1, 0], [0, 1]], "ab", 1.0),
        ([[0, 1], [1, 0]], "ab", 0.0),
        ([[1, 1], [1, 1]], "ab", 0.5),
        ([[0, 9, 0], [9, 0, 0], [-1, -1, 1]], "aab", 5 / 6),  # a score within a group counts for nothing
    ],
)
def test_the_area_under_the_curve(scores: list[list[float]], groups: str, wanted: float) -> None:
    assert auc(np.array(scores, np.float32), list(groups)) == pytest.approx(wanted)


def test_another_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_sources, "DOWNLOADS", tmp_path)
    (tmp_path / mini_sources.NAMES.file).write_bytes(b"not the package")
    with pytest.raises(Damaged, match="remove it"):
        mini_sources.NAMES.fetched()
