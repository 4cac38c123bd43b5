"""Ledgers, as the verbs after judge read them: only those that judge would write now.

A ledger names the recipe and the signals that it was made from. One that another recipe of the same name wrote, or
that is older than the signals, would make a release whose manifest does not describe it.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines import files, shards
from pipelines.corpus import Corpus
from schemas import recipe as recipes
from schemas.errors import BadInput, Damaged
from schemas.recipe import Recipe
from schemas.signals import family_of

TOPIC = "topic"
"""The family that a pair's class comes from where its source gives none."""


def families(recipe: Recipe) -> list[str]:
    """The families of the signals that a recipe names."""
    return sorted({family_of(name) for name in recipe.columns()} - {"pairs"})


def behind(corpus: Corpus, recipe: Recipe) -> list[str]:
    """The families that a ledger is made from: those of the recipe's signals, and topic where it was measured."""
    told = any(files.exists(corpus.signals(TOPIC, shard)) for shard in corpus.shards())
    return sorted({*families(recipe), *([TOPIC] if told else [])})


def classed_by(corpus: Corpus, shard: str) -> list[str]:
    """The columns that a pair's class comes from: its source's, and the topic where it was measured."""
    return ["class", "topic_class"] if files.exists(corpus.signals(TOPIC, shard)) else ["class"]


def made_from(corpus: Corpus, recipe: Recipe) -> str:
    """The digest of all that decides a ledger: the recipe, the pairs, the signals that it names, and the classes."""
    signals = shards.made_from(corpus, behind(corpus, recipe), recipe.models())
    return files.digest("judge 2", recipes.canonical(recipe), signals)


def need(corpus: Corpus, recipe: Recipe) -> None:
    """Raise BadInput with the command to run where a shard was not judged by this very recipe on these signals."""
    shards.need(corpus, behind(corpus, recipe))
    wanted, way = made_from(corpus, recipe), f"run: tuwen judge {corpus.root} {recipes.option(recipe)}"
    for shard in corpus.shards():
        path = corpus.ledger(recipe.name, shard)
        if not files.exists(path):
            raise BadInput(f"{path}: not there yet; {way}")
        if files.made_from(path) != wanted:
            raise BadInput(f"{path}: from another recipe of this name, or older than the signals; {way}")


def read(corpus: Corpus, recipe: str, shard: str) -> pa.Table:
    """One shard's ledger. Raises Damaged where its rows are not those of its pairs."""
    path = corpus.ledger(recipe, shard)
    table = files.read_table(path)
    if not table.column("key").equals(files.read_table(corpus.pairs(shard), ["key"]).column("key")):
        raise Damaged(f"{path}: not the rows of its pairs; run: tuwen judge {corpus.root} --recipe {recipe}")
    return table


def names(corpus: Corpus) -> list[str]:
    """The recipes that have a ledger here."""
    return sorted({name.split("/")[1] for name in files.tree(corpus.root) if name.startswith("ledger/")})


def recipe_of(corpus: Corpus, name: str) -> Recipe:
    """The recipe that a ledger was made by, as it says itself."""
    path = corpus.ledger(name, corpus.shards()[0])
    said = files.metadata(path).get("recipe", "")
    if not said:
        raise Damaged(f"{path}: does not name its recipe; run: tuwen judge {corpus.root} --recipe {name}")
    return recipes.of_canonical(said)
