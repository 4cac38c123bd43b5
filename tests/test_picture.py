"""One decode of any bytes at all: real files of every format, and those that hostile or broken servers send."""

from __future__ import annotations

import io
import math
import struct
import threading
import time
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from filters.picture import MAX_FRAMES, MAX_PIXELS, decode, decode_reduced, sniff


def photo(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A picture with slopes and edges, no two corners alike."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    red, green, blue = x * 255 // size[0], y * 255 // size[1], ((x // 8 + y // 8) % 2) * 200
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(photo(), "JPEG", exif=exif, quality=95)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("format_", "name"),
    [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tiff")],
)
def test_the_formats_of_the_web_are_read_by_their_content(format_: str, name: str) -> None:
    picture = decode(saved(photo(), format_))
    assert (picture.format, picture.width, picture.height, picture.frames) == (name, 60, 40, 1)
    assert picture.decodes
    assert picture.reason == ""
    assert picture.pixels is not None
    assert picture.pixels.mode == "RGB"


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_too() -> None:
    picture = decode(saved(photo(), "AVIF"))
    assert (picture.format, picture.width, picture.decodes) == ("avif", 60, True)


MODES = {
    "PNG": "1 L LA P RGB RGBA I;16 I",
    "TIFF": "1 L LA P PA RGB RGBA CMYK I;16 I F LAB",
    "JPEG": "1 L RGB CMYK YCbCr",
    "GIF": "1 L LA P RGB RGBA",
    "WEBP": "L RGB RGBA",
    "BMP": "1 L P RGB RGBA",
}
HELD = [(format_, mode) for format_, modes in MODES.items() for mode in modes.split()]


@pytest.mark.parametrize(("format_", "mode"), HELD, ids="-".join)
def test_every_mode_that_a_format_can_hold_has_pixels(format_: str, mode: str) -> None:
    image = photo("L").convert("I").convert(mode) if mode in ("I;16", "I", "F") else photo(mode)
    picture = decode(saved(image, format_))
    assert picture.decodes, picture.reason
    assert picture.pixels is not None
    assert picture.pixels.mode in ("L", "RGB")
    assert picture.grey is not None
    assert (picture.grey.mode, picture.grey.size) == ("L", (60, 40))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_as_pillow_does(orientation: int) -> None:
    data = turned(orientation)
    picture = decode(data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert picture.orientation == orientation
    assert (picture.width, picture.height) == upright.size == ((60, 40) if orientation < 5 else (40, 60))
    assert picture.pixels is not None
    assert picture.pixels.tobytes() == upright.tobytes()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_tiff_is_turned_once(orientation: int) -> None:
    data = saved(photo(), "TIFF", tiffinfo={0x0112: orientation})
    picture = decode(data)
    upright = ImageOps.exif_transpose(photo_with(orientation))
    assert picture.orientation == orientation
    assert picture.pixels is not None
    assert (picture.width, picture.height) == picture.pixels.size == upright.size
    assert picture.pixels.tobytes() == upright.tobytes()


def photo_with(orientation: int) -> Image.Image:
    image = photo()
    image.getexif()[0x0112] = orientation
    return image


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_is_upright(value: int) -> None:
    picture = decode(turned(value))
    assert (picture.orientation, picture.width, picture.decodes) == (1, 60, True)


def test_broken_exif_does_not_lose_the_picture() -> None:
    data = saved(photo(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    picture = decode(data)
    assert (picture.orientation, picture.width, picture.decodes) == (1, 60, True)


def test_transparent_parts_are_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.putpixel((1, 1), (10, 20, 30, 255))
    clear.putpixel((2, 2), (0, 0, 0, 128))
    pixels = decode(saved(clear, "PNG")).pixels
    assert pixels is not None
    assert pixels.getpixel((0, 0)) == (255, 255, 255)
    assert pixels.getpixel((1, 1)) == (10, 20, 30)
    assert pixels.getpixel((2, 2)) == (127, 127, 127)


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
def test_a_palette_with_transparency_is_white_there(transparency: Any) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((3, 3), 1)
    pixels = decode(saved(image, "PNG", transparency=transparency)).pixels
    assert pixels is not None
    assert (pixels.getpixel((0, 0)), pixels.getpixel((3, 3))) == ((255, 255, 255), (0, 0, 200))


def test_sixteen_bits_keep_their_slope() -> None:
    slope = Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257)
    grey = decode(saved(slope, "PNG")).grey
    assert grey is not None
    assert np.array_equal(np.asarray(grey).ravel(), np.arange(256))


def test_only_the_first_frame_is_seen_and_all_are_counted() -> None:
    frames = [Image.new("L", (9, 9), shade) for shade in (10, 100, 200)]
    for format_ in ("GIF", "PNG", "WEBP"):
        data = saved(frames[0], format_, save_all=True, append_images=frames[1:], **lossless(format_))
        picture = decode(data)
        assert picture.frames == 3, format_
        assert picture.grey is not None
        assert abs(picture.grey.getpixel((4, 4)) - 10) <= 1  # type: ignore[operator]


def lossless(format_: str) -> dict[str, bool]:
    return {"lossless": True} if format_ == "WEBP" else {}


def test_a_gif_with_palettes_and_comments_counts_as_pillow_counts() -> None:
    frames = [photo("P", (20 + n, 20)).resize((20, 20)) for n in range(5)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"x" * 600, loop=0)
    assert decode(data).frames == Image.open(io.BytesIO(data)).n_frames == 5  # type: ignore[attr-defined]


def test_a_gif_of_a_million_frames_is_counted_to_the_bound() -> None:
    one = saved(Image.new("P", (1, 1)), "GIF")
    at = one.index(b",")
    begin = time.process_time()
    picture = decode(one[:at] + one[at:-1] * 1_000_000 + b";")
    assert picture.frames == MAX_FRAMES
    assert picture.decodes
    assert time.process_time() - begin < 1.0


def test_the_views_of_an_mpo_and_the_pages_of_a_tiff_are_no_animation() -> None:
    for format_, name in (("MPO", "jpeg"), ("TIFF", "tiff")):
        data = saved(photo(), format_, save_all=True, append_images=[photo()])
        picture = decode(data)
        assert (picture.format, picture.frames, picture.decodes) == (name, 1, True)


def test_a_bomb_is_refused_before_its_pixels_and_its_size_is_known() -> None:
    picture = decode(png_header(60_000, 60_000))
    assert (picture.format, picture.width, picture.height, picture.decodes) == ("png", 60_000, 60_000, False)
    assert str(MAX_PIXELS) in picture.reason


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1024, 768), (1001, 803), (900, 3), (60, 40), (3, 3)])
def test_a_jpeg_is_decoded_as_far_as_is_asked(size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo(size=size), "JPEG", exif=exif)
    whole = decode(data)
    for by in (1, 2, 4, 8):
        picture, again = (decode_reduced(data, lambda *_, by=by: by) for _ in range(2))
        assert picture.pixels is not None and again.pixels is not None
        assert (picture.width, picture.height, picture.format) == (whole.width, whole.height, "jpeg")
        assert picture.reduced == by or (picture.reduced < by and min(size) < by)  # a strip keeps a row
        assert picture.pixels.size == tuple(math.ceil(side / picture.reduced) for side in (whole.width, whole.height))
        assert picture.pixels.tobytes() == again.pixels.tobytes()
        left, top, right, bottom = picture.part()
        assert (right - left, bottom - top) == (whole.width / picture.reduced, whole.height / picture.reduced)
        assert 0 <= left < 1 and 0 <= top < 1 and picture.pixels.size == (math.ceil(right), math.ceil(bottom))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_all_else_is_decoded_whole(kind: str) -> None:
    picture = decode_reduced(saved(photo(size=(400, 400)), kind), lambda width, height: 8)
    assert (picture.reduced, picture.part()) == (1, (0, 0, 400, 400))


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_what_is_cut_does_not_decode_in_a_smaller_size_either(cut: float) -> None:
    data = saved(photo(size=(400, 300)), "JPEG")
    picture = decode_reduced(data[: int(len(data) * cut)], lambda width, height: 8)
    assert (picture.decodes, picture.width, picture.height) == (False, 400, 300)


