"""Two towers as one model: whatever computes them, this makes batches, unit vectors, and NaN of what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from filters.models.interface import NotFinite, Pixels, Preprocessing, Tokenizer, Tokens, Vectors
from filters.writing import HAN

Tower = Callable[[Tokens], Vectors]
"""Named arrays of n rows become vectors [n, width]; it sees to batches itself (batches.Batches)."""


@dataclass(frozen=True)
class TwoTowers:
    """A model, as filters.models.interface.Model has it.

    `lengths` are the paddings to choose from, ascending, the last one the tokenizer's own: a text is cut to the
    shortest that holds all its tokens, which must change nothing (a causal tower, or one that masks).
    """

    name: str
    digest: str
    width: int
    preprocessing: Preprocessing
    image_tower: Tower
    text_tower: Tower
    tokenizer: Tokenizer
    batch: int
    lengths: tuple[int, ...] = ()
    template: str = "{}"
    needs_han: bool = False
    demo: bool = False
    warning: str = ""
    precision: str = "fp32"

    def images(self, pixels: Pixels) -> Vectors:
        """Unit vectors [n, width] of pictures [n, size, size, 3], RGB, 0 to 255. Raises NotFinite."""
        size = self.preprocessing.size
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
            shape = f"{pixels.dtype} {list(pixels.shape)}"
            raise ValueError(f"{self.name} takes uint8 [n, {size}, {size}, 3], not {shape}")
        if not len(pixels):
            return self._none()
        return self._unit(self.image_tower({"pixels": pixels}), "pictures", np.arange(len(pixels)))

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, width]; a row of NaN for a text that the model cannot read. Raises NotFinite."""
        vectors = np.full((len(texts), self.width), np.nan, np.float32)
        read = [row for row, text in enumerate(texts) if not self.needs_han or HAN.search(text)]
        if not read:
            return vectors
        tokens = self.tokenizer([self.template.replace("{}", encodable(texts[row])) for row in read])
        for rows, cut in self._cut(tokens):
            places = np.asarray(read)[rows]
            vectors[places] = self._unit(self.text_tower(cut), "texts", places)
        return vectors

    def _cut(self, tokens: Tokens) -> list[tuple[npt.NDArray[np.intp], Tokens]]:
        """Rows by the padding that they need, and their arrays cut to it."""
        if len(self.lengths) < 2 or "length" not in tokens:
            rows = np.arange(len(next(iter(tokens.values()))))
            return [(rows, {name: array for name, array in tokens.items() if name != "length"})]
        needed = np.searchsorted(self.lengths, tokens["length"])
        found: list[tuple[npt.NDArray[np.intp], Tokens]] = []
        for at in np.unique(needed):
            rows = np.flatnonzero(needed == at)
            length = self.lengths[at]
            found.append((rows, {name: array[rows, :length] for name, array in tokens.items() if name != "length"}))
        return found

    def _unit(self, vectors: Vectors, what: Literal["pictures", "texts"], places: npt.NDArray[np.intp]) -> Vectors:
        if vectors.shape != (len(places), self.width):
            raise ValueError(f"{self.name} gave {list(vectors.shape)} for {len(places)} {what} of width {self.width}")
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        bad = ~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0))
        if bad.any():
            raise NotFinite(self.name, what, [int(place) for place in places[bad]])
        return (vectors / lengths).astype(np.float32)

    def _none(self) -> Vectors:
        return np.zeros((0, self.width), np.float32)


def encodable(text: str) -> str:
    """The text with lone surrogates, which no tokenizer takes, as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
