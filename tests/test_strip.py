"""No byte of metadata remains, and no pixel changes."""

import io
import struct
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from filters.picture import decode
from pipelines.strip import strip

SECRET = b"31.2304N 121.4737E by Zhang San"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"


def exif() -> bytes:
    """EXIF with a GPS place and a description."""
    tags = Image.Exif()
    tags[0x010E] = SECRET.decode()
    tags.get_ifd(0x8825)[1] = "N"
    return tags.tobytes()


def photo(size: tuple[int, int] = (48, 32), mode: str = "RGB") -> Image.Image:
    """A picture with some detail in every channel."""
    bands = [Image.linear_gradient("L").rotate(90 * turn).resize(size) for turn in range(3)]
    return Image.merge("RGB", bands).convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """One JPEG segment."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def crowded_jpeg(**options: object) -> bytes:
    """A JPEG with everything that a camera, an editor and a spy leave in one."""
    data = saved(photo(), "jpeg", icc_profile=PROFILE, exif=exif(), xmp=XMP, comment=SECRET, **options)
    more = segment(0xED, b"Photoshop 3.0\0" + SECRET) + segment(0xE2, b"MPF\0" + SECRET)
    more += segment(0xE0, b"JFXX\0" + SECRET) + segment(0xEB, SECRET)
    thumbnail = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\4\1" + SECRET[:12])
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + thumbnail + more + data[20:] + SECRET


def crowded_png() -> bytes:
    """A PNG with texts before and after its pixels, and a payload behind its end."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_text("Comment", SECRET.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = saved(photo(), "png", pnginfo=info, exif=exif(), icc_profile=PROFILE, dpi=(72, 72))
    return data[:-12] + chunk(b"tIME", SECRET[:7]) + chunk(b"prVt", SECRET) + data[-12:] + SECRET


def crowded_webp(**options: object) -> bytes:
    """A WebP with EXIF, XMP, an unknown chunk and a payload behind its end."""
    data = saved(photo(), "webp", exif=exif(), xmp=XMP, icc_profile=PROFILE, **options)
    data += b"SECR" + struct.pack("<I", len(SECRET)) + SECRET + b"\0" * (len(SECRET) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:] + SECRET


def frames(kind: str) -> bytes:
    """An animation with EXIF."""
    turns = [photo().rotate(angle) for angle in (0, 90, 180)]
    return saved(turns[0], kind, save_all=True, append_images=turns[1:], duration=80, exif=exif())


CROWDED = {
    "jpeg": crowded_jpeg(),
    "progressive": crowded_jpeg(progressive=True, quality=60),
    "restarts": crowded_jpeg(restart_marker_rows=1),
    "cmyk": saved(photo(mode="CMYK"), "jpeg", exif=exif(), xmp=XMP, comment=SECRET),
    "grey": saved(photo(mode="L"), "jpeg", exif=exif(), comment=SECRET),
    "png": crowded_png(),
    "palette": saved(photo(mode="P"), "png", exif=exif()),
    "apng": frames("png"),
    "webp": crowded_webp(quality=80),
    "lossless": crowded_webp(lossless=True),
    "animated webp": frames("webp"),
}
MARKS = (b"Exif", b"EXIF", b"eXIf", b"XMP ", b"xmp", b"MPF", b"Photoshop", b"JFXX", b"tEXt", b"zTXt", b"iTXt", b"tIME")


def every_frame(data: bytes) -> list[bytes]:
    """The pixels of every frame, in one mode."""
    image = Image.open(io.BytesIO(data))
    return [bytes([seek(image, number)]) + image.convert("RGBA").tobytes() for number in range(count(image))]


def count(image: Image.Image) -> int:
    return getattr(image, "n_frames", 1)


def seek(image: Image.Image, number: int) -> int:
    image.seek(number)
    return number


