"""What `mini` is worth on the pages that it never saw, beside what a histogram of colours is, and beside nonsense.

    python -m trainers.mini_worth

Needs how-to-cook, as the demo does, and the model folder; neither torch nor another package.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters.models.words import Words
from trainers.mini import FOLDER
from trainers.mini_fit import Array, Pairs, auc, fit, unit
from trainers.mini_pictures import colours, squares
from trainers.mini_run import run
from trainers.mini_sources import dishes

SHUFFLES = 4
"""How often the captions are dealt out anew: one deal alone is 0.5 give or take 0.03."""


@dataclass(frozen=True)
class Worth:
    """Areas under the curve: a held-out picture's own dish against the dishes of other pages; 0.5 is chance.

    `colour` is a fit of the same kind to colours, on the same pages; `shuffled` is the fit to the model's own features
    where every training picture has another's captions.
    """

    mini: float
    colour: float
    shuffled: float


def worth(folder: Path = FOLDER) -> Worth:
    """Measure a model folder on the half of how-to-cook that the demo serves."""
    seen, held_out = dishes()
    old, new = squares(seen), squares(held_out)
    old_features, _ = run(folder / "image.onnx", {"pixels": old}, "features", "embedding")
    new_features, images = run(folder / "image.onnx", {"pixels": new}, "features", "embedding")
    tokenize = Words.read(folder)
    titles = tokenize([picture.captions[0][0] for picture in held_out])
    asked, texts = run(folder / "text.onnx", titles, "features", "embedding")
    rows = [(at, text, share) for at, picture in enumerate(seen) for text, share in picture.captions]
    places, captions, shares = (list(column) for column in zip(*rows, strict=True))
    (read,) = run(folder / "text.onnx", tokenize(captions), "features")
    pages = [picture.page for picture in held_out]

    def fitted(before: Array, after: Array) -> float:
        """The worth of a fit of these features of the training pictures, by those of the others."""
        found = fit(Pairs(before[places], read, np.array(shares, np.float32)))
        return auc(found.scores(after, asked), pages)

    dealt = [np.random.default_rng(deal).permutation(len(seen)) for deal in range(SHUFFLES)]
    return Worth(
        mini=auc(images @ texts.T, pages),
        colour=fitted(_colours(old), _colours(new)),
        shuffled=float(np.mean([fitted(old_features[order], new_features) for order in dealt])),
    )


def _colours(pictures: npt.NDArray[np.uint8]) -> Array:
    return unit(np.sqrt(np.stack([colours(picture) for picture in pictures])))


def main() -> int:
    """Print it."""
    found = worth()
    print(f"mini {found.mini:.3f}, colours {found.colour:.3f}, shuffled captions {found.shuffled:.3f}; 0.5 is chance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
