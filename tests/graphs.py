"""ONNX graphs made by the tests, field by field of the format: the library `onnx` is in no base installation."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

FLOAT, UINT8, INT64 = 1, 2, 7
_TYPES = {"float32": FLOAT, "uint8": UINT8, "int64": INT64}

CHARACTERS = "的一红烧肉小狗在草地上跑有花可爱只，。abc"
TABLE = (np.random.default_rng(3).normal(size=(len(CHARACTERS) + 4, 6))).astype(np.float32)
COLOURS = np.random.default_rng(4).normal(size=(3, 6)).astype(np.float32)
TOML = """name = "tiny"
source = "the tests"
width = 6
[image]
size = 4
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[text]
tokenizer = "tokenizers"
context = 8
"""


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def node(operator: str, inputs: Sequence[str], output: str, **numbers: int | list[int]) -> bytes:
    """One operator with whole numbers, or lists of them, as attributes."""
    data = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, operator)
    for name, value in numbers.items():
        one = isinstance(value, int)
        values = _field(3, value) if isinstance(value, int) else b"".join(_field(8, number) for number in value)
        data += _field(5, _field(1, name) + values + _field(20, 2 if one else 7))
    return data


def constant(name: str, array: np.ndarray[Any, Any]) -> bytes:
    """An array of weights."""
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, _TYPES[array.dtype.name]) + _field(8, name) + _field(9, array.tobytes())


def value(name: str, kind: int, *shape: int | str) -> bytes:
    """An input or output; a word in its shape is any length."""
    dims = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def graph(nodes: list[bytes], constants: list[bytes], inputs: list[bytes], outputs: list[bytes]) -> bytes:
    """A whole model."""
    parts = [(1, nodes), (5, constants), (11, inputs), (12, outputs)]
    data = b"".join(_field(number, one) for number, ones in parts for one in ones) + _field(2, "test")
    return _field(1, 8) + _field(7, data) + _field(8, _field(2, 17))


def image_graph(size: int | str = 4, width: int = 6, name: str = "pixels", kind: int = UINT8) -> bytes:
    """The mean colour, each channel divided by the first, times COLOURS: nothing finite for a black picture."""
    nodes = [
        node("Cast", [name], "x", to=FLOAT),
        node("ReduceMean", ["x"], "mean", axes=[1, 2], keepdims=0),
        node("Gather", ["mean", "first"], "red", axis=1),
        node("Div", ["mean", "red"], "relative"),
        node("MatMul", ["relative", "colours"], "embedding"),
    ]
    constants = [constant("first", np.array([0])), constant("colours", COLOURS[:, :width].copy())]
    return graph(nodes, constants, [value(name, kind, "n", size, size, 3)], [value("embedding", FLOAT, "n", width)])


def text_graph(context: int | str = 8, name: str = "input_ids") -> bytes:
    """The mean of the rows of TABLE."""
    nodes = [
        node("Gather", ["table", name], "rows", axis=0),
        node("ReduceMean", ["rows"], "embedding", axes=[1], keepdims=0),
    ]
    return graph(
        nodes, [constant("table", TABLE)], [value(name, INT64, "n", context)], [value("embedding", FLOAT, "n", 6)]
    )


def tokenizer() -> Tokenizer:
    """Characters as tokens: 0 pads, 1 begins, 2 ends, 3 is unknown."""
    words = {name: number for number, name in enumerate(["[P]", "[B]", "[E]", "[?]", *CHARACTERS])}
    made = Tokenizer(models.WordLevel(words, "[?]"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing("[B] $A [E]", special_tokens=[("[B]", 1), ("[E]", 2)])
    return made


def write_folder(folder: Path, toml: str = TOML) -> Path:
    """A whole onnx: folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.onnx").write_bytes(image_graph())
    (folder / "text.onnx").write_bytes(text_graph())
    (folder / "tokenizer.json").write_text(tokenizer().to_str(), "utf-8")
    (folder / "model.toml").write_text(toml, "utf-8")
    return folder


assert struct.calcsize("<f") == 4 and np.dtype("<f4") == np.dtype("float32")  # raw weights are little-endian
