"""Models of transformers with an image and a text tower: Chinese-CLIP, CLIP, SigLIP and SigLIP 2."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch

from filters.models import clip_tokenizer, digests, hf_preprocessing, hf_towers, hub, torch_model
from filters.models.checkpoint import MORE
from filters.models.reference import Reference, name_of
from filters.models.tokens import JsonTokenizer, LibraryTokenizer
from filters.models.torch_model import Parts
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


def parts(reference: Reference) -> Parts:
    """The model of an hf: REF, in parts. Raises BadInput that names the file and the way out."""
    ref, folder = reference.text, _folder(reference)
    with _quiet():
        model = _model(folder, ref)
        preprocessing = hf_preprocessing.of_folder(folder, ref, model.config)
        tokenizer = _tokenizer(folder, ref, model)
    # SigLIP was trained without a mask, its padding read along with the text; the others mask theirs.
    masked = not model.config.model_type.startswith("siglip")
    names = ("input_ids", "attention_mask") if masked else ("input_ids",)
    used = [path for path in folder.iterdir() if path.name in _FILES or any(map(path.match, _WEIGHTS))]
    settings = json.dumps([msgspec.structs.asdict(preprocessing), tokenizer.context, names], sort_keys=True)
    return Parts(
        name=name_of(ref),
        digest=digests.of([(path.name, path) for path in used], settings),
        width=hf_towers.width(model),
        preprocessing=preprocessing,
        image=torch_model.ImageTower(hf_towers.image(model, preprocessing.size), preprocessing),
        text=torch_model.TextTower(hf_towers.Texts(model), names),
        tokenizer=tokenizer,
        lengths=(*(one for one in _SHORTER if masked and one < tokenizer.context), tokenizer.context),
    )


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
    except pickle.UnpicklingError:  # its words advise to run the code
        raise BadInput(f"--model {ref}: {folder} {MORE}; save its weights as model.safetensors") from None
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


def _tokenizer(folder: Path, ref: str, model: Any) -> JsonTokenizer | LibraryTokenizer:
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
    context = min(int(config.max_position_embeddings), _CONTEXT.get(model.config.model_type, theirs.model_max_length))
    if len(theirs) > config.vocab_size:
        raise BadInput(
            f"--model {ref}: the tokenizer in {folder} has {len(theirs)} tokens, its model {config.vocab_size};"
            " they are not of one model"
        )
    return clip_tokenizer.of_transformers(theirs, context, "none", ref)


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
