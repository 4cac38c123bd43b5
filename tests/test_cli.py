"""The command line as a user meets it: exit codes, one-line errors, --sql, and bad input at every verb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from crawls import small_crawl

from pipelines.arguments import split
from schemas import manifest
from schemas.errors import BadInput
from schemas.manifest import Counts, Manifest


def tuwen(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root},
        timeout=120,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("corpus")
    small_crawl(root)
    for words in (("pair",), ("measure",), ("cluster",), ("judge", "--recipe", "demo")):
        done = tuwen(words[0], str(root), *words[1:])
        assert done.returncode == 0, done.stderr
    return str(root)


RUN = ("run", "--seeds", "http://a.example/", "--out", "{none}", "--recipe", "demo")
BAD = [
    (("judge", "{corpus}", "--recipe", "nobody"), "packaged are: danqing, demo"),
    (("judge", "{corpus}", "--recipe", "{bad}"), "did you mean image_width?"),
    (("judge", "{corpus}", "--recipe", "demo", "--bogus"), "--bogus"),
    (("judge", "{corpus}"), "--recipe"),
    (("measure", "{corpus}", "--family", "sound"), "there are: text, image"),
    (("measure", "{none}"), "tuwen pair"),
    (("pair", "{none}"), "tuwen crawl"),
    (("pack", "{corpus}", "--recipe", "demo", "--version", "one"), "version"),
    (("crawl", "--seeds", "ftp://a.example/", "--out", "{none}"), "http"),
    (("crawl", "--seeds", "{none}", "--out", "{none}"), "nor a seeds file"),
    (("crawl", "--out", "{none}"), "--seeds"),
    (("crawl", "--seeds", "http://a.example/"), "--out"),
    (("crawl", "--status", "{none}"), "no crawl here"),
    (("crawl", "--seeds", "http://a.example/", "--out", "{none}", "--allow-address", "x"), "--allow-address"),
    (("verify", "{none}"), "manifest"),
    (("report", "{none}"), "recipe"),
    (("fly",), "fly"),
    (("judge", "{corpus}", "--recipe", "wukong", "--", "--no_such_flag"), "no_such_flag"),
    (("measure", "{corpus}", "--engine", "spark"), "use one of local, flink, dataflow"),
    (("crawl", "--seeds", "http://a.example/", "--url-list", "a.csv", "--out", "{none}"), "exactly one of"),
    # What run is told of later verbs is looked at before the crawl, which may take days.
    (
        ("run", "--seeds", "http://a.example/", "--out", "{none}", "--recipe", "demo", "--version", "1.0"),
        "three numbers",
    ),
    ((*RUN, "--date", "soon"), "--date soon"),
    (
        (*RUN, "--image-size", "32", "--resize-mode", "x"),
        "--resize-mode x",
    ),
    (
        ("run", "--seeds", "http://a.example/", "--out", "{none}", "--recipe", "demo", "--", "--no_such_flag"),
        "no_such_flag",
    ),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_clear_line(corpus: str, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\n[[keep]]\nsignal = "image_widht"\nmin = 1\nwhy = "a slip"\n', "utf-8")
    places = {"corpus": corpus, "none": str(tmp_path / "none"), "bad": str(bad)}
    done = tuwen(*(word.format(**places) for word in words))
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert said in done.stderr.splitlines()[-1], done.stderr
    assert done.returncode == 2 or words[0] == "verify"
    assert not (tmp_path / "none").exists()


def test_a_recipe_from_a_file_has_its_report(corpus: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('name = "mine"\n[[keep]]\nsignal = "image_aspect"\nmax = 3\nwhy = "a banner"\n', "utf-8")
    assert tuwen("judge", corpus, "--recipe", str(mine)).returncode == 0
    done = tuwen("report", corpus, "--recipe", "mine")
    assert done.returncode == 0 and "ledger/mine/report.html" in done.stdout, done.stderr
    mine.write_text(mine.read_text("utf-8").replace("max = 3", "max = 2"), "utf-8")
    done = tuwen("pack", corpus, "--recipe", str(mine), "--version", "1.0.0")
    assert done.returncode == 2 and "from another recipe of this name" in done.stderr


def test_the_printed_query_gives_the_ledger(corpus: str) -> None:
    import duckdb

    done = tuwen("judge", corpus, "--recipe", "demo", "--sql")
    assert done.returncode == 0
    rows = duckdb.connect().execute(done.stdout).fetchall()
    assert len(rows) == 27 and {tier for _, _, tier in rows} == {"", "weak", "strong"}


def test_a_release_is_packed_verified_and_compared(corpus: str) -> None:
    version = ("--recipe", "demo", "--version")
    for number in ("1.0.0", "1.0.1"):
        for verb in ("pack", "release"):
            done = tuwen(verb, corpus, *version, number)
            assert done.returncode == 0, done.stderr
    told = done.stdout
    old, new = (f"{corpus}/releases/demo-{number}" for number in ("1.0.0", "1.0.1"))
    assert tuwen("verify", old).returncode == 0
    done = tuwen("diff", old, new, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)
    assert (
        [line for line in tuwen("report", new).stdout.splitlines() if " − " in line or "kept" in line]
        == [line for line in told.splitlines() if " − " in line or "kept" in line]
        != []
    )
    tar = Path(old, "weak", "00000.tar")
    data = bytearray(tar.read_bytes())
    data[700] ^= 1
    tar.write_bytes(data)
    done = tuwen("verify", old)
    assert done.returncode == 1 and "weak/00000.tar" in done.stdout


@pytest.mark.parametrize("damage", ["cut", "bytes", "recipe", "folder", "missing"])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    counts = dict.fromkeys(Counts.__struct_fields__, 0)
    whole = manifest.encode(Manifest("a", "1.0.0", "", "{}", "", "", {}, "", [], {}, Counts(**counts), {"": 0}, {}, {}))
    path = tmp_path / "manifest.json"
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        data = {"cut": whole[:-9], "bytes": whole.replace(b"1.0.0", b"\xff"), "recipe": whole.replace(b'"{}"', b'"{"')}
        path.write_bytes(data[damage])
    done = tuwen("report", str(tmp_path))
    assert done.returncode == (2 if damage == "missing" else 1) and "manifest.json" in done.stderr
    assert "fault of tuwen" not in done.stderr and done.stderr.count("\n") == 1
    if damage not in ("recipe", "missing"):
        done = tuwen("verify", str(tmp_path))
        assert done.returncode == 1 and "manifest.json: not a manifest" in done.stderr


def test_lists_of_values_and_beams_own_options() -> None:
    line = split(["crawl", "--seeds", "a", "b", "--out", "c", "--debug", "--", "--runner=X"])
    assert line.ours == ("crawl", "--seeds", "a", "--seeds", "b", "--out", "c")
    assert line.beam == ("--runner=X",) and line.debug


@pytest.mark.parametrize("verb", ["diff", "report", "label", "calibrate", "export-model"])
def test_words_for_beam_go_with_what_runs_on_it(verb: str) -> None:
    with pytest.raises(BadInput, match=f"--runner=X after `--`: {verb} runs without Beam"):
        split([verb, "a", "--", "--runner=X"])
    with pytest.raises(BadInput, match=f"--dry-run: {verb} has no job of its own"):
        split([verb, "a", "--dry-run"])


def test_a_dry_run_of_a_list_makes_no_samples(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("url\nhttp://a.example/b.jpg\n")
    done = tuwen("crawl", "--url-list", "a.csv", "--output_folder", "o", "--image_size=64", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "crawl" in done.stdout and not (tmp_path / "o").exists()


def test_an_error_is_printed_as_it_is(tmp_path: Path) -> None:
    done = tuwen("measure", str(tmp_path), "--family", "text", "--model", "open_clip:x:y")
    assert done.returncode == 2 and "open_clip:x:y" in done.stderr


@pytest.mark.parametrize("more", [(), ("--output_format=webdataset",)], ids=["corpus", "samples"])
def test_a_list_of_which_nothing_is_a_url_is_said_to_have_brought_nothing(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "a.csv").write_text("url\nno url\nftp://a.example/b.jpg\n")
    out = ("--output_folder", "o", *more) if more else ("--out", "o")
    done = tuwen("crawl", "--url-list", "a.csv", *out, cwd=tmp_path)
    assert done.returncode == 0 and "crawl: image/bad_url 2\n" in done.stdout  # each row has its outcome, as any other
    assert "crawl: nothing came; " in done.stderr
