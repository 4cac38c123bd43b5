"""The match family on a real model: vectors, scores, controls, and whatever pictures and texts there are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colours import NAMES, plain, write_model
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from filters import Sample, decode, models
from filters.controls import partners
from filters.match import Match, preparations, squares_of
from filters.models import Model
from schemas.errors import WorkFailed

RED, GREEN, BLUE = NAMES.values()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return models.load(write_model(tmp_path_factory.mktemp("colours")), "cpu", "fp32")


def sample(key: str, data: bytes, text: str, page: str = "", *, decoded: bool = False) -> Sample:
    shown = decode(data) if decoded else None
    return Sample(key, text, page_url=page or key, image_id=str(hash(data)), data=data, picture=shown)


def rows(samples: list[Sample], *loaded: Model) -> list[dict[str, Any]]:
    match = Match(loaded)
    for one in samples:
        match.add(one)
    return match.table().to_pylist()


def test_a_text_that_fits_scores_higher_than_one_that_does_not(model: Model) -> None:
    right, wrong = rows([sample("a", plain(RED), "红"), sample("b", plain(RED), "绿")], model)
    assert right["match_colours_score"] > 0.95
    assert wrong["match_colours_score"] < 0.3
    assert np.linalg.norm(right["match_colours_image"]) == pytest.approx(1, abs=1e-3)
    assert float(np.dot(right["match_colours_image"], right["match_colours_text"])) == pytest.approx(
        right["match_colours_score"], abs=2e-3
    )


class Counting:
    """A model that counts what it is asked for."""

    def __init__(self, model: Model) -> None:
        self.model, self.pictures, self.read = model, 0, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def images(self, pixels: np.ndarray) -> np.ndarray:
        self.pictures += len(pixels)
        return self.model.images(pixels)

    def texts(self, texts: list[str]) -> np.ndarray:
        self.read += texts
        return self.model.texts(texts)


def test_a_picture_and_a_text_are_computed_once_however_often_they_occur(model: Model) -> None:
    counting: Any = Counting(model)
    texts = ["红", "绿", "红", "蓝", "红", "绿"]
    found = rows([sample(f"{at}", plain((RED, BLUE)[at % 2]), text) for at, text in enumerate(texts)], counting)
    assert (counting.pictures, counting.read) == (2, ["红", "绿", "蓝"])
    assert len(found) == 6


def test_many_batches_give_what_one_gives(model: Model) -> None:
    samples = [sample(f"{at:04}", plain((at % 256, at * 7 % 256, 99), at), f"红{at}绿") for at in range(300)]
    alone = [rows([one], model)[0] for one in samples[::37]]
    together = rows(samples, model)[::37]
    for one, other in zip(alone, together, strict=True):
        assert one["match_colours_score"] == pytest.approx(other["match_colours_score"], abs=1e-6)


def test_what_cannot_be_read_has_no_score_and_a_vector_of_zeros(model: Model) -> None:
    broken, texts = plain(RED)[:200], ["", "  \n", "no han", "红"]
    found = rows([sample("k", broken, "红"), *(sample(text, plain(RED), text) for text in texts)], model)
    assert [not np.isnan(row["match_colours_score"]) for row in found] == [False, False, False, False, True]
    assert not any(found[0]["match_colours_image"])
    assert any(found[0]["match_colours_text"])
    assert not any(found[3]["match_colours_text"])


def test_a_text_of_ten_thousand_characters_is_read_by_its_beginning(model: Model) -> None:
    (long,) = rows([sample("k", plain(RED), "红" * 10_000)], model)
    assert long["match_colours_score"] > 0.95


@pytest.mark.parametrize(("data", "text", "what"), [(plain((0, 0, 0)), "红", "picture"), (plain(RED), "坏", "text")])
def test_no_number_from_a_model_names_the_pair(model: Model, data: bytes, text: str, what: str) -> None:
    black = Image.new("RGB", (40, 40))
    file = io.BytesIO()
    black.save(file, "PNG")
    data = file.getvalue() if what == "picture" else data
    good = [sample(f"good{at}", plain(GREEN, at), f"绿{at}") for at in range(5)]
    with pytest.raises(WorkFailed, match=rf"pair badkey: .*colours.* no number for its {what}.*--precision"):
        rows([*good, sample("badkey", data, text), *good], model)


def test_a_decoded_picture_gives_the_same_bits(model: Model) -> None:
    for format_ in ("JPEG", "PNG", "WEBP"):
        data = plain(RED, 7, format_)
        apart, beside = (rows([sample("k", data, "红", decoded=decoded)], model) for decoded in (False, True))
        assert repr(apart) == repr(beside)  # the control is not a number


def test_squares_made_elsewhere_give_the_same_bits(model: Model) -> None:
    one = sample("k", plain(BLUE), "蓝")
    match = Match([model])
    match.add(one, squares_of(one.data, preparations([model])))
    assert repr(match.table().to_pylist()) == repr(rows([one], model))


def test_the_control_is_the_next_picture_of_another_page(model: Model) -> None:
    samples = [
        sample("0", plain(RED, 1), "红", "p1"),
        sample("1", plain(RED, 2), "红二", "p1"),
        sample("2", plain(GREEN, 3), "绿", "p2"),
        sample("3", plain(BLUE, 4)[:200], "蓝", "p3"),
    ]
    controls = [row["match_colours_shuffled"] for row in rows(samples, model)]
    green_as_red = rows([sample("x", plain(GREEN, 3), "红")], model)[0]["match_colours_score"]
    red_as_green = rows([sample("x", plain(RED, 1), "绿")], model)[0]["match_colours_score"]
    assert controls[0] == pytest.approx(green_as_red, abs=1e-6)
    assert controls[2] == pytest.approx(red_as_green, abs=1e-6)
    assert np.isnan(controls[3])


def test_one_page_alone_has_no_control(model: Model) -> None:
    found = rows([sample(str(at), plain(RED, at), "红", "one") for at in range(4)], model)
    assert all(np.isnan(row["match_colours_shuffled"]) for row in found)


def test_a_shard_without_pairs_has_the_columns_and_no_row(model: Model) -> None:
    table = Match([model]).table()
    assert table.num_rows == 0
    assert table.column_names == ["key", *(f"match_colours_{what}" for what in ("score", "shuffled", "image", "text"))]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=24))
def test_a_partner_is_of_another_page_and_no_pair_and_missing_only_where_there_is_none(
    drawn: list[tuple[int, int, int, bool]],
) -> None:
    pages, images, texts, _ = (list(column) for column in zip(*drawn, strict=True)) if drawn else ([], [], [], [])
    broken = {image for _, image, _, shown in drawn if not shown}
    shown = [image not in broken for image in images]
    found = partners(*(np.array(column, np.int64) for column in (pages, images, texts)), np.array(shown, bool))
    pairs = set(zip(texts, images, strict=True))
    for row, other in enumerate(found.tolist()):
        fit = [
            at
            for at in range(len(pages))
            if shown[row] and shown[at] and pages[at] != pages[row] and (texts[row], images[at]) not in pairs
        ]
        assert other in fit if fit else other == -1


@pytest.mark.parametrize("seed", range(10))
def test_what_depends_on_the_picture_alone_is_worth_nothing(seed: int) -> None:
    """Rows lie page by page: were a page's first picture the control of all rows before it, chance would be 0.4."""
    chance = np.random.default_rng(seed)
    pages = np.repeat(np.arange(87), chance.geometric(0.2, 87))
    images, texts = np.arange(len(pages)) // 2, np.arange(len(pages))
    likes = chance.normal(size=len(pages))  # a model that likes some pictures, whatever is said of them
    found = partners(pages, images, texts, np.ones(len(pages), bool))
    true, control = likes[images], likes[images[found]]
    above = (true[:, None] > control).mean() + 0.5 * (true[:, None] == control).mean()
    assert (found >= 0).all() and abs(above - 0.5) < 0.01


def test_where_no_page_is_known_each_picture_is_its_own(model: Model) -> None:
    listed = [sample("0", plain(RED, 1), "红", ""), sample("1", plain(GREEN, 2), "绿", "")]
    assert all(row["match_colours_shuffled"] < row["match_colours_score"] for row in rows(listed, model))


def test_partners_of_a_shard_with_one_page_are_found_missing_at_once() -> None:
    rows_ = np.arange(200_000)
    assert (partners(np.zeros_like(rows_), rows_, rows_, np.ones(len(rows_), bool)) == -1).all()


@pytest.mark.parametrize("size", [16, 30])
def test_two_models_have_their_columns_side_by_side(tmp_path: Path, model: Model, size: int) -> None:
    other = models.load(write_model(tmp_path, "another", blind=True, size=size), "cpu", "fp32")
    ways = preparations([model, other])
    assert len(ways) == (1 if size == 16 else 2)
    table = Match([model, other])
    table.add(sample("k", plain(RED), "红"))
    (row,) = table.table().to_pylist()
    assert list(row)[1].startswith("match_another")
    assert row["match_colours_score"] > 0.95 > row["match_another_score"]
