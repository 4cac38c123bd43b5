"""What a model is: a picture and a text become vectors of one length, and the cosine of the two is the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the square of pixels that a model's image tower takes.

    `resize` is how a picture that is no square becomes one: `crop` makes its short side `size` and takes the middle,
    `squash` makes both sides `size`, `pad` makes its long side `size` and fills with `fill`. `mean` and `std` are of
    channels in 0 to 1, and are the model's own business: what it is given is uint8.
    """

    size: int
    resize: Literal["crop", "squash", "pad"] = "crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fill: int = 0


class Model(Protocol):
    """One model, loaded: an image tower and a text tower.

    `name` is what its columns carry, match_<name>_score: lower case letters, digits and single underscores. `digest`
    is of all that its numbers depend on: weights, preprocessing, tokenizer, text template. A `demo` model shows the
    plumbing and judges nothing: whoever prints its scores says so.
    """

    name: str
    digest: str
    width: int
    preprocessing: Preprocessing
    template: str  # what a text is put into, as "{}" or "一张{}的照片"
    demo: bool

    def images(self, pixels: Pixels) -> Vectors:
        """Unit vectors [n, width] of pictures [n, size, size, 3], RGB, 0 to 255."""
        ...

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, width]; a row of NaN for a text that the model cannot read, and says so by it."""
        ...
