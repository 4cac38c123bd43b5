"""A picture as packed: turned upright, encoded again, resized as img2dataset does."""

import io
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat

from filters.picture import TURNS, decode, decode_reduced
from pipelines.resize import Packing, picture, reduction, resized
from schemas.errors import BadInput

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    """A picture whose four corners differ."""
    bands = [Image.linear_gradient("L").rotate(90 * turn).resize(size) for turn in range(3)]
    return Image.merge("RGB", bands).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    """EXIF that turns a picture, and says where it was taken."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "Zhang San"
    return tags.tobytes()


def pack(data: bytes, packing: Packing | None = None) -> Any:
    """A picture as packed, with what the image family would have measured of it."""
    shown = decode(data)
    return picture(data, shown.orientation, (shown.width, shown.height), packing or Packing())


@pytest.mark.parametrize("orientation", sorted(TURNS))
@pytest.mark.parametrize(("kind", "options"), [("png", {}), ("webp", {"lossless": True}), ("jpeg", {"quality": 95})])
def test_a_turned_picture_is_stored_upright(kind: str, options: dict[str, Any], orientation: int) -> None:
    data = saved(photo(), kind, exif=turned(orientation), icc_profile=PROFILE, **options)
    packed = pack(data)
    shown, stored = decode(data), decode(packed.data)
    assert packed.reencoded == "orientation"
    assert stored.orientation == 1
    assert stored.format == kind
    assert (packed.width, packed.height) == (shown.width, shown.height) == (stored.width, stored.height)
    assert shown.pixels is not None
    assert stored.pixels is not None
    difference = ImageStat.Stat(ImageChops.difference(shown.pixels, stored.pixels)).mean
    assert max(difference) <= (0 if kind != "jpeg" else 1.5)
    assert b"Zhang San" not in packed.data
    assert Image.open(io.BytesIO(packed.data)).info.get("icc_profile") == PROFILE


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_turned_jpeg_keeps_its_sampling(sampling: int) -> None:
    from PIL import JpegImagePlugin

    packed = pack(saved(photo(), "jpeg", subsampling=sampling, exif=turned(3)))
    assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(packed.data))) == sampling


def test_a_comment_does_not_survive_the_encoder() -> None:
    packed = pack(saved(photo(), "jpeg", comment=b"Zhang San", exif=turned(6)))
    assert packed.reencoded == "orientation"
    assert b"Zhang San" not in packed.data


OTHERS: dict[str, Callable[[], bytes]] = {
    "gif": lambda: saved(photo(mode="P"), "gif"),
    "animated gif": lambda: saved(photo(), "gif", save_all=True, append_images=[photo().rotate(90)]),
    "bmp": lambda: saved(photo(), "bmp"),
    "tiff": lambda: saved(photo(), "tiff"),
    "turned tiff": lambda: saved(photo(), "tiff", exif=turned(6)),
    "cmyk tiff": lambda: saved(photo(mode="CMYK"), "tiff"),
    "16 bits": lambda: saved(Image.linear_gradient("L").convert("I").convert("I;16"), "tiff"),
    "avif": lambda: saved(photo(), "avif"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_become_png(name: str) -> None:
    data = OTHERS[name]()
    packed, shown = pack(data), decode(data)
    assert (packed.reencoded, packed.error) == ("format", "")
    stored = decode(packed.data)
    assert (stored.format, stored.frames) == ("png", 1)
    assert shown.pixels is not None
    assert stored.pixels is not None
    assert stored.pixels.convert("RGB").tobytes() == shown.pixels.convert("RGB").tobytes()


def test_transparency_stays_in_a_picture_that_becomes_png() -> None:
    image = photo((8, 8)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((8, 8)).point(lambda value: 255 if value > 100 else 0))
    packed = pack(saved(image, "gif"))
    assert Image.open(io.BytesIO(packed.data)).convert("RGBA").getchannel("A").getextrema() == (0, 255)


def test_an_ordinary_picture_keeps_its_pixels() -> None:
    data = saved(photo(), "jpeg", exif=turned(1))
    packed = pack(data)
    assert packed.reencoded == ""
    assert decode(packed.data).pixels.tobytes() == decode(data).pixels.tobytes()  # type: ignore[union-attr]


def test_what_cannot_be_stripped_is_encoded_again_and_says_so() -> None:
    data = saved(photo(), "jpeg")
    odd = data[:2] + b"\xff\xdc\0\x0bZhang San" + data[2:]  # a DNL out of its place, which decoders skip
    assert decode(odd).decodes
    packed = pack(odd)
    assert packed.reencoded == "structure"
    assert b"Zhang San" not in packed.data


# img2dataset's own results for 60 x 40 at image_size 32 (resizer.py, albumentations' rounding), and for 10 x 20
MODES = {
    ("border", (60, 40)): (32, 32),
    ("keep_ratio", (60, 40)): (48, 32),
    ("keep_ratio_largest", (60, 40)): (32, 21),
    ("center_crop", (60, 40)): (32, 32),
    ("no", (60, 40)): (60, 40),
    ("border", (10, 20)): (32, 32),
    ("keep_ratio", (10, 20)): (32, 64),
    ("keep_ratio_largest", (10, 20)): (16, 32),
    ("center_crop", (10, 20)): (32, 32),
}


@pytest.mark.parametrize(("mode", "size"), MODES)
def test_modes_of_resizing(mode: str, size: tuple[int, int]) -> None:
    packed = pack(saved(photo(size), "png"), Packing(image_size=32, resize_mode=mode))
    stored = decode(packed.data)
    assert (packed.reencoded, stored.format) == ("resize", "jpeg")
    assert (stored.width, stored.height) == (packed.width, packed.height) == MODES[mode, size]


def test_a_border_is_white_and_in_the_middle() -> None:
    image = resized(Image.new("RGB", (60, 30), (255, 0, 0)), 30, "border")
    assert [image.getpixel((15, row)) for row in (0, 6, 15, 23)] == [
        (255, 255, 255),
        (255, 255, 255),
        (255, 0, 0),
        (255, 255, 255),
    ]


def test_a_crop_is_from_the_middle() -> None:
    image = Image.new("L", (90, 30), 0)
    image.paste(200, (30, 0, 60, 30))
    assert resized(image, 30, "center_crop").getextrema() == (200, 200)


@pytest.mark.parametrize("mode", ["border", "keep_ratio", "keep_ratio_largest", "center_crop"])
def test_only_if_bigger_leaves_the_small_alone(mode: str) -> None:
    small, big = photo((10, 20)), photo((60, 90))
    assert resized(small, 32, mode, only_if_bigger=True).size == (10, 20)
    assert resized(big, 32, mode, only_if_bigger=True).size == resized(big, 32, mode).size


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 64), st.sampled_from(sorted({m for m, _ in MODES})))
@settings(max_examples=100, deadline=None)
def test_any_size_fits_its_mode(width: int, height: int, size: int, mode: str) -> None:
    image = resized(Image.new("L", (width, height)), size, mode)
    sides = {
        "border": max(image.size) == min(image.size) == size,
        "center_crop": max(image.size) == min(image.size) == size,
        "keep_ratio": min(image.size) == size,
        "keep_ratio_largest": max(image.size) == size,
        "no": image.size == (width, height),
    }
    assert sides[mode]


@pytest.mark.parametrize("mode", ["border", "keep_ratio", "keep_ratio_largest", "center_crop"])
@pytest.mark.parametrize("size", [(640, 480), (641, 483), (479, 1003), (655, 261)])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_jpeg_decoded_in_part_looks_as_if_decoded_whole(size: tuple[int, int], orientation: int, mode: str) -> None:
    """A chessboard shows a shift by a part of a pixel: where the last block is taken for whole, 4 to 17 dB are lost."""
    board = Image.new("L", size)
    for left, top in itertools.product(range(0, size[0], 16), range(0, size[1], 16)):
        board.paste(255 * ((left + top) // 16 % 2), (left, top, left + 16, top + 16))
    data = saved(board.convert("RGB"), "jpeg", exif=turned(orientation))
    assert decode_reduced(data, reduction(64, mode)).reduced > 1
    whole = decode(data).pixels
    assert whole is not None
    packing = Packing(image_size=64, resize_mode=mode)
    packed, expected = (decode(pack(one, packing).data).pixels for one in (data, saved(whole, "png")))
    assert packed is not None and expected is not None and packed.size == expected.size
    squares = ImageStat.Stat(ImageChops.difference(packed, expected)).sum2
    least = 29 if size == (640, 480) else 33  # its whole is averaged, ten pixels by ten, where the other is filtered
    assert 10 * math.log10(255**2 * 3 * packed.width * packed.height / sum(squares)) > least


def test_whole_pixels_are_averaged() -> None:
    image = Image.effect_noise((96, 60), 80)
    means = [
        sum(image.getpixel((3 * x + i, 3 * y + j)) for i in range(3) for j in range(3)) / 9  # type: ignore[misc]
        for y in range(20)
        for x in range(32)
    ]
    made = list(resized(image, 32, "keep_ratio_largest").getdata())
    assert max(abs(one - mean) for one, mean in zip(made, means, strict=True)) <= 0.6


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 40), st.sampled_from(sorted({m for m, _ in MODES})))
@settings(max_examples=60, deadline=None)
def test_a_jpeg_decoded_in_part_has_the_size_of_the_whole(width: int, height: int, size: int, mode: str) -> None:
    data = saved(Image.new("L", (width, height), 90), "jpeg")
    packed = pack(data, Packing(image_size=size, resize_mode=mode))
    whole = decode(data).pixels
    assert whole is not None
    assert (packed.width, packed.height) == resized(whole, size, mode).size


def test_a_picture_that_does_not_decode_is_a_value() -> None:
    for packing in (Packing(), Packing(image_size=32)):
        packed = picture(b"GIF89a nothing", 1, (5, 5), packing)
        assert packed.error
        assert packed.data == b""


@pytest.mark.parametrize(
    ("options", "word"),
    [({"resize_mode": "squash"}, "squash"), ({"image_size": 0}, "--image-size"), ({"encode_quality": 101}, "101")],
)
def test_packing_that_cannot_be_is_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        Packing(**options)


SEEDS = [make() for make in OTHERS.values()]
SEEDS += [saved(photo(mode=mode), "jpeg", exif=turned(6)) for mode in ("RGB", "L", "CMYK")]
SEEDS += [saved(photo(mode=mode), "png", exif=turned(8)) for mode in ("RGB", "P", "RGBA", "LA", "1")]
SEEDS += [saved(photo(), "webp", exif=turned(5)), b""]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    st.sampled_from([Packing(), Packing(image_size=16)]),
)
def test_hostile_bytes_give_a_value(data: bytes, changes: list[tuple[int, int]], packing: Packing) -> None:
    changed = bytearray(data)
    for at, value in changes:
        if at < len(changed):
            changed[at] = value
    packed = pack(bytes(changed), packing)
    assert bool(packed.data) != bool(packed.error)
    if packed.data and decode(bytes(changed)).decodes:
        stored = decode(packed.data)
        assert stored.decodes
        assert (stored.width, stored.height, stored.orientation) == (packed.width, packed.height, 1)
