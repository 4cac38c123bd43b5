"""Bytes become a picture once, however many signals look at it; whatever the bytes are, the answer is a value.

The format is read from the content, the size from the header, and the pixels only when the header promises few
enough. Nothing here trusts a name or a content type, and no metadata leaves this file but the EXIF orientation and the
colour profile.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

MAX_PIXELS = 89_478_485  # Pillow's own bound against bombs: a quarter of a GiB at three bytes a pixel
MAX_FRAMES = 10_000  # where counting stops: more than seven minutes of film, and a hostile file can hold millions


Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_MIRRORED = ((2, 3, 6, 7), (3, 4, 7, 8))
"""The EXIF orientations that show the right side of the file on the left, and those that show its bottom on top."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What one file turned out to be. Two pictures are equal only if they are the same object.

    `width` and `height` are in pixels as shown (EXIF turning applied), and known even for a file that is cut or
    too large to decode; both are 0, and `format` is '', when not even the header could be read. `pixels` is the
    first frame as shown: upright, on white where it was transparent, mode L when it was grey, else RGB; None
    unless the file `decodes` whole, and then `reason` says why. `profile` is the ICC profile of the file, which may be
    of other colours than its pixels are now.
    """

    data: bytes = field(repr=False)
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    orientation: int = 1
    pixels: Image.Image | None = field(default=None, repr=False)
    reason: str = ""
    reduced: int = 1  # each side of `pixels` is one in so many of the picture's own, rounded up: see `decode_reduced`
    profile: bytes | None = field(default=None, repr=False)

    @property
    def decodes(self) -> bool:
        """Whether the file decodes whole. A truncated JPEG, of which browsers show the upper part, does not."""
        return self.pixels is not None

    def part(self, box: Box | None = None) -> Box:
        """A box of the picture, all of it without one, as its `pixels` hold it."""
        assert self.pixels is not None
        whole, ends, by = (self.width, self.height), self.pixels.size, self.reduced
        # A side that is no multiple of the reduction ends in a part of a pixel, which turning brings to the other end.
        margins = [
            (end - side / by) * (self.orientation in mirrored)
            for end, side, mirrored in zip(ends, whole, _MIRRORED, strict=True)
        ]
        places = zip(box or (0.0, 0.0, *whole), margins * 2, ends * 2, strict=True)
        left, top, right, bottom = (min(at / by + margin, end) for at, margin, end in places)
        return left, top, right, bottom

    @cached_property
    def grey(self) -> Image.Image | None:
        """The pixels in grey, mode L: ITU-R 601-2 luma as Pillow rounds it; None unless the file decodes."""
        if self.pixels is None or self.pixels.mode == "L":
            return self.pixels
        return self.pixels.convert("L")


Reduction = Callable[[int, int], int]
"""By what a picture of this width and height may be reduced as it is decoded: 1, 2, 4 or 8."""


def decode(data: bytes) -> Picture:
    """Decode a file of any kind, once; never raises or warns for what the bytes hold.

    >>> decode(b"<!DOCTYPE html><title>404</title>").reason
    'not a picture of a known format'
    """
    return decode_reduced(data, lambda width, height: 1)


def decode_reduced(data: bytes, reduction: Reduction) -> Picture:
    """Decode as `decode` does, but a JPEG only as finely as `reduction` asks of its size as shown.

    libjpeg then makes 4, 2 or 1 pixels of each block of 8, at a quarter of the cost. `pixels` is that much smaller;
    `width` and `height` are still the picture's own.
    """
    format_ = sniff(data)
    if not format_:
        return Picture(data, reason="not a picture of a known format" if data else "empty")
    with _quiet():
        return _open(data, format_, reduction)


def sniff(data: bytes) -> str:
    """The format by the first bytes: jpeg, png, gif, webp, bmp, tiff or avif; '' for all else.

    These are what browsers show, and tiff. Others that Pillow reads (eps, psd, jpeg 2000 …) are left out: pages
    hardly use them, and each is one more parser for hostile bytes.

    >>> sniff(b"GIF89a"), sniff(b"%PDF-1.7")
    ('gif', '')
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]  # major brand, version, compatible brands
        brands = {box[at : at + 4] for at in (0, *range(8, len(box), 4))}
        return "avif" if brands & {b"avif", b"avis"} else ""
    return next((name for magic, name in _MAGIC if data.startswith(magic)), "")


_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)

