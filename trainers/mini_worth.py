"""What `mini` is worth on the pages that it never saw, beside what a histogram of colours is, and beside nonsense.

    python -m trainers.mini_worth

Needs how-to-cook, as the demo does, and the model folder; neither torch nor another package.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from filters.models.words import Words
from trainers.mini import FOLDER, Array, Pairs, auc, colours, fit, unit, views
from trainers.mini_run import run
from trainers.mini_sources import Picture, dishes

SHUFFLES = 4
"""How often the captions are dealt out anew: one deal alone is 0.5 give or take 0.03."""


@dataclass(frozen=True)
class Worth:
    """Areas under the curve, each of a held-out picture's own dish against the dishes of other pages; 0.5 is chance.

    `trained` and `bridge` are the model's two parts alone. `colour` is a fit of the same kind to colours, on the same
    training pages; `shuffled` the fit to the model's features where each training picture has another's captions.
    """

    mini: float
    colour: float
    shuffled: float


def worth(folder: Path = FOLDER) -> Worth:
    """Measure a model folder on the half of how-to-cook that the demo serves."""
    seen, held_out = dishes(served=False), dishes(served=True)
    tokenize = Words.read(folder)

    def read(texts: Sequence[str], output: str = "features") -> Array:
        return run(folder / "text.onnx", tokenize(texts), output)

    def look(squares: Array, output: str = "features") -> Array:
        return run(folder / "image.onnx", {"pixels": squares}, output)

    squares, new_squares = (np.stack([next(views(one.data, 0, 1)) for one in half]) for half in (seen, held_out))
    pages = [one.page for one in held_out]
    titles = [one.captions[0][0] for one in held_out]
    asked = read(titles)

    def fitted(images: Array, new: Array, pictures: Sequence[Picture]) -> float:
        """The worth of a fit of these features to these pictures' captions."""
        rows = [(at, text, share) for at, picture in enumerate(pictures) for text, share in picture.captions]
        places, texts, shares = zip(*rows, strict=True)
        found = fit(Pairs(images[list(places)], read(texts), np.array(shares, np.float32)))
        return auc(found.scores(new, asked), pages)

    own = auc(unit(look(new_squares, "embedding")) @ unit(read(titles, "embedding")).T, pages)
    plain = fitted(_colours(squares), _colours(new_squares), seen)
    features, new_features = look(squares), look(new_squares)
    dealt = [fitted(features, new_features, random.Random(deal).sample(seen, len(seen))) for deal in range(SHUFFLES)]
    return Worth(own, plain, float(np.mean(dealt)))


def _colours(squares: Array) -> Array:
    return unit(np.sqrt(np.stack([colours(square) for square in squares])))


if __name__ == "__main__":
    print(worth())
