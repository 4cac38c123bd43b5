"""Programs that outlive their starter: found again, ended with their children, and never taken for another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engines.flink.daemons import Daemons, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_is_found_again_and_ended_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/child; echo begun; wait"
    Daemons(tmp_path / "pid").start("one", ["sh", "-c", script], tmp_path / "one.log", tmp_path)
    again = Daemons(tmp_path / "pid")
    assert again.names() == ["one"] and again.runs("one")
    assert again.pids() == [again.pid("one")] and os.getsid(again.pid("one")) == again.pid("one")
    assert until(lambda: (tmp_path / "one.log").read_text() == "begun\n", 10)
    child = int((tmp_path / "child").read_text())
    again.end()
    assert until(lambda: not runs(child), 10)
    assert not again.names() and not again.runs("one")


def test_one_that_has_ended_is_told(tmp_path: Path) -> None:
    daemons = Daemons(tmp_path / "pid")
    daemons.start("one", ["false"], tmp_path / "one.log", tmp_path)
    assert until(lambda: not daemons.runs("one"), 10)
    assert daemons.names() == ["one"] and not daemons.pids()
    daemons.end()
    assert not daemons.names()


@pytest.mark.parametrize("began", [" 1", "", " 1 2"])
def test_another_process_with_the_number_of_one_is_left_alone(began: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        (tmp_path / "one").write_text(f"{stranger.pid}{began}")
        daemons = Daemons(tmp_path)
        assert not daemons.runs("one")
        daemons.end()
        assert stranger.poll() is None and not daemons.names()
        stranger.kill()


def test_what_does_not_end_when_asked_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.flink.daemons._PATIENCE", 0.3)
    daemons = Daemons(tmp_path / "pid")
    daemons.start("deaf", ["sh", "-c", "trap '' TERM; echo deaf; sleep 60 & wait; wait"], tmp_path / "log", tmp_path)
    assert until(lambda: (tmp_path / "log").read_text() == "deaf\n", 10)
    pid = daemons.pid("deaf")
    daemons.end()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def started(folder: Path, script: str) -> tuple[Daemons, int]:
    """A shell with a child, whose number the script has written: both run when this returns."""
    daemons = Daemons(folder / "pid")
    daemons.start("one", ["sh", "-c", script], folder / "one.log", folder)
    assert until(lambda: (folder / "child").exists() and (folder / "child").read_text().endswith("\n"), 10)
    return daemons, int((folder / "child").read_text())


def test_children_that_are_left_of_one_that_died_are_ended(tmp_path: Path) -> None:
    daemons, child = started(tmp_path, "sleep 60 & echo $! > child; wait")
    os.kill(daemons.pid("one"), signal.SIGKILL)
    assert until(lambda: not daemons.runs("one"), 10) and runs(child)
    daemons.end()
    assert until(lambda: not runs(child), 10)


def test_a_child_that_does_not_end_when_asked_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.flink.daemons._PATIENCE", 0.3)
    daemons, child = started(tmp_path, "(trap '' TERM; exec sleep 60) & sleep 0.2; echo $! > child; wait")
    daemons.end()
    assert until(lambda: not runs(child), 10)


def test_a_file_that_says_nothing_is_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("")
    daemons = Daemons(tmp_path)
    assert daemons.names() == ["one"] and not daemons.runs("one") and not daemons.pid("one")
    daemons.end()
    assert not daemons.names()
