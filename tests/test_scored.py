"""Scores on their way: a recipe that names one, its SQL, the report, and the release that keeps them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from colours import colour_crawl, write_model
from test_report import Seen

from pipelines import arguments, cli, files
from pipelines.cluster import cluster
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.funnel import funnel
from pipelines.judge import judge
from pipelines.measure import measure
from pipelines.models import Chosen
from pipelines.pack import Packing, pack
from pipelines.pair import pair
from pipelines.release import release
from pipelines.report import report
from schemas import recipe as recipes
from schemas.errors import BadInput
from schemas.recipe import Recipe

LOCAL = Engine()
HOSTILE = '<script>alert(1)</script>红&"'
RECIPE = """
name = "scored"
[[keep]]
signal = "image_decodes"
min = 1
why = "a test"
[[tier.strong.keep]]
signal = "match_colours_score"
{range}
why = "a test"
[base]
size = 5
from = "kept"
best = ["-match_colours_score", "key"]
why = "a test"
"""


@pytest.fixture(scope="module")
def refs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("models")
    return {"colours": write_model(root / "a"), "blind": write_model(root / "b", "blind", blind=True, demo=True)}


@pytest.fixture(scope="module")
def corpus(refs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus that two models have measured, with a text that means harm."""
    crawl = colour_crawl(tmp_path_factory.mktemp("corpus"))
    crawl.see("http://i.example/0.jpg", HOSTILE, page="http://a.example/0")
    made = crawl.write()
    pair(made, engine=LOCAL)
    measure(made, engine=LOCAL, models=tuple(Chosen(ref, "cpu") for ref in refs.values()))
    cluster(made, engine=LOCAL)
    return made


def recipe(folder: Path, range_: str = "top = 0.5") -> Recipe:
    path = folder / "scored.toml"
    path.write_text(RECIPE.format(range=range_), "utf-8")
    return recipes.load(str(path))


@pytest.mark.parametrize("range_", ["top = 0.5", "min = 0.9"])
def test_the_sql_says_of_scores_what_the_ledger_says(corpus: Corpus, tmp_path: Path, range_: str) -> None:
    loaded = recipe(tmp_path, range_)
    judge(corpus, loaded, engine=LOCAL)
    rows = [row for shard in corpus.shards() for row in files.read_table(corpus.ledger("scored", shard)).to_pylist()]
    ledger = sorted((row["key"], row["verdict"], row["tier"]) for row in rows)
    assert duckdb.connect().execute(recipes.sql(loaded, corpus.root)).fetchall() == ledger
    assert {row["tier"] for row in rows} == {"", "weak", "strong"}
    assert sum(row["base"] for row in rows) == 5


def test_another_model_leaves_a_ledger_as_it_is(corpus: Corpus, tmp_path: Path) -> None:
    shutil.copytree(corpus.root, tmp_path / "copy")
    copy, loaded = Corpus(str(tmp_path / "copy")), recipe(tmp_path)
    judge(copy, loaded, engine=LOCAL)
    third = Chosen(write_model(tmp_path / "c", "third", size=20), "cpu")
    measure(copy, ["match"], engine=LOCAL, models=(third,))
    assert funnel(copy, loaded).kept > 0
    write_model(tmp_path / "a", "colours", blind=True)
    measure(copy, ["match"], engine=LOCAL, models=(Chosen(f"onnx:{tmp_path / 'a'}", "cpu"),))
    with pytest.raises(BadInput, match="older than the signals; run: tuwen judge"):
        funnel(copy, loaded)


