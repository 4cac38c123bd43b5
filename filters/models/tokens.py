"""Texts as the numbers that a text tower reads: a tokenizer.json, run by the `tokenizers` library, without torch."""

from __future__ import annotations

import html
import json
import os
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.models.interface import Tokens
from schemas.errors import BadInput

FILE = "tokenizer.json"


@dataclass(frozen=True)
class JsonTokenizer:
    """A tokenizer of the `tokenizers` library; every text becomes `context` tokens: cut, or padded.

    It gives input_ids, attention_mask and token_type_ids, int64 [n, context], and `length`: how many tokens of each
    text are no padding, counted from the left; all of them where the padding stands there.
    """

    backend: Any
    context: int
    clean: str = "none"

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The arrays of these texts, which must be free of lone surrogates."""
        clean = CLEAN[self.clean]
        encoded = self.backend.encode_batch([clean(text) for text in texts])
        mask = np.array([one.attention_mask for one in encoded], np.int64).reshape(len(texts), self.context)
        return {
            "input_ids": np.array([one.ids for one in encoded], np.int64).reshape(mask.shape),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in encoded], np.int64).reshape(mask.shape),
            "length": _lengths(mask),
        }

    @property
    def json(self) -> str:
        """The tokenizer.json, with how it cuts and pads."""
        return str(self.backend.to_str(pretty=False))

    def save(self, path: Path) -> None:
        """Write the tokenizer.json."""
        path.write_text(self.json, "utf-8")


def _lengths(mask: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many tokens reach to the last that is no padding."""
    return np.asarray(mask.shape[1] - np.argmax(mask[:, ::-1], axis=1), np.int64)


@dataclass(frozen=True)
class LibraryTokenizer:
    """A tokenizer of transformers that is none of the `tokenizers` library, as SigLIP's first: it cannot be exported.

    It gives what JsonTokenizer does but token_type_ids.
    """

    theirs: Any
    context: int
    clean: str = "none"

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The arrays of these texts, which must be free of lone surrogates."""
        cleaned = [CLEAN[self.clean](text) for text in texts]
        given = self.theirs(
            cleaned, padding="max_length", truncation=True, max_length=self.context, return_attention_mask=True
        )
        mask = np.array(given["attention_mask"], np.int64).reshape(len(texts), self.context)
        return {
            "input_ids": np.array(given["input_ids"], np.int64).reshape(mask.shape),
            "attention_mask": mask,
            "length": _lengths(mask),
        }

    @property
    def json(self) -> str:
        """What tells it from another: its class and its vocabulary."""
        return json.dumps([type(self.theirs).__name__, self.theirs.get_vocab()], sort_keys=True)


def of_json(
    text: str, context: int, clean: str = "none", padding: Mapping[str, Any] | None = None, cut: str = ""
) -> JsonTokenizer:
    """A tokenizer of a tokenizer.json's text. Raises ValueError when it is none.

    `padding` has pad_id, pad_token and direction, and `cut` is the side on which a long text is cut; without, what
    the text itself says, else 0 and on the right.
    """
    from tokenizers import Tokenizer

    # Its threads would be as many as there are cores, in each of our processes, and it warns when these are forked.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        backend = Tokenizer.from_str(text)
    except Exception as error:  # the library raises the bare class
        raise ValueError(str(error).split("\n", maxsplit=1)[0]) from None
    own = {**(backend.padding or {}), **(padding or {})}
    kept = {
        name: own[name] for name in ("pad_id", "pad_token", "pad_type_id", "direction") if own.get(name) is not None
    }
    backend.enable_truncation(context, direction=cut or (backend.truncation or {}).get("direction", "right"))
    backend.enable_padding(length=context, **kept)
    return JsonTokenizer(backend, context, clean)


def of_folder(folder: Path, context: int, clean: str) -> JsonTokenizer:
    """The tokenizer of an onnx: folder. Raises BadInput when the file is missing or is none."""
    path = folder / FILE
    try:
        return of_json(path.read_text("utf-8"), context, clean)
    except FileNotFoundError:
        raise BadInput(f"{path}: missing, and texts cannot be read without; export the model again") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"{path}: not a tokenizer ({error}); export the model again") from None


def _basic(text: str) -> str:
    """What open_clip does to every text: mends mojibake, makes full-width signs narrow, undoes HTML's entities."""
    import ftfy

    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _whitespace(text: str) -> str:
    return " ".join(_basic(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


_NO_PUNCTUATION = str.maketrans("_", " ", string.punctuation.replace("_", ""))


def _canonicalize(text: str) -> str:
    return " ".join(_basic(text).translate(_NO_PUNCTUATION).lower().split())


CLEAN: Mapping[str, Callable[[str], str]] = {
    "none": lambda text: text,
    "lower": _lower,
    "whitespace": _whitespace,
    "canonicalize": _canonicalize,
}
"""What is done to a text before it is split, by the names that open_clip gives them; they equal open_clip's."""
