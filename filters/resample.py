"""A part of a picture becomes fewer pixels, or more, by Pillow's antialiasing filters.

cykooz.resizer computes the same sums as Pillow with the processor's vectors, on Pillow's own pixels, in a tenth of the
time. Where it is not to be had (Linux on ARM, as of its version 4.0), Pillow itself does it. Both round after each of
the two directions, and do not always begin with the same: a number may differ by one or two, and by more where bicubic
goes beyond black or white, which is cut off there.
"""

from __future__ import annotations

from importlib.metadata import version

from PIL import Image

from filters.models.interface import Interpolation
from filters.picture import Box

try:
    import cykooz_resizer as resizer
except ImportError:
    resizer = None

_PILLOWS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

_GAP = 3.0
"""Pillow alone averages over whole pixels first where a picture is more than twice this many times the target: it says
of 3 that the result is close to fair, and 53 dB is the least that we saw. The other needs no such help."""


def resample(image: Image.Image, size: tuple[int, int], box: Box, interpolation: Interpolation) -> Image.Image:
    """The part of an image, mode L or RGB, within a box of its pixels, made `size`: width and height."""
    if resizer is None:
        return by_pillow(image, size, box, interpolation)
    made = Image.new(image.mode, size)
    left, top, right, bottom = box
    within = resizer.CropBox(left, top, right - left, bottom - top)
    # An object of its own for each call: one that is shared may be used by one thread alone.
    resizer.Resizer().resize_pil(image, made, _options(within, interpolation))
    return made


def by_pillow(image: Image.Image, size: tuple[int, int], box: Box, interpolation: Interpolation) -> Image.Image:
    """What `resample` gives, by Pillow alone."""
    return image.resize(size, _PILLOWS[interpolation], box=box, reducing_gap=_GAP)


def makers() -> str:
    """What the pixels depend on beside our code: the decoder and the resizer, with their versions."""
    with_ = "" if resizer is None else f", cykooz.resizer {version('cykooz.resizer')}"
    return f"pillow {version('pillow')}{with_}"


def _options(within: resizer.CropBox, interpolation: Interpolation) -> resizer.ResizeOptions:
    # Pillow's bicubic is Catmull and Rom's.
    kind = resizer.FilterType.catmull_rom if interpolation == "bicubic" else resizer.FilterType.bilinear
    return resizer.ResizeOptions(resize_alg=resizer.ResizeAlg.convolution(kind), use_alpha=False, crop_box=within)
