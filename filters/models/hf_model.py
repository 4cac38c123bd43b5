"""Models of transformers with an image and a text tower: Chinese-CLIP, CLIP, SigLIP and SigLIP 2."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from filters.models import clip_tokenizer, digests, hub, torch_model
from filters.models.interface import Preprocessing
from filters.models.onnx_model import threads_of_this_process
from filters.models.reference import Reference, name_of
from filters.models.tokens import JsonTokenizer
from filters.models.towers import TwoTowers
from schemas.errors import BadInput

_KINDS = "ChineseCLIPModel, CLIPModel, SiglipModel, Siglip2Model"
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
_FILES = (
    *("config.json", "preprocessor_config.json", "processor_config.json", *_TOKENIZERS),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt"),
    *("model.safetensors.index.json", "pytorch_model.bin.index.json"),
)
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")

_CONTEXT = {"chinese_clip": 52}
"""Tokens of a text where the configuration does not tell: Chinese-CLIP's BERT has 512 places, and was trained on 52."""

_SHORTER = (16, 32)
"""Paddings beside the whole context: most captions are short, and a text tower's time goes with its length."""


def load(reference: Reference, device: str, precision: str) -> TwoTowers:
    """The model of an hf: REF. Raises BadInput that names the file and the way out."""
    where = torch_model.device(device, precision)
    torch.set_num_threads(threads_of_this_process())
    ref = reference.text
    folder = _folder(reference)
    with _quiet():
        model = _model(folder, ref)
        kind = str(model.config.model_type)
        preprocessing = _preprocessing(folder, ref, model)
        tokenizer = _tokenizer(folder, ref, model, kind)
    # SigLIP was trained without a mask, its padding read along with the text; the others mask theirs.
    masked = not kind.startswith("siglip")
    names = ("input_ids", "attention_mask") if masked else ("input_ids",)
    shorter = [length for length in _SHORTER if masked and length < tokenizer.context]
    image = torch_model.ImageTower(_image(model, kind, preprocessing), preprocessing)
    text = torch_model.TextTower(_Texts(model), names)
    image_tower, text_tower = torch_model.towers(image, text, where)
    used = [path for path in sorted(folder.iterdir()) if path.name in _FILES or any(map(path.match, _WEIGHTS))]
    settings = json.dumps([asdict(preprocessing), tokenizer.context, names], sort_keys=True)
    model_ = TwoTowers(
        name=name_of(ref),
        digest=digests.of([(path.name, path) for path in used], settings),
        width=_width(model),
        preprocessing=preprocessing,
        image_tower=image_tower,
        text_tower=text_tower,
        tokenizer=tokenizer,
        batch=torch_model.BATCH[where.name],
        lengths=(*shorter, tokenizer.context),
        precision=precision,
    )
    return model_


def _folder(reference: Reference) -> Path:
    """The folder itself, or that of the hub's cache."""
    folder = Path(reference.place)
    if folder.is_dir():
        return folder
    looks_local = reference.place.startswith((".", "/", "~")) or reference.place.count("/") != 1
    if looks_local:
        raise BadInput(f"--model {reference.text}: no folder {folder}; give a folder, or an id of the hub as ORG/NAME")
    return hub.folder(reference.text, reference.place, _FILES, _WEIGHTS)


def _model(folder: Path, ref: str) -> Any:
    """The model, every weight of it from the files. Raises BadInput."""
    import transformers

    if not (folder / "config.json").is_file():
        raise BadInput(f"--model {ref}: {folder}/config.json is missing; give a folder that save_pretrained wrote")
    if not any(any(folder.glob(pattern)) for pattern in _WEIGHTS):
        raise BadInput(f"--model {ref}: no weights in {folder}; looked for {' and '.join(_WEIGHTS)}")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        chosen = transformers.AutoModel._model_mapping.get(type(config), None)
        if chosen is None or not hasattr(chosen, "get_text_features") or not hasattr(chosen, "get_image_features"):
            kind = getattr(config, "model_type", "?")
            raise BadInput(f"--model {ref}: {kind} has not both an image and a text tower; {_KINDS} have")
        model, report = chosen.from_pretrained(
            folder, config=config, local_files_only=True, output_loading_info=True, dtype=torch.float32
        )
    except BadInput:
        raise
    except Exception as error:  # json, safetensors, pickle and transformers each have their own
        raise BadInput(f"--model {ref}: {folder} cannot be loaded ({_line(error)}); see to its files") from None
    _check(report, folder, ref)
    return model.eval()