# The plugins are called directly: Image.open would warn of or refuse a bomb before its size could be read.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.jpeg_factory,
    "png": PngImagePlugin.PngImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
}


def _open(data: bytes, format_: str, reduction: Reduction) -> Picture:
    try:
        image = _OPENERS[format_](io.BytesIO(data))
        width, height = image.size
    except Exception as error:  # Pillow's parsers raise anything at all for hostile bytes
        return Picture(data, reason=_say("header", error))
    if width <= 0 or height <= 0:
        return Picture(data, reason="header: no pixels")
    turn = _orientation(image, format_)
    # Pillow turns a TIFF by itself, size included; all else comes as it lies in the file.
    if turn >= 5 and format_ != "tiff":
        width, height = height, width
    frames = _frames(data, image, format_)
    if width * height > MAX_PIXELS:
        why = f"{width} x {height} is more than {MAX_PIXELS} pixels"
        return Picture(data, format_, width, height, frames, turn, reason=why)
    by = reduction(width, height) if format_ == "jpeg" else 1
    try:
        if by > 1:
            wide, drafted = image.width, image.draft(None, (max(1, image.width // by), max(1, image.height // by)))
            by = round(wide / drafted[1][2]) if drafted else 1  # less than was asked for, where a side is short
        image.load()
        shown = _flat(image)
        if turn > 1 and format_ != "tiff":
            shown = shown.transpose(TURNS[turn])
    except Exception as error:  # as above: a fault of the bytes is a value
        return Picture(data, format_, width, height, frames, turn, reason=_say("pixels", error))
    if by == 1:
        width, height = shown.size
    profile = image.info.get("icc_profile")
    kept = profile if isinstance(profile, bytes) and profile else None
    return Picture(data, format_, width, height, frames, turn, pixels=shown, reduced=by, profile=kept)


def _say(part: str, error: Exception) -> str:
    return f"{part}: {type(error).__name__}: {error}"[:200]


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its EXIF orientation."""


def _orientation(image: Image.Image, format_: str) -> int:
    """The EXIF orientation, 1 to 8; 1 when it is absent, broken or none of these (cameras write 0)."""
    # Pillow looks for EXIF behind the pixels of a PNG, and decodes them on the way: not those of a bomb.
    if format_ == "png" and "exif" not in image.info and image.width * image.height > MAX_PIXELS:
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF is no reason to lose the picture: browsers show it unturned
        return 1
    return value if isinstance(value, int) and value in TURNS else 1


def _frames(data: bytes, image: ImageFile.ImageFile, format_: str) -> int:
    """The frames of an animation, at most MAX_FRAMES. The pages of a TIFF and the views of a JPEG are no animation."""
    if format_ == "gif":
        return max(1, _gif_frames(data))
    if format_ in ("png", "webp", "avif"):
        return min(max(1, getattr(image, "n_frames", 1)), MAX_FRAMES)
    return 1


def _gif_frames(data: bytes) -> int:
    """Count the image descriptors of a GIF, up to MAX_FRAMES, without decoding one (Pillow's count has no bound)."""
    at = 13 + _palette_bytes(data[10])
    frames = 0
    while at < len(data) and frames < MAX_FRAMES:
        if data[at] == 0x2C and at + 9 < len(data):  # image: position and size, flags, palette, code size, blocks
            frames += 1
            at += 11 + _palette_bytes(data[at + 9])
        elif data[at] == 0x21:  # extension: label, blocks
            at += 2
        else:  # the trailer, or nothing that belongs here
            break
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return frames


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _flat(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB, transparent parts on white as on most pages."""
    if image.mode.startswith("I;16"):  # Pillow clips 16 bits to 8, which turns nearly all of a picture white
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        flat = Image.new("RGB", layer.size, (255, 255, 255))
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    mode = "L" if image.mode in ("1", "L", "I", "F") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # a copy costs as much as half of the decoding


class _Silence:
    """Depth and filter of `_quiet`: the warnings filter is the process's own, so threads must share one change."""

    lock = threading.Lock()
    depth = 0
    caught = warnings.catch_warnings()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore the warnings of Pillow while any thread decodes: a million pictures would fill the screen."""
    with _Silence.lock:
        if _Silence.depth == 0:
            _Silence.caught = warnings.catch_warnings()
            _Silence.caught.__enter__()
            warnings.simplefilter("ignore")
        _Silence.depth += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.depth -= 1
            if _Silence.depth == 0:
                _Silence.caught.__exit__(None, None, None)
