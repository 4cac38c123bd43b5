"""Weights from a file into a model: every key and every shape as the model has it, and never code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

from schemas.errors import BadInput

_SHOWN = 3  # keys named of each kind of mismatch: more do not fit one line


def load_into(model: Any, path: Path, ref: str) -> None:
    """Load a checkpoint of open_clip, or of a format that it converts, into a model.

    Raises BadInput for a file that is damaged or holds code, and for missing, unexpected or misshapen weights: a model
    that is loaded in part scores, and wrongly.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.factory import load_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of what is an error below
            state = load_state_dict(str(path), device="cpu", weights_only=True)
        state = {name.removeprefix("_orig_mod."): value for name, value in state.items()}  # as torch.compile saves
        state = convert_state_dict(model, state)
    except pickle.UnpicklingError:  # its words advise to run the code
        raise BadInput(f"--model {ref}: {path} {MORE}; {_SAVE}") from None
    except Exception as error:  # zip, pickle, safetensors and torch each have their own
        if _cut_off(path, error):
            raise BadInput(f"--model {ref}: {path} is cut off or damaged; copy it again") from None
        code = "torchscript" in str(error).lower()
        wrong = "a TorchScript archive, which is code" if code else f"not a checkpoint ({_first(error)})"
        raise BadInput(f"--model {ref}: {path} is {wrong}; {_SAVE}") from None
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)  # open_clip's older layout
    _check(model, state, path, ref)
    model.load_state_dict(state, strict=True)


MORE = "holds more than weights, and no code is run"
_SAVE = "save the weights as .safetensors, or choose another file"


def _cut_off(path: Path, error: Exception) -> bool:
    """Whether a file ends too early: torch's zip without its directory, or what the readers say of the others."""
    with path.open("rb") as file:
        begins_as_zip = file.read(4) == b"PK\x03\x04"
    if begins_as_zip and not zipfile.is_zipfile(path):
        return True
    said = str(error).lower()
    return isinstance(error, EOFError) or any(words in said for words in ("unexpected eof", "incomplete", "too small"))


def _check(model: Any, state: dict[str, Any], path: Path, ref: str) -> None:
    """Fit what may differ in form alone, and refuse the rest."""
    wanted = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # a number, or a list of one
        if name in wanted and name in state and state[name].numel() == wanted[name].numel():
            state[name] = state[name].reshape(wanted[name].shape)
    for name in [name for name in state if name.endswith("position_ids") and name not in wanted]:
        del state[name]  # a buffer that older versions saved; it counts from 0
    missing = sorted(wanted.keys() - state.keys())
    unexpected = sorted(state.keys() - wanted.keys())
    shapes = [
        f"{name} {list(state[name].shape)} for {list(wanted[name].shape)}"
        for name in sorted(wanted.keys() & state.keys())
        if state[name].shape != wanted[name].shape
    ]
    wrong = [f"{kind} {_some(names)}" for kind, names in _kinds(missing, unexpected, shapes) if names]
    if wrong:
        raise BadInput(
            f"--model {ref}: {path} does not fit the architecture: {'; '.join(wrong)};"
            " name the architecture that these weights were trained with"
        )


def _kinds(missing: list[str], unexpected: list[str], shapes: list[str]) -> list[tuple[str, list[str]]]:
    return [("missing keys", missing), ("unexpected keys", unexpected), ("other shapes", shapes)]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _first(error: Exception) -> str:
    """The first line of an error, which may go on for pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
