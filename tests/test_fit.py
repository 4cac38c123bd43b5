"""A picture made to fit by img2dataset's flags: its sizes and refusals as img2dataset 1.47 gave them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pipelines.fit import Fit, fitted
from schemas.errors import BadInput


def file(width: int, height: int, kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 60).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a maker's name"
    return file(60, 40, exif=exif.tobytes(), **options)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("size", "fit", "became"),
    [
        ((60, 40), Fit(image_size=32), (32, 32)),
        ((10, 20), Fit(image_size=32), (32, 32)),
        ((10, 20), Fit(image_size=32, resize_mode="keep_ratio"), (32, 64)),
        ((10, 20), Fit(image_size=32, resize_mode="center_crop", resize_only_if_bigger=True), (10, 20)),
        ((90, 10), Fit(image_size=32, resize_mode="center_crop", resize_only_if_bigger=True), (90, 10)),
        ((60, 40), Fit(image_size=32, resize_mode="center_crop", resize_only_if_bigger=True), (32, 32)),
        ((60, 40), Fit(resize_mode="no"), (60, 40)),
        ((3, 3), Fit(resize_mode="no"), (3, 3)),
    ],
)
def test_sizes(size: tuple[int, int], fit: Fit, became: tuple[int, int]) -> None:
    made = fitted(file(*size), fit)
    assert not made.error
    assert (made.width, made.height) == became == opened(made.data).size
    assert (made.original_width, made.original_height) == size


@pytest.mark.parametrize(
    ("size", "fit", "error"),
    [
        ((3, 30), {"min_image_size": 5}, "image too small"),
        ((60, 40), {"max_image_area": 1000}, "image area too large"),
        ((90, 10), {"max_aspect_ratio": 3}, "aspect ratio too large"),
        ((3, 90), {"min_image_size": 5, "max_image_area": 100, "max_aspect_ratio": 3}, "image too small"),
        ((9, 90), {"min_image_size": 5, "max_image_area": 100, "max_aspect_ratio": 3}, "image area too large"),
        ((5, 5), {"min_image_size": 5, "max_image_area": 25, "max_aspect_ratio": 1}, ""),
        ((30, 10), {"max_aspect_ratio": 3.0}, ""),
    ],
)
def test_what_does_not_fit_says_so_in_img2datasets_words(size: tuple[int, int], fit: Any, error: str) -> None:
    made = fitted(file(*size), Fit(**fit))
    assert made.error == error
    assert (made.width is None) == (made.data == b"") == bool(error)


@pytest.mark.parametrize("data", [b"", b"<html>nope", file(60, 40)[:300]])
def test_what_does_not_decode(data: bytes) -> None:
    assert fitted(data, Fit()).error == "Image decoding error"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_no_bytes_make_it_raise(tail: bytes, at: int, byte: int) -> None:
    data = bytearray(file(12, 9, "PNG"))
    data[at % len(data)] = byte
    for hostile in (bytes(data), bytes(data[: at % len(data)]) + tail):
        for fit in (Fit(image_size=8), Fit(skip_reencode=True, resize_mode="no"), Fit(disable_all_reencoding=True)):
            fitted(hostile, fit, [[0.1, 0.1, 0.5, 0.5]])


@pytest.mark.parametrize(("ending", "kind"), [("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_formats(ending: str, kind: str) -> None:
    quality = 9 if ending == "png" else 80
    made = fitted(file(60, 40), Fit(image_size=32, encode_format=ending, encode_quality=quality))
    assert opened(made.data).format == kind


def test_a_format_that_cannot_hold_it_is_a_value() -> None:
    made = fitted(file(40, 2), Fit(image_size=17_000, resize_mode="keep_ratio_largest", encode_format="webp"))
    assert "Error" in made.error and made.data == b""


def test_transparent_parts_become_white_and_grey_stays_grey() -> None:
    clear = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(clear, "PNG")
    for skip in (False, True):
        fit = Fit(resize_mode="no", encode_format="png", encode_quality=6, skip_reencode=skip)
        assert opened(fitted(clear.getvalue(), fit).data).convert("RGB").getpixel((4, 4)) == (255, 255, 255)
    assert opened(fitted(file(40, 30, mode="L"), Fit(image_size=16)).data).mode == "L"


def test_skip_reencode_keeps_the_pixels_and_cuts_the_metadata() -> None:
    data = turned(1, quality=70)
    fit = Fit(image_size=100, resize_only_if_bigger=True, skip_reencode=True)
    made = fitted(data, fit)
    assert b"a maker's name" in data and b"a maker's name" not in made.data
    assert opened(made.data).tobytes() == opened(data).tobytes() and made.data[-200:] == data[-200:]
    assert fitted(made.data, fit).data == made.data
    again = fitted(data, Fit(image_size=100, resize_only_if_bigger=True))
    assert again.data[-200:] != data[-200:]


@pytest.mark.parametrize(
    ("data", "fit"),
    [
        (file(60, 40, "PNG"), Fit(resize_mode="no", skip_reencode=True)),  # another format
        (file(60, 40), Fit(image_size=32, skip_reencode=True)),  # resized
        (turned(6), Fit(resize_mode="no", skip_reencode=True)),  # turned
    ],
)
def test_skip_reencode_does_not_skip_what_has_to_be_done(data: bytes, fit: Fit) -> None:
    made = fitted(data, fit)
    assert opened(made.data).format == "JPEG" and made.data != data
    assert opened(made.data).size == (made.width, made.height)


def test_turned_pictures_stand_upright() -> None:
    made = fitted(turned(6), Fit(resize_mode="no"))
    assert (made.width, made.height, made.original_width, made.original_height) == (40, 60, 40, 60)


def test_disable_all_reencoding_keeps_every_format() -> None:
    fit = Fit(disable_all_reencoding=True, min_image_size=1000)
    gif, jpeg = file(9, 9, "GIF"), turned(6)
    assert fitted(gif, fit).data == gif
    made = fitted(jpeg, fit)
    assert made.width is None and b"maker" not in made.data
    assert opened(made.data).tobytes() == opened(jpeg).tobytes()


def test_the_colour_profile_stays_and_nothing_else() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = fitted(file(60, 40, icc_profile=profile, comment=b"mine"), Fit(image_size=32))
    assert opened(made.data).info.get("icc_profile") == profile and b"mine" not in made.data
    grey = fitted(file(60, 40, mode="L", icc_profile=profile), Fit(image_size=32))
    assert "icc_profile" not in opened(grey.data).info  # it speaks of colours


def test_interpolations_differ() -> None:
    data = file(60, 40)
    downs = {fitted(data, Fit(image_size=32, downscale_interpolation=how)).data for how in ("area", "nearest", "cubic")}
    ups = {fitted(data, Fit(image_size=99, upscale_interpolation=how)).data for how in ("lanczos", "NEAREST")}
    assert (len(downs), len(ups)) == (3, 2)
    assert fitted(data, Fit(image_size=99, downscale_interpolation="nearest")).data in ups


# Blurring.


def detail(image: Image.Image, box: tuple[int, int, int, int]) -> float:
    """How much a part of a picture differs from its own mean, in grey levels."""
    part = image.convert("L").crop(box)
    return float(sum(abs(one - sum(part.getdata()) / len(part.getdata())) for one in part.getdata())) / len(
        part.getdata()
    )


def test_a_box_is_blurred_and_the_rest_is_not() -> None:
    data = file(200, 100, "PNG")
    made = opened(
        fitted(data, Fit(resize_mode="no", encode_format="png", encode_quality=1), [[0.5, 0.0, 1.0, 1.0]]).data
    )
    before = opened(data).convert("RGB")
    assert detail(made, (120, 20, 180, 80)) < detail(before, (120, 20, 180, 80)) / 4
    assert made.crop((0, 0, 50, 100)).tobytes() == before.crop((0, 0, 50, 100)).tobytes()
    nothing = fitted(data, Fit(resize_mode="no", encode_format="png", encode_quality=1), [])
    assert opened(nothing.data).tobytes() == before.tobytes()


def test_boxes_are_those_of_the_file_before_it_is_turned() -> None:
    """The right half of a file that is shown turned by a quarter is its lower half."""
    made = opened(fitted(turned(6, quality=95), Fit(resize_mode="no"), [[0.55, 0.0, 1.0, 1.0]]).data)
    assert made.size == (40, 60)
    assert detail(made, (5, 42, 35, 58)) < detail(made, (5, 2, 35, 18)) / 2


def test_a_box_survives_no_shortcut() -> None:
    data = file(200, 100)
    fit = Fit(resize_mode="no", skip_reencode=True)
    assert fitted(data, fit, [[0.2, 0.2, 0.8, 0.8]]).data != fitted(data, fit).data


def test_hostile_boxes_do_not_raise() -> None:
    for box in (
        [1.0, 1.0, 0.0, 0.0],
        [-5.0, -5.0, 9.0, 9.0],
        [0.5, 0.5, 0.5, 0.5],
        [2.0, 2.0, 3.0, 3.0],
        [-1e300, 0, 1e300, 1],
    ):
        assert not fitted(file(40, 30), Fit(image_size=16), [box]).error


def test_fit_refuses_what_cannot_be() -> None:
    for wrong in ({"image_size": 0}, {"encode_quality": 101}, {"resize_mode": "x"}, {"encode_format": "bmp"}):
        with pytest.raises(BadInput, match=f"--{next(iter(wrong))}"):
            Fit(**wrong)  # type: ignore[arg-type]
