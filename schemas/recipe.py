"""A recipe decides: ranges on signals, limits on repeats, tiers and the base subset, in one TOML file.

Bounds are inclusive. NaN is in no range. Null means unmeasured and is an error. Keeps are judged in their order, then
the onces in theirs, each among the pairs that have passed all before it.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from schemas.errors import BadInput
from schemas.recipe_check import check
from schemas.signals import ANY_SCORE, model_of, score_column


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Keep(_Strict, frozen=True):
    """A range on one signal, with its reason. A pair is kept when its value lies in the range.

    `min` and `max` are numbers (true and false count as 1 and 0); `one_of` lists the values of a nominal signal;
    `top` is the fraction with the best values of the pairs that have one (NaN is none), ties by key; `skip` leaves out
    the very best of them: a model gives its highest scores to pictures that show the words themselves.
    """

    signal: str
    why: str
    name: str = ""
    min: float | None = None
    max: float | None = None
    top: float | None = None
    skip: float | None = None
    one_of: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What the ledger says of a pair that fails here first."""
        return self.name or self.signal

    @property
    def fractions(self) -> tuple[float, ...]:
        """The fractions of the pairs with a value at whose last rank this keep cuts: `top`, and `skip` if any."""
        return tuple(part for part in (self.top, self.skip) if part)

    def cut_name(self, fraction: float) -> str:
        """What the cut at a fraction is called: keeps that share it share the name."""
        return f"{fraction} of {self.signal}"


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
    """A subset of `size` pairs, drawn class by class: at least `floor` of each where it has them, at most `cap`.

    Of these `classes`, or of all that there are.
    """

    size: int
    from_: Literal["strong", "weak", "kept"] = "strong"
    by: Literal["class"] = "class"
    classes: tuple[str, ...] = ()
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
    refuse: tuple[str, ...] = ()  # names of models whose scores must not decide
    refuse_why: str = ""

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

    def models(self) -> list[str]:
        """The models whose scores the recipe names, sorted."""
        return sorted({model_of(name) for name in self.columns()} - {""})

    @property
    def any_score(self) -> bool:
        """Whether it names match_score, and so has to be told which model that is before it can judge."""
        return ANY_SCORE in self.columns()

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
    check(recipe, name_or_path)
    return recipe


def with_model(recipe: Recipe, model: str) -> Recipe:
    """The recipe with match_score in every place turned into the score of one model."""
    if not recipe.any_score:
        return recipe

    def keeps(steps: tuple[Keep, ...]) -> tuple[Keep, ...]:
        return tuple(msgspec.structs.replace(keep, signal=_scored(keep.signal, model)) for keep in steps)

    def names(ranks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_scored(rank, model) for rank in ranks)

    onces = tuple(msgspec.structs.replace(once, by=names(once.by), best=names(once.best)) for once in recipe.once)
    tier = Tiers(Strong(keeps(recipe.strong_keeps))) if recipe.tier.strong else recipe.tier
    base = msgspec.structs.replace(recipe.base, best=names(recipe.base.best)) if recipe.base else None
    return msgspec.structs.replace(recipe, keep=keeps(recipe.keep), once=onces, tier=tier, base=base)


def _scored(name: str, model: str) -> str:
    """A signal or a rank, with match_score turned into a model's."""
    return re.sub(rf"^(-?){ANY_SCORE}$", lambda found: found[1] + score_column(model), name)


def canonical(recipe: Recipe) -> str:
    """The recipe as text that is equal for equal recipes."""
    return msgspec.json.encode(_given(recipe), order="sorted").decode()


def _given(value: Any) -> Any:
    """A value in plain parts, without the fields that have their defaults.

    msgspec leaves out a default that is the very object, which it is no more in a recipe that has travelled.
    """
    if isinstance(value, tuple):
        return [_given(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return value
    fields = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
    return {field.encode_name: _given(one) for field, one in fields if one != _default(field)}


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def of_canonical(text: str) -> Recipe:
    """The recipe that `canonical` wrote."""
    return msgspec.json.decode(text, type=Recipe)


def option(recipe: Recipe) -> str:
    """How a command line names a recipe: a packaged one by its name, another by the path of its file."""
    if recipe.name in packaged():
        ours = load(recipe.name)
        if ours == recipe:
            return f"--recipe {recipe.name}"
        for model in recipe.models():
            if with_model(ours, model) == recipe:
                return f"--recipe {recipe.name} --model {model}"
    return f"--recipe …/{recipe.name}.toml"


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


def sql(recipe: Recipe, corpus: str = "CORPUS") -> str:
    """The recipe as one DuckDB query over the files of `corpus`: (key, verdict, tier), one row per pair, by key.

    It needs none of our code, so anyone can check a release, or change a threshold and look. Raises BadInput for a
    recipe that names match_score: whose score that is has to be said first.
    """
    if recipe.any_score:
        raise BadInput(f"recipe {recipe.name}: {ANY_SCORE} is of one model; say whose with --model NAME")
    from schemas.recipe_sql import query

    return query(recipe, corpus)