def test_a_score_that_was_not_measured_names_the_command(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    for name, way in (("mini", "--model mini"), ("vit_b_32", "--model REF")):
        path.write_text(RECIPE.format(range="min = 0").replace("colours", name), "utf-8")
        with pytest.raises(BadInput, match=rf"match_{name}_score .*tuwen measure .* {way}"):
            judge(corpus, recipes.load(str(path)), engine=LOCAL)


def test_the_report_shows_both_models_beside_their_controls(corpus: Corpus, tmp_path: Path) -> None:
    loaded = recipe(tmp_path)
    judge(corpus, loaded, engine=LOCAL)
    page = report(corpus, loaded, funnel(corpus, loaded)).decode()
    seen = Seen(page)
    assert re.search(r"AUC (1\.0|0\.9)", seen.text)
    assert seen.text.count("This model does not tell pairs apart on this corpus") == 1
    assert "it knows three colours" in seen.text
    assert "around the last of the best 50%" in seen.text
    assert all(attrs["points"] for tag, attrs in seen.tags if tag == "polyline")
    assert len([tag for tag, _ in seen.tags if tag == "polyline"]) == 2
    assert HOSTILE in seen.text and "script" not in {tag for tag, _ in seen.tags}
    assert report(corpus, loaded, funnel(corpus, loaded)).decode() == page


def test_pairs_are_shown_from_the_top_the_threshold_and_the_bottom(corpus: Corpus, tmp_path: Path) -> None:
    loaded = recipe(tmp_path)
    judge(corpus, loaded, engine=LOCAL)
    page = report(corpus, loaded, funnel(corpus, loaded)).decode()
    part = page[page.index('<h3 class="name">colours') :]
    strips = re.split(r'<div class="tier">', part)[1:4]
    shown = [[float(one) for one in re.findall(r"<span>score</span> <b>([^<]*)</b>", strip)] for strip in strips]
    assert [len(strip) for strip in shown] == [6, 6, 6]
    assert shown[0][0] >= shown[0][-1] >= shown[1][0] >= shown[1][-1] >= shown[2][-1]


def test_a_release_has_the_scores_and_heeds_the_warning(corpus: Corpus, tmp_path: Path) -> None:
    shutil.copytree(corpus.root, tmp_path / "copy")
    copy, loaded = Corpus(str(tmp_path / "copy")), recipe(tmp_path)
    judge(copy, loaded, engine=LOCAL)
    pack(copy, loaded, "1.0.0", engine=LOCAL, packing=Packing())
    made = release(copy, loaded, "1.0.0", engine=LOCAL, agent="test")
    assert {name: one.warning for name, one in made.models.items()} == {
        "blind": "it knows three colours",
        "colours": "",
    }
    folder = Path(copy.release("scored", "1.0.0"))
    (row, *_) = pq.read_table(folder / "strong" / "00000.parquet").to_pylist()
    assert row["match_colours_score"] > 0.9
    assert json.loads((folder / "manifest.json").read_bytes())["models"]["blind"]["demo"] is True
    croissant = (folder / "croissant.json").read_text("utf-8")
    assert "match_blind_score" in croissant
    assert cli.run(arguments.split(["verify", str(folder)])) == 0


def run(*words: str) -> int:
    """One command line, in this process."""
    return cli.run(arguments.split(list(words)))


def test_measure_takes_models_and_says_what_they_are_worth(
    corpus: Corpus, refs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("measure", corpus.root, "--family", "match", "--model", *refs.values(), "--device", "cpu") == 0
    shown = capsys.readouterr()
    assert re.findall(r"match (\w+): AUC", shown.out) == ["blind", "colours"]
    assert shown.err.count("it knows three colours") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--family", "text", "--model", "mini"], "add --family match"),
        (["--model", "onnx:/nowhere"], "/nowhere/model.toml: missing"),
        (["--model", "resnet"], "no such kind of model"),
        (["--model", "{colours}", "--device", "tpu"], "choose auto, cpu or cuda"),
        (["--model", "{colours}", "--precision", "fp8"], "choose fp32 or bf16"),
    ],
)
def test_a_wrong_choice_is_one_line(
    corpus: Corpus, refs: dict[str, str], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("measure", corpus.root, *(word.format(**refs) for word in words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_model_that_cannot_be_had_shows_before_the_crawl(
    refs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "corpus"
    words = ["run", "--seeds", "http://127.0.0.1:9/", "--out", str(out)]
    assert run(*words, "--recipe", "wukong", "--model", "onnx:/nowhere") == 2
    assert "/nowhere/model.toml: missing" in capsys.readouterr().err
    recipe(tmp_path)
    assert run(*words, "--recipe", str(tmp_path / "scored.toml"), "--model", refs["blind"]) == 2
    assert "match_colours_score needs a model that would not be measured" in capsys.readouterr().err
    assert not out.exists()
