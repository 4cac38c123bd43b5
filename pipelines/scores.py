"""Whose score a recipe means: match_score is the score of the one model that a corpus was measured with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pipelines.corpus import Corpus
from pipelines.matched import models_of
from pipelines.models import MINI
from schemas import recipe as recipes
from schemas.errors import BadInput
from schemas.recipe import Recipe, with_model
from schemas.signals import ANY_SCORE, all_signals, model_of, score_column, signal_field


def measured(corpus: Corpus) -> list[str]:
    """The models that every shard of a corpus was measured with, by name."""
    return list(models_of(corpus))


def load(corpus: str, name: str, model: str = "", *, look: bool = True) -> Recipe:
    """The recipe that a command line names, resolved for the corpus at a path.

    Without `look`, the corpus is asked only where match_score is named and no model is: what was measured does not
    matter to who prints a query. Raises BadInput as `resolve` does.
    """
    loaded = recipes.load(name)
    if look or loaded.any_score is not bool(model):
        return resolve(Corpus(corpus), loaded, model)
    return with_model(loaded, chosen(loaded, (), corpus, model)) if model else loaded


def resolve(corpus: Corpus, recipe: Recipe, model: str = "") -> Recipe:
    """The recipe with match_score turned into the score of `model`, or of the one model that was measured.

    A recipe that names no match_score comes back as it is. Raises BadInput, with the command to run, where a score that
    is asked for was not measured, or where it cannot be told which model is meant.
    """
    if model and not recipe.any_score:
        raise BadInput(f"--model {model}: the recipe {recipe.name} names no {ANY_SCORE}; leave --model away")
    if not recipe.any_score and not recipe.models():
        return recipe
    there = measured(corpus)
    resolved = with_model(recipe, chosen(recipe, there, corpus.root, model)) if recipe.any_score else recipe
    for name in resolved.models():
        if name not in there:
            what = f"recipe {recipe.name}: {score_column(name)} was not measured in {corpus.root}"
            raise BadInput(f"{what}; run: {_measure(corpus.root, name)}")
    return resolved


def ahead(recipe: Recipe, names: Iterable[str], root: str) -> str:
    """Which model match_score will mean when these are measured; '' where the recipe does not name it.

    Raises BadInput where the recipe asks for the score of another, or where `chosen` would.
    """
    known = sorted(names)
    for name in recipe.models():
        if name not in known:
            what = f"recipe {recipe.name}: {score_column(name)} needs a model that would not be measured"
            raise BadInput(f"{what}; add --model {_ref(name)}")
    return chosen(recipe, known, root) if recipe.any_score else ""


def as_judged(recipe: Recipe, by: Recipe) -> Recipe:
    """The recipe as a ledger was judged by it: `by`, where they differ in nothing but whose score match_score is."""
    return by if any(with_model(recipe, model) == by for model in by.models()) else recipe


def chosen(recipe: Recipe, there: Iterable[str], root: str, model: str = "") -> str:
    """The model that match_score means: `model`, else the only one of those `there` that the recipe does not refuse.

    Raises BadInput where that is none or several, or where the recipe refuses it.
    """
    known = list(there)
    fit = [model] if model else [name for name in known if name not in recipe.refuse]
    what = f"recipe {recipe.name}: {ANY_SCORE}"
    if len(fit) > 1:
        raise BadInput(f"{what} could be of any of {', '.join(fit)} in {root}; say which with --model NAME")
    name = (fit or known or [""])[0]
    if name in recipe.refuse:
        why = f"would be that of {name}, which the recipe refuses ({recipe.refuse_why})"
        raise BadInput(f"{what} {why}; run: {_measure(root)}")
    if not name:
        raise BadInput(f"{what} needs a model, and none was measured in {root}; run: {_measure(root)}")
    return name


def _measure(root: str, name: str = "") -> str:
    """The command that measures with the model of this name; with any without."""
    return f"tuwen measure {root} --model {_ref(name)}"


def _ref(name: str) -> str:
    """What a command line calls the model of this name, as far as that can be told of it."""
    if name == MINI.ref:
        return name
    return f"REF, with the REF that is named {name}" if name else "REF"


def signal_of(corpus: Corpus, signal: str) -> str:
    """A signal that a command line names, match_score turned into that of the one model that was measured.

    Raises BadInput for a name that is none, for a score that was not measured, and where several are meant.
    """
    try:
        signal_field(signal)
    except KeyError:
        near = difflib.get_close_matches(signal, [*all_signals(), ANY_SCORE], n=1)
        guess = f"did you mean {near[0]}? All" if near else "all"
        raise BadInput(f"--signal {signal}: no such signal; {guess} are listed in docs/data-format.md") from None
    if signal != ANY_SCORE and not model_of(signal):
        return signal
    there = measured(corpus)
    meant = [name for name in there if signal in (ANY_SCORE, score_column(name))]
    if len(meant) == 1:
        return score_column(meant[0])
    if not meant:
        way = _measure(corpus.root, model_of(signal))
        raise BadInput(f"--signal {signal}: not measured in {corpus.root}; run: {way}")
    raise BadInput(f"--signal {signal}: several were measured; name one: {', '.join(map(score_column, there))}")