@pytest.mark.parametrize("name", CROWDED)
def test_metadata_goes_and_pixels_stay(name: str) -> None:
    before = CROWDED[name]
    after = strip(before)
    assert after is not None
    assert any(mark in before for mark in (SECRET, *MARKS)), "the test's own picture holds no metadata"
    assert SECRET not in after
    assert SECRET[:12] not in after
    assert not [mark for mark in MARKS if mark in after]
    assert every_frame(after) == every_frame(before)
    image = Image.open(io.BytesIO(after))
    assert not image.getexif()
    assert image.info.get("icc_profile") == Image.open(io.BytesIO(before)).info.get("icc_profile")


@pytest.mark.parametrize("name", CROWDED)
def test_a_stripped_picture_is_stripped_already(name: str) -> None:
    once = strip(CROWDED[name])
    assert once is not None
    assert strip(once) == once


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_the_colour_profile_stays(name: str) -> None:
    assert Image.open(io.BytesIO(strip(CROWDED[name]) or b"")).info["icc_profile"] == PROFILE


def test_several_pictures_in_one_file_leave_the_first() -> None:
    first, second = photo(), photo((20, 20))
    data = saved(first, "MPO", save_all=True, append_images=[second], exif=exif())
    after = strip(data)
    assert after is not None
    assert Image.open(io.BytesIO(after)).format == "JPEG"
    assert after.count(b"\xff\xd8\xff") == 1
    assert decode(after).pixels.tobytes() == decode(data).pixels.tobytes()  # type: ignore[union-attr]


def test_webp_tells_no_more_of_metadata_and_its_size_is_true() -> None:
    after = strip(CROWDED["webp"]) or b""
    assert after[12:16] == b"VP8X"
    assert after[20] & 0x0C == 0
    assert int.from_bytes(after[4:8], "little") == len(after) - 8


UNCLEAN = {
    "no end": CROWDED["jpeg"][: -len(SECRET) - 2],
    "a length beyond the end": b"\xff\xd8" + segment(0xE1, b"x")[:2] + b"\xff\xff" + CROWDED["jpeg"][2:],
    "a length below itself": b"\xff\xd8\xff\xe1\0\0" + CROWDED["jpeg"][2:],
    "an unknown segment": b"\xff\xd8" + segment(0x02, SECRET) + CROWDED["jpeg"][2:],
    "no scan": b"\xff\xd8\xff\xd9",
    "a broken checksum": CROWDED["png"].replace(b"IDAT", b"IDAT\0", 1),
    "an unknown critical chunk": CROWDED["png"][:33] + chunk(b"ABCD", SECRET) + CROWDED["png"][33:],
    "no header": CROWDED["png"][:8] + CROWDED["png"][33:],
    "two headers": CROWDED["png"][:33] + CROWDED["png"][8:],
    "a RIFF that is cut": CROWDED["webp"][:60],
    "a RIFF of nothing": b"RIFF\x04\0\0\0WEBP",
    "another format": saved(photo(), "gif"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", UNCLEAN)
def test_what_is_not_plain_is_left_to_the_encoder(name: str) -> None:
    assert strip(UNCLEAN[name]) is None


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A crowded picture with a few bytes changed, cut out or put in."""
    data = bytearray(CROWDED[draw(st.sampled_from(sorted(CROWDED)))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        what = draw(st.sampled_from(["change", "cut", "insert", "end"]))
        if what == "change":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif what == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        else:
            del data[max(at, len(data) // 2) :]
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(mutated())
@example(b"\xff\xd8\xff\xda")
@example(b"RIFF\xff\xff\xff\xffWEBPVP8X")
def test_hostile_bytes_give_a_value_and_never_other_pixels(data: bytes) -> None:
    after = strip(data)
    before = decode(data)
    if after is None or before.pixels is None:
        return
    shown = decode(after)
    assert shown.pixels is not None
    # EXIF turns a picture when it is shown, and is gone afterwards: compare what lies in the file
    if before.orientation == 1:
        assert shown.pixels.tobytes() == before.pixels.tobytes()
