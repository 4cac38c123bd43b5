"""The numbers of the image family against their definitions and against the libraries that users compare with."""

from __future__ import annotations

import hashlib
import io
import math

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy import ndimage

from filters import image
from filters.picture import decode

GREY = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12))


def noise(mode: str, size: tuple[int, int] = (97, 61), seed: int = 1) -> Image.Image:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (9, 13, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC).convert(mode)


def saved(picture: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()


def by_scipy(grey: np.ndarray) -> float:
    """The usual 3 x 3 kernel with a border mirrored about the edge pixel (scipy's 'mirror', OpenCV's reflect-101)."""
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    return float(ndimage.correlate(grey.astype(np.float64), kernel, mode="mirror").var())


@given(GREY)
def test_laplacian_is_the_usual_kernel(grey: np.ndarray) -> None:
    assert image.laplacian(Image.fromarray(grey)) == pytest.approx(by_scipy(grey), rel=1e-12, abs=1e-9)


def test_laplacian_is_the_same_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = noise("L")
    expected = by_scipy(np.asarray(grey))
    found = set()
    for chunk in (1, 97, 98, 300, 97 * 30, 97 * 60, 10**6):
        monkeypatch.setattr(image, "_CHUNK", chunk)
        found.add(image.laplacian(grey))
    assert len(found) == 1
    assert found.pop() == pytest.approx(expected, rel=1e-12)


def test_laplacian_by_hand() -> None:
    dot = np.zeros((3, 3), dtype=np.uint8)
    dot[1, 1] = 1
    # The middle sees -4; its four neighbours stand at an edge, where the mirror shows them the middle twice.
    assert image.laplacian(Image.fromarray(dot)) == (16 + 4 * 4) / 9 - ((-4 + 4 * 2) / 9) ** 2


@given(GREY)
def test_entropy_is_that_of_the_histogram(grey: np.ndarray) -> None:
    shares = np.bincount(grey.ravel(), minlength=256) / grey.size
    expected = -sum(share * math.log2(share) for share in shares if share)
    assert image.entropy(Image.fromarray(grey)) == pytest.approx(expected, abs=1e-9)
    assert image.entropy(Image.fromarray(grey)) == pytest.approx(Image.fromarray(grey).entropy(), abs=1e-5)


def test_entropy_at_its_ends() -> None:
    assert image.entropy(Image.new("L", (5, 5), 3)) == 0.0
    assert image.entropy(Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))) == 8.0


@pytest.mark.parametrize(
    ("mode", "format_"),
    [
        ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("1", "PNG"),
        ("RGB", "WEBP"), ("P", "GIF"), ("RGB", "BMP"), ("CMYK", "TIFF"), ("RGBA", "PNG"), ("LA", "PNG"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(4))
def test_phash_is_that_of_imagehash(mode: str, format_: str, seed: int) -> None:
    data = saved(noise(mode, seed=seed), format_)
    expected = str(imagehash.phash(Image.open(io.BytesIO(data))))
    assert image.picture_phash(decode(data)) == expected
    assert len(expected) == 16


def test_a_turned_photo_and_its_upright_copy_have_one_hash() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = noise("RGB").transpose(Image.Transpose.ROTATE_90)
    turned, upright = decode(saved(lying, exif=exif)), decode(saved(noise("RGB")))
    assert image.picture_phash(turned) == image.picture_phash(upright)
    assert image.picture_laplacian(turned) == image.picture_laplacian(upright)


@pytest.mark.parametrize(("sides", "expected"), [((300, 100), 3.0), ((100, 300), 3.0), ((7, 7), 1.0), ((1, 1), 1.0)])
def test_aspect_is_long_over_short(sides: tuple[int, int], expected: float) -> None:
    assert image.aspect(*sides) == expected


def test_the_original_bytes_are_named_by_their_digests() -> None:
    data = saved(noise("RGB"), "JPEG")
    picture = decode(data)
    assert image.sha256(picture) == hashlib.sha256(data).hexdigest()
    assert image.md5(picture) == hashlib.md5(data).hexdigest()
    assert image.size(picture) == len(data)
    assert image.pixels(picture) == 97 * 61


@pytest.mark.parametrize("data", [b"", b"<html>", saved(noise("RGB"), "JPEG")[:900]])
def test_what_does_not_decode_has_no_numbers(data: bytes) -> None:
    picture = decode(data)
    assert math.isnan(image.picture_entropy(picture))
    assert math.isnan(image.picture_laplacian(picture))
    assert image.picture_phash(picture) == ""
