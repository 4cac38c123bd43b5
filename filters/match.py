"""The match family: does the picture fit the words? The cosine of their vectors, by one model or several.

A picture gets one vector for all its texts, a text one for all its repeats in the shard, and both go through a model in
file order, so many at a time as it says: so a score is the same however the work was split over processes.
Beside each score stands its control, the same text against a picture of another page: a model whose scores are no
higher than their controls knows nothing of this corpus.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.interface import Sample
from filters.models.interface import Model, NotFinite, Pixels, Preprocessing, Vectors
from filters.prepare import prepare
from schemas.errors import WorkFailed
from schemas.signals import KEY, match_fields

VERSION = "2"
"""Raised by hand whenever a score may change though model and picture do not."""

BATCHES = 4
"""Batches of a model that are collected before it is called: it copies one to its device while it computes another, and
few enough that a GPU's, of some hundreds of pictures, stay below a gigabyte."""

MAX_TEXT = 4096
"""Characters of a text that a model is given: contexts end at some 50 to 500 tokens of a few characters."""

MAX_STEPS = 1000
"""Rows that are looked at for a control; it ends what would be the square of a shard with a single page."""

SHIFTS = 15
"""Shifts that are tried for the controls: one of them clears the pages of any shard but one that is nearly all one."""

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
        self._towers = [_Towers(model) for model in sorted(models, key=lambda model: model.name)]
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


def partners(
    pages: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
    texts: npt.NDArray[np.int64],
    shown: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """For each row another one, whose picture its text is scored against as a control; -1 for none.

    Pages, pictures and texts are numbers that are equal for equal ones; `shown` says which pictures have a vector. The
    picture stands on another page, and makes no pair with this text in the shard. All rows move by one and the same
    shift, around the end, so each picture is a control as often as it is shown: what a model says of a picture
    whatever the words then weighs the same on both sides. A row that the shift leaves on its page, or with a picture
    of its text, moves on by itself, which few rows do: the shift is the one, of several, that leaves the fewest.

    >>> numbers = np.array([0, 0, 1, 1])
    >>> partners(numbers, np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0]), np.array([True, True, True, True]))
    array([2, 3, 0, 1])
    """
    able = np.flatnonzero(shown)
    found = np.full(len(pages), -1, np.int64)
    pairs = set(zip(texts.tolist(), images.tolist(), strict=True))
    shift, after = _shift(pages[able]), _next_other(pages[able])
    for place, row in enumerate(able.tolist()):
        at = (place + shift) % len(able)
        for _ in range(min(len(able), MAX_STEPS)):
            other = int(able[at])
            if pages[other] == pages[row]:
                at = int(after[at])
                if at < 0:  # there is one page alone
                    break
            elif (int(texts[row]), int(images[other])) in pairs:
                at = (at + 1) % len(able)
            else:
                found[row] = other
                break
    return found


def _shift(pages: npt.NDArray[np.int64]) -> int:
    """The shift, of some spread over the rows, that leaves the fewest rows on their own page; the first of equals."""
    tried = sorted({max(1, len(pages) * part // (SHIFTS + 1)) for part in range(1, SHIFTS + 1)})
    return min(tried, key=lambda shift: int((pages == np.roll(pages, -shift)).sum()), default=1)


def _next_other(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each place the next one, around the end, with another label; -1 where all are the same."""
    changes = np.flatnonzero(labels != np.roll(labels, -1))
    if not changes.size:
        return np.full(len(labels), -1, np.int64)
    last = changes[np.searchsorted(changes, np.arange(len(labels))) % changes.size]
    return np.asarray((last + 1) % len(labels), np.int64)


def _geometry(how: Preprocessing) -> Preprocessing:
    return replace(how, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


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


_computing = threading.Lock()
"""A device computes one thing at a time, and models hold buffers: of threads that share them, one may call."""


class _Towers:
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
