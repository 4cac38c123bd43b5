"""How pictures are prepared for a model of transformers: its preprocessor_config.json, in our words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filters.models import torch_model
from filters.models.interface import Preprocessing
from schemas.errors import BadInput


def of_folder(folder: Path, ref: str, config: Any) -> Preprocessing:
    """The folder's preprocessor_config.json in our words. Raises BadInput for one that these do not cover."""
    import transformers

    try:
        theirs = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # json's, the system's and transformers' have no common class
        path = folder / "preprocessor_config.json"
        raise BadInput(
            f"--model {ref}: {path} is missing or cannot be read ({' '.join(str(error).split())[:240]})"
        ) from None
    given = theirs.to_dict()
    found = _square(given)
    interpolation = {2: "bilinear", 3: "bicubic"}.get(int(given.get("resample") or 3))
    if found is None or interpolation is None or given.get("do_pad"):
        shown = {name: given.get(name) for name in ("size", "crop_size", "do_center_crop", "resample", "do_pad")}
        raise BadInput(f"--model {ref}: its preprocessing is not supported: {shown}; pictures must become squares")
    size, resize = found
    wanted = getattr(config.vision_config, "image_size", None)
    if "max_num_patches" not in given and wanted not in (None, size):
        raise BadInput(f"--model {ref}: {folder} prepares pictures of {size} pixels for a tower of {wanted}")
    # What the tower sees is (x * factor - mean) / std of x in 0 to 255, and ours is of x / 255.
    factor = 255 * float(given.get("rescale_factor", 1 / 255)) if given.get("do_rescale", True) else 255.0
    normal = bool(given.get("do_normalize", True))
    mean, std = (given["image_mean"], given["image_std"]) if normal else ((0.0,) * 3, (1.0,) * 3)
    scaled = {"mean": [one / factor for one in mean], "std": [one / factor for one in std]}
    return torch_model.preprocessing({**scaled, "size": size, "resize": resize, "interpolation": interpolation})


def _square(given: Mapping[str, Any]) -> tuple[int, str] | None:
    """The square's side and how a picture becomes it; None where it does not."""
    if given.get("max_num_patches"):  # SigLIP 2 of any shape: the square that has as many patches
        return int(given["patch_size"]) * math.isqrt(int(given["max_num_patches"])), "squash"
    size, crop = _sides(given.get("size")), _sides(given.get("crop_size")) if given.get("do_center_crop") else None
    edge = (given.get("size") or {}).get("shortest_edge")
    if edge and (crop is None or crop == (edge, edge)):
        return int(edge), "crop"
    if size and size[0] == size[1] and crop in (None, size):
        return size[0], "squash"
    return None


def _sides(size: Mapping[str, Any] | None) -> tuple[int, int] | None:
    return (int(size["height"]), int(size["width"])) if size and size.get("height") and size.get("width") else None
