"""A picture as img2dataset's flags want it: refused, kept as it came, blurred, resized, encoded.

The meanings are img2dataset's but for three: a picture is turned upright before it is measured, its colour profile
stays with it, and where its bytes are kept its metadata (EXIF with places and names, XMP, comments) is cut out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from filters.picture import TURNS, Picture, Reduction, decode_reduced
from pipelines.resize import AREA, LANCZOS, MODES, reduction, resized, suits
from pipelines.strip import strip
from schemas.errors import BadInput

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "bilinear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "bicubic": Image.Resampling.BICUBIC,
    "area": AREA,
    "lanczos": LANCZOS,
    "lanczos4": LANCZOS,
}
FORMATS = {"jpg": "jpeg", "png": "png", "webp": "webp"}

Box = Sequence[float]
"""Left, top, right and bottom of a part of a picture, from 0 to 1 of its width or height as it lies in the file."""


@dataclass(frozen=True)
class Fit:
    """img2dataset's flags that decide on a picture, with its names and defaults. Sizes in pixels."""

    image_size: int = 256
    resize_mode: str = "border"
    resize_only_if_bigger: bool = False
    upscale_interpolation: str = "lanczos"
    downscale_interpolation: str = "area"
    encode_format: str = "jpg"
    encode_quality: int = 95
    skip_reencode: bool = False
    disable_all_reencoding: bool = False
    min_image_size: int = 0
    max_image_area: float = float("inf")
    max_aspect_ratio: float = float("inf")

    def __post_init__(self) -> None:
        choices = {
            "resize_mode": MODES,
            "encode_format": FORMATS,
            "upscale_interpolation": INTERPOLATIONS,
            "downscale_interpolation": INTERPOLATIONS,
        }
        for name, allowed in choices.items():
            if getattr(self, name).lower() not in allowed:
                raise BadInput(f"--{name} {getattr(self, name)}: use one of {', '.join(allowed)}")
        if self.image_size < 1:
            raise BadInput(f"--image_size {self.image_size}: use 1 or more")
        if not self.max_aspect_ratio >= 1:
            raise BadInput(
                f"--max_aspect_ratio {self.max_aspect_ratio:g}: it is the longer side over the shorter; use 1 or more"
            )
        if self.min_image_size**2 > self.max_image_area:
            raise BadInput(
                f"--min_image_size {self.min_image_size}: every such picture has more than --max_image_area"
                f" {self.max_image_area:g}, so none would pass; lower the one or raise the other"
            )
        lowest, highest = (0, 9) if self.encode_format == "png" else (1, 100)
        if not lowest <= self.encode_quality <= highest:
            raise BadInput(
                f"--encode_quality {self.encode_quality}: for {self.encode_format} it goes from {lowest} to {highest}"
                + (", the compression" if self.encode_format == "png" else "")
            )

    def reduction(self, blurred: bool) -> Reduction:
        """By what a JPEG may be reduced when it is decoded; not at all where parts of it are to be blurred."""
        area = INTERPOLATIONS[self.downscale_interpolation.lower()] is AREA
        return reduction(self.image_size if area and not blurred else None, self.resize_mode)

    def options(self) -> dict[str, str]:
        """What decides the bytes, in words."""
        return {name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Fitted:
    """A picture that fits, or why it does not: then `error` is said, in img2dataset's words, and `data` is b''.

    The sizes are None where nothing was decoded.
    """

    data: bytes = b""
    width: int | None = None
    height: int | None = None
    original_width: int | None = None
    original_height: int | None = None
    error: str = ""


def fitted(data: bytes, fit: Fit, boxes: Sequence[Box] | None = None) -> Fitted:
    """Make a picture fit; `boxes` are the parts to blur. Never raises for what the bytes are."""
    if fit.disable_all_reencoding:
        return Fitted(strip(data) or data)
    shown = decode_reduced(data, fit.reduction(bool(boxes)))
    if shown.pixels is None:
        return Fitted(error="Image decoding error")
    width, height = shown.width, shown.height
    if min(width, height) < fit.min_image_size:
        return Fitted(error="image too small")
    if width * height > fit.max_image_area:
        return Fitted(error="image area too large")
    if max(width, height) / min(width, height) > fit.max_aspect_ratio:
        return Fitted(error="aspect ratio too large")
    try:
        return _made(shown, fit, boxes)
    except (OSError, ValueError) as error:  # as WebP, which ends at 16,383 pixels
        return Fitted(error=f"{type(error).__name__}: {error}"[:200])


def _made(shown: Picture, fit: Fit, boxes: Sequence[Box] | None) -> Fitted:
    assert shown.pixels is not None
    whole = _blurred(shown.pixels, boxes, shown.orientation) if boxes else shown.pixels
    image = resized(
        whole,
        fit.image_size,
        fit.resize_mode,
        fit.resize_only_if_bigger,
        down=INTERPOLATIONS[fit.downscale_interpolation.lower()],
        up=INTERPOLATIONS[fit.upscale_interpolation.lower()],
        part=shown.part(),
    )
    kept = strip(shown.data) if fit.skip_reencode and image is shown.pixels and _as_wanted(shown, fit) else None
    return Fitted(kept or _encoded(image, shown.profile, fit), *image.size, shown.width, shown.height)


def _as_wanted(shown: Picture, fit: Fit) -> bool:
    """Whether the file is of the format wanted, upright and without transparent parts."""
    if shown.format != FORMATS[fit.encode_format] or shown.orientation > 1:
        return False
    return not Image.open(io.BytesIO(shown.data), formats=[shown.format]).has_transparency_data


def _encoded(image: Image.Image, profile: bytes | None, fit: Fit) -> bytes:
    options: dict[str, Any] = {"icc_profile": profile if suits(profile, image.mode) else None}
    options["compress_level" if fit.encode_format == "png" else "quality"] = fit.encode_quality
    plain = image.copy()
    plain.info = {}  # no comment, no date
    buffer = io.BytesIO()
    plain.save(buffer, FORMATS[fit.encode_format], **options)
    return buffer.getvalue()


_MARGIN = (
    0.1  # of a box's longer side on each side, and the blur's sigma: ImageNet's face obfuscation (arXiv:2103.06191)
)
_TURNED_BACK = {6: 8, 8: 6}  # the other turns are their own inverse


def _blurred(image: Image.Image, boxes: Sequence[Box], orientation: int) -> Image.Image:
    """The picture with its boxes blurred, with soft edges. The boxes are those of the file before it is turned."""
    if orientation in TURNS:
        lying = image.transpose(TURNS[_TURNED_BACK.get(orientation, orientation)])
        return _blurred(lying, boxes, 1).transpose(TURNS[orientation])
    mask = Image.new("L", image.size, 0)
    longest = 0.0
    for box in boxes:
        left, top, right, bottom = (min(max(part, 0), 1) * side for part, side in zip(box, image.size * 2, strict=True))
        longer = max(right - left, bottom - top, 0.0)
        longest, margin = max(longest, longer), longer * _MARGIN
        corners = (left - margin, top - margin, right + margin, bottom + margin)
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            ImageDraw.Draw(mask).rectangle(corners, fill=255)
    blur = ImageFilter.GaussianBlur(longest * _MARGIN)
    return Image.composite(image.filter(blur), image, mask.filter(blur))
