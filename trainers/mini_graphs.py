"""The two towers of `mini` as ONNX graphs: plain operators, so that onnxruntime alone runs them.

Weights lie in the file in two bytes each and are turned to float32 when it is loaded; all arithmetic is float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

Array = npt.NDArray[np.float32]

OPSET, IR = 17, 8
"""Of the year 2022: old enough for every onnxruntime that we allow."""

@dataclass(frozen=True)
class Projection:
    """An affine map: (x - mean) @ matrix."""

    mean: Array  # [from]
    matrix: Array  # [from, to]


class Graph:
    """Nodes in the order in which they run; every method adds some and returns the name of what comes out."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """One operator."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def number(self, value: float | list[int] | Array) -> str:
        """A constant as it is: float32, or int64 for a list of axes."""
        array = np.array(value, np.int64 if isinstance(value, list) else np.float32)
        self.weights.append(numpy_helper.from_array(array, f"constant_{len(self.weights)}"))
        return self.weights[-1].name

    def weight(self, array: Array) -> str:
        """A weight, stored as float16."""
        half = np.ascontiguousarray(array, np.float16)
        if not np.isfinite(half).all():
            raise ValueError("a weight is beyond what float16 holds")
        self.weights.append(numpy_helper.from_array(half, f"weight_{len(self.weights)}"))
        return self.op("Cast", self.weights[-1].name, to=TensorProto.FLOAT)

    def unit(self, vectors: str) -> str:
        """Rows of length one; a row of zeros stays as it is."""
        length = self.op("ReduceL2", vectors, axes=[-1], keepdims=1)
        return self.op("Div", vectors, self.op("Max", length, self.number(1e-6)))

    def project(self, vectors: str, by: Projection) -> str:
        """An affine map of rows."""
        return self.op("MatMul", self.op("Sub", vectors, self.number(by.mean)), self.weight(by.matrix))

    def model(self, inputs: list[ValueInfoProto], output: str, width: int) -> ModelProto:
        """The graph, checked, with one output, `embedding` float32 [n, width]."""
        self.nodes.append(helper.make_node("Identity", [output], ["embedding"]))
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width])
        graph = helper.make_graph(self.nodes, "mini", inputs, [embedding], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        checker.check_model(model, full_check=True)
        return model
