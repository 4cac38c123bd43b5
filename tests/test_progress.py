"""Progress goes to standard error: a bar for eyes, a few lines for logs, and nothing that a terminal obeys."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import textwrap
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.progress import LARGEST, PAUSE, printable, progress, repeating, summary, while_running
from schemas.outcome import Outcome

ROOT = Path(__file__).parents[1]


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_has_a_line_at_most_every_few_seconds_and_the_last_state_once() -> None:
    clock, log = Clock(), io.StringIO()
    with progress("measure", 40, stream=log, clock=clock) as bar:
        for done in range(1, 31):
            bar.update(done, {"ok": done - 1, "timeout": 1})
            clock.now += PAUSE / 10
        bar.update(40, {"ok": 39, "timeout": 1})
    lines = log.getvalue().splitlines()
    assert lines == [
        "measure: 11/40 (ok 10, timeout 1)",
        "measure: 21/40 (ok 20, timeout 1)",
        "measure: 40/40 (ok 39, timeout 1)",
    ]


def test_a_line_stays_short_however_many_ends_there_are() -> None:
    clock, log = Clock(), io.StringIO()
    counts = {f"image/{outcome}": number for number, outcome in enumerate(Outcome, 1)}
    with progress("crawl", stream=log, clock=clock) as bar:
        bar.update(sum(counts.values()), counts)
    (line,) = log.getvalue().splitlines()
    shown = dict(list(counts.items())[-LARGEST:])
    others = sum(counts.values()) - sum(shown.values())
    assert line == f"crawl: {sum(counts.values())} ({summary(shown)}, other {others})" and len(line) < 120


def test_a_line_that_stood_last_already_is_not_doubled() -> None:
    clock, log = Clock(), io.StringIO()
    with progress("pack", 2, stream=log, clock=clock) as bar:
        clock.now += PAUSE
        bar.update(2)
    assert log.getvalue() == "pack: 2/2\n"


def test_a_line_is_said_at_once() -> None:
    clock, log = Clock(), io.StringIO()
    with progress("crawl", stream=log, clock=clock) as bar:
        bar.update(1)
        bar.say("waiting\x1b[2J")
        assert log.getvalue() == "waiting\ufffd[2J\n"
    assert log.getvalue().splitlines()[1:] == ["crawl: 1"]


def test_nothing_to_say_is_nothing_said() -> None:
    log = io.StringIO()
    with progress("judge", 0, stream=log):
        pass
    assert log.getvalue() == ""


def test_the_last_state_is_said_when_the_work_fails() -> None:
    log = io.StringIO()
    with pytest.raises(ValueError, match="broken"), progress("judge", stream=log) as bar:
        bar.update(3)
        raise ValueError("broken")
    assert log.getvalue() == "judge: 3\n"


def test_outcomes_are_called_by_the_word_that_files_hold() -> None:
    assert summary({Outcome.OK: 3, Outcome.ROBOTS: 1, Outcome.DNS: 0}) == "ok 3, robots 1"


@given(st.text(st.characters()))
def test_what_is_printable_obeys_nobody_and_stays_one_line(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(c) for c in shown} & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI"}
    shown.encode()


def test_polling_shows_the_end_even_when_the_block_is_quick() -> None:
    log = io.StringIO()
    with while_running(lambda: (7, {"": 5, "image_aspect": 2}), "judge", 7, every=60, stream=log):
        pass
    assert log.getvalue() == "judge: 7/7 (kept 5, image_aspect 2)\n"


def test_polling_goes_on_while_the_block_runs() -> None:
    calls = 0
    thrice = threading.Event()

    def poll() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            thrice.set()

    with repeating(poll, every=0.001):
        assert thrice.wait(10)
    ended = calls
    assert ended > 3
    assert not any(thread.name == "repeating" for thread in threading.enumerate())


def test_a_poll_that_fails_is_heard_after_the_block() -> None:
    failed = threading.Event()
    reached = False

    def poll() -> None:
        failed.set()
        raise OSError("no such folder")

    with pytest.raises(OSError, match="no such folder"), repeating(poll, every=0.001):
        assert failed.wait(10)
        reached = True
    assert reached


def test_the_blocks_own_failure_comes_before_that_of_a_poll() -> None:
    failed = threading.Event()

    def poll() -> None:
        failed.set()
        raise OSError("second")

    with pytest.raises(ValueError, match="first"), repeating(poll, every=0.001):
        assert failed.wait(10)
        raise ValueError("first")


SCRIPT = """
    from pipelines.progress import progress
    with progress("[red]cra\\x1b[2Jwl", 8) as bar:
        bar.update(3, {"[bold]o\\x1b]0;title\\x07k": 3})
        print("a result")
        bar.say("waiting for [b]\\x1b[3Jx")
        bar.update(8, {"ok": 7, "dns": 1})
"""


def on_terminal(**env: str) -> tuple[str, str]:
    """What a program writes to standard output, a pipe, and to standard error, a terminal."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120", **env},
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass  # Linux says EIO when the last writer has closed a terminal
    os.close(ours)
    out, _ = program.communicate(timeout=20)
    assert program.returncode == 0
    return out, seen.decode()


def test_a_terminal_has_a_live_bar_with_nothing_of_the_webs_in_it() -> None:
    out, seen = on_terminal()
    assert out == "a result\n"
    assert "8/8" in seen
    assert "ok 7, dns 1" in seen
    assert "waiting for [b]\ufffd[3Jx" in seen
    assert "\x1b[2J" not in seen
    assert "\x1b]0;" not in seen
    assert "[red]cra\ufffd[2Jwl" in seen


def test_a_dumb_terminal_has_plain_lines() -> None:
    out, seen = on_terminal(TERM="dumb")
    assert out == "a result\n"
    assert seen == "waiting for [b]\ufffd[3Jx\r\n[red]cra\ufffd[2Jwl: 8/8 (ok 7, dns 1)\r\n"


def test_a_file_has_plain_lines_even_when_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    log = io.StringIO()
    with progress("crawl", 1, stream=log) as bar:
        bar.update(1)
    assert log.getvalue() == "crawl: 1/1\n"