def _check(report: Mapping[str, Any], folder: Path, ref: str) -> None:
    """Refuse weights that are missing, too many or of another shape: transformers would go on with random ones."""
    shapes = [f"{name} {list(there)} for {list(wanted)}" for name, there, wanted in report["mismatched_keys"]]
    kinds = (
        ("missing keys", sorted(report["missing_keys"])),
        ("unexpected keys", sorted(name for name in report["unexpected_keys"] if not name.endswith("position_ids"))),
        ("other shapes", sorted(shapes)),
        ("errors", [str(error) for error in report.get("error_msgs") or ()]),
    )
    wrong = [f"{kind} {', '.join(names[:3])} ({len(names)} in all)" for kind, names in kinds if names]
    if wrong:
        raise BadInput(
            f"--model {ref}: the weights in {folder} do not fit its config.json: {'; '.join(wrong)};"
            " give the folder as it was published"
        )


def _tokenizer(folder: Path, ref: str, model: Any, kind: str) -> JsonTokenizer:
    """The folder's own tokenizer. Raises BadInput when there is none, or it is of another model."""
    import transformers

    if not any((folder / name).is_file() for name in _TOKENIZERS):
        # transformers would make one with no words in it
        raise BadInput(f"--model {ref}: no tokenizer in {folder}; it needs one of {', '.join(_TOKENIZERS)}")
    try:
        theirs = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # as above
        raise BadInput(f"--model {ref}: the tokenizer in {folder} cannot be read ({_line(error)})") from None
    config = model.config.text_config
    context = min(int(config.max_position_embeddings), _CONTEXT.get(kind, theirs.model_max_length))
    if len(theirs) > config.vocab_size:
        raise BadInput(
            f"--model {ref}: the tokenizer in {folder} has {len(theirs)} tokens, its model {config.vocab_size};"
            " they are not of one model"
        )
    return clip_tokenizer.of_transformers(theirs, context, "none", ref)


def _preprocessing(folder: Path, ref: str, model: Any) -> Preprocessing:
    """The folder's preprocessor_config.json in our words. Raises BadInput for one that these do not cover."""
    import transformers

    try:
        theirs = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as above
        path = folder / "preprocessor_config.json"
        raise BadInput(f"--model {ref}: {path} is missing or cannot be read ({_line(error)})") from None
    given = theirs.to_dict()
    found = _square(given)
    interpolation = {2: "bilinear", 3: "bicubic"}.get(int(given.get("resample") or 3))
    if found is None or interpolation is None or given.get("do_pad"):
        shown = {name: given.get(name) for name in ("size", "crop_size", "do_center_crop", "resample", "do_pad")}
        raise BadInput(f"--model {ref}: its preprocessing is not supported: {shown}; pictures must become squares")
    size, resize = found
    wanted = getattr(model.config.vision_config, "image_size", None)
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


def _width(model: Any) -> int:
    """The length of the vectors: CLIP projects into projection_dim, SigLIP's text head gives its own."""
    config = model.config
    if str(config.model_type).startswith("siglip"):
        return int(getattr(config.text_config, "projection_size", None) or config.text_config.hidden_size)
    return int(config.projection_dim)


def _image(model: Any, kind: str, preprocessing: Preprocessing) -> Any:
    return _Patches(model, preprocessing.size) if kind == "siglip2" else _Images(model)


def _vectors(output: Any) -> Any:
    """The features: since transformers 5 they are the pooled output of an object, before they were a tensor."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


class _Images(torch.nn.Module):
    """get_image_features as a module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, planes: Any) -> Any:
        return _vectors(self.model.get_image_features(pixel_values=planes))


class _Patches(torch.nn.Module):
    """get_image_features of a model that takes pictures as rows of patches; all of ours are one square."""

    def __init__(self, model: Any, size: int) -> None:
        super().__init__()
        self.model, self.patch = model, int(model.config.vision_config.patch_size)
        self.side = size // self.patch

    def forward(self, planes: Any) -> Any:
        side, patch = self.side, self.patch
        grid = planes.reshape(-1, 3, side, patch, side, patch).permute(0, 2, 4, 3, 5, 1)
        rows = grid.reshape(-1, side * side, patch * patch * 3)
        shapes = torch.tensor([[side, side]]).expand(rows.shape[0], 2)
        mask = torch.ones(rows.shape[:2], dtype=torch.int64, device=rows.device)
        output = self.model.get_image_features(pixel_values=rows, pixel_attention_mask=mask, spatial_shapes=shapes)
        return _vectors(output)


class _Texts(torch.nn.Module):
    """get_text_features as a module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
        return _vectors(self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what transformers logs of weights: `_check` raises it."""
    import transformers

    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(50)
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
        transformers.logging.enable_progress_bar()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:240]
