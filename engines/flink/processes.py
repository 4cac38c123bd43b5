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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_PATIENCE = 10.0  # seconds to end in, when asked
_LOOK = 0.2  # seconds between two looks
_STATE, _BEGAN = 0, 19  # places in /proc/PID/stat, counted from what follows the name (proc_pid_stat(5))


@dataclass(frozen=True)
class Processes:
    """The processes that a folder knows, each by a name that is a file there."""

    folder: Path

    def start(self, name: str, command: list[str], log: Path, cwd: Path) -> None:
        """Start a program in a session of its own, to which its children belong; what it prints goes to `log`."""
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, cwd=cwd
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(f"{process.pid} {_told(process.pid)[_BEGAN]}")

    def names(self) -> list[str]:
        """The names of all, also of those that have ended by themselves."""
        return sorted(path.name for path in self.folder.glob("*"))

    def pid(self, name: str) -> int:
        """The number that one has, or had."""
        return int((self.folder / name).read_text().split()[0])

    def pids(self) -> Iterator[int]:
        """The numbers of all that run."""
        return (self.pid(name) for name in self.names() if self.runs(name))

    def runs(self, name: str) -> bool:
        """Whether that very process runs; one that has ended and waits for its parent does not."""
        if not (self.folder / name).exists():
            return False
        pid, _, began = (self.folder / name).read_text().partition(" ")
        try:
            told = _told(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            return False
        return told[_STATE] != "Z" and told[_BEGAN] == began

    def end(self) -> None:
        """End all, children included; by force what takes longer than ten seconds."""
        for name in self.names():
            self._signal(name, signal.SIGTERM)
            if not until(partial(self._ended, name), _PATIENCE):
                self._signal(name, signal.SIGKILL)
            (self.folder / name).unlink()

    def _signal(self, name: str, number: signal.Signals) -> None:
        if self.runs(name):
            with contextlib.suppress(ProcessLookupError):  # it has ended just now
                os.killpg(self.pid(name), number)

    def _ended(self, name: str) -> bool:
        return not self.runs(name)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, so many seconds at most; whether it is."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True


def _told(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on: the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
