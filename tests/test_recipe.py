"""Recipes: what is read, what is refused and in which words, and what the SQL of one says of real rows."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import BadInput
from schemas.recipe import Keep, Once, Recipe, canonical, load, of_canonical, packaged, sql, with_model
from schemas.signals import FAMILIES, family_schema, signal_field
from schemas.tables import PAIRS

KEEP = '[[keep]]\nsignal = "{signal}"\n{range}\nwhy = "because"\n'


def write(folder: Path, body: str, head: str = 'name = "mine"\n') -> str:
    """A recipe file; its path."""
    path = folder / "mine.toml"
    path.write_text(head + body, "utf-8")
    return str(path)


def refused(folder: Path, body: str, head: str = 'name = "mine"\n') -> str:
    """The one line with which a recipe is refused."""
    path = write(folder, body, head)
    with pytest.raises(BadInput) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message and path in message
    return message


@pytest.mark.parametrize("name", ["danqing", "demo", "wudaomm", "wukong", "zero"])
def test_a_packaged_recipe_loads_and_gives_its_reasons(name: str) -> None:
    recipe = load(name)
    assert recipe.name == name and recipe.keep
    assert all(step.why for step in (*recipe.keep, *recipe.once, *recipe.strong_keeps))
    assert all(signal_field(column).name == column for column in recipe.columns())


def test_these_are_the_packaged_ones() -> None:
    assert packaged() == ["danqing", "demo", "wudaomm", "wukong", "zero"]


def test_a_name_is_the_packaged_recipe_whatever_lies_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").write_text('name = "other"\n')
    (tmp_path / "demo.toml").write_text('name = "other"\n')
    monkeypatch.chdir(tmp_path)
    assert load("demo").name == "demo"
    assert load("demo.toml").name == "other"  # an ending, or a slash, makes it a path
    assert load("./demo").name == "other"


def test_a_name_that_is_none_says_which_there_are() -> None:
    with pytest.raises(BadInput, match=r"wukang.*demo, wudaomm, wukong, zero"):
        load("wukang")


def test_a_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load(str(tmp_path / "none.toml"))
    assert "not TOML" in refused(tmp_path, "[[keep\n")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        load(str(tmp_path / "bytes.toml"))


@pytest.mark.parametrize(
    ("body", "place", "choice"),
    [
        ("colour = 1\n", "colour", "keep"),
        (KEEP.format(signal="text_han", range="minimum = 1"), "$.keep", "min"),
        ('[[once]]\nby = ["site"]\nwhy = "x"\nmost = 1\n', "$.once", "limit"),
        ("[tier.middle]\n", "$.tier", "strong"),
        ('[[tier.strong.keep]]\nsignal = "strong"\nwhy = "x"\nleast = 1\n', "$.tier.strong.keep", "min"),
        ("[base]\nsize = 1\nceiling = 2\n", "$.base", "cap"),
    ],
)
def test_an_unknown_field_names_the_place_and_the_choices(tmp_path: Path, body: str, place: str, choice: str) -> None:
    message = refused(tmp_path, body)
    assert place in message and "unknown field" in message
    assert choice in message.split("fields there are:")[1].replace(",", " ").split()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (KEEP.format(signal="image_widht", range="min = 1"), "keep[0].signal"),
        ('[[once]]\nby = ["image_widht"]\nwhy = "x"\n', "once[0].by"),
        ('[[once]]\nby = ["site"]\nbest = ["-image_widht"]\nwhy = "x"\n', "once[0].best"),
        ("[base]\nsize = 1\nbest = ['image_widht']\n", "base.best"),
        ('[[tier.strong.keep]]\nsignal = "image_widht"\nmin = 1\nwhy = "x"\n', "tier.strong.keep[0].signal"),
    ],
)
def test_an_unknown_signal_names_the_place_the_nearest_and_the_choices(tmp_path: Path, body: str, place: str) -> None:
    message = refused(tmp_path, body)
    assert place in message and "did you mean image_width?" in message
    assert all(name in message for name in FAMILIES["image"].names)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (KEEP.format(signal="text_han", range=""), "no range"),
        (KEEP.format(signal="text_script", range="min = 1"), "give one_of"),
        (KEEP.format(signal="text_script", range="top = 0.5"), "give one_of"),
        (KEEP.format(signal="text_han", range='one_of = ["1"]'), "give min or max"),
        (KEEP.format(signal="text_han", range="min = 3\nmax = 2"), "min 3.0 is above max 2.0"),
        (KEEP.format(signal="text_han", range="min = nan"), "min is nan"),
        (KEEP.format(signal="text_han", range="max = nan"), "max is nan"),
        (KEEP.format(signal="text_han", range="max = -inf"), "max is -inf"),
        (KEEP.format(signal="text_han", range="top = nan"), "top is nan"),
        (KEEP.format(signal="text_han", range="top = 0.5\nskip = nan"), "skip is nan"),
        (KEEP.format(signal="text_han", range="top = 0.0"), "top is a fraction"),
        (KEEP.format(signal="text_han", range="top = 30"), "top is a fraction"),
        (KEEP.format(signal="text_han", range='min = "one"'), "$.keep[0].min"),
        ('[[keep]]\nsignal = "text_han"\nmin = 1\n', "why"),
        ('[[once]]\nby = []\nwhy = "x"\n', "at least one signal"),
        ('[[once]]\nby = ["site"]\nlimit = 0\nwhy = "x"\n', "at least 1"),
        ('[[once]]\nby = ["site"]\nbest = ["-text_script"]\nwhy = "x"\n', "leave the minus away"),
        ("[base]\nsize = 0\n", "size is at least 1"),
        ("[base]\nsize = 9\nfloor = 5\ncap = 4\n", "cap at least floor"),
        ('[base]\nsize = 9\nfrom = "middle"\n', "$.base.from"),
        ('[base]\nsize = 9\nby = "site"\n', "$.base.by"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, body: str, says: str) -> None:
    assert says in refused(tmp_path, body)


def test_a_name_is_fit_for_a_file(tmp_path: Path) -> None:
    assert "files are named by it" in refused(tmp_path, "", 'name = "../mine"\n')
    assert "name" in refused(tmp_path, "", "")


def test_verdicts_are_named_and_told_apart(tmp_path: Path) -> None:
    body = KEEP.format(signal="text_han", range="min = 1")
    once = '[[once]]\nby = ["site", "text_simplified"]\nwhy = "x"\n'
    assert load(write(tmp_path, body + once)).verdicts() == ["text_han", "once_site_text_simplified"]
    assert "two steps give the verdict 'text_han'" in refused(tmp_path, body + body)
    named = body + 'name = "empty"\n' + once + 'name = "twice"\n'
    assert load(write(tmp_path, named)).verdicts() == ["empty", "twice"]


def test_columns_are_what_the_recipe_names_once_each() -> None:
    recipe = Recipe(
        name="r",
        keep=(Keep("text_han", "x", min=1), Keep("text_han", "x", name="more", max=9)),
        once=(Once(("site", "key"), "x", best=("-image_pixels", "key")),),
    )
    assert recipe.columns() == ["image_pixels", "site", "text_han"]


ROWS = {  # key: (text_han, image_aspect, image_cluster, image_pixels, strong)
    "a" * 32: (3, 1.0, "one", 100, True),
    "b" * 32: (0, 1.0, "one", 999, True),
    "c" * 32: (5, 3.0, "one", 200, False),
    "d" * 32: (1, math.nan, "two", 1, False),
    "e" * 32: (2, 3.5, "two", 1, False),
    "f" * 32: (9, 2.0, "one", 200, True),
}


SCORES = ("match_colours_score", "match_mini_score")


def corpus(folder: Path) -> str:
    """A corpus of ROWS, with whatever else a schema wants."""
    for path, schema in (
        ("pairs", PAIRS),
        *((f"signals/{name}", family_schema(name)) for name in FAMILIES),
        ("signals/match", pa.schema([PAIRS.field("key"), *map(signal_field, SCORES)])),
    ):
        rows = []
        for key, (han, aspect, cluster, pixels, strong) in ROWS.items():
            ours = {
                "key": key,
                "text_han": han,
                "image_aspect": aspect,
                "image_cluster": cluster,
                "image_pixels": pixels,
                "strong": strong,
            }
            blank = {field.name: "" if pa.types.is_string(field.type) else 0 for field in schema}
            blank |= {field.name: False for field in schema if pa.types.is_boolean(field.type)}
            blank |= {field.name: [] for field in schema if pa.types.is_list(field.type)}
            rows.append(blank | {name: value for name, value in ours.items() if name in blank})
        (folder / path).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / path / "00000.parquet")
    return str(folder)


def test_the_query_says_what_the_rules_say(tmp_path: Path) -> None:
    """Bounds are inclusive, NaN is in no range, the first failure names the verdict, a once looks at the kept only."""
    recipe = load(
        write(
            tmp_path,
            KEEP.format(signal="text_han", range="min = 1")
            + KEEP.format(signal="image_aspect", range="max = 3")
            + '[[once]]\nby = ["image_cluster"]\nlimit = 2\nbest = ["-image_pixels", "key"]\nwhy = "x"\n'
            + '[[tier.strong.keep]]\nsignal = "strong"\nmin = 1\nwhy = "x"\n',
        )
    )
    rows = duckdb.sql(sql(recipe, corpus(tmp_path / "corpus"))).fetchall()
    assert rows == [
        ("a" * 32, "once_image_cluster", ""),  # the smallest of three, though b is out already
        ("b" * 32, "text_han", ""),
        ("c" * 32, "", "weak"),  # aspect exactly 3
        ("d" * 32, "image_aspect", ""),  # NaN
        ("e" * 32, "image_aspect", ""),
        ("f" * 32, "", "strong"),
    ]


def test_a_top_takes_the_best_part(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, KEEP.format(signal="text_han", range="top = 0.5")))
    rows = duckdb.sql(sql(recipe, corpus(tmp_path / "corpus"))).fetchall()
    assert [row[0][0] for row in rows if row[1] == ""] == ["a", "c", "f"]
    assert {row[2] for row in rows} == {"", "weak"}  # without a tier all that is kept is weak


@pytest.mark.parametrize("name", ["danqing", "demo", "wudaomm", "wukong", "zero"])
def test_every_packaged_query_runs_and_gives_one_row_per_pair(tmp_path: Path, name: str) -> None:
    recipe = with_model(load(name), "colours")
    rows = duckdb.sql(sql(recipe, corpus(tmp_path / "corpus"))).fetchall()
    assert [row[0] for row in rows] == sorted(ROWS)
    assert {row[1] for row in rows} <= {"", *recipe.verdicts()}


def test_a_query_says_whose_score_it_means() -> None:
    with pytest.raises(BadInput, match="match_score is of one model; say whose with --model NAME"):
        sql(load("danqing"))


def test_a_band_leaves_out_both_ends(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, KEEP.format(signal="text_han", range="top = 0.7\nskip = 0.2")))
    rows = duckdb.sql(sql(recipe, corpus(tmp_path / "corpus"))).fetchall()
    assert [row[0][0] for row in rows if row[1] == ""] == ["a", "c", "e"]  # of six the best four, without the first


def test_a_recipe_survives_being_written_down() -> None:
    recipe = load("demo")
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


@pytest.mark.parametrize("name", packaged())
def test_a_recipe_is_the_same_when_it_is_read_back(name: str) -> None:
    text = canonical(load(name))
    assert canonical(of_canonical(text)) == text


def test_a_recipe_without_tiers_is_the_same_when_it_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[[keep]]\nsignal = "image_aspect"\nmax = 3\nwhy = "a banner"\n', "utf-8")
    text = canonical(load(str(path)))
    assert canonical(of_canonical(text)) == text
