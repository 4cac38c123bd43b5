"""A torch model as an onnx: folder: both towers, the tokenizer and model.toml, compared with their source first."""

from __future__ import annotations

import io
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from filters.models import description, onnx_model, tokens, torch_model
from filters.models.description import Clean, Description, Text
from filters.models.tokens import JsonTokenizer
from filters.models.torch_model import Parts
from filters.models.towers import TwoTowers
from schemas.errors import BadInput, WorkFailed
from schemas.files import sync_folder

OPSET = 17
"""The ONNX operators' version: the first with layer normalisation as one operator, and three years old."""

CLOSE = 1e-4
"""How far a number of a unit vector may move by the export: what another order of sums makes, tenfold."""

PROBES = (
    *("", "红烧肉", "一只可爱的小狗在草地上跑，旁边有一朵花！", "“引号”（全角）ＡＢＣ１２３", "繁體中文與漢字，標點。"),
    *(
        "A photo of a cat's toy.",
        "😀👨‍👩‍👧‍👦🇨🇳",
        "&lt;b&gt; &amp;amp;",
        " tab\t, line\n ",
        "日本語かな 한국어",
        "123 4.5%",
        "é è ﬁ",
    ),
    *("字" * 10_000, "红烧肉的做法，第一步。" * 900),
)
"""Texts that a tokenizer and its copy must split alike: short and long, wide and narrow, signs, and none."""


def export(parts: Parts, ref: str, folder: Path) -> Description:
    """Write a model as an onnx: folder that is not there yet, whole or not at all; what its model.toml says.

    Raises BadInput when its tokenizer cannot be written; WorkFailed when a graph cannot, when it does not give what
    its source does, or when the disk is full.
    """
    if not isinstance(parts.tokenizer, JsonTokenizer):
        kind = type(parts.tokenizer.theirs).__name__
        raise BadInput(f"{ref}: its tokenizer ({kind}) cannot be written as a tokenizer.json; use the model as it is")
    part = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    try:
        part.mkdir(parents=True)
        described = _write(parts, parts.tokenizer, ref, part)
        _compare(torch_model.assemble(parts, torch_model.Device("cpu", "fp32")), part)
        part.replace(folder)
    except OSError as error:
        raise WorkFailed(f"{folder}: cannot be written ({error.strerror or error}); choose another folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync_folder(folder.parent)
    return described


def _write(parts: Parts, tokenizer: JsonTokenizer, ref: str, folder: Path) -> Description:
    size = parts.preprocessing.size
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    _graph(folder / onnx_model.IMAGE, parts.image, {"pixels": pixels}, {0: "n"})
    arrays = tokenizer(["图", "红烧肉"])
    given = {name: torch.from_numpy(arrays[name]) for name in parts.text.names}
    several = len(parts.lengths) > 1
    _graph(folder / onnx_model.TEXT, parts.text, given, {0: "n", 1: "tokens"} if several else {0: "n"})
    tokenizer.save(folder / tokens.FILE)
    described = Description(
        name=parts.name,
        width=parts.width,
        source=ref,
        image=parts.preprocessing,
        text=Text(
            context=tokenizer.context,
            clean=cast(Clean, tokenizer.clean),
            lengths=parts.lengths if several else (),
        ),
    )
    (folder / description.FILE).write_text(description.toml(described), "utf-8")
    return described


def _graph(path: Path, module: Any, given: dict[str, Any], free: dict[int, str]) -> None:
    """Write one tower, whose axes in `free` may be of any length. Raises WorkFailed when torch cannot."""
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                module.eval(),
                tuple(given.values()),
                str(path),
                input_names=list(given),
                output_names=["embedding"],
                dynamic_axes={**dict.fromkeys(given, free), "embedding": {0: "n"}},
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:  # torch raises what its tracing met, of any class
        why = " ".join(str(error).split())[:300]
        raise WorkFailed(f"{path.name}: torch cannot write it ({why}); use the model as it is") from error


def _compare(model: TwoTowers, folder: Path) -> None:
    """Hold what was written against its source. Raises WorkFailed where the two differ."""
    written = onnx_model.load(folder, "cpu", onnx_model.threads_of_this_process())
    ours, theirs = model.tokenizer(PROBES), written.tokenizer(PROBES)
    wrong = [text for row, text in enumerate(PROBES) if any((ours[one][row] != theirs[one][row]).any() for one in ours)]
    if wrong:
        raise WorkFailed(f"tokenizer.json: splits {wrong[0][:20]!r} otherwise than its source; nothing was written")
    size = model.preprocessing.size
    # 0 to 255 in rows that all differ, without a random number: the same folder for the same model.
    pixels = (np.arange(3 * size * size * 3, dtype=np.uint32) * 2654435761 >> 24).astype(np.uint8)
    pixels = pixels.reshape(3, size, size, 3)
    for name, mine, copy in (
        (onnx_model.IMAGE, model.images(pixels), written.images(pixels)),
        (onnx_model.TEXT, model.texts(PROBES), written.texts(PROBES)),
    ):
        apart = float(np.abs(mine - copy).max())
        if not apart <= CLOSE:
            raise WorkFailed(f"{name}: its vectors differ from the source's by {apart:.1e}; nothing was written")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what tracing warns of and prints: what it would get wrong, the comparison finds.

    Attention is traced operator by operator: ONNX has no word for torch's fused one.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
