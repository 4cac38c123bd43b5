"""Programs that go on when the one that started them has ended, known to a folder by number and by when they began.

By number alone a stranger could be ended: numbers are given anew, and after a restart of the machine all of them are.
What the kernel tells of a process is read from /proc, so this is Linux's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_PATIENCE = 10.0  # seconds to end in, when asked
_LOOK = 0.2  # seconds between two looks


@dataclass(frozen=True)
class _Told:
    """What the kernel tells of a process (proc_pid_stat(5)): whether it runs, its session, and when it began."""

    pid: int
    runs: bool  # one that has ended and waits for its parent does not
    session: int
    began: str  # in ticks since the machine started


@dataclass(frozen=True)
class Daemons:
    """The processes that a folder knows, each by a name that is a file there; with each go those of its session."""

    folder: Path

    def start(self, name: str, command: list[str], log: Path, cwd: Path) -> None:
        """Start a program in a session of its own, to which its children belong; what it prints goes to `log`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, cwd=cwd
            )
        told = _told(process.pid)
        assert told is not None  # it is our child, so its number is its own until we have asked how it ended
        (self.folder / name).write_text(f"{told.pid} {told.began}")

    def names(self) -> list[str]:
        """The names of all, also of those that have ended by themselves."""
        return sorted(path.name for path in self.folder.glob("*"))

    def pid(self, name: str) -> int:
        """The number that one has, or had."""
        return self._known(name)[0]

    def pids(self) -> list[int]:
        """The numbers of all that run."""
        return [self.pid(name) for name in self.names() if self.runs(name)]

    def runs(self, name: str) -> bool:
        """Whether that very process runs."""
        pid, began = self._known(name)
        told = _told(pid)
        return told is not None and told.runs and told.began == began

    def end(self) -> None:
        """End all, children included; by force what takes longer than ten seconds."""
        for name in self.names():
            self._signal(name, signal.SIGTERM)
            if not until(partial(self._is_over, name), _PATIENCE):
                self._signal(name, signal.SIGKILL)
            (self.folder / name).unlink()

    def _known(self, name: str) -> tuple[int, str]:
        """Number and beginning; (0, '') of what nothing is known."""
        path = self.folder / name
        words = path.read_text().split() if path.exists() else []
        return (int(words[0]), words[1]) if len(words) == 2 else (0, "")

    def _session(self, name: str) -> list[int]:
        """The numbers of those that run of a session; of none when its number is another's by now.

        While one of the session runs the kernel gives nobody else its number, also when the first has ended.
        """
        pid, began = self._known(name)
        first = _told(pid)
        if not pid or (first is not None and first.began != began):
            return []
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [one.pid for one in map(_told, numbers) if one is not None and one.runs and one.session == pid]

    def _is_over(self, name: str) -> bool:
        return not self._session(name)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for pid in self._session(name):
            with contextlib.suppress(ProcessLookupError):  # it has ended just now
                os.kill(pid, number)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, so many seconds at most; whether it is."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True


def _told(pid: int) -> _Told | None:
    """What the kernel tells of a process; None of one that is not there."""
    try:
        # From the state on: the name before it may hold anything.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Told(pid, words[0] != "Z", int(words[3]), words[19])
