"""A graph run by onnxruntime, 32 rows at a time, one thread: what comes out does not depend on the machine's cores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime


def run(graph: bytes | Path, arrays: Mapping[str, npt.NDArray[Any]], *outputs: str) -> list[npt.NDArray[np.float32]]:
    """The named outputs of a graph for any number of rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    file = graph if isinstance(graph, bytes) else str(graph)
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    rows = len(next(iter(arrays.values())))
    parts = ({name: array[at : at + 32] for name, array in arrays.items()} for at in range(0, rows, 32))
    found = [session.run(list(outputs), part) for part in parts]
    return [np.concatenate(one) for one in zip(*found, strict=True)]
