"""A picture as it is packed: as it came but for its metadata, or encoded again where that cannot be.

The modes of resizing are img2dataset's, with its names and its numbers; where it uses OpenCV's INTER_AREA and
INTER_LANCZOS4, Pillow's HAMMING and LANCZOS stand here: benchmarks/README.md has how near they come. Where whole pixels
become one, their mean is INTER_AREA itself.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image, JpegImagePlugin

from filters.picture import TURNS, Box, Reduction, decode_reduced, sniff
from pipelines.strip import strip
from schemas.errors import BadInput

KEPT = ("jpeg", "png", "webp")  # the formats that are packed as they came
ENDING = "jpg"
"""Of every packed picture, or HF datasets refuses a tar whose samples have different members. Every reader looks at
the bytes, not at the name; `image_format` in the row says what they are."""

MODES = ("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop")
_BY_SHORTER = ("keep_ratio", "center_crop")  # the shorter side becomes the size; of the others the longer does
AREA = Image.Resampling.HAMMING  # of Pillow's filters the nearest to INTER_AREA: BOX knows no part of a pixel
LANCZOS = Image.Resampling.LANCZOS
_SPARE = 2  # times the pixels wanted that a JPEG is decoded to: less shows, more only costs (benchmarks/README.md)
WHITE = (255, 255, 255)  # what transparent parts lie on, as on most pages, and what a border is made of
KEPT_QUALITY = 95  # where a picture that should have stayed as it came must be encoded again: no loss that shows


@dataclass(frozen=True)
class Packing:
    """How pictures and shards are packed. The names are img2dataset's where the thing is the same.

    `image_size` None keeps every picture as it came; a size in pixels, or mode 'no', encodes all of them as JPEG.
    """

    image_size: int | None = None
    resize_mode: str = "border"
    resize_only_if_bigger: bool = False
    encode_quality: int = 95
    samples_per_shard: int = 10_000
    bytes_per_shard: int = 256 << 20  # an object store uploads and a loader shuffles this comfortably

    def __post_init__(self) -> None:
        if self.resize_mode not in MODES:
            raise BadInput(f"--resize-mode {self.resize_mode}: use one of {', '.join(MODES)}")
        for name in ("image_size", "encode_quality", "samples_per_shard", "bytes_per_shard"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise BadInput(f"--{name.replace('_', '-')} {getattr(self, name)}: use 1 or more")
        if self.encode_quality > 100:
            raise BadInput(f"--encode-quality {self.encode_quality}: JPEG's scale ends at 100")

    def options(self) -> dict[str, str]:
        """What decides the bytes, as a manifest says it."""
        options = {"samples_per_shard": str(self.samples_per_shard), "bytes_per_shard": str(self.bytes_per_shard)}
        if self.image_size is None and self.resize_mode != "no":
            return {**options, "image_size": "as it came"}
        size = "as it came" if self.image_size is None else str(self.image_size)
        return {
            **options,
            "image_size": size,
            "resize_mode": self.resize_mode,
            "resize_only_if_bigger": str(self.resize_only_if_bigger).lower(),
            "encode_format": "jpg",
            "encode_quality": str(self.encode_quality),
        }

    @property
    def encodes_all(self) -> bool:
        """Whether every picture is encoded again."""
        return self.image_size is not None or self.resize_mode == "no"


@dataclass(frozen=True)
class Packed:
    """A picture as packed. `data` is b'' where that failed, and then `error` says why.

    `reencoded` is '' for pixels untouched, else why not: 'resize' (asked for), 'orientation' (EXIF turns it),
    'format' (not of those that trainers read), 'structure' (its metadata could not be cut out).
    """

    data: bytes
    width: int
    height: int
    reencoded: str = ""
    error: str = ""


def picture(data: bytes, orientation: int, shown: tuple[int, int], packing: Packing) -> Packed:
    """How a picture is packed: `orientation` is its EXIF's, 1 to 8, `shown` its width and height, as measured.

    Never raises: a picture that cannot be encoded is a value with its `error`.
    """
    try:
        if packing.encodes_all:
            return _resized(data, packing)
        kind = sniff(data)
        if kind not in KEPT:
            return _encoded(data, orientation, "png", "format")
        if orientation > 1:
            return _encoded(data, orientation, kind, "orientation")
        kept = strip(data)
        if kept is None:
            return _encoded(data, orientation, kind, "structure")
        return Packed(kept, *shown)
    except _FAULTS as error:
        return Packed(b"", 0, 0, error=f"encode: {type(error).__name__}: {error}"[:200])


def resized(
    image: Image.Image,
    size: int,
    mode: str,
    only_if_bigger: bool = False,
    *,
    down: Image.Resampling = AREA,
    up: Image.Resampling = LANCZOS,
    part: Box | None = None,
) -> Image.Image:
    """An image resized as img2dataset does; `size` in pixels. It is the same object where nothing is to be done.

    `part` is where the picture lies in the image, where that is not from end to end (`Picture.part`).
    keep_ratio: the shorter side becomes `size`; keep_ratio_largest: the longer side does; center_crop: as keep_ratio,
    then the middle square; border: as keep_ratio_largest, then white around it to a square; no: as it is.
    """
    if mode == "no":
        return image
    box = part or (0.0, 0.0, *image.size)
    extent = box[2] - box[0], box[3] - box[1]
    side = min(extent) if mode in _BY_SHORTER else max(extent)
    if only_if_bigger and side <= size:
        return image
    if side != size:
        target = max(1, round(extent[0] * size / side)), max(1, round(extent[1] * size / side))
        whole = _whole(box, target) if down is AREA else 0
        if whole:
            left, top, right, bottom = map(round, box)
            image = image.reduce(whole, box=(left, top, right, bottom))
        else:
            image = image.resize(target, down if side > size else up, box=box)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    if mode == "center_crop":
        return image.crop((left, top, left + size, top + size))
    if mode == "border":
        square = Image.new(image.mode, (size, size), WHITE if image.mode == "RGB" else WHITE[0])
        square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        return square
    return image


def _whole(box: Box, target: tuple[int, int]) -> int:
    """How many pixels of a box become one of the target, across and down, where that is a whole number; else 0.

    Then their mean is INTER_AREA itself, and costs a fifth of what a filter does.

    >>> _whole((0, 0, 512, 384), (256, 192)), _whole((0.5, 0, 512.5, 384), (256, 192))
    (2, 0)
    """
    left, top, right, bottom = box
    times = round((right - left) / target[0])
    fits = (right - left, bottom - top) == (times * target[0], times * target[1])
    return times if times > 1 and fits and left % 1 == top % 1 == 0 else 0


def reduction(size: int | None, mode: str) -> Reduction:
    """By what a JPEG may be reduced before it is made `size` pixels by `AREA`; not at all without a size.

    >>> reduction(256, "border")(1024, 768), reduction(256, "keep_ratio")(1024, 768), reduction(256, "no")(1024, 768)
    (2, 1, 1)
    """

    def by(width: int, height: int) -> int:
        if size is None or mode == "no":
            return 1
        side = min(width, height) if mode in _BY_SHORTER else max(width, height)
        return next((by for by in (8, 4, 2) if side >= by * _SPARE * size), 1)

    return by


def _resized(data: bytes, packing: Packing) -> Packed:
    shown = decode_reduced(data, reduction(packing.image_size, packing.resize_mode))
    if shown.pixels is None:
        return Packed(b"", 0, 0, error=shown.reason)
    size = packing.image_size or max(shown.pixels.size)
    image = resized(shown.pixels, size, packing.resize_mode, packing.resize_only_if_bigger, part=shown.part())
    return _saved(image, "jpeg", "resize", quality=packing.encode_quality, icc_profile=shown.profile)


def _encoded(data: bytes, orientation: int, kind: str, why: str) -> Packed:
    """The first frame upright, in its own mode where the format holds it, losses as small as the format allows."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=_READ)
    profile = image.info.get("icc_profile")
    options: dict[str, Any] = {"icc_profile": profile if isinstance(profile, bytes) and profile else None}
    if kind == "jpeg":
        sampling = JpegImagePlugin.get_sampling(image)
        options |= {"quality": KEPT_QUALITY, "subsampling": sampling if sampling >= 0 else "4:4:4"}
    elif kind == "webp":
        options |= {"lossless": _is_lossless(data), "quality": KEPT_QUALITY}
    lies = image.format != "TIFF"  # Pillow turns a TIFF by itself
    image.load()
    if kind == "png" and image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if lies and orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    return _saved(image, kind, why, **options)


def _saved(image: Image.Image, kind: str, why: str, **options: Any) -> Packed:
    transparency = image.info.get("transparency")
    image.info = {} if transparency is None or kind != "png" else {"transparency": transparency}  # no comment, no date
    profile = options.pop("icc_profile")
    if suits(profile, image.mode):
        options["icc_profile"] = profile
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Packed(buffer.getvalue(), image.width, image.height, why)


def suits(profile: bytes | None, mode: str) -> bool:
    """Whether a profile is one for such pixels: that of a CMYK picture says nothing of RGB ones."""
    return profile is not None and profile[16:20] == _COLOURS.get(mode)


def _is_lossless(data: bytes) -> bool:
    return data[12:16] == b"VP8L" or (data[12:16] == b"VP8X" and b"VP8L" in data)


# What Pillow raises for bytes that are not what they say.
_FAULTS = (OSError, ValueError, SyntaxError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)
_COLOURS = {
    **dict.fromkeys(("RGB", "RGBA", "P"), b"RGB "),
    **dict.fromkeys(("1", "L", "LA", "I;16"), b"GRAY"),
    "CMYK": b"CMYK",
}
_READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