@pytest.mark.parametrize("cut", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_cut_file_does_not_decode(format_: str, cut: float) -> None:
    data = saved(photo(size=(300, 200)), format_)
    picture = decode(data[: int(len(data) * cut)])
    assert not picture.decodes
    assert picture.reason
    assert picture.pixels is None
    assert picture.grey is None
    assert (picture.width, picture.height) in ((300, 200), (0, 0))


def test_a_cut_jpeg_still_says_its_size() -> None:
    data = saved(photo(size=(300, 200)), "JPEG")
    picture = decode(data[: len(data) // 2])
    assert (picture.format, picture.width, picture.height, picture.decodes) == ("jpeg", 300, 200, False)


def test_a_cut_tiff_says_its_size_as_shown() -> None:
    data = saved(photo(size=(300, 200)), "TIFF", tiffinfo={0x0112: 6})
    picture = decode(data[: len(data) // 2])
    assert (picture.width, picture.height, picture.orientation, picture.decodes) == (200, 300, 6, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<!DOCTYPE html><html><title>404</title></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"GIF89a",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"BM",
        b"II*\0",
        b"\0\0\0\x18ftypavif",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"8BPS\0\1",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        png_header(0, 5),
        png_header(2**31 - 1, 2**31 - 1),
        b"GIF89a\0\0\0\0\0\0\0",
    ],
)
def test_what_is_no_picture_is_a_value(data: bytes) -> None:
    picture = decode(data)
    assert not picture.decodes
    assert picture.reason
    assert picture.data == data


WHOLE = {name: saved(photo(), name) for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")} | {"EXIF": turned(6)}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_no_flipped_byte_raises_or_warns(name: str, data: st.DataObject) -> None:
    damaged = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = decode(bytes(damaged))
    assert picture.decodes == (picture.pixels is not None) == (picture.reason == "")
    assert (picture.width == 0) == (picture.height == 0) == (picture.frames == 0) == (picture.format == "")


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    assert decode(data).data == data


def test_warnings_stay_silent_in_threads_and_come_back_after() -> None:
    before = list(warnings.filters)
    noisy = saved(photo(), "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01\x03\x00")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(noisy)).getexif()
        assert caught, "the file must be one that Pillow warns of"
        caught.clear()
        workers = [threading.Thread(target=lambda: [decode(noisy) for _ in range(20)]) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert caught == []
        warnings.warn("heard again", UserWarning, stacklevel=1)
        assert len(caught) == 1
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"RIFF....WEBPVP8 ", "webp"),
        (b"RIFF....WAVE", ""),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp41isom", ""),
        (b" \xff\xd8\xff", ""),
    ],
)
def test_the_first_bytes_say_the_format(data: bytes, expected: str) -> None:
    assert sniff(data) == expected


def test_global_settings_of_pillow_are_left_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode(png_header(60_000, 60_000))
    assert before == Image.MAX_IMAGE_PIXELS
