"""open_clip's tokenizers as a tokenizer.json: the same tokens, from a faster library that needs no torch."""

from __future__ import annotations

import json
from typing import Any

from filters.models import hub, tokens
from filters.models.tokens import JsonTokenizer, LibraryTokenizer
from schemas.errors import BadInput


def of_open_clip(architecture: str, ref: str) -> JsonTokenizer | LibraryTokenizer:
    """The tokenizer that open_clip chooses for an architecture. Raises BadInput for one that it has no word for."""
    import open_clip
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    theirs = hub.reach(ref, f"the tokenizer of {architecture}", lambda: open_clip.get_tokenizer(architecture))
    if type(theirs) is SimpleTokenizer and theirs.reduction_fn is None:
        return tokens.of_json(simple(theirs), theirs.context_length, _clean(theirs))
    if isinstance(theirs, HFTokenizer) and not theirs.tokenizer_mode and not theirs.strip_sep_token:
        return of_transformers(theirs.tokenizer, theirs.context_length, _clean(theirs), ref)
    raise BadInput(f"--model {ref}: its tokenizer ({type(theirs).__name__}) is not supported; choose another model")


def of_transformers(theirs: Any, context: int, clean: str, ref: str) -> JsonTokenizer | LibraryTokenizer:
    """A tokenizer of transformers. Raises BadInput for one that cannot pad."""
    if theirs.pad_token_id is None:
        raise BadInput(f"--model {ref}: its tokenizer has no padding token; set pad_token in tokenizer_config.json")
    backend = getattr(theirs, "backend_tokenizer", None)
    if backend is None:
        return LibraryTokenizer(theirs, context, clean)
    padding = {
        "pad_id": theirs.pad_token_id,
        "pad_token": theirs.pad_token,
        "pad_type_id": theirs.pad_token_type_id,
        "direction": theirs.padding_side,
    }
    return tokens.of_json(backend.to_str(), context, clean, padding, theirs.truncation_side)


def _clean(theirs: Any) -> str:
    """The name of what a tokenizer of open_clip does to a text first."""
    from open_clip.tokenizer import get_clean_fn

    return next(name for name in ("lower", "whitespace", "canonicalize") if get_clean_fn(name) is theirs.clean_fn)


def simple(theirs: Any) -> str:
    """CLIP's byte-pair tokenizer as the text of a tokenizer.json; cleaning a text, lower case too, comes before it."""
    start, end = (theirs.decoder[number] for number in theirs.all_special_ids[:2])
    special = [
        {"id": number, "content": theirs.decoder[number], "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for number in theirs.all_special_ids
    ]  # fmt: skip
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    splitting = [
        {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
    ]
    ends = [{"SpecialToken": {"id": name, "type_id": 0}} for name in (start, end)]
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "fuse_unk": False,
        "end_of_word_suffix": "</w>", "byte_fallback": False, "ignore_merges": False,
        "vocab": theirs.encoder, "merges": [list(pair) for pair in theirs.bpe_ranks],
    }  # fmt: skip
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": special,
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": splitting},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]],
                "pair": [
                    ends[0],
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 0}},
                    ends[1],
                ],
                "special_tokens": {
                    name: {"id": name, "ids": [theirs.encoder[name]], "tokens": [name]} for name in (start, end)
                },
            },
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "model": model,
        },
        ensure_ascii=False,
    )
