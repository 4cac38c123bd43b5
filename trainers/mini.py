"""Make `mini`, the scorer that comes with Tuwen: two frozen towers, joined by one closed-form fit. Minutes on a laptop.

    python -m trainers.mini                   writes filters/models/mini/ from packages, and prints what it is worth
    python -m trainers.mini --out FOLDER      writes it elsewhere

The idea in five lines. A small network that knows ImageNet turns a picture into 1280 numbers; vectors of Chinese words
and hashed n-grams of characters turn a caption into 1124. Canonical correlation analysis finds the directions in both
that go together on the training pairs: there the cosine is a score. Beside it stands a second, untrained score: the
network's guess of ImageNet classes, each by the word vector of its Chinese name, against the words of the caption.
The two are laid end to end, so that one cosine is their weighted mean.

It is trained on the half of how-to-cook that the demo does not serve, and measured on the other. It shows that the
plumbing works and is no quality filter: model.toml says so wherever it is used.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

HERE = Path(__file__).parent
FOLDER = HERE.parent / "filters" / "models" / "mini"


@dataclass(frozen=True)
class Fit:
    """What two sets of features are put through to meet: (features - mean) @ matrix."""

    image_mean: Array
    image: Array  # [image features, WIDTH]
    text_mean: Array
    text: Array  # [text features, WIDTH]


def unit(vectors: Array) -> Array:
    """Rows of length one; a row of zeros stays as it is."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def fit(images: Array, texts: Array, weights: Array) -> Fit:
    """Regularised canonical correlation analysis of pairs, each with a weight; closed form, a second.

    Directions count by their correlation to the power POWER, so that those of chance count little.
    """
    w = (weights / weights.sum()).astype(np.float64)
    image_mean, text_mean = w @ images, w @ texts
    x, y = images - image_mean, texts - text_mean
    main = np.linalg.eigh((x * w[:, None]).T @ x)[1][:, -COMPONENTS:]
    z = x @ main
    whiten_x, whiten_y = _inverse_root((z * w[:, None]).T @ z), _inverse_root((y * w[:, None]).T @ y)
    left, correlations, right = np.linalg.svd(whiten_x @ (z * w[:, None]).T @ y @ whiten_y, full_matrices=False)
    share = correlations[:WIDTH] ** (POWER / 2)
    image, text = main @ whiten_x @ left[:, :WIDTH] * share, whiten_y @ right[:WIDTH].T * share
    return Fit(*(part.astype(np.float32) for part in (image_mean, image, text_mean, text)))


def _inverse_root(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The inverse square root of a covariance to which REGULAR times its mean variance is added."""
    variances, directions = np.linalg.eigh(covariance)
    floor = REGULAR * np.trace(covariance) / len(covariance)
    return (directions / np.sqrt(np.maximum(variances, 0) + floor)) @ directions.T


def auc(scores: Array, groups: Sequence[str]) -> float:
    """How often a picture's own caption scores above a caption of another group; ties count half.

    `scores` is [pictures, captions], its diagonal the true pairs. Captions of the same group are left out.
    """
    group = np.array(groups)
    true = np.sort(np.diag(scores))
    false = np.sort(scores[group[:, None] != group[None, :]])
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / 2 / len(false))
