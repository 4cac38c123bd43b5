"""A REF becomes a model: what is heavy is imported for the kind that needs it alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from filters.models.interface import Model
from filters.models.reference import Reference, parse
from schemas.errors import BadInput

if TYPE_CHECKING:
    from filters.models.description import Description
    from filters.models.torch_model import Parts

_NEEDS = {"open_clip": ("torch", "open_clip"), "hf": ("torch", "transformers")}


def load(ref: str, device: str = "auto", precision: str = "fp32") -> Model:
    """Load a model: `device` is auto, cpu or cuda; `precision` fp32 or bf16, of torch's kinds alone.

    An ONNX graph computes in what it was written in; `precision` of the model says what that is. Raises BadInput for
    a REF, device or precision that cannot be had: one line that says what, where, and the way out.
    """
    reference = parse(ref)
    if device not in ("auto", "cpu", "cuda"):
        raise BadInput(f"--device {device}: choose auto, cpu or cuda")
    if precision not in ("fp32", "bf16"):
        raise BadInput(f"--precision {precision}: choose fp32 or bf16")
    if reference.folder:
        from filters.models import onnx_model

        return onnx_model.load(reference.folder, device, onnx_model.threads_of_this_process())
    _installed(reference)
    from filters.models import torch_model

    where = torch_model.device(device, precision)  # before gigabytes of weights are read
    return torch_model.assemble(parts(reference), where)


def parts(reference: Reference) -> Parts:
    """A torch model in parts. Raises BadInput as `load` does."""
    _installed(reference)
    if reference.kind == "hf":
        from filters.models import hf_model

        return hf_model.parts(reference)
    from filters.models import open_clip_model

    return open_clip_model.parts(reference)


def export(ref: str, folder: Path) -> Description:
    """Write the model of a REF as an onnx: folder, whole or not at all; what its model.toml says.

    Raises BadInput for a model that is one already, whose tokenizer cannot be written, or for a folder that is there;
    WorkFailed when a graph cannot be written, or does not give what its source does.
    """
    reference = parse(ref)
    if reference.folder:
        raise BadInput(f"--model {ref}: is an ONNX model already; copy its folder, {reference.folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder}: is there already; name a folder that is not, or an empty one")
    _installed(reference, "onnx")
    from filters.models import export as exporting

    return exporting.export(parts(reference), ref, folder)


def _installed(reference: Reference, *more: str) -> None:
    missing = [name for name in (*_NEEDS[reference.kind], *more) if find_spec(name) is None]
    if missing:
        way = "pip install 'tuwen[clip]'; a model of onnx:FOLDER needs none of it"
        raise BadInput(f"--model {reference.text}: {' and '.join(missing)} not installed; {way}")
