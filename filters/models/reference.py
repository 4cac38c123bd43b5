"""What `--model REF` names: one of four kinds of model, read strictly and without loading anything.

mini                            the demo scorer that comes with Tuwen
open_clip:ARCH:TAG-or-FILE      open_clip's pretrained tag, or a checkpoint; also open_clip:local-dir:FOLDER and
                                open_clip:hf-hub:ORG/NAME
hf:ID-or-FOLDER                 a model of transformers with an image and a text tower
onnx:FOLDER                     what `tuwen export-model` writes
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from filters.models import description
from schemas.errors import BadInput

Kind = Literal["mini", "open_clip", "hf", "onnx"]

MINI = Path(__file__).parent / "mini"
"""The folder of the demo scorer: an onnx: folder like any other."""

_CHOICES = "a model is mini, open_clip:ARCH:TAG-or-FILE, hf:ID-or-FOLDER or onnx:FOLDER"
_WEIGHTS = (".pt", ".pth", ".bin", ".safetensors")
_FOLDERS = ("local-dir", "hf-hub")  # open_clip's own schemas


@dataclass(frozen=True)
class Reference:
    """A REF taken apart: `place` is the folder, id or open_clip architecture, `weights` the tag or file."""

    text: str
    kind: Kind
    place: str = ""
    weights: str = ""

    @property
    def weights_are_a_file(self) -> bool:
        """Whether `weights` is the path of a checkpoint, by its looks; else it is a tag."""
        return "/" in self.weights or "\\" in self.weights or self.weights.lower().endswith(_WEIGHTS)

    @property
    def folder(self) -> Path | None:
        """The folder of an onnx: model; None for the other kinds."""
        return MINI if self.kind == "mini" else Path(self.place) if self.kind == "onnx" else None


def parse(ref: str) -> Reference:
    """Take a REF apart. Raises BadInput that says what is missing, with the choices.

    >>> parse("open_clip:ViT-B-32:laion2b_s34b_b79k").weights
    'laion2b_s34b_b79k'
    """
    if ref == "mini":
        return Reference(ref, "mini")
    kind, _, rest = ref.partition(":")
    if kind in ("hf", "onnx"):
        if not rest.strip():
            wanted = "hf:ID-or-FOLDER" if kind == "hf" else "onnx:FOLDER"
            raise BadInput(f"--model {ref}: what comes after the colon is missing; write {wanted}")
        return Reference(ref, cast(Kind, kind), _home(rest))
    if kind == "open_clip":
        place, _, weights = rest.partition(":")
        if not place or not weights:
            raise BadInput(
                f"--model {ref}: open_clip needs an architecture and weights;"
                " write open_clip:ARCH:TAG-or-FILE, as open_clip:ViT-B-32:laion2b_s34b_b79k"
            )
        return Reference(ref, "open_clip", place, _home(weights))
    raise BadInput(f"--model {ref!r}: no such kind of model; {_CHOICES}")


def name_of(ref: str) -> str:
    """What the columns of a model are called, match_<name>_score; no weights are read. Raises BadInput.

    >>> name_of("open_clip:ViT-B-32:laion2b_s34b_b79k"), name_of("hf:OFA-Sys/chinese-clip-vit-base-patch16")
    ('vit_b_32_laion2b_s34b_b79k', 'chinese_clip_vit_base_patch16')
    """
    reference = parse(ref)
    if reference.folder:
        return description.read(reference.folder).name
    if reference.kind == "hf" or reference.place in _FOLDERS:
        named = _last(reference.weights or reference.place)
    elif reference.weights_are_a_file:
        named = f"{reference.place} {_stem(reference.weights)}"
    else:
        named = f"{reference.place} {reference.weights}"
    name = _slug(named)
    if not name:
        raise BadInput(f"--model {ref}: no letter or digit to name its columns by; rename the folder or file")
    return name


def demo(ref: str) -> bool:
    """Whether a model shows the plumbing and judges nothing; no weights are read. Raises BadInput."""
    folder = parse(ref).folder
    return description.read(folder).demo if folder else False


def _home(path: str) -> str:
    """A path with ~ made whole: a shell leaves it as it is behind a colon."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def _last(path: str) -> str:
    """The last part of a path or id; of the place itself where it is `.` or ends so."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1].strip(".") or Path(path).resolve().name


def _stem(path: str) -> str:
    last = _last(path)
    return next((last[: -len(end)] for end in _WEIGHTS if last.lower().endswith(end)), last)


def _slug(text: str) -> str:
    """Lower-case letters, digits and single underscores, as a column's name may have.

    >>> _slug("ViT-B/32  (best)")
    'vit_b_32_best'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
