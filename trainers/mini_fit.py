"""The fit that joins the towers of `mini`, by canonical correlation analysis, and how its worth is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

COMPONENTS = 192
"""Principal components of the picture's features that enter the fit: the rest is noise to a few hundred pictures."""

WIDTH = 64
"""Directions of each of the two scores."""

REGULAR = 0.4
"""What is added to every variance in the fit, in mean variances: much, since the pairs are few."""

POWER = 1.5
"""Directions count by their correlation to this power, so that those of chance count little."""


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
