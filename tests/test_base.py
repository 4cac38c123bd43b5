"""The base: exact for any corpus, named as DataComp does, and honest about what it is short of."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import base, files, uids
from pipelines.corpus import Corpus
from pipelines.draw import shares
from pipelines.engine import Engine
from pipelines.judge import judge
from schemas import recipe as recipes
from schemas.recipe import Base, Keep, Recipe, Strong, Tiers
from schemas.signals import KEY, TEXT
from schemas.tables import PAIRS

LOCAL = Engine()
Row = tuple[str, float, int]


def corpus_of(root: Path, rows: list[Row], shards: int) -> Corpus:
    """A corpus of (class, score, characters) rows in so many shards, with the columns that the recipe names alone."""
    corpus = Corpus(str(root))
    keyed = [(hashlib.sha256(str(at).encode()).hexdigest()[:32], *row) for at, row in enumerate(rows)]
    for number in range(shards):
        part, name = keyed[number::shards], f"{number:05d}"
        keys, classes, scores, chars = ([row[at] for row in part] for at in range(4))
        pairs = pa.table({"key": keys, "class": classes}, pa.schema([PAIRS.field("key"), PAIRS.field("class")]))
        files.write_table(corpus.pairs(name), pairs, name, seen=name, content=f"{name}{part}")
        signals = {"key": keys, "text_han_ratio": scores, "text_chars": chars}
        schema = pa.schema([KEY, TEXT.field("text_han_ratio"), TEXT.field("text_chars")])
        files.write_table(corpus.signals("text", name), pa.table(signals, schema), name, of=name)
    return corpus


def ledger(corpus: Corpus, recipe: Recipe) -> dict[str, dict[str, Any]]:
    tables = [pq.read_table(corpus.ledger(recipe.name, shard)) for shard in corpus.shards()]
    return {row["key"]: row for row in pa.concat_tables(tables).to_pylist()}


RECIPE = Recipe(
    name="drawn",
    keep=(Keep("text_chars", "a test", min=1),),
    tier=Tiers(Strong((Keep("text_han_ratio", "a test", top=0.7, skip=0.1),))),
    base=Base(size=20, floor=4, cap=9, best=("-text_han_ratio", "text_chars", "key")),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "sea", "tree", "flower"]),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.integers(1, 3), st.sampled_from(["strong", "weak", "kept"]))
def test_the_draw_is_what_sorting_everything_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], shards: int, of: Any
) -> None:
    drawn_from = recipes.of_canonical(recipes.canonical(RECIPE).replace('"size":20', f'"from":"{of}","size":20'))
    corpus = corpus_of(tmp_path_factory.mktemp("corpus"), rows, min(shards, len(rows)))
    judge(corpus, drawn_from, engine=LOCAL)
    found = ledger(corpus, drawn_from)
    keyed = {hashlib.sha256(str(at).encode()).hexdigest()[:32]: row for at, row in enumerate(rows)}
    scored = sorted((-row[1], key) for key, row in keyed.items() if not math.isnan(row[1]))
    top = {key for _, key in scored[int(0.1 * len(scored)) : int(0.7 * len(scored))]}
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for key, (class_, score, chars) in keyed.items():
        tier = "" if chars < 1 else "strong" if key in top else "weak"
        assert found[key]["tier"] == tier
        if tier and of in ("kept", tier):
            nan = math.isnan(score)
            groups.setdefault(class_ or "other", []).append((nan, 0 if nan else -score, chars, key))
    wanted = shares({name: len(group) for name, group in groups.items()}, 20, 4, 9)
    right = {rank[-1] for name, group in groups.items() for rank in sorted(group)[: wanted[name]]}
    assert {key for key, row in found.items() if row["base"]} == right


def many(count: int) -> list[Row]:
    """Rows of three classes, of which one is rare; scores with many ties."""
    return [
        (("sea", "sea", "tree", "")[at % 4] if at % 50 else "rare", at * 31 % 17 / 16, at % 7) for at in range(count)
    ]


def test_three_workers_draw_the_same(tmp_path: Path) -> None:
    rows = many(3000)
    one, three = (corpus_of(tmp_path / name, rows, 5) for name in ("one", "three"))
    judge(one, RECIPE, engine=LOCAL)
    judge(three, RECIPE, engine=Engine(workers=3))
    for shard in one.shards():
        assert Path(one.ledger("drawn", shard)).read_bytes() == Path(three.ledger("drawn", shard)).read_bytes()
    assert sum(row["base"] for row in ledger(one, RECIPE).values()) == 20


def test_the_split_into_shards_does_not_matter(tmp_path: Path) -> None:
    rows = many(2000)
    drawn = []
    for shards in (1, 7):
        corpus = corpus_of(tmp_path / str(shards), rows, shards)
        judge(corpus, RECIPE, engine=LOCAL)
        drawn.append(ledger(corpus, RECIPE))
    assert drawn[0] == drawn[1]


def test_a_class_that_is_short_says_by_how_much(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [("sea", 0.5, 1)] * 30 + [("tree", 0.5, 1)] * 2 + [("moon", 0.5, 0)], 2)
    recipe = Recipe(name="drawn", keep=RECIPE.keep, base=Base(size=20, from_="kept", floor=4))
    judge(corpus, recipe, engine=LOCAL)
    drawn = base.drawn_by_class(corpus, recipe)
    assert drawn == {"moon": 0, "sea": 18, "tree": 2}
    assert base.short_of_floor(drawn, 4) == {"moon": 4, "tree": 2}


def test_a_base_of_named_classes_takes_no_others_and_misses_those_that_are_not_there(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [("sea", 0.5, 1)] * 9 + [("tree", 0.5, 1)] * 9 + [("", 0.5, 1)] * 9, 2)
    wanted = Base(size=20, from_="kept", floor=4, classes=("sea", "moon"))
    recipe = Recipe(name="drawn", keep=RECIPE.keep, base=wanted)
    judge(corpus, recipe, engine=LOCAL)
    drawn = base.drawn_by_class(corpus, recipe)
    assert drawn == {"moon": 0, "sea": 9}
    assert base.short_of_floor(drawn, 4) == {"moon": 4}
    assert {row["class"] for row in ledger(corpus, recipe).values() if row["base"]} == {"sea"}


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True))
def test_uids_are_datacomps(keys: list[bytes]) -> None:
    made = uids.uids(key.hex() for key in keys)
    assert made.dtype == np.dtype("u8,u8")
    theirs = [(int(key.hex()[:16], 16), int(key.hex()[16:], 16)) for key in keys]
    assert made.tolist() == sorted(theirs)
