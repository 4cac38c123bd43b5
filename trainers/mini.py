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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from filters.models.words import CONTEXT, GRAMS, WORDS_FILE, Words
from schemas.files import whole
from trainers.mini_fit import WIDTH, Array, Fit, Pairs, fit, unit
from trainers.mini_pictures import SIZE, squares
from trainers.mini_run import run

if TYPE_CHECKING:
    from trainers.efficientnet_lite import Weights
    from trainers.mini_sources import Picture
    from trainers.mini_towers import Head

Reader = Callable[[Sequence[str]], Array]
"""Texts become their features, [texts, width]."""

FOLDER = Path(__file__).parent.parent / "filters" / "models" / "mini"

VOCABULARY = 40_000
"""Words kept, the most frequent of 113,000, beside those of the captions and class names: one byte for each number."""

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
    from trainers.mini_towers import image_tower, text_tower

    (dishes, _), emoji, names = sources.dishes(), sources.emoji(), sources.class_names()
    words, vectors = _vocabulary([text for picture in dishes for text, _ in picture.captions] + names)
    weights, read = sources.tower_weights(), _reader(words, vectors)
    found = fit(_pairs(dishes, emoji, weights, read))
    seeing, reading = _heads(found, read(names)[:, : vectors.shape[1]])
    files = {
        "image.onnx": image_tower(weights, SIZE, seeing),
        "text.onnx": text_tower(vectors, CONTEXT, GRAMS, GRAM_SHARE, reading),
        WORDS_FILE: "".join(f"{word}\n" for word in words).encode(),
        "model.toml": _description().encode(),
        "training.txt": "".join(f"{one.sha256}  {one.path}  {one.page}\n" for one in dishes).encode(),
    }
    return {**files, "SOURCES.md": _sources(files).encode()}


def _reader(words: Sequence[str], vectors: Array) -> Reader:
    """What makes features of texts, by these words and their vectors."""
    from trainers.mini_towers import text_tower

    tokenize = Words({word: number for number, word in enumerate(words, 1)})
    tower = text_tower(vectors, CONTEXT, GRAMS, GRAM_SHARE)
    return lambda texts: run(tower, tokenize(texts), "features")[0]


def _pairs(dishes: Sequence[Picture], emoji: Sequence[Picture], weights: Weights, read: Reader) -> Pairs:
    """What is trained on: every dish and every emoji with each of its captions."""
    from trainers.mini_towers import image_tower

    pictures, counts = [*dishes, *emoji], [1.0] * len(dishes) + [EMOJI] * len(emoji)
    (seen,) = run(image_tower(weights, SIZE), {"pixels": squares(pictures)}, "features")
    rows = [(at, text, share * counts[at]) for at, one in enumerate(pictures) for text, share in one.captions]
    places, texts, shares = (list(column) for column in zip(*rows, strict=True))
    return Pairs(seen[places], read(texts), np.array(shares, np.float32))


def _heads(found: Fit, names: Array) -> tuple[Head, Head]:
    """What makes embeddings of both towers' features; `names` are the classes' names in the vectors of their words."""
    from trainers.mini_towers import Head

    centre = names.mean(0)
    meant = unit(names - centre)
    main = np.linalg.svd(meant, full_matrices=False)[2][:WIDTH].T
    nothing = np.zeros(len(names), np.float32)
    return (
        Head(found.image_mean, found.image, nothing, meant @ main, BRIDGE),
        Head(found.text_mean, found.text, centre, main, BRIDGE),
    )


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
