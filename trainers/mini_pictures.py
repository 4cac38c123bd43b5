"""Pictures as `mini` gets them, and the colours that it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.models.interface import Preprocessing
from filters.prepare import prepare
from schemas.errors import Damaged
from trainers.mini_fit import Array

if TYPE_CHECKING:
    from trainers.mini_sources import Picture

Squares = npt.NDArray[np.uint8]

SIZE = 160
"""The side of the picture. 192 costs half as much again for 0.01 of AUC, within the noise; 224 twice as much."""


def squares(pictures: Sequence[Picture]) -> Squares:
    """The pictures as the model gets them, uint8 [n, SIZE, SIZE, 3]. Raises Damaged for one that does not decode."""
    found = [prepare(picture.data, Preprocessing(SIZE)) for picture in pictures]
    for picture, square in zip(pictures, found, strict=True):
        if square is None:
            raise Damaged(f"{picture.path}: does not decode; remove the downloads and run again")
    return np.stack(found)  # type: ignore[arg-type]  # none is None


def colours(square: Squares) -> Array:
    """The baseline's features: a histogram of 16 steps for each channel, and the picture in 4 by 4 pixels."""
    steps = [np.bincount(square[..., channel].ravel() // 16, minlength=16) for channel in range(3)]
    small = np.asarray(Image.fromarray(square).resize((4, 4), Image.Resampling.BOX), np.float32)
    # A pixel of the small picture weighs as the pixels that it stands for would, at middling brightness.
    return np.concatenate([*steps, small.ravel() * (square.size / 3 / 16 / 64)]).astype(np.float32)
