"""Match scores in recipes: whose score is meant, which may not be used, and what each says when it is missing."""

from __future__ import annotations

import pickle
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from colours import colour_corpus, write_model
from test_cli import tuwen

from pipelines import ledgers, scores
from pipelines.cluster import cluster
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.judge import judge
from pipelines.measure import measure
from pipelines.models import Chosen
from pipelines.pair import pair
from schemas import recipe as recipes
from schemas.errors import BadInput
from schemas.recipe import Recipe, canonical, load, sql, with_model

LOCAL = Engine()
BAND = """
name = "band"
[[keep]]
signal = "match_score"
top = 0.8
skip = 0.1
why = "a test"
[[once]]
by = ["image_cluster"]
best = ["-match_score"]
why = "a test"
[[tier.strong.keep]]
signal = "match_score"
min = 0.983
max = 0.993
why = "a test"
[base]
size = 6
best = ["-match_score", "key"]
"""


def test_a_signal_that_is_none_says_so_in_one_sentence(tmp_path: Path) -> None:
    for name, guess in (("nope", ""), ("text_hann", "did you mean text_han? ")):
        with pytest.raises(BadInput) as caught:
            scores.signal_of(Corpus(str(tmp_path)), name)
        listed = "all are listed in docs/data-format.md" if not guess else "All are listed in docs/data-format.md"
        assert str(caught.value) == f"--signal {name}: no such signal; {guess}{listed}"


