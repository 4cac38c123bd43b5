"""The match family: does the picture fit the words? The cosine of their vectors, by one model or several.

A picture gets one vector for all its texts, a text one for all its repeats in the shard, and both go through a model in
file order, so many at a time as it says: so a score is the same however the work was split over processes.
Beside each score stands its control, the same text against a picture of another page: a model whose scores are no
higher than their controls knows nothing of this corpus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.batched import Batched
from filters.controls import partners
from filters.interface import Sample
from filters.models.interface import Model, Pixels, Preprocessing, Vectors
from filters.prepare import prepare
from schemas.signals import KEY, match_fields

VERSION = "3"
"""Raised by hand whenever a score may change though model and picture do not."""

MAX_TEXT = 4096
"""Characters of a text that a model is given: contexts end at some 50 to 500 tokens of a few characters."""

Squares = Mapping[Preprocessing, Pixels | None]
"""The square of one picture, or that it does not decode, for each preparation that a model needs."""


def preparations(models: Sequence[Model]) -> list[Preprocessing]:
    """How pictures are prepared for these models, each way once: mean and deviation are the models' own business."""
    return list(dict.fromkeys(_geometry(model.preprocessing) for model in models))


def squares_of(data: bytes, ways: Sequence[Preprocessing], sample: Sample | None = None) -> Squares:
    """The squares of one picture; those of a sample that is decoded already, with less work."""
    return {how: prepare(data, how, sample.picture if sample else None) for how in ways}


class Match:
    """The columns of one shard while it grows: `add` every pair in order, then take the `table`."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._towers = [Batched(model) for model in sorted(models, key=lambda model: model.name)]
        self._ways = preparations(models)
        self._rows = _Rows()

    def add(self, sample: Sample, squares: Squares | None = None) -> None:
        """Take the next pair: its `image_id` names its picture, its `data` or these squares are that picture.

        Raises WorkFailed, with the pair's key, where a model gives what is no number.
        """
        new_picture, new_text = self._rows.add(sample)
        if new_picture:
            made = squares or squares_of(sample.data, self._ways, sample)
            for tower in self._towers:
                tower.picture(sample.key, made[_geometry(tower.model.preprocessing)])
        if new_text:
            for tower in self._towers:
                tower.text(sample.key, sample.text[:MAX_TEXT])

    def table(self) -> pa.Table:
        """The key and the columns of every model, by their names: schemas.signals.match_fields."""
        rows = self._rows
        keys = pa.array(rows.keys, pa.string())
        table = pa.table([keys], schema=pa.schema([KEY]))
        images, texts = np.asarray(rows.pictures, np.int64), np.asarray(rows.texts, np.int64)
        for tower in self._towers:
            of_images, of_texts = tower.finish()
            shown = ~np.isnan(of_images[images, 0])
            controls = partners(np.asarray(rows.pages, np.int64), images, texts, shown)
            score = _cosine(of_images, of_texts, images, texts)
            control = _cosine(of_images, of_texts, images[controls], texts)
            control[(controls < 0) | np.isnan(score)] = np.nan
            columns = [pa.array(score), pa.array(control)]
            columns += [_stored(of_images, images), _stored(of_texts, texts)]
            for declared, column in zip(match_fields(tower.model.name, tower.model.width), columns, strict=True):
                table = table.append_column(declared, column)
        return table


def _geometry(how: Preprocessing) -> Preprocessing:
    return msgspec.structs.replace(how, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def _cosine(
    images: Vectors, texts: Vectors, of_image: npt.NDArray[np.int64], of_text: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Row by row, a thousand at a time: no copy of a shard's vectors, and no BLAS, whose sums depend on the machine."""
    scores = np.empty(len(of_text), np.float32)
    for start in range(0, len(scores), 1024):
        part = slice(start, start + 1024)
        pair = images[of_image[part]].astype(np.float64), texts[of_text[part]].astype(np.float64)
        scores[part] = (pair[0] * pair[1]).sum(axis=1)
    return scores


def _stored(vectors: Vectors, rows: npt.NDArray[np.int64]) -> pa.Array:
    """The vectors of rows as they are kept: half precision, and zeros where there is none."""
    halves = np.nan_to_num(vectors, nan=0.0).astype(np.float16)[rows]
    kind = pa.field("element", pa.float16(), nullable=False)
    return pa.FixedSizeListArray.from_arrays(pa.array(halves.reshape(-1)), type=pa.list_(kind, vectors.shape[1]))


@dataclass
class _Rows:
    """What is kept of every pair: its key, and the numbers of its page, its picture and its text."""

    keys: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    _numbers: dict[tuple[str, bytes], int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("page", "picture", "text"), 0))

    def add(self, sample: Sample) -> tuple[bool, bool]:
        """Number one pair; whether its picture and its text are the first of their kind."""
        self.keys.append(sample.key)
        # Where no page is known, as in a list, each picture is a page of its own.
        self.pages.append(self._number("page", sample.page_url or f"picture {sample.image_id}")[0])
        picture, new_picture = self._number("picture", sample.image_id)
        text, new_text = self._number("text", sample.text[:MAX_TEXT])
        self.pictures.append(picture)
        self.texts.append(text)
        return new_picture, new_text

    def _number(self, kind: str, name: str) -> tuple[int, bool]:
        # By a digest, for texts are long: 16 bytes, as a key has.
        known = (kind, hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16])
        number = self._numbers.setdefault(known, self._counts[kind])
        new = number == self._counts[kind]
        self._counts[kind] += new
        return number, new
