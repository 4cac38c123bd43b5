"""What a model is: a picture and a text become vectors of one length, and the cosine of the two is the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
Tokens = Mapping[str, npt.NDArray[Any]]
Tokenizer = Callable[[Sequence[str]], Tokens]
"""Texts become named arrays, one row a text, whose names and types are those of the text tower's inputs."""


Interpolation = Literal["bicubic", "bilinear"]


class Preprocessing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a picture becomes the square of pixels that a model's image tower takes: [image] of a model.toml.

    `resize` is how a picture that is no square becomes one: `crop` makes its short side `size` and takes the middle,
    `squash` makes both sides `size`, `pad` makes its long side `size` and fills with `fill`. `mean` and `std` are of
    channels in 0 to 1, and are the model's own business: what it is given is uint8.
    """

    size: int
    resize: Literal["crop", "squash", "pad"] = "crop"
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fill: int = 0


class NotFinite(ValueError):
    """A model gave NaN or infinity, or a vector of no length. `rows` are places in what it was given, from 0."""

    def __init__(self, model: str, what: Literal["pictures", "texts"], rows: Sequence[int]) -> None:
        self.model, self.what, self.rows = model, what, tuple(rows)
        shown = ", ".join(str(row) for row in self.rows[:8]) + (" …" if len(self.rows) > 8 else "")
        super().__init__(f"the model {model} gave no finite vector for {len(self.rows)} of the {what}: {shown}")


class Model(Protocol):
    """One model, loaded: an image tower and a text tower."""

    @property
    def name(self) -> str:
        """What its columns carry, match_<name>_score: lower-case letters, digits and single underscores."""
        ...

    @property
    def digest(self) -> str:
        """32 hex digits over all that its numbers depend on: weights, preprocessing, tokenizer, text template."""
        ...

    @property
    def width(self) -> int:
        """The length of its vectors."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture is prepared for it."""
        ...

    @property
    def template(self) -> str:
        """What a text is put into, as "{}" or "一张{}的照片"."""
        ...

    @property
    def demo(self) -> bool:
        """Whether it shows the plumbing and judges nothing: whoever prints its scores shows its warning too."""
        ...

    @property
    def warning(self) -> str:
        """One sentence to show wherever its scores are; '' where there is none."""
        ...

    @property
    def precision(self) -> str:
        """What it really computes in, fp32 or bf16."""
        ...

    @property
    def batch(self) -> int:
        """How many rows it computes at once: fewer cost as much."""
        ...

    def images(self, pixels: Pixels) -> Vectors:
        """Unit vectors [n, width] of pictures [n, size, size, 3], RGB, 0 to 255. Raises NotFinite."""
        ...

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, width]; a row of NaN for a text that the model cannot read. Raises NotFinite."""
        ...
