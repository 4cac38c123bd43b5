"""A model of an onnx: folder, run by onnxruntime: no torch, and nothing but numbers in its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from filters.models import description, digests, tokens
from filters.models.batches import Batches, OutOfMemory
from filters.models.description import Description
from filters.models.interface import Tokenizer, Tokens, Vectors
from filters.models.towers import TwoTowers
from schemas.errors import BadInput

IMAGE, TEXT = "image.onnx", "text.onnx"

BATCH = {"cpu": 8, "cuda": 256}
"""Rows at once. On a CPU 8 pictures of ViT-B-32 stay in a core's cache, and cost a fifth less each than 32 do; a GPU is
kept busy by so many."""

_TYPES = {"tensor(uint8)": "uint8", "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(float)": "float32"}


def load(folder: Path, device: str, threads: int) -> TwoTowers:
    """The model of a folder with model.toml, image.onnx, text.onnx and what its tokenizer needs.

    `device` is auto, cpu or cuda. Raises BadInput that names the file and the way out.
    """
    described = description.read(folder)
    tokenizer = _tokenizer(folder, described)
    where = _device(folder, device)
    image = _session(folder / IMAGE, where, threads)
    text = _session(folder / TEXT, where, threads)
    _check_image(folder / IMAGE, image, described)
    _check_text(folder / TEXT, text, described, tokenizer)
    model = TwoTowers(
        name=described.name,
        digest=digests.of_folder(folder),
        width=described.width,
        preprocessing=described.image,
        image_tower=Batches(_run(image), BATCH[where]),
        text_tower=Batches(_run(text), BATCH[where]),
        tokenizer=tokenizer,
        batch=BATCH[where],
        lengths=tuple(sorted({*described.text.lengths, described.text.context})),
        template=described.text.template,
        needs_han=described.text.needs_han,
        demo=described.demo,
        warning=described.warning,
    )
    _check_width(folder, model)
    return model


def _tokenizer(folder: Path, described: Description) -> Tokenizer:
    text = described.text
    if text.tokenizer == "words":
        from filters.models.words import Words

        return Words.read(folder, text.context)
    return tokens.of_folder(folder, text.context, text.clean)


def _device(folder: Path, device: str) -> str:
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        way = "install onnxruntime-gpu in place of onnxruntime, or use --device cpu"
        raise BadInput(f"--device cuda: the onnxruntime installed here has no CUDA, which onnx:{folder} needs; {way}")
    return "cuda" if has_cuda and device != "cpu" else "cpu"


def _session(path: Path, device: str, threads: int) -> Any:
    """An open graph. Raises BadInput when the file is missing or is no graph that this onnxruntime runs."""
    import onnxruntime

    if not path.is_file():
        raise BadInput(f"{path}: missing; export the model again with `tuwen export-model REF FOLDER`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone: its warnings are of how a graph was optimised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads would burn a core
    providers = ["CUDAExecutionProvider"] if device == "cuda" else []
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each of its codes, and no public base
        raise BadInput(f"{path}: cannot be run ({_line(error)}); export the model again") from None


def _run(session: Any) -> Callable[[Tokens], Callable[[], Vectors]]:
    """The graph as a function of one batch; arrays that are no inputs of it are left out."""
    names = [wanted.name for wanted in session.get_inputs()]

    def run(arrays: Tokens) -> Callable[[], Vectors]:
        try:
            (vectors,) = session.run(["embedding"], {name: arrays[name] for name in names})
        except Exception as error:
            if "Failed to allocate memory" in str(error):
                raise OutOfMemory(_line(error)) from error
            raise
        return lambda: np.asarray(vectors, np.float32)

    return run


def _check_image(path: Path, session: Any, described: Description) -> None:
    size = described.image.size
    wanted = f"one input `pixels`, uint8 [n, {size}, {size}, 3]"
    found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in session.get_inputs())
    inputs = session.get_inputs()
    right = len(inputs) == 1 and inputs[0].name == "pixels" and inputs[0].type == "tensor(uint8)"
    if not right or not _fits(inputs[0].shape, [None, size, size, 3]):
        raise BadInput(f"{path}: needs {wanted}, and has {found}; set image.size in model.toml, or export again")
    _check_output(path, session, described)


def _check_text(path: Path, session: Any, described: Description, tokenizer: Tokenizer) -> None:
    arrays = tokenizer([described.text.template.replace("{}", "图")])
    for wanted in session.get_inputs():
        array = arrays.get(wanted.name)
        if array is None:
            has = ", ".join(sorted(arrays))
            raise BadInput(f"{path}: has an input `{wanted.name}` that its tokenizer does not give; it gives {has}")
        if _TYPES.get(wanted.type) != array.dtype.name or not _fits(wanted.shape, [None, *array.shape[1:]]):
            given = f"{array.dtype} {[1, *array.shape[1:]]}"
            raise BadInput(f"{path}: `{wanted.name}` is {wanted.type} {wanted.shape}, its tokenizer gives {given}")
    _check_output(path, session, described)


def _check_output(path: Path, session: Any, described: Description) -> None:
    outputs = {one.name: one for one in session.get_outputs()}
    one = outputs.get("embedding")
    if one is None or one.type != "tensor(float)" or not _fits(one.shape, [None, described.width]):
        found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in outputs.values())
        raise BadInput(
            f"{path}: needs an output `embedding`, float [n, {described.width}], and has {found};"
            " set width in model.toml, or export again"
        )


def _fits(shape: list[Any], wanted: list[int | None]) -> bool:
    """Whether a graph's shape, in which a word is any number, can be the wanted one; None wants any number."""
    if len(shape) != len(wanted):
        return False
    return all(
        not isinstance(there, int) if asked is None else there == asked or not isinstance(there, int)
        for there, asked in zip(shape, wanted, strict=True)
    )


def _check_width(folder: Path, model: TwoTowers) -> None:
    """A graph may leave its shapes open, so one picture and one text go through it."""
    size = model.preprocessing.size
    try:
        small = replace(model, image_tower=_once(model.image_tower), text_tower=_once(model.text_tower))
        small.images(np.full((1, size, size, 3), 127, np.uint8))
        small.texts(["图"])
    except Exception as error:
        raise BadInput(f"onnx:{folder}: does not run ({_line(error)}); export the model again") from None


def _once(tower: Any) -> Any:
    """The tower, on batches of one row."""
    return replace(tower, size=1)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def threads_of_this_process() -> int:
    """How many threads a model may use: OMP_NUM_THREADS where it is set, else the cores that this process has."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
