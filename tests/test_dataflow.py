"""Every verb, as a user types it, builds as a Dataflow job, offline; and a dry run leaves everything as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from crawls import small_crawl

from pipelines import arguments, cli

OPTIONS = """
page = "https://console.cloud.google.com/dataflow/jobs"

[beam]
runner              = "DataflowRunner"
project             = "my-project"
region              = "us-central1"
temp_location       = "gs://bucket/t"
staging_location    = "gs://bucket/s"
sdk_container_image = "example/worker:1"
sdk_location        = "container"
experiments         = "disable_logging_submission_environment"  # which takes a second of `pip freeze` for each job
"""
L4 = "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
ON_GPU = ("--machine_type=g2-standard-8", f"--dataflow_service_options={L4}")
PLAIN = "machine the engine's default; accelerator none"

RELEASE = ("--recipe", "demo", "--version", "1.0.0")
VERBS: dict[str, tuple[str, ...]] = {
    "pair": (),
    "measure": (),
    "cluster": (),
    "judge": ("--recipe", "demo"),
    "pack": RELEASE,
    "release": RELEASE,
    "verify": (),
}
SHUFFLES = {
    "pair": [("pair", 6)],
    "measure": [("measure", 1), ("topic", 1)],
    "cluster": [("cluster", 19)],
    "judge": [("judge", 12)],
    "pack": [("pack", 1), ("pack", 3)],
    "release": [("release", 5)],
    "verify": [("verify", 2)],
}
"""The jobs of a verb, and how often small rows cross the network in each at most."""

JOB = re.compile(
    r"(?P<job>\w+): dry run; runner DataflowRunner; steps \d+; shuffles (?P<shuffles>\d+);"
    r" workers from image example/worker:1; (?P<on>.*)"
)


def test_all_verbs_that_can_be_shown_are_shown() -> None:
    assert set(arguments.BEAM_VERBS) - {"crawl"} == set(VERBS)  # a crawl has seeds, and makes what these read


def test_every_verb_builds_for_dataflow(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each on what the one before it left, so that there is work to show; the family match on a machine with a GPU."""
    corpus = tmp_path / "corpus"
    small_crawl(corpus)
    engine = tmp_path / "dataflow.toml"
    engine.write_text(OPTIONS)
    for verb, options in VERBS.items():
        line = [verb, str(corpus / "releases" / "demo-1.0.0" if verb == "verify" else corpus), *options]
        beam = ON_GPU if verb == "measure" else ()
        before = state(tmp_path)
        capfd.readouterr()
        assert tuwen(*line, "--engine", str(engine), "--dry-run", *(("--", *beam) if beam else ())) == 0
        said = capfd.readouterr().out.splitlines()
        on = f"machine g2-standard-8; accelerator {L4.partition('=')[2]}" if beam else PLAIN
        for line_of_job, (job, most) in zip(said, SHUFFLES[verb], strict=True):
            found = JOB.fullmatch(line_of_job)
            assert found and (found["job"], found["on"]) == (job, on) and int(found["shuffles"]) <= most, line_of_job
        assert state(tmp_path) == before
        assert tuwen(*line) == 0


def test_a_crawl_builds_for_dataflow(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = tmp_path / "dataflow.toml"
    engine.write_text(OPTIONS)
    line = ["crawl", "--seeds", "https://pictures.example/", "--out", str(tmp_path / "corpus"), "--partitions", "4"]
    assert tuwen(*line, "--contact", "mailto:a@example.cn", "--engine", str(engine), "--dry-run") == 0
    (said,) = capfd.readouterr().out.splitlines()
    found = JOB.fullmatch(said)
    assert found and (found["job"], found["on"], found["shuffles"]) == ("crawl", PLAIN, "3")
    assert not (tmp_path / "corpus").exists()


def test_a_dry_run_of_what_is_done_says_nothing_and_removes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small_crawl(tmp_path)
    assert tuwen("pair", str(tmp_path)) == 0
    (tmp_path / "pairs" / "older.parquet").write_bytes(b"of an earlier crawl")
    before = state(tmp_path)
    capfd.readouterr()
    assert tuwen("pair", str(tmp_path), "--dry-run") == 0
    assert capfd.readouterr().out == ""
    assert state(tmp_path) == before


def tuwen(*words: str) -> int:
    return cli.run(arguments.split(list(words)))


def state(root: Path) -> dict[Path, int]:
    """Every file and folder, and when it was last changed."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}