@pytest.fixture(scope="module")
def refs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two models by name, and one that calls itself mini."""
    root = tmp_path_factory.mktemp("models")
    return {name: write_model(root / name, name, blind=name != "colours") for name in ("colours", "blind", "mini")}


def measured(root: Path, *given: str) -> Corpus:
    corpus = colour_corpus(root)
    pair(corpus, engine=LOCAL)
    measure(corpus, engine=LOCAL, models=[Chosen(ref, "cpu") for ref in given])
    cluster(corpus, engine=LOCAL)
    return corpus


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, refs: dict[str, str]) -> Corpus:
    """A corpus that one model measured."""
    return measured(tmp_path_factory.mktemp("one"), refs["colours"])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, refs: dict[str, str]) -> Corpus:
    """A corpus that two models measured, of which one is called mini."""
    return measured(tmp_path_factory.mktemp("two"), refs["colours"], refs["mini"])


@pytest.fixture(scope="module")
def band(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "band.toml"
    path.write_text(BAND, "utf-8")
    return str(path)


def test_match_score_is_the_score_of_the_one_model_everywhere(one: Corpus, band: str) -> None:
    recipe = scores.resolve(one, load(band))
    assert recipe.models() == ["colours"] and not recipe.any_score
    assert recipe.columns() == ["image_cluster", "match_colours_score"]
    assert recipe.verdicts() == ["match_colours_score", "once_image_cluster"]
    assert recipe.base and recipe.base.best == ("-match_colours_score", "key")
    assert recipe.once[0].best == ("-match_colours_score",)
    assert scores.resolve(one, recipe) == recipe == scores.resolve(one, load(band), "colours")


def test_the_ledger_and_the_query_carry_the_name_and_say_the_same(one: Corpus, band: str) -> None:
    judge(one, load(band), engine=LOCAL)
    recipe = ledgers.recipe_of(one, "band")
    assert recipe == scores.resolve(one, load(band))
    tables = [pq.read_table(one.ledger("band", shard)) for shard in one.shards()]
    rows = pa.concat_tables(tables).sort_by("key").to_pylist()
    query = sql(recipe, one.root)
    assert "match_colours_score" in query and "match_score" not in query
    assert duckdb.sql(query).fetchall() == [(row["key"], row["verdict"], row["tier"]) for row in rows]
    assert {row["tier"] for row in rows} == {"", "weak", "strong"}
    # Broken pictures have no score: NaN is in no range. Of the 42 others a fifth is too bad and a tenth too good.
    failed = [row for row in rows if row["verdict"] == "match_colours_score"]
    assert len(failed) == 6 + (42 - int(0.8 * 42)) + int(0.1 * 42)
    assert sum(row["base"] for row in rows) == min(6, sum(row["tier"] == "strong" for row in rows))


def test_danqing_is_judged_by_any_model_but_mini(two: Corpus) -> None:
    counts = judge(two, load("danqing"), engine=LOCAL)
    recipe = ledgers.recipe_of(two, "danqing")
    assert recipe.models() == ["colours"] and sum(counts.values()) == 48
    tables = [pq.read_table(two.ledger("danqing", shard)) for shard in two.shards()]
    rows = pa.concat_tables(tables).sort_by("key").to_pylist()
    found = duckdb.sql(sql(recipe, two.root)).fetchall()
    assert found == [(row["key"], row["verdict"], row["tier"]) for row in rows]
    assert counts["image_decodes"] == 6 and counts["text_chars"] > 0  # 一张红图 has four characters


def test_of_several_models_one_must_be_said_unless_the_recipe_refuses_the_others(two: Corpus, band: str) -> None:
    with pytest.raises(BadInput, match=r"any of colours, mini .*--model NAME"):
        scores.resolve(two, load(band))
    assert scores.resolve(two, load(band), "mini").models() == ["mini"]
    assert scores.resolve(two, load("danqing")).models() == ["colours"]


def test_a_refused_model_is_refused_with_the_reason(
    two: Corpus, tmp_path: Path, refs: dict[str, str], band: str
) -> None:
    with pytest.raises(BadInput, match=r"mini, which the recipe refuses \(mini is a demo scorer.*tuwen measure"):
        scores.resolve(two, load("danqing"), "mini")
    alone = measured(tmp_path, refs["mini"])
    with pytest.raises(BadInput, match=r"mini, which the recipe refuses .*tuwen measure .* --model REF"):
        judge(alone, load("danqing"), engine=LOCAL)
    assert scores.resolve(alone, load(band)).models() == ["mini"]


@pytest.mark.parametrize("name", ["danqing", "wudaomm", "wukong", "zero"])
def test_the_recipes_of_papers_refuse_mini(name: str) -> None:
    assert load(name).refuse == ("mini",) and load(name).refuse_why


def test_a_model_that_was_not_measured_is_named_with_the_command(one: Corpus, tmp_path: Path, band: str) -> None:
    with pytest.raises(BadInput, match=r"match_vit_score was not measured.*tuwen measure .*named vit"):
        scores.resolve(one, load(band), "vit")
    named = Recipe(name="r", keep=(recipes.Keep("match_mini_score", "a test", min=0.1),))
    with pytest.raises(BadInput, match=r"match_mini_score was not measured.*tuwen measure .*--model mini"):
        judge(one, named, engine=LOCAL)
    empty = colour_corpus(tmp_path)
    pair(empty, engine=LOCAL)
    with pytest.raises(BadInput, match=r"needs a model, and none was measured.*tuwen measure .*--model REF"):
        judge(empty, load(band), engine=LOCAL)


def test_a_recipe_cannot_name_what_it_refuses(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    keep = '[[keep]]\nsignal = "match_mini_score"\nmin = 0.1\nwhy = "x"\n'
    path.write_text(f'name = "r"\nrefuse = ["mini"]\nrefuse_why = "too weak"\n{keep}', "utf-8")
    with pytest.raises(BadInput, match=r"match_mini_score: the recipe itself refuses the model mini \(too weak\)"):
        load(str(path))
    path.write_text(f'name = "r"\nrefuse = ["mini"]\n{keep}', "utf-8")
    with pytest.raises(BadInput, match="`refuse` and `refuse_why` go together"):
        load(str(path))


@pytest.mark.parametrize("signal", ["match_mini_shuffled", "match_mini_image", "match__score", "match_Mini_score"])
def test_only_scores_may_be_named(tmp_path: Path, signal: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'name = "r"\n[[keep]]\nsignal = "{signal}"\nmin = 0\nwhy = "x"\n', "utf-8")
    with pytest.raises(BadInput, match=r"unknown signal.*match_score"):
        load(str(path))


@pytest.mark.parametrize("skip", [0.3, 0.5, -0.1, 0.0])
def test_a_skip_is_less_than_its_top(tmp_path: Path, skip: float) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'name = "r"\n[[keep]]\nsignal = "text_han"\ntop = 0.3\nskip = {skip}\nwhy = "x"\n', "utf-8")
    with pytest.raises(BadInput, match="skip is a fraction above 0 and below top"):
        load(str(path))


def test_a_recipe_is_the_same_when_it_has_travelled(band: str) -> None:
    """A default that is told by its identity would be written down by whoever had the recipe from another process."""
    for recipe in (load("danqing"), load("demo"), load(band)):
        assert canonical(pickle.loads(pickle.dumps(recipe))) == canonical(recipe)


def test_the_option_names_the_model() -> None:
    assert recipes.option(with_model(load("danqing"), "colours")) == "--recipe danqing --model colours"


def test_the_command_line_takes_a_model(two: Corpus, band: str) -> None:
    done = tuwen("judge", two.root, "--recipe", band)
    assert done.returncode == 2 and "--model NAME" in done.stderr
    done = tuwen("judge", two.root, "--recipe", band, "--model", "mini", "--sql")
    assert done.returncode == 0 and "match_mini_score" in done.stdout
    done = tuwen("judge", two.root, "--recipe", "wukong", "--model", "mini")
    assert done.returncode == 2 and "names no match_score" in done.stderr
    done = tuwen("judge", two.root, "--recipe", "danqing", "--model", "mini", "--sql")
    assert done.returncode == 2 and "refuses" in done.stderr
    assert tuwen("judge", two.root, "--recipe", band, "--model", "colours").returncode == 0
    done = tuwen("report", two.root, "--recipe", band)
    assert done.returncode == 0, done.stderr


def test_a_page_of_labels_spreads_over_a_score(one: Corpus, two: Corpus, tmp_path: Path) -> None:
    out = str(tmp_path / "label.html")
    done = tuwen("label", one.root, "--n", "20", "--signal", "match_score", "--out", out)
    assert done.returncode == 0 and "20 pairs" in done.stdout, done.stderr
    done = tuwen("label", two.root, "--signal", "match_score", "--out", out)
    assert done.returncode == 2 and "name one: match_colours_score, match_mini_score" in done.stderr
