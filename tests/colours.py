"""A small model that is a real one, of ONNX graphs, a tokenizer and a model.toml: it knows colours and their names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
from crawls import RawCrawl
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from pipelines.corpus import Corpus

NAMES = {"红": (220, 20, 30), "绿": (20, 200, 40), "蓝": (30, 40, 220)}
_VOCABULARY = ["[PAD]", "[UNK]", *NAMES, "坏"]

_MODEL = """name = "{name}"
source = "tests/colours.py"
width = 3
demo = {demo}
warning = "{warning}"
[image]
size = {size}
resize = "crop"
[text]
tokenizer = "tokenizers"
context = 16
needs_han = true
"""


def write_model(folder: Path, name: str = "colours", *, demo: bool = False, blind: bool = False, size: int = 16) -> str:
    """Write an onnx: folder; its REF. A `blind` one takes each colour for the next, 坏 (bad) has no number in any."""
    folder.mkdir(parents=True, exist_ok=True)
    warning = "it knows three colours" if demo else ""
    text = _MODEL.format(name=name, demo=str(demo).lower(), warning=warning, size=size)
    (folder / "model.toml").write_text(text, "utf-8")
    _save(folder / "image.onnx", _image_graph(size))
    _save(folder / "text.onnx", _text_graph(blind))
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(_VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    return f"onnx:{folder}"


def _image_graph(size: int) -> onnx.GraphProto:
    """The mean colour; of a black picture there is none, which is a vector of no length."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["embedding"], keepdims=0),
    ]
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])
    return helper.make_graph(nodes, "image", [pixels], [_embedding()], [axes])


def _text_graph(blind: bool) -> onnx.GraphProto:
    """The sum of the colours that are named, on a grey of nothing."""
    colours = np.roll(np.eye(3, dtype=np.float32), int(blind), axis=0)
    table = np.concatenate([np.zeros((1, 3)), np.full((1, 3), 0.01), colours, np.full((1, 3), np.nan)])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["found"]),
        helper.make_node("ReduceSum", ["found", "axes"], ["embedding"], keepdims=0),
    ]
    initial = [
        numpy_helper.from_array(table.astype(np.float32), "table"),
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", 16])
    return helper.make_graph(nodes, "text", [ids], [_embedding()], initial)


def _embedding() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3])


def _save(path: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def plain(colour: tuple[int, int, int], number: int = 0, format_: str = "JPEG") -> bytes:
    """A picture of one colour, with a corner of its own for each number."""
    image = Image.new("RGB", (60, 40), colour)
    image.paste((number * 40 % 256, number * 90 % 256, number * 20 % 256), (0, 0, 4, 4))
    file = io.BytesIO()
    image.save(file, format_)
    return file.getvalue()


def colour_crawl(root: Path, count: int = 24) -> RawCrawl:
    """Pictures of three colours, each with two texts and on a page of its own; every eighth is broken."""
    crawl = RawCrawl(root)
    for number in range(count):
        name, colour = list(NAMES.items())[number % 3]
        url, page = f"http://i.example/{number}.jpg", f"http://a.example/{number}"
        data = plain(colour, number)
        crawl.fetch(url, data[:300] if number % 8 == 7 else data, warc=number % 2)
        crawl.see(url, f"{name}色的图{number}", page=page)
        crawl.see(url, f"一张{name}图", "title", page=page)
    return crawl


def colour_corpus(root: Path, count: int = 24) -> Corpus:
    """The corpus of `colour_crawl`, as the crawl left it."""
    return colour_crawl(root, count).write()
