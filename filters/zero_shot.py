"""The topic of a picture by a model: the class whose prompts its vector is nearest to, where that is clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.models.interface import Model, NotFinite, Vectors
from filters.topic import settle
from filters.topics import OTHER, Class, Topics
from schemas.errors import BadInput, WorkFailed

_ROWS = 1024  # pictures at a time: their vectors take a few megabytes, whatever the shard


class Answers(NamedTuple):
    """Of each picture its class, the cosine of the two, and by how much the best class is before the second."""

    names: list[str]
    scores: npt.NDArray[np.float32]
    margins: npt.NDArray[np.float32]


def class_vectors(model: Model, topics: Topics) -> Vectors:
    """Unit vectors of the classes in their order, then one of each prompt of `other`.

    A class has the mean of its prompts' vectors, so that no single wording decides. Raises BadInput where the model
    reads none of a class's prompts.
    """
    rows = [_mean(_texts(model, one.prompts), model.name, one) for one in topics.classes]
    others = _texts(model, topics.other.prompts) if topics.other.prompts else np.empty((0, model.width), np.float32)
    return np.concatenate([np.stack(rows), others[~np.isnan(others[:, 0])]])


def answers(pictures: npt.NDArray[np.float16], vectors: Vectors, topics: Topics) -> Answers:
    """The class of each picture, by unit vectors [n, width] of pictures and those of `class_vectors`.

    A class is as near as its cosine, `other` as the nearest of its prompts. Classes that are behind the best by less
    than `close` of its distance from their mean are tied with it: it is a share, for every model has a scale of its
    own. The overlaps settle a tie, or else it is `other`.
    """
    names: list[str] = []
    scores, margins = np.empty(len(pictures), np.float32), np.empty(len(pictures), np.float32)
    for start in range(0, len(pictures), _ROWS):
        near = _near(pictures[start : start + _ROWS].astype(np.float64), vectors, len(topics.classes))
        names += _names(near, topics)
        ordered = np.sort(near, axis=1)
        scores[start : start + _ROWS] = ordered[:, -1]
        margins[start : start + _ROWS] = ordered[:, -1] - ordered[:, -2]
    return Answers(names, scores, margins)


def _near(pictures: npt.NDArray[np.float64], vectors: Vectors, classes: int) -> npt.NDArray[np.float64]:
    """[n, classes + 1], the last that of `other`. Vector after vector: no BLAS, whose sums depend on the machine."""
    lengths = np.sqrt((pictures * pictures).sum(axis=1))  # half precision has shortened or stretched them a little
    near = [(pictures * vector.astype(np.float64)).sum(axis=1) / lengths for vector in vectors]
    others = near[classes:] or [np.full(len(pictures), -1.0)]
    return np.stack([*near[:classes], np.max(others, axis=0)], axis=1)


def _names(near: npt.NDArray[np.float64], topics: Topics) -> list[str]:
    known, before = [*(one.name for one in topics.classes), OTHER], topics.before()
    best = near.max(axis=1)
    reach = topics.close * (best - near[:, : len(topics.classes)].mean(axis=1))
    tied = near >= (best - np.maximum(reach, 0.0))[:, None]
    found = []
    for row in tied:
        left = settle([known[at] for at in np.flatnonzero(row)], before)
        found.append(left[0] if len(left) == 1 else OTHER)
    return found


def _mean(vectors: Vectors, model: str, one: Class) -> npt.NDArray[np.float32]:
    read = vectors[~np.isnan(vectors[:, 0])].astype(np.float64)
    if not len(read):
        way = "write some in a language that it reads, in a file for --topics"
        raise BadInput(f"topics: the model {model} reads none of the prompts of the class {one.name}; {way}")
    mean = read.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _texts(model: Model, prompts: Sequence[str]) -> Vectors:
    try:
        return model.texts(list(prompts))
    except NotFinite as error:
        shown = prompts[error.rows[0]]
        way = "try --precision fp32 or --device cpu, or look whether its weights are whole"
        raise WorkFailed(f"the model {model.name} gives what is no number for the prompt {shown!r}; {way}") from error
