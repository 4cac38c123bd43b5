"""A REF becomes a model: what is heavy is imported for the kind that needs it alone."""

from __future__ import annotations

from filters.models.interface import Model
from filters.models.reference import parse
from schemas.errors import BadInput


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
    if reference.kind == "hf":
        from filters.models import hf_model

        return hf_model.load(reference, device, precision)
    from filters.models import open_clip_model

    return open_clip_model.load(reference, device, precision)
