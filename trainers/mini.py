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
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from filters.models.words import CONTEXT, GRAMS, WORDS_FILE, Words
from filters.picture import decode
from schemas.files import whole

if TYPE_CHECKING:
    from trainers.mini_sources import Picture

Array = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent.parent / "filters" / "models" / "mini"

SIZE = 192
"""The side of the picture. At 224, for which the network was trained, it is a third slower and tells no more apart."""

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

EMOJI = 0.05
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
    main = np.linalg.eigh(x.T @ x)[1][:, -COMPONENTS:]
    x = x @ main
    whiten_x, whiten_y = _inverse_root(x.T @ (w * x)), _inverse_root(y.T @ (w * y))
    left, correlations, right = np.linalg.svd(whiten_x @ (x.T @ (w * y)) @ whiten_y, full_matrices=False)
    share = correlations[:WIDTH] ** (POWER / 2)
    image, text = main @ whiten_x @ left[:, :WIDTH] * share, whiten_y @ right[:WIDTH].T * share
    return Fit(*(part.astype(np.float32) for part in (image_mean, image, text_mean, text)))


def _inverse_root(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    variances, directions = np.linalg.eigh(covariance)
    floor = REGULAR * np.trace(covariance) / len(covariance)
    return np.asarray((directions / np.sqrt(np.maximum(variances, 0) + floor)) @ directions.T)


def auc(scores: Array, groups: Sequence[str]) -> float:
    """How often a picture's own caption scores above one of another group; a tie is half. 0.5 is chance.

    `scores` is [pictures, captions] with the true pairs on its diagonal. Captions of the picture's group are left out.
    """
    group = np.array(groups)
    false = np.sort(scores[group[:, None] != group[None, :]])
    true = np.diag(scores)
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / 2 / len(false))


def views(data: bytes, number: int, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """`count` squares of a picture: its middle, that mirrored, all of it squashed, then random parts, half mirrored."""
    pixels = decode(data).pixels
    assert pixels is not None, "a picture of the sources does not decode"
    image = pixels.convert("RGB")
    middle = ImageOps.fit(image, (SIZE, SIZE), Image.Resampling.BICUBIC)
    first = [middle, ImageOps.mirror(middle), image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)]
    yield from (np.asarray(view) for view in first[:count])
    random = np.random.default_rng(number)
    for place in range(count - 3):
        area, shape = random.uniform(0.45, 1), np.exp(random.uniform(-0.25, 0.25))
        wide = min(image.width, (area * image.width * image.height * shape) ** 0.5)
        high = min(image.height, (area * image.width * image.height / shape) ** 0.5)
        left, top = random.uniform(0, image.width - wide), random.uniform(0, image.height - high)
        box = (left, top, left + wide, top + high)
        part = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box, reducing_gap=3)
        yield np.asarray(ImageOps.mirror(part) if place % 2 else part)


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

    dishes, emoji, names = sources.dishes(served=False), sources.emoji(), sources.class_names()
    words, vectors = _vocabulary([text for picture in dishes for text, _ in picture.captions] + names)
    tokenize = Words({word: number for number, word in enumerate(words, 1)})
    weights = sources.tower_weights()
    seeing, reading = image_tower(weights, SIZE), text_tower(vectors, CONTEXT, GRAMS, GRAM_SHARE)

    def read(texts: Sequence[str]) -> Array:
        return run(reading, tokenize(texts), "features")

    images, texts, counts = [], [], []
    for pictures, count, weight in ((dishes, 8, 1.0), (emoji, 1, EMOJI)):
        squares = np.stack([view for at, picture in enumerate(pictures) for view in views(picture.data, at, count)])
        seen = run(seeing, {"pixels": squares}, "features").reshape(len(pictures), count, -1)
        for at, picture in enumerate(pictures):
            for text, share in picture.captions:
                images.append(seen[at])
                texts += [text] * count
                counts += [share * weight / count] * count
    found = fit(Pairs(np.concatenate(images), read(texts), np.array(counts, np.float32)))

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

Made by `make mini` (trainers/mini.py). The files are under this project's licence, Apache-2.0. No package below is part
of them; what was learnt from pictures and taken over of weights, names and vectors is, under these licences:

| package | licence | what it gave | sha256 |
|---|---|---|---|
{used}| {package.NAME} | Unlicense (public domain) | {dishes} | sha512 {package.SHA512} |

As with all networks trained on ImageNet, the weights are free and the pictures that they were trained on are not.

| file | sha256 |
|---|---|
{made}"""


if __name__ == "__main__":
    sys.exit(main())
