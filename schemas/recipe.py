"""A recipe decides: ranges on signals, limits on repeats, tiers and the base subset, in one TOML file.

Bounds are inclusive. NaN is in no range. Null means unmeasured and is an error. Keeps are judged in their order, then
the onces in theirs, each among the pairs that have passed all before it.
"""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa

from schemas.errors import BadInput
from schemas.signals import all_signals


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Keep(_Strict, frozen=True):
    """A range on one signal, with its reason. A pair is kept when its value lies in the range.

    `min` and `max` are numbers (true and false count as 1 and 0); `one_of` lists the values of a nominal signal;
    `top` is the fraction of the corpus with the best values, ties by key.
    """

    signal: str
    why: str
    name: str = ""
    min: float | None = None
    max: float | None = None
    top: float | None = None
    one_of: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What the ledger says of a pair that fails here first."""
        return self.name or self.signal

    @property
    def top_name(self) -> str:
        """What the cut that `top` needs is called: keeps that share it share the name."""
        return f"{self.top} of {self.signal}"


class Once(_Strict, frozen=True):
    """At most `limit` of the pairs that agree on `by`: the best by `best`, ties by key."""

    by: tuple[str, ...]
    why: str
    best: tuple[str, ...] = ("key",)  # a leading minus means that more is better
    limit: int = 1
    name: str = ""

    @property
    def verdict(self) -> str:
        """What the ledger says of a pair that is one too many."""
        return self.name or "once_" + "_".join(self.by)


class Strong(_Strict, frozen=True):
    """A kept pair that passes these too is strong, else weak."""

    keep: tuple[Keep, ...] = ()


class Tiers(_Strict, frozen=True):
    """The tiers of a release. Without any, every kept pair is weak."""

    strong: Strong | None = None


class Base(_Strict, frozen=True, rename={"from_": "from"}):
    """A subset of `size` pairs, drawn class by class: at least `floor` of each where it has them, at most `cap`."""

    size: int
    from_: Literal["strong", "weak", "kept"] = "strong"
    by: Literal["class"] = "class"
    floor: int = 0
    cap: int | None = None
    best: tuple[str, ...] = ("key",)
    why: str = ""


class Recipe(_Strict, frozen=True):
    """One whole recipe."""

    name: str
    why: str = ""
    paper: str = ""
    keep: tuple[Keep, ...] = ()
    once: tuple[Once, ...] = ()
    tier: Tiers = Tiers()
    base: Base | None = None

    @property
    def strong_keeps(self) -> tuple[Keep, ...]:
        """The keeps of the strong tier; none where all that is kept is weak."""
        return self.tier.strong.keep if self.tier.strong else ()

    def columns(self) -> list[str]:
        """Every column that the recipe names, sorted, each once, without the key."""
        ranks = [rank.removeprefix("-") for rank in self.ranks()]
        by = [name for once in self.once for name in once.by]
        named = {keep.signal for keep in (*self.keep, *self.strong_keeps)} | set(by) | set(ranks)
        return sorted(named - {"key"})

    def ranks(self) -> list[str]:
        """Every entry of a `best`, in order."""
        base = self.base.best if self.base else ()
        return [rank for once in self.once for rank in once.best] + list(base)

    def verdicts(self) -> list[str]:
        """Every verdict but '' that the recipe can give, in its order."""
        return [keep.verdict for keep in self.keep] + [once.verdict for once in self.once]


def packaged() -> list[str]:
    """The names of the recipes that come with Tuwen."""
    found = resources.files("recipes").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in found if entry.name.endswith(".toml"))


def load(name_or_path: str) -> Recipe:
    """Read a recipe: a packaged one by name, or a file (its path has a slash or ends in .toml).

    Raises BadInput that names the file, the place and the choices: for a file that cannot be read, TOML that is none,
    an unknown field or signal, a range that suits no such signal, or two steps with one verdict.
    """
    text = _read(name_or_path)
    try:
        recipe = msgspec.toml.decode(text, type=Recipe)
    except msgspec.ValidationError as error:
        raise BadInput(f"recipe {name_or_path}: {error}{_fields(str(error))}") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"recipe {name_or_path}: not TOML: {error}") from None
    _check(recipe, name_or_path)
    return recipe


def canonical(recipe: Recipe) -> str:
    """The recipe as text that is equal for equal recipes."""
    fields = msgspec.to_builtins(recipe)
    # A default that is a struct is left out only where it is the very default.
    whole = {name: value for name, value in fields.items() if value != {}}
    return msgspec.json.encode(whole, order="sorted").decode()


def of_canonical(text: str) -> Recipe:
    """The recipe that `canonical` wrote."""
    return msgspec.json.decode(text, type=Recipe)


def option(recipe: Recipe) -> str:
    """How a command line names a recipe: a packaged one by its name, another by the path of its file."""
    ours = recipe.name in packaged() and load(recipe.name) == recipe
    return f"--recipe {recipe.name}" if ours else f"--recipe …/{recipe.name}.toml"


def _read(name_or_path: str) -> str:
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in packaged():
            raise BadInput(f"no recipe {name_or_path!r}; packaged are: {', '.join(packaged())}; a path ends in .toml")
        return (resources.files("recipes") / f"{name_or_path}.toml").read_text("utf-8")
    try:
        return Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"recipe {name_or_path}: cannot be read ({error})") from None


_PLACES = (
    ("$.keep", Keep),
    ("$.once", Once),
    ("$.tier.strong.keep", Keep),
    ("$.base", Base),
    ("$.tier.strong", Strong),
    ("$.tier", Tiers),
)


def _fields(message: str) -> str:
    """What could have stood at the place that a validation message names."""
    place: type[msgspec.Struct] = Recipe
    for prefix, struct in _PLACES:
        if prefix in message:
            place = struct
            break
    return f"; the fields there are: {', '.join(place.__struct_encode_fields__)}"


def _check(recipe: Recipe, where: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", recipe.name):
        raise BadInput(f"recipe {where}: name {recipe.name!r} must be of a-z, 0-9, _ and -: files are named by it")
    signals = all_signals()
    for number, keep in enumerate(recipe.keep):
        _check_keep(keep, f"recipe {where}: keep[{number}]", signals)
    for number, keep in enumerate(recipe.strong_keeps):
        _check_keep(keep, f"recipe {where}: tier.strong.keep[{number}]", signals)
    for number, once in enumerate(recipe.once):
        place = f"recipe {where}: once[{number}]"
        if not once.by or once.limit < 1:
            raise BadInput(f"{place}: `by` names at least one signal, and `limit` is at least 1")
        for name in once.by:
            _known(name, f"{place}.by", signals)
        _check_ranks(once.best, f"{place}.best", signals)
    if recipe.base:
        base = recipe.base
        _check_ranks(base.best, f"recipe {where}: base.best", signals)
        if base.size < 1 or base.floor < 0 or (base.cap is not None and base.cap < max(base.floor, 1)):
            raise BadInput(f"recipe {where}: base: size is at least 1, floor at least 0, cap at least floor")
    _check_verdicts(recipe, where)


def _check_verdicts(recipe: Recipe, where: str) -> None:
    verdicts = recipe.verdicts()
    twice = sorted({name for name in verdicts if verdicts.count(name) > 1})
    if twice:
        raise BadInput(f"recipe {where}: two steps give the verdict {twice[0]!r}; give one of them another `name`")


def _known(name: str, place: str, signals: dict[str, pa.Field]) -> pa.DataType:
    if name not in signals:
        near = difflib.get_close_matches(name, signals, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise BadInput(f"{place}: unknown signal {name!r}{guess} The signals are: {', '.join(sorted(signals))}")
    return signals[name].type


def _check_keep(keep: Keep, place: str, signals: dict[str, pa.Field]) -> None:
    kind = _known(keep.signal, f"{place}.signal", signals)
    nominal = pa.types.is_string(kind)
    ranged = keep.min is not None or keep.max is not None or keep.top is not None
    if not ranged and not keep.one_of:
        raise BadInput(f"{place}: no range; give min, max, top or one_of")
    if nominal and ranged:
        raise BadInput(f"{place}: {keep.signal} is a word, not a number; give one_of instead of min, max or top")
    if not nominal and keep.one_of:
        raise BadInput(f"{place}: {keep.signal} is a number, not a word; give min or max instead of one_of")
    if keep.min is not None and keep.max is not None and keep.min > keep.max:
        raise BadInput(f"{place}: min {keep.min} is above max {keep.max}, so nothing would be kept")
    if keep.top is not None and not 0 < keep.top <= 1:
        raise BadInput(f"{place}: top is a fraction above 0 and at most 1, not {keep.top}")


def _check_ranks(ranks: tuple[str, ...], place: str, signals: dict[str, pa.Field]) -> None:
    for rank in ranks:
        kind = _known(rank.removeprefix("-"), place, signals)
        if rank.startswith("-") and pa.types.is_string(kind):
            raise BadInput(f"{place}: {rank}: words have no descending order here; leave the minus away")


def sql(recipe: Recipe, corpus: str = "CORPUS") -> str:
    """The recipe as one DuckDB query over the files of `corpus`: (key, verdict, tier), one row per pair, by key.

    It needs none of our code, so anyone can check a release, or change a threshold and look.
    """
    from schemas.recipe_sql import query

    return query(recipe, corpus)
