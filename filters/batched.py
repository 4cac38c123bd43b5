"""Pictures and texts wait for a model until there are batches of them: it is the same however few come at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from filters.models.interface import Model, NotFinite, Pixels, Vectors
from schemas.errors import WorkFailed

BATCHES = 4
"""Batches of a model that are collected before it is called: it copies one to its device while it computes another, and
few enough that a GPU's, of some hundreds of pictures, stay below a gigabyte."""

_computing = threading.Lock()
"""A device computes one thing at a time, and models hold buffers: of threads that share them, one may call."""


class Batched:
    """One model with what waits for it: pictures and texts in batches, and the vectors so far."""

    def __init__(self, model: Model) -> None:
        size = model.preprocessing.size
        self.model, self._at_once = model, BATCHES * model.batch
        self._pixels = np.empty((self._at_once, size, size, 3), np.uint8)
        self._waiting: list[tuple[int, str]] = []  # the numbers and keys of the pictures in the batch
        self._texts: list[tuple[int, str, str]] = []  # number, key and text
        self._none: Vectors = np.full((1, model.width), np.nan, np.float32)
        self._of_pictures: list[Vectors] = []
        self._of_texts: list[Vectors] = []
        self._pictures = self._read = 0

    def picture(self, key: str, square: Pixels | None) -> None:
        """Take the next picture; None for one that does not decode."""
        number, self._pictures = self._pictures, self._pictures + 1
        self._of_pictures.append(self._none)
        if square is None:
            return
        self._pixels[len(self._waiting)] = square
        self._waiting.append((number, key))
        if len(self._waiting) == self._at_once:
            self._see()

    def text(self, key: str, text: str) -> None:
        """Take the next text; one that says nothing is not read."""
        number, self._read = self._read, self._read + 1
        self._of_texts.append(self._none)
        if not text.strip():
            return
        self._texts.append((number, key, text))
        if len(self._texts) == self._at_once:
            self._hear()

    def finish(self) -> tuple[Vectors, Vectors]:
        """The vectors of all pictures and of all texts, in the order in which they came; NaN where there is none."""
        if self._waiting:
            self._see()
        if self._texts:
            self._hear()
        return np.concatenate([*self._of_pictures, self._none]), np.concatenate([*self._of_texts, self._none])

    def _see(self) -> None:
        keys = [key for _, key in self._waiting]
        vectors = self._finite(lambda: self.model.images(self._pixels[: len(keys)]), keys, "picture")
        for (number, _), vector in zip(self._waiting, vectors, strict=True):
            self._of_pictures[number] = vector[None]
        self._waiting = []

    def _hear(self) -> None:
        keys, texts = [key for _, key, _ in self._texts], [text for _, _, text in self._texts]
        vectors = self._finite(lambda: self.model.texts(texts), keys, "text")
        for (number, _, _), vector in zip(self._texts, vectors, strict=True):
            self._of_texts[number] = vector[None]
        self._texts = []

    def _finite(self, run: Callable[[], Vectors], keys: Sequence[str], what: str) -> Vectors:
        """What a tower gives; its fault, where it gives no number, is told by the pair that it was for."""
        try:
            with _computing:
                return run()
        except NotFinite as error:
            said = f"pair {keys[error.rows[0]]}: the model {self.model.name} gives what is no number for its {what}"
            way = "try --precision fp32 or --device cpu, or look whether its weights are whole"
            raise WorkFailed(f"{said}; {way}") from error
