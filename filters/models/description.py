"""model.toml: what an onnx: folder says of its model. Read strictly, and written so that equal ones are equal bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import msgspec

from filters.models.interface import Preprocessing
from schemas.errors import BadInput

FILE = "model.toml"

Clean = Literal["none", "lower", "whitespace", "canonicalize"]

_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Text(_Strict, frozen=True):
    """How a text is prepared.

    `clean` is done to a text before the tokenizer sees it, and is open_clip's; `lengths` are those to which texts of
    at most so many tokens are padded, where padding changes nothing; `context` alone without.
    """

    tokenizer: Literal["tokenizers", "words"] = "tokenizers"
    context: int = 77
    template: str = "{}"
    needs_han: bool = False
    clean: Clean = "none"
    lengths: tuple[int, ...] = ()


class Description(_Strict, frozen=True):
    """One whole model.toml."""

    name: str
    width: int
    image: Preprocessing
    text: Text = Text()
    source: str = ""
    demo: bool = False
    warning: str = ""


def read(folder: Path) -> Description:
    """Read a folder's model.toml. Raises BadInput that names the file, the place and the way out."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        way = "choose a folder that `tuwen export-model REF FOLDER` wrote"
        raise BadInput(f"{path}: missing; {way}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})") from None
    try:
        found = msgspec.toml.decode(text, type=Description)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {error}; docs/models.md lists the fields") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"{path}: not TOML: {error}") from None
    wrong = _wrong(found)
    if wrong:
        raise BadInput(f"{path}: {wrong}")
    return found


def _wrong(found: Description) -> str:
    """What is wrong with values of the right type; '' where nothing is."""
    if not _NAME.fullmatch(found.name):
        return f"name = {found.name!r}: lower-case letters, digits and single underscores only"
    if found.width < 1 or found.image.size < 1 or found.text.context < 1:
        return "width, image.size and text.context must be at least 1"
    if min(found.image.std) <= 0:
        return "image.std must be above 0"
    if not 0 <= found.image.fill <= 255:
        return "image.fill must be 0 to 255"
    if found.text.template.count("{}") != 1:
        return f"text.template = {found.text.template!r}: it must hold {{}} once, where the text goes"
    if any(not 1 <= length <= found.text.context for length in found.text.lengths):
        return f"text.lengths must be between 1 and text.context, {found.text.context}"
    if found.demo and not found.warning:
        return "a demo model needs a warning, which is shown wherever its scores are"
    return ""


def toml(description: Description) -> str:
    """The text of a model.toml, equal for equal descriptions.

    >>> print(toml(Description("tiny", 64, Preprocessing(32))).splitlines()[0])
    name = "tiny"
    """
    fields = msgspec.to_builtins(description)
    tables = {name: fields.pop(name) for name in ("image", "text")}
    blocks = [_lines(fields), *(f"[{name}]\n{_lines(table)}" for name, table in tables.items())]
    return "\n".join(blocks)


def _lines(table: dict[str, object]) -> str:
    """Keys and values, one a line. What JSON writes of a string, number, truth or list is TOML as well."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in table.items())
