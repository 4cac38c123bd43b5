"""What a file of scores says of the models behind them: enough to measure the same again, or to see that one cannot."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.errors import Damaged


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model that pairs were measured with."""

    ref: str  # how the command line named it
    digest: str  # of all that its numbers depend on: weights, preprocessing, tokenizer, text template
    width: int  # of its vectors
    preprocessing: dict[str, str]  # size, resize, interpolation, mean, std and fill, as words
    template: str  # what a text was put into
    demo: bool  # whether it shows the plumbing and judges nothing
    warning: str  # what to know before its scores are used; '' for nothing
    precision: str  # fp32 or bf16: what it computed in


def encode(models: Mapping[str, Measured]) -> str:
    """The models by name as JSON, equal for equal ones."""
    return msgspec.json.encode(dict(models), order="sorted").decode()


def decode(text: str, place: str) -> dict[str, Measured]:
    """The models that a file names, by name. Raises Damaged, with its place, for what is not ours."""
    try:
        return dict(sorted(msgspec.json.decode(text, type=dict[str, Measured]).items()))
    except msgspec.DecodeError as error:
        raise Damaged(f"{place}: its models cannot be read ({error}); delete it and measure again") from None
