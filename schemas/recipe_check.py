"""What a recipe must keep beyond its fields: signals that there are, ranges that suit them, verdicts told apart."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.errors import BadInput
from schemas.signals import ANY_SCORE, all_signals, score_column, signal_field

if TYPE_CHECKING:
    from schemas.recipe import Keep, Recipe


def check(recipe: Recipe, where: str) -> None:
    """Raise BadInput that names the file, the place and the choices, for a recipe that cannot be meant."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", recipe.name):
        raise BadInput(f"recipe {where}: name {recipe.name!r} must be of a-z, 0-9, _ and -: files are named by it")
    for number, keep in enumerate(recipe.keep):
        _check_keep(keep, f"recipe {where}: keep[{number}]")
    for number, keep in enumerate(recipe.strong_keeps):
        _check_keep(keep, f"recipe {where}: tier.strong.keep[{number}]")
    for number, once in enumerate(recipe.once):
        place = f"recipe {where}: once[{number}]"
        if not once.by or once.limit < 1:
            raise BadInput(f"{place}: `by` names at least one signal, and `limit` is at least 1")
        for name in once.by:
            _known(name, f"{place}.by")
        _check_ranks(once.best, f"{place}.best")
    if recipe.base:
        base = recipe.base
        _check_ranks(base.best, f"recipe {where}: base.best")
        if base.size < 1 or base.floor < 0 or (base.cap is not None and base.cap < max(base.floor, 1)):
            raise BadInput(f"recipe {where}: base: size is at least 1, floor at least 0, cap at least floor")
        if len(set(base.classes)) < len(base.classes) or "" in base.classes:
            raise BadInput(f"recipe {where}: base.classes: each class is named once, and none is empty")
    _check_refused(recipe, where)
    _check_verdicts(recipe, where)


def _check_refused(recipe: Recipe, where: str) -> None:
    if bool(recipe.refuse) != bool(recipe.refuse_why):
        raise BadInput(f"recipe {where}: `refuse` and `refuse_why` go together: which models, and for what reason")
    for model in recipe.models():
        if model in recipe.refuse:
            what = f"recipe {where}: {score_column(model)}: the recipe itself refuses the model {model}"
            raise BadInput(f"{what} ({recipe.refuse_why}); name the score of another, or take it out of `refuse`")


def _check_verdicts(recipe: Recipe, where: str) -> None:
    verdicts = recipe.verdicts()
    twice = sorted({name for name in verdicts if verdicts.count(name) > 1})
    if twice:
        raise BadInput(f"recipe {where}: two steps give the verdict {twice[0]!r}; give one of them another `name`")


def _known(name: str, place: str) -> pa.DataType:
    try:
        return signal_field(name).type
    except KeyError:
        signals = [*all_signals(), ANY_SCORE, score_column("MODEL")]
        near = difflib.get_close_matches(name, signals, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        said = f"{place}: unknown signal {name!r}{guess} The signals are: {', '.join(sorted(signals))}"
        raise BadInput(said) from None


def _check_keep(keep: Keep, place: str) -> None:
    kind = _known(keep.signal, f"{place}.signal")
    nominal = pa.types.is_string(kind)
    ranged = keep.min is not None or keep.max is not None or keep.top is not None
    if not ranged and not keep.one_of:
        raise BadInput(f"{place}: no range; give min, max, top or one_of")
    if nominal and ranged:
        raise BadInput(f"{place}: {keep.signal} is a word, not a number; give one_of instead of min, max or top")
    if not nominal and keep.one_of:
        raise BadInput(f"{place}: {keep.signal} is a number, not a word; give min or max instead of one_of")
    for field in ("min", "max", "top", "skip"):
        value = getattr(keep, field)
        if value is not None and not math.isfinite(value):  # nan compares with nothing, and inf bounds nothing
            raise BadInput(f"{place}: {field} is {value}, which is no bound; give a number")
    if keep.min is not None and keep.max is not None and keep.min > keep.max:
        raise BadInput(f"{place}: min {keep.min} is above max {keep.max}, so nothing would be kept")
    if keep.top is not None and not 0 < keep.top <= 1:
        raise BadInput(f"{place}: top is a fraction above 0 and at most 1, not {keep.top}")
    if keep.skip is not None and not 0 < keep.skip < (keep.top or 0):
        raise BadInput(f"{place}: skip is a fraction above 0 and below top, not {keep.skip}")


def _check_ranks(ranks: tuple[str, ...], place: str) -> None:
    for rank in ranks:
        kind = _known(rank.removeprefix("-"), place)
        if rank.startswith("-") and pa.types.is_string(kind):
            raise BadInput(f"{place}: {rank}: words have no descending order here; leave the minus away")
