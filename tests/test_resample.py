"""Resizing: what the fast library makes is what Pillow makes, of any picture and any part of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filters import resample
from filters.models.interface import Interpolation
from filters.picture import Box

SIDES = st.integers(1, 700)
PARTS = st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2, *[st.floats(0.01, 1)] * 2)

fast = pytest.mark.skipif(resample.resizer is None, reason="cykooz.resizer has no wheel for this machine")


def scene(width: int, height: int, mode: str) -> Image.Image:
    blocks = np.random.default_rng(width * 10_000 + height).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def apart(one: Image.Image, other: Image.Image) -> tuple[int, float]:
    """By how much a number differs at most, and in the mean."""
    difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))
    return int(difference.max()), float(difference.mean())


def within(parts: tuple[float, ...], size: tuple[int, int]) -> Box:
    """A box of at least a pixel's hundredth that may end at the picture's very end."""
    (left, top), (wide, high) = (
        (share * side for share, side in zip(pair, size, strict=True)) for pair in (parts[:2], parts[2:])
    )
    return left, top, min(left + wide, float(size[0])), min(top + high, float(size[1]))


def columns_first(image: Image.Image, size: tuple[int, int], box: Box, interpolation: Interpolation) -> Image.Image:
    """What Pillow makes of the columns, then of the rows: bicubic's overshoot is cut off after each of the two."""
    (width, height), (left, top, right, bottom) = size, box
    columns = image.resize((image.width, height), resample._PILLOWS[interpolation], box=(0, top, image.width, bottom))
    return columns.resize((width, height), resample._PILLOWS[interpolation], box=(left, 0, right, height))


@pytest.mark.parametrize(("width", "height"), [(8, 5), (20, 7), (700, 400)])
@fast
def test_overshoot_cut_off_in_another_order_changes_little_of_a_picture(width: int, height: int) -> None:
    image = scene(width, height, "RGB")
    made = resample.resample(image, (48, 32), (0.0, 0.0, width, height), "bicubic")
    assert apart(made, image.resize((48, 32), Image.Resampling.BICUBIC))[1] < 0.5


@fast
@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, PARTS, st.sampled_from(["L", "RGB"]), st.sampled_from(["bicubic", "bilinear"]))
def test_any_part_of_any_picture_is_what_pillow_makes_of_it(
    width: int, height: int, parts: tuple[float, ...], mode: str, interpolation: Interpolation
) -> None:
    image = scene(width, height, mode)
    box = within(parts, image.size)
    made = resample.resample(image, (48, 32), box, interpolation)
    assert (made.mode, made.size) == (mode, (48, 32))
    most, mean = apart(made, columns_first(image, (48, 32), box, interpolation))
    assert most <= 2 and mean < 0.1


@fast
def test_a_picture_that_pillow_keeps_in_many_blocks_is_read_whole() -> None:
    image = scene(5200, 4100, "RGB")
    box = (10.5, 20.25, 5199.5, 4099.75)
    assert apart(resample.resample(image, (224, 224), box, "bicubic"), image.resize((224, 224), 3, box=box))[0] <= 2


@fast
def test_the_version_names_what_made_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    both = resample.makers()
    assert "pillow" in both and "cykooz.resizer" in both
    monkeypatch.setattr(resample, "resizer", None)
    assert resample.makers() in both and "cykooz" not in resample.makers()


def test_without_the_fast_library_pillow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(900, 700, "RGB")
    box = (3.5, 0.0, 900.0, 650.5)
    monkeypatch.setattr(resample, "resizer", None)
    made = resample.resample(image, (64, 64), box, "bicubic")
    assert apart(made, image.resize((64, 64), Image.Resampling.BICUBIC, box=box))[0] <= 4
