"""Two torch modules as towers: where they compute, in what precision, and in batches of one size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from filters.models.batches import Batches, OutOfMemory
from filters.models.interface import Preprocessing, Tokens, Vectors
from filters.models.onnx_model import threads_of_this_process
from filters.models.tokens import JsonTokenizer, LibraryTokenizer
from filters.models.towers import TwoTowers
from schemas.errors import BadInput

BATCH = {"cpu": 32, "cuda": 256}
"""Rows at once. On a CPU more is no faster and takes memory; a GPU is kept busy by so many."""


def preprocessing(values: Mapping[str, Any]) -> Preprocessing:
    """A Preprocessing of values as a library's configuration has them; others are left out."""
    mean, std = ([float(one) for one in values[name]] for name in ("mean", "std"))
    return Preprocessing(
        size=int(values["size"]),
        resize=values["resize"],
        interpolation=values["interpolation"],
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        fill=int(values.get("fill", 0)),
    )


class ImageTower(torch.nn.Module):
    """Pictures as they come, uint8 [n, size, size, 3], through the normalisation and a tower for [n, 3, size, size]."""

    def __init__(self, tower: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.tower = tower
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (preprocessing.mean, preprocessing.std))
        self.register_buffer("scale", (1 / (255 * std)).float().view(3, 1, 1), persistent=False)
        self.register_buffer("shift", (-mean / std).float().view(3, 1, 1), persistent=False)

    def forward(self, pixels: Any) -> Any:
        """Vectors [n, width]; the normalisation is in fp32 whatever the tower is in."""
        # The permuted view of NHWC is what torch calls channels_last: nothing is copied.
        planes = pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift
        return self.tower(planes.to(next(self.tower.parameters()).dtype)).float()


class TextTower(torch.nn.Module):
    """Tokens through a tower that takes `names`, in this order; vectors in fp32 whatever the tower is in."""

    def __init__(self, tower: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.tower, self.names = tower, names

    def forward(self, *arrays: Any) -> Any:
        """Vectors [n, width]."""
        return self.tower(*arrays).float()


@dataclass(frozen=True)
class Device:
    """Where and in what a torch model computes."""

    name: str  # cpu or cuda
    precision: str  # fp32 or bf16

    @property
    def dtype(self) -> Any:
        """The type of the weights."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def device(name: str, precision: str) -> Device:
    """The device that is asked for. Raises BadInput when there is none, or it has no such precision."""
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch finds no GPU here; use --device cpu, or see to the driver (nvidia-smi)")
    chosen = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    if precision == "bf16" and chosen == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise BadInput("--precision bf16: this processor has no bf16; use --precision fp32")
    if precision == "bf16" and chosen == "cuda" and not torch.cuda.is_bf16_supported():
        raise BadInput("--precision bf16: this GPU has no bf16; use --precision fp32")
    return Device(chosen, precision)


@dataclass(frozen=True)
class Parts:
    """What a library's model is taken apart into; the fields are those of TwoTowers."""

    name: str
    digest: str
    width: int
    preprocessing: Preprocessing
    image: ImageTower
    text: TextTower
    tokenizer: JsonTokenizer | LibraryTokenizer
    lengths: tuple[int, ...]


def assemble(parts: Parts, where: Device) -> TwoTowers:
    """The model, moved to where it computes."""
    torch.set_num_threads(threads_of_this_process())
    return TwoTowers(
        name=parts.name,
        digest=parts.digest,
        width=parts.width,
        preprocessing=parts.preprocessing,
        image_tower=_tower(parts.image, parts.image.tower, ("pixels",), where),
        text_tower=_tower(parts.text, parts.text.tower, parts.text.names, where),
        tokenizer=parts.tokenizer,
        batch=BATCH[where.name],
        lengths=parts.lengths,
        precision=where.precision,
    )


def _tower(module: Any, weights: Any, names: tuple[str, ...], where: Device) -> Batches:
    # bf16 is the weights' own type: autocast turns them anew for every batch, which on a CPU takes longer than fp32.
    weights.to(where.dtype)
    module.to(where.name).eval().requires_grad_(False)
    if where.name == "cuda":
        from filters.models.cuda import OnCuda

        return Batches(_guarded(OnCuda(module, names)), BATCH["cuda"], ahead=1)
    return Batches(_guarded(_on_cpu(module, names)), BATCH["cpu"])


def _on_cpu(module: Any, names: tuple[str, ...]) -> Callable[[Tokens], Callable[[], Vectors]]:
    def run(arrays: Tokens) -> Callable[[], Vectors]:
        with torch.inference_mode():
            vectors = module(*(torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in names)).numpy()
        return lambda: vectors

    return run


def _guarded(run: Callable[[Tokens], Callable[[], Vectors]]) -> Callable[[Tokens], Callable[[], Vectors]]:
    """The same, with torch's ways to say that memory is out as one."""

    def guarded(arrays: Tokens) -> Callable[[], Vectors]:
        try:
            return run(arrays)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory(str(error).split(".", maxsplit=1)[0]) from error
        except RuntimeError as error:
            if "can't allocate memory" in str(error):  # the CPU's allocator has no class of its own
                raise OutOfMemory(str(error).split(".", maxsplit=1)[0]) from error
            raise

    return guarded
