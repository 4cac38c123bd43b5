"""A picture becomes the square of pixels that a model's image tower takes, with as little decoding as that needs.

What is done is what the models' own libraries do with Pillow: decode, turn upright, white under what is transparent,
resize with an antialiasing filter, cut or fill. It is done to the part that is seen alone, and a JPEG is decoded no
finer than twice the size that it is resized to. A model gets the same square however it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from filters.models.interface import Pixels, Preprocessing
from filters.picture import Box, Picture, decode_reduced
from filters.resample import resample

FINER = 2
"""How much finer than the target a JPEG is decoded at least, by its sides. On the photographs of the demo twice is at
least 47 dB PSNR from a full decode and 55 in the median, where one step of 256 is 48; as fine as the target alone would
be 35 dB at worst and save a tenth. docs/performance.md has the table."""


def prepare(data: bytes, how: Preprocessing, shown: Picture | None = None, *, finer: float = FINER) -> Pixels | None:
    """The square of a picture, uint8 [size, size, 3], RGB; None for bytes that do not decode whole.

    `shown` is the picture decoded already, if it is: all but a JPEG need not be decoded again. `finer` is as FINER,
    for whoever measures what another would be. Never raises for what the bytes hold.
    """
    picture = shown
    if picture is None or picture.format == "jpeg":
        picture = decode_reduced(data, lambda *size: _reduction(size, how, finer))
    if picture.pixels is None:
        return None
    fit = _fit(picture.width, picture.height, how)
    resized = resample(picture.pixels, fit.size, picture.part(fit.box), how.interpolation)
    if resized.mode != "RGB":
        resized = resized.convert("RGB")
    if fit.size == (how.size, how.size):
        return np.asarray(resized)
    square = Image.new("RGB", (how.size, how.size), (how.fill,) * 3)
    square.paste(resized, ((how.size - resized.width) // 2, (how.size - resized.height) // 2))
    return np.asarray(square)


@dataclass(frozen=True)
class _Fit:
    """Which part of the picture, in its own pixels, becomes how many pixels."""

    box: Box
    size: tuple[int, int]


def _fit(width: int, height: int, how: Preprocessing) -> _Fit:
    """What a picture of this size as shown is resized to."""
    whole = (0.0, 0.0, float(width), float(height))
    if how.resize == "squash":
        return _Fit(whole, (how.size, how.size))
    if how.resize == "pad":
        longer = max(width, height)
        return _Fit(whole, (max(1, round(width * how.size / longer)), max(1, round(height * how.size / longer))))
    # As torchvision's Resize and CenterCrop: the long side is rounded down, the margin to the nearest.
    shorter = min(width, height)
    wide, high = how.size * width // shorter, how.size * height // shorter
    left, top = round((wide - how.size) / 2), round((high - how.size) / 2)
    across, down = width / wide, height / high
    return _Fit((left * across, top * down, (left + how.size) * across, (top + how.size) * down), (how.size, how.size))


def _reduction(size: tuple[int, ...], how: Preprocessing, finer: float) -> int:
    """By what a JPEG may be reduced while it stays so many times as fine as its target."""
    fit = _fit(size[0], size[1], how)
    left, top, right, bottom = fit.box
    ratio = min((right - left) / fit.size[0], (bottom - top) / fit.size[1]) / finer
    return next((by for by in (8, 4, 2) if ratio >= by), 1)
