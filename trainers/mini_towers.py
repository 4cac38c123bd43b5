"""The two towers of `mini`: from pixels, and from what the tokenizer `words` gives, to features and an embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from trainers import efficientnet_lite
from trainers.efficientnet_lite import Weights
from trainers.mini_graphs import Array, Graph


@dataclass(frozen=True)
class Head:
    """What makes an embedding of features: the trained part and the bridge, each its own share of the score."""

    mean: Array
    matrix: Array  # [features, width of the trained part]
    bridge_mean: Array
    bridge: Array  # [words or classes, width of the bridge]
    share: float  # of the bridge


def image_tower(weights: Weights, size: int, head: Head | None = None) -> bytes:
    """image.onnx: `pixels` uint8 [n, size, size, 3] to `features` [n, 1280] and, with a head, `embedding`."""
    graph = Graph()
    pooled = efficientnet_lite.features(graph, "pixels", weights)
    outputs = {"features": graph.unit(graph.op("Sqrt", pooled))}  # a root: heavy tails make bad cosines
    if head:
        seen = graph.op("Sqrt", efficientnet_lite.classes(graph, pooled, weights))
        trained = graph.project(outputs["features"], head.mean, head.matrix)
        bridge = graph.project(seen, head.bridge_mean, head.bridge)
        outputs = {"embedding": graph.joined({trained: 1 - head.share, bridge: head.share}), **outputs}
    return graph.model({"pixels": (TensorProto.UINT8, ["n", size, size, 3])}, outputs)


def text_tower(vectors: Array, context: int, grams: int, gram_share: float, head: Head | None = None) -> bytes:
    """text.onnx: what the tokenizer `words` gives to `features` [n, width of words + grams] and `embedding`.

    `vectors` is [words + 1, width]; row 0 is of no word.
    """
    graph = Graph()
    scale = np.abs(vectors).max() / 127  # one scale for all words, since they are added
    table = graph.constant(np.rint(vectors / scale), np.int8)
    rows = graph.op("Cast", graph.op("Gather", table, "word_ids", axis=0), to=TensorProto.FLOAT)
    weighted = graph.op("Mul", rows, graph.op("Unsqueeze", "word_weights", graph.constant([2], np.int64)))
    words = graph.unit(graph.op("ReduceSum", weighted, graph.constant([1], np.int64), keepdims=0))
    counted = graph.unit(graph.op("Log", graph.op("Add", "grams", graph.constant(1.0))))
    outputs = {"features": graph.op("Concat", words, graph.op("Mul", counted, graph.constant(gram_share)), axis=-1)}
    if head:
        trained = graph.project(outputs["features"], head.mean, head.matrix)
        bridge = graph.project(words, head.bridge_mean, head.bridge)
        outputs = {"embedding": graph.joined({trained: 1 - head.share, bridge: head.share}), **outputs}
    places = {
        "word_ids": (TensorProto.INT64, ["n", 2 * context]),
        "word_weights": (TensorProto.FLOAT, ["n", 2 * context]),
        "grams": (TensorProto.FLOAT, ["n", grams]),
    }
    return graph.model(places, outputs)
