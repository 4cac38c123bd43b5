"""Models as a command line chooses them: each loaded once in a process, described in the files that it measured."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from filters import models
from filters.models.interface import Model
from schemas.errors import BadInput
from schemas.models import Measured


@dataclass(frozen=True, order=True)
class Chosen:
    """A model by its REF, and where and how finely it computes: auto, cpu or cuda; fp32 or bf16."""

    ref: str
    device: str = "auto"
    precision: str = "fp32"


MINI = Chosen("mini")
"""What is measured with where no model is named: it comes with Tuwen."""


def chosen(refs: Sequence[str], device: str, precision: str) -> tuple[Chosen, ...]:
    """What a command line chooses; `MINI` on that device where it names no model."""
    return tuple(Chosen(ref, device, precision) for ref in dict.fromkeys(refs or [MINI.ref]))


_loaded: dict[Chosen, Model] = {}
_lock = threading.Lock()


def model_of(one: Chosen) -> Model:
    """The model, loaded once per process however many threads ask. Raises BadInput where it cannot be had."""
    with _lock:
        if one not in _loaded:
            _loaded[one] = models.load(one.ref, one.device, one.precision)
        return _loaded[one]


def on_gpu(one: Chosen) -> bool:
    """Whether a model computes on a GPU. It is loaded, so its library is here, and says what it has found."""
    if one.device != "auto":
        return one.device == "cuda"
    if one.ref == MINI.ref or one.ref.startswith("onnx:"):
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    import torch

    return bool(torch.cuda.is_available())


def share_cores(processes: int) -> None:
    """Let each of so many processes use its share of the cores for a model, unless OMP_NUM_THREADS says how many."""
    if processes > 1:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))


def forget() -> None:
    """Let the models go that were loaded only to see whether they can be."""
    with _lock:
        _loaded.clear()


def described(wanted: Sequence[Chosen]) -> dict[str, Measured]:
    """What each model is, by its name. Raises BadInput where one cannot be had, or two have one name."""
    names: dict[str, str] = {}
    for one in dict.fromkeys(wanted):
        name = models.name_of(one.ref)
        if names.setdefault(name, one.ref) != one.ref:
            both = f"{names[name]} and {one.ref}"
            raise BadInput(f"--model {both}: both would be called {name}, and so would their columns; give one of them")
    return {
        name: measured(one) for name, one in sorted((models.name_of(one.ref), one) for one in dict.fromkeys(wanted))
    }


def measured(one: Chosen) -> Measured:
    """What a file says of one model."""
    model = model_of(one)
    return Measured(
        ref=one.ref,
        digest=model.digest,
        width=model.width,
        preprocessing={name: str(value) for name, value in msgspec.structs.asdict(model.preprocessing).items()},
        template=model.template,
        demo=model.demo,
        warning=model.warning,
        precision=model.precision,
    )
