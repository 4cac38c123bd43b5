"""EfficientNet-Lite as ONNX nodes, from the weights as PyTorch saved them; batch normalisation is folded away.

The network is that of Tan and Le, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6 for swish, as its
authors made it for small devices. Its pictures are centred at 127 and divided by 128.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainers.mini_graphs import Array, Graph, TensorProto

STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each of the seven stages; a stage begins where the number of channels changes."""

EPSILON = 1e-3
"""What its batch normalisation adds to the variance."""

CENTRE, SCALE = 127.0, 128.0

Weights = Mapping[str, Array]


def features(graph: Graph, pixels: str, weights: Weights) -> str:
    """Nodes from uint8 pixels [n, size, size, 3] to what the last convolution found, averaged over the picture."""
    x = graph.op("Transpose", graph.op("Cast", pixels, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = graph.op("Div", graph.op("Sub", x, graph.constant(CENTRE)), graph.constant(SCALE))
    x = _relu6(graph, _convolve(graph, x, weights, "_conv_stem", "_bn0", stride=2))
    stage, channels = -1, 0
    for block in range(len({name.split(".")[1] for name in weights if name.startswith("_blocks.")})):
        name, came = f"_blocks.{block}.", x
        new_channels = len(weights[f"{name}_project_conv.weight"])
        begins = new_channels != channels
        stage, channels = stage + begins, new_channels
        if f"{name}_expand_conv.weight" in weights:
            x = _relu6(graph, _convolve(graph, x, weights, f"{name}_expand_conv", f"{name}_bn0"))
        stride = STRIDES[stage] if begins else 1
        x = _relu6(graph, _convolve(graph, x, weights, f"{name}_depthwise_conv", f"{name}_bn1", stride))
        x = _convolve(graph, x, weights, f"{name}_project_conv", f"{name}_bn2")
        if not begins:
            x = graph.op("Add", x, came)
    x = _relu6(graph, _convolve(graph, x, weights, "_conv_head", "_bn1"))
    return graph.op("Flatten", graph.op("GlobalAveragePool", x))


def classes(graph: Graph, features: str, weights: Weights) -> str:
    """Nodes from features to the probabilities of ImageNet's 1000 classes."""
    logits = graph.op("MatMul", features, graph.weight(weights["_fc.weight"].T, axis=1))
    return graph.op("Softmax", graph.op("Add", logits, graph.constant(weights["_fc.bias"])), axis=-1)


def _convolve(graph: Graph, x: str, weights: Weights, convolution: str, norm: str, stride: int = 1) -> str:
    """A convolution and the batch normalisation after it as one convolution with a bias."""
    kernel = weights[f"{convolution}.weight"]
    gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    groups = len(kernel) if kernel.shape[1] == 1 else 1
    folded = graph.weight(kernel * gain.reshape(-1, 1, 1, 1)), graph.constant(bias)
    return graph.op("Conv", x, *folded, strides=[stride] * 2, group=groups, auto_pad="SAME_UPPER")


def _relu6(graph: Graph, x: str) -> str:
    return graph.op("Clip", x, graph.constant(0.0), graph.constant(6.0))
