"""Options that go together, and those that do not: each row of the table, and bad input leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines import arguments, cli
from pipelines.together import ALONE, APART, NEEDS, PLACES, SOURCES, Needs, check, option
from schemas.errors import BadInput

COMMANDS = cli.commands()
CRAWL, EVERY = (
    {parameter.name for name in names for parameter in COMMANDS[name].params} for names in (("crawl",), COMMANDS)
)


def said(given: dict[str, Any]) -> str:
    """What is wrong with the options given; '' when nothing is."""
    try:
        check(given)
    except BadInput as fault:
        return str(fault)
    return ""


def test_the_table_speaks_of_options_that_there_are() -> None:
    named = {name for needs in NEEDS for name in (needs.option, *needs.beside)}
    named |= {name for mode, (beside, _) in ALONE.items() for name in (mode, *beside)}
    named |= {name for pair in APART for name in pair}
    named |= {name for one, (other, _) in PLACES.items() for name in (one, other)}
    assert named | set(SOURCES) <= EVERY


@pytest.mark.parametrize("needs", NEEDS, ids=[needs.option for needs in NEEDS])
def test_an_option_that_can_do_nothing_is_refused_by_name_and_with_the_way_out(needs: Needs) -> None:
    without = said({needs.option: "x", "out": "c"})
    assert option(needs.option) in without and needs.why in without and "give " in without
    assert any(option(other) in without for other in needs.beside)
    for source in set(SOURCES) - {needs.option, *needs.beside}:
        fault = said({needs.option: "x", source: "y", **({"search": "z"} if source == "queries" else {})})
        assert option(needs.option) in fault and any(option(one) in fault for one in (source, *needs.beside))
    for other in needs.beside:
        also = {name: "a {page}" for more in NEEDS if more.option == other for name in more.beside}
        assert said({needs.option: "x", other: "y", **also}) == ""
    assert all(said({needs.option: value}) == "" for value in needs.alone)


@pytest.mark.parametrize("mode", ALONE)
def test_what_does_something_else_stands_alone(mode: str) -> None:
    for other in CRAWL - {mode, "help"}:
        fault = said({mode: "x", other: "y"})
        if other in ALONE[mode][0]:
            assert fault == ""
        else:
            assert option(mode) in fault and option(other) in fault and "leave one of the two out" in fault


@pytest.mark.parametrize("pair", APART)
def test_what_excludes_another_is_refused_beside_it(pair: tuple[str, str]) -> None:
    fault = said(dict.fromkeys(pair, "x"))
    assert all(option(name) in fault for name in pair) and "give one of them" in fault
    assert all(said({name: "x", "seeds": ["y"]}) == "" for name in pair)


@pytest.mark.parametrize("name", PLACES)
def test_what_goes_into_a_place_needs_it(name: str) -> None:
    other, place = PLACES[name]
    fault = said({name: 3, other: "http://s.example/?q={query}", "queries": "q"})
    assert option(name) in fault and option(other) in fault and place in fault
    assert said({name: 3, other: "http://s.example/?q={query}&p=" + place, "queries": "q"}) == ""


def test_what_goes_together_is_let_through() -> None:
    assert said({"seeds": ["x"], "max_pages": 3, "max_images": 3, "again": True, "out": "c", "partitions": 2}) == ""
    assert said({"url_list": "x", "url_col": "u", "caption_col": "c", "input_format": "csv", "max_images": 3}) == ""
    assert said({}) == ""


SEEDS = ("crawl", "--seeds", "http://a.example/", "--out", "{out}")
BAD = [
    ((*SEEDS, "--json"), ("--json", "--status")),
    ((*SEEDS, "--url-col", "url"), ("--url-col", "--seeds")),  # the default, but written: it has no meaning here
    ((*SEEDS, "--max-results", "5"), ("--max-results", "--queries")),
    (("crawl", "--status", "{out}", "--again"), ("--status", "--again")),
    (("crawl", "--status", "{out}", "--url_list", "{csv}"), ("--status", "--url-list")),
    (("crawl", "--explain", "http://a.example/", "--max-images", "5"), ("--explain", "--max-images")),
    (("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--max_pages=5"), ("--max-pages", "--url-list")),
    ((*SEEDS, "--partition", "0/2", "--partitions", "2"), ("--partition", "--partitions")),
    (("run", *SEEDS[1:], "--recipe", "demo", "--resize-mode", "border"), ("--resize-mode", "--image-size")),
    (("run", *SEEDS[1:], "--recipe", "demo", "--caption-col", "c"), ("--caption-col", "--seeds")),
    (("crawl", "--status", "{out}", "--", "--runner=DirectRunner"), ("--runner=DirectRunner", "without Beam")),
    ((*SEEDS, "--", "--runer=DirectRunner"), ("--runer=DirectRunner", "--runner")),
    ((*SEEDS, "--engine", "flunk"), ("flunk", "flink")),
    ((*SEEDS, "--partition", "0/2", "--engine", "local"), ("--partition", "--engine")),
    ((*SEEDS, "--partition", "0/2", "--", "--runner=DirectRunner"), ("--partition", "--partitions")),
    ((*SEEDS, "--slice-seconds", "5"), ("--slice-seconds", "--engine")),
    ((*SEEDS, "--workers", "5"), ("--workers", "--engine")),
    (("crawl", "--status", "{out}", "--", "--dry_run=True"), ("--dry-run: --status runs without Beam",)),
    (("measure", "{out}", "--", "--runner=NoSuch"), ("--runner NoSuch",)),
    (("run", *SEEDS[1:], "--recipe", "demo", "--", "--runner=NoSuch"), ("--runner NoSuch",)),
    (("pack", "{out}", "--recipe", "demo", "--version", "1.0.0", "--resize-mode", "border"), ("--image-size",)),
    (("judge", "{out}", "--recipe", "demo", "--sql", "--workers", "2"), ("--sql", "--workers")),
    (("judge", "{out}", "--recipe", "demo", "--sql", "--engine", "flink"), ("--sql", "--engine")),
    (("judge", "{out}", "--recipe", "demo", "--sql", "--", "--runner=DirectRunner"), ("--runner", "without Beam")),
    (
        ("crawl", "--queries", "{csv}", "--search", "http://a.example/?q={{query}}", "--first-page", "0"),
        ("--first-page", "--search", "{page}"),
    ),
    (("crawl", "--seeds", "{twice}", "--out", "{out}"), ("twice.toml", "site 2", "site 1 already", "one [[site]]")),
    (("crawl", "--url_list", "{boxes}", "--output_folder", "{out}", "--bbox_col=box"), ("--bbox_col box", "double")),
    (
        ("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--image_size=9", "--disable_all_reencoding"),
        ("--image_size with --disable_all_reencoding", "leave out one"),
    ),
    (
        ("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--skip_reencode", "--encode_format=png"),
        ("--encode_format png", "--encode_quality", "0 to 9"),
    ),
    (
        ("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--max_aspect_ratio", "0.5"),
        ("--max_aspect_ratio 0.5", "1 or more"),
    ),
    (
        ("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--min_image_size=11", "--max_image_area=120"),
        ("--min_image_size 11", "--max_image_area 120", "none would pass"),
    ),
    # and what cannot be read, or cannot be, shows before a folder is made
    (("crawl", "--seeds", "http://user:word@a.example/", "--out", "{out}"), ("a.example", "user")),
    (("crawl", "--seeds", "{marks}", "--out", "{out}"), ("marked otherwise", "make them alike")),
    (("crawl", "--url-list", "{csv}", "--url-col", "src", "--out", "{out}"), ("--url-col src", "it has url")),
    (("crawl", "--url-list", "{out}.csv", "--out", "{out}"), ("--url-list", "no such file")),
    (("crawl", "--click-log", "{csv}", "--out", "{out}"), ("--click-log", "no column")),
    (
        ("crawl", "--queries", "{out}.txt", "--search", "http://a.example/?q={{query}}", "--out", "{out}"),
        ("--queries",),
    ),
    (("crawl", "--warc", "{out}.warc", "--out", "{out}"), ("--warc", "no such file")),
    (("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--engine", "spark"), ("spark", "flink")),
    (("crawl", "--url_list", "{csv}", "--output_folder", "s3://b/c"), ("--output_folder", "local folder", "--out")),
    (("crawl", "--url_list", "{csv}", "--output_folder", "{out}", "--out", "s3://b/c"), ("--out", "local folder")),
    (("crawl", "--url-list", "s3://b/list.csv", "--out", "{out}"), ("--url-list", "a path")),
    ((*SEEDS, "--delay", "-1"), ("--delay", "0 or more")),
]


@pytest.mark.parametrize(("words", "names"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_ends_with_two_and_leaves_nothing(
    words: tuple[str, ...], names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, marks, out = tmp_path / "a.csv", tmp_path / "marks.toml", tmp_path / "out"
    csv.write_text("url\nhttp://a.example/1.jpg\n")
    site = '[[site]]\nurl = "http://a.example/{0}"\nstrong = {0}\n'
    marks.write_text(site.format("true") + site.format("false"))
    twice, boxes = tmp_path / "twice.toml", tmp_path / "boxes.csv"
    twice.write_text(site.format("true") * 2)
    boxes.write_text("url,box\nhttp://a.example/1.jpg,0.5\n")
    line = [word.format(csv=csv, marks=marks, twice=twice, boxes=boxes, out=out) for word in words]
    assert cli.run(arguments.split(line)) == 2
    (fault,) = capsys.readouterr().err.splitlines()
    assert all(name in fault for name in names), fault
    assert not out.exists()
