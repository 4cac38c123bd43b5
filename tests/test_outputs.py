"""How many of a verb's files are told to be finished, while it runs and when it has ended."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import files, outputs
from pipelines.engine import Engine

_ROW = pa.table({"one": [1]})


def test_a_look_under_way_when_the_work_ends_is_followed_by_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(tmp_path / f"{number}.parquet") for number in range(3)]
    looking, ended, look = threading.Event(), threading.Event(), files.made_from
    over = False

    def slow(path: str) -> str:
        made = look(path)
        if threading.current_thread() is not threading.main_thread():
            looking.set()
            ended.wait(0.3)
        elif over:
            ended.set()
        return made

    monkeypatch.setattr(outputs, "POLL", 0.01)
    monkeypatch.setattr(files, "made_from", slow)
    with outputs.progress("pack", paths, Engine()):
        for path in paths:
            files.write_table(path, _ROW, "rows")
        assert looking.wait(10)
        over = True
    assert capsys.readouterr().err == "pack: 3/3\n"


def test_files_that_stay_as_they_were_count_when_the_verb_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(tmp_path / f"{number}.parquet") for number in range(100)]
    for path in paths:
        files.write_table(path, _ROW, "rows")
    with outputs.progress("pack", [*paths, str(tmp_path / "none.parquet")], Engine()):
        pass
    assert capsys.readouterr().err == "pack: 100/101\n"


def test_the_last_count_is_that_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = outputs.Outputs({str(tmp_path / f"{number}.parquet"): "rows" for number in range(100)})
    with wanted.progress("measure", Engine()):
        for path in list(wanted.wanted)[:90]:
            files.write_table(path, _ROW, "rows")
    assert capsys.readouterr().err == "measure: 90/100\n"


def test_a_dry_run_has_no_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dry = Engine(beam_args=("--dry_run=True",))
    wanted = outputs.Outputs({str(tmp_path / "0.parquet"): "rows"})
    with wanted.progress("measure", dry), outputs.progress("pack", list(wanted.wanted), dry):
        pass
    assert capsys.readouterr().err == ""
