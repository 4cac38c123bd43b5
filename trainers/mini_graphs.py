"""The towers of `mini` as ONNX graphs: plain operators, so that onnxruntime runs them and nothing else is needed.

Large weights lie in the file in one byte each, with a scale for every output: that costs no measurable accuracy, and
the files are a quarter as large. They are float32 again when the graph is loaded, and all arithmetic is float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

Array = npt.NDArray[np.float32]

OPSET, IR = 17, 8
"""Of the year 2022: old enough for every onnxruntime that we allow."""


class Graph:
    """Nodes in the order in which they run; every method adds some and returns the name of what comes out."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """One operator."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: npt.ArrayLike, kind: npt.DTypeLike = np.float32) -> str:
        """A constant as it is."""
        array = np.ascontiguousarray(np.asarray(value, kind))
        self.stored.append(numpy_helper.from_array(array, f"constant_{len(self.stored)}"))
        return self.stored[-1].name

    def weight(self, array: Array, axis: int = 0) -> str:
        """A weight in one byte per number, with a scale for each place along `axis`, that of its outputs."""
        others = tuple(place for place in range(array.ndim) if place != axis)
        scale = np.maximum(np.abs(array).max(others, keepdims=True), 1e-12) / 127
        bytes_ = self.op("Cast", self.constant(np.rint(array / scale), np.int8), to=TensorProto.FLOAT)
        return self.op("Mul", bytes_, self.constant(scale))

    def unit(self, rows: str) -> str:
        """Rows of length one; a row of zeros stays as it is."""
        length = self.op("ReduceL2", rows, axes=[-1], keepdims=1)
        return self.op("Div", rows, self.op("Max", length, self.constant(1e-6)))

    def project(self, rows: str, mean: Array, matrix: Array) -> str:
        """(rows - mean) @ matrix, of length one."""
        return self.unit(self.op("MatMul", self.op("Sub", rows, self.constant(mean)), self.weight(matrix, axis=1)))

    def joined(self, parts: Mapping[str, float]) -> str:
        """Unit rows end to end, so that the cosine of two such rows is the mean of their parts', by these weights."""
        scaled = [self.op("Mul", part, self.constant(np.sqrt(weight))) for part, weight in parts.items()]
        return self.op("Concat", *scaled, axis=-1)

    def model(self, inputs: Mapping[str, tuple[int, Sequence[int | str]]], outputs: Mapping[str, str]) -> bytes:
        """The graph as a file: inputs by name, as a type and a shape; outputs float32 [n, …] by name and node."""
        self.nodes += [helper.make_node("Identity", [node], [name]) for name, node in outputs.items()]
        graph = helper.make_graph(
            self.nodes,
            "mini",
            [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]) for name in outputs],
            self.stored,
        )
        model: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        model = _with_shapes(model)
        return model.SerializeToString(deterministic=True)


def _with_shapes(model: ModelProto) -> ModelProto:
    """The model, checked, its outputs' widths filled in."""
    from onnx import shape_inference

    checker.check_model(model, full_check=True)
    found = {one.name: one for one in shape_inference.infer_shapes(model, data_prop=True).graph.output}
    for output in model.graph.output:
        output.CopyFrom(found[output.name])
    return model
