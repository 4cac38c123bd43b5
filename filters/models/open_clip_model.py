"""Models of open_clip: a pretrained tag from the hub, a local checkpoint, or a folder; loaded strictly."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from filters.models import clip_tokenizer, digests, hub, open_clip_text, torch_model
from filters.models.checkpoint import load_into
from filters.models.interface import Preprocessing
from filters.models.open_clip_text import Encode
from filters.models.reference import Reference, name_of
from filters.models.torch_model import Parts
from schemas.errors import BadInput

_CONFIG = "open_clip_config.json"
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
_FOLDER_WEIGHTS = (
    *("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors"),
    *("open_clip_pytorch_model.bin", "pytorch_model.bin", "open_clip_pytorch_model.pt"),
)


def parts(reference: Reference) -> Parts:
    """The model of an open_clip: REF, in parts. Raises BadInput that names the file and the way out."""
    import open_clip

    architecture, weights, options = _sources(reference)
    with _quiet():
        model = _create(reference, architecture, options)
        load_into(model, weights, reference.text)
        tokenizer = clip_tokenizer.of_open_clip(architecture, reference.text)
    preprocessing = _preprocessing(model.visual.preprocess_cfg, reference.text)
    # CoCa's image tower gives more than the vector, so that the whole model must be asked.
    image = model.visual if type(model) in (open_clip.CLIP, open_clip.CustomTextCLIP) else Encode(model, "encode_image")
    text = open_clip_text.tower(model)
    settings = [
        msgspec.structs.asdict(preprocessing),
        options,
        _config(architecture),
        tokenizer.clean,
        tokenizer.context,
    ]
    return Parts(
        name=name_of(reference.text),
        digest=digests.of([("weights", weights)], json.dumps(settings, sort_keys=True, default=str), tokenizer.json),
        width=int(_config(architecture)["embed_dim"]),
        preprocessing=preprocessing,
        image=torch_model.ImageTower(image, preprocessing),
        text=text,
        tokenizer=tokenizer,
        lengths=open_clip_text.lengths(model, text, tokenizer.context),
    )


def _sources(reference: Reference) -> tuple[str, Path, dict[str, Any]]:
    """The architecture as open_clip names it, the file of the weights, and what else to create the model with."""
    if reference.place in ("local-dir", "hf-hub"):
        return _folder(reference)
    import open_clip

    architecture = reference.place.replace("/", "-")
    known = open_clip.list_models()
    if architecture not in known:
        near = difflib.get_close_matches(architecture, known, 3, 0.3) or known[:3]
        raise BadInput(
            f"--model {reference.text}: open_clip has no architecture {architecture}; near: {', '.join(near)}"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    file = Path(reference.weights)
    if reference.weights_are_a_file or (reference.weights not in tags and file.is_file()):
        if not file.is_file():
            raise BadInput(f"--model {reference.text}: no file {file}; give the path of a checkpoint, or a tag")
        return architecture, file, {"force_preprocess_cfg": _shared_preprocessing(architecture, tags)}
    config = open_clip.get_pretrained_cfg(architecture, reference.weights)
    if not config:
        choices = ", ".join(tags) or "none: give a file"
        raise BadInput(
            f"--model {reference.text}: {architecture} has no tag {reference.weights}, and there is no such file;"
            f" tags: {choices}"
        )
    weights = _download(reference.text, config)
    # With the other activation a model loads and scores wrongly; open_clip itself only warns.
    return architecture, weights, {"force_quick_gelu": bool(config.get("quick_gelu")), "force_preprocess_cfg": config}


def _download(ref: str, config: dict[str, Any]) -> Path:
    """The weights of a tag, from the hub, or from where they lay before there was one."""
    if not config.get("hf_hub"):
        from open_clip.pretrained import download_pretrained

        return Path(hub.reach(ref, f"the weights {config.get('url')}", lambda: download_pretrained(config)))
    identity, _, name = str(config["hf_hub"]).rpartition("/")
    stem = name.rsplit(".", maxsplit=1)[0] or "open_clip_model"
    choices = (f"{stem}.safetensors", name or "open_clip_pytorch_model.bin")
    folder = hub.folder(ref, identity, (), choices)
    found = next((folder / choice for choice in choices if (folder / choice).is_file()), None)
    if found is None:
        raise BadInput(f"--model {ref}: {identity} at the hub has none of {', '.join(choices)}; give a file")
    return found


def _shared_preprocessing(architecture: str, tags: list[str]) -> dict[str, Any]:
    """What all published weights of an architecture agree on; {} (CLIP's) where they do not.

    For a file open_clip takes CLIP's preprocessing, which is wrong for the likes of SigLIP.
    """
    import open_clip

    names = ("mean", "std", "interpolation", "resize_mode")
    found = [{name: open_clip.get_pretrained_cfg(architecture, tag).get(name) for name in names} for tag in tags]
    return found[0] if found and all(one == found[0] for one in found) else {}


def _folder(reference: Reference) -> tuple[str, Path, dict[str, Any]]:
    folder = Path(reference.weights)
    if reference.place == "hf-hub":
        names = (_CONFIG, "config.json", *_TOKENIZER_FILES)
        folder = hub.folder(reference.text, reference.weights, names, _FOLDER_WEIGHTS)
    path = folder / _CONFIG
    if not path.is_file():
        raise BadInput(f"--model {reference.text}: {path} is missing; a folder has it beside its weights")
    weights = next((folder / name for name in _FOLDER_WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise BadInput(f"--model {reference.text}: no weights in {folder}; looked for {', '.join(_FOLDER_WEIGHTS)}")
    architecture = f"local-dir:{folder}"
    options: dict[str, Any] = {}
    text = _config(architecture)["text_cfg"]
    beside = folder / str(text.get("hf_model_name") or "-")
    if beside.is_dir():  # the text tower's own config may come with the folder
        options["text_cfg"] = {**text, "hf_model_name": str(beside), "hf_model_pretrained": False}
    return architecture, weights, options


def _config(architecture: str) -> dict[str, Any]:
    """open_clip's own description of an architecture. Raises BadInput when a folder's is none."""
    import open_clip

    try:
        config = open_clip.get_model_config(architecture)
        return {name: config[name] for name in sorted({"embed_dim", "text_cfg", "vision_cfg", *config})}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{architecture}/{_CONFIG}: not a model's configuration ({error})") from None


def _create(reference: Reference, architecture: str, options: dict[str, Any]) -> Any:
    """The model without its weights. Raises BadInput where open_clip cannot make it."""
    import open_clip

    def make() -> Any:
        return open_clip.create_model(architecture, load_weights=False, pretrained_text=False, **options)

    if "hf_model_name" in _config(architecture)["text_cfg"] and "text_cfg" not in options:
        name = _config(architecture)["text_cfg"]["hf_model_name"]
        return hub.reach(reference.text, f"the configuration of its text tower, {name}", make)
    try:
        return make()
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise BadInput(f"--model {reference.text}: open_clip cannot make it ({' '.join(str(error).split())})") from None


def _preprocessing(config: dict[str, Any], ref: str) -> Preprocessing:
    """open_clip's own configuration in our words. Raises BadInput for one that these do not cover."""
    size = config["size"]
    sides = {size} if isinstance(size, int) else set(size)
    mode = {"shortest": "crop", "squash": "squash", "longest": "pad"}.get(config["resize_mode"])
    interpolation = config["interpolation"]
    if len(sides) != 1 or mode is None or interpolation not in ("bicubic", "bilinear", "random"):
        raise BadInput(f"--model {ref}: its preprocessing is not supported: {config}; pictures must become squares")
    if interpolation == "random":  # for training; open_clip itself takes bicubic when it measures
        interpolation = "bicubic"
    values = {
        **config,
        "size": sides.pop(),
        "resize": mode,
        "interpolation": interpolation,
        "fill": config["fill_color"],
    }
    return torch_model.preprocessing(values)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without open_clip's warning that weights are random: we load them ourselves, strictly."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)
