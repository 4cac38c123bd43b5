"""Squares for models: what Pillow and torchvision make of whole pictures, with a part of the decoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from filters.models import Preprocessing
from filters.picture import decode, decode_reduced
from filters.prepare import prepare

WAYS = [
    Preprocessing(64),
    Preprocessing(64, "squash"),
    Preprocessing(64, "pad", fill=114),
    Preprocessing(64, interpolation="bilinear"),
]


def scene(width: int, height: int) -> Image.Image:
    """Something with edges and grades everywhere, of the softness that a lens has."""
    blocks = np.random.default_rng(width * 10_000 + height).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC)
    image.paste((250, 240, 10), (width // 8, height // 8, width // 3, height // 2))
    return image.filter(ImageFilter.GaussianBlur(max(width, height) / 300))


def saved(image: Image.Image, format_: str = "JPEG", orientation: int = 1) -> bytes:
    options: dict[str, object] = {"quality": 92} if format_ == "JPEG" else {}
    if orientation > 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def plainly(data: bytes, how: Preprocessing) -> np.ndarray:
    """What the libraries of models do: decode all of it, resize all of it, then cut or fill."""
    image = decode(data).pixels
    assert image is not None
    image = image.convert("RGB")
    filter_ = Image.Resampling.BICUBIC if how.interpolation == "bicubic" else Image.Resampling.BILINEAR
    (width, height), size = image.size, how.size
    if how.resize == "squash":
        return np.asarray(image.resize((size, size), filter_))
    if how.resize == "pad":
        longer = max(width, height)
        image = image.resize((max(1, round(width * size / longer)), max(1, round(height * size / longer))), filter_)
        square = Image.new("RGB", (size, size), (how.fill,) * 3)
        square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        return np.asarray(square)
    shorter = min(width, height)
    image = image.resize((int(size * width / shorter), int(size * height / shorter)), filter_)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; 99 for equal ones."""
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("how", WAYS, ids=lambda how: f"{how.resize} {how.interpolation}")
@pytest.mark.parametrize("size", [(1000, 700), (301, 999), (64, 64), (40, 90), (517, 1203)])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_square_is_what_whole_pictures_give(format_: str, size: tuple[int, int], how: Preprocessing) -> None:
    data = saved(scene(*size), format_)
    square = prepare(data, how)
    assert square is not None and square.shape == (64, 64, 3) and square.dtype == np.uint8
    assert psnr(square, plainly(data, how)) > 45


@settings(max_examples=40)
@given(st.integers(130, 1100), st.integers(130, 1100), st.integers(1, 8), st.sampled_from(WAYS))
def test_a_turned_jpeg_of_any_size_lies_where_it_should(
    width: int, height: int, orientation: int, how: Preprocessing
) -> None:
    """A reduced JPEG ends in a part of a pixel, which turning brings to the other side: half a pixel off is 30 dB."""
    data = saved(scene(width, height), orientation=orientation)
    square = prepare(data, how)
    assert square is not None
    assert psnr(square, plainly(data, how)) > 42


def test_a_large_jpeg_is_decoded_in_part_and_says_its_own_size() -> None:
    reduced = decode_reduced(saved(scene(1001, 803)), lambda width, height: 4)
    assert (reduced.width, reduced.height, reduced.reduced) == (1001, 803, 4)
    assert reduced.pixels is not None and reduced.pixels.size == (251, 201)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_what_is_decoded_already_gives_the_same_bits(format_: str) -> None:
    data = saved(scene(700, 500), format_)
    for how in WAYS:
        apart, beside = prepare(data, how), prepare(data, how, decode(data))
        assert apart is not None and beside is not None and (apart == beside).all()


def test_grey_transparent_and_odd_pictures_are_rgb_on_white() -> None:
    clear = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    grey = Image.new("L", (90, 90), 77)
    for image, value in ((clear, 255), (grey, 77), (grey.convert("LA"), 77), (grey.convert("P"), 77)):
        square = prepare(saved(image, "PNG"), WAYS[0])
        assert square is not None and (square == value).all()
    cmyk = prepare(saved(Image.new("CMYK", (900, 600), (0, 0, 0, 0))), WAYS[0])
    assert cmyk is not None and (cmyk > 250).all()


@pytest.mark.parametrize("cut", [0, 3, 300, 2000])
def test_a_broken_picture_has_no_square(cut: int) -> None:
    for format_ in ("JPEG", "PNG", "WEBP"):
        data = saved(scene(900, 700), format_)[:cut]
        assert prepare(data, WAYS[0]) is None
        assert not decode(data).decodes


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (1, 1), (3000, 7)])
def test_a_thread_of_a_picture_takes_no_more_memory_than_its_square(size: tuple[int, int]) -> None:
    """Resizing its short side to 64 first would make a picture of 64 by 320,000."""
    for how in WAYS:
        square = prepare(saved(Image.new("RGB", size, (9, 200, 30))), how)
        assert square is not None and square.shape == (64, 64, 3)
