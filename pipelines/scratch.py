"""Folders for work under way, on this machine's own disk. What a killed process left there, the next one removes."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = f"tuwen-work-{os.uname().nodename}-"  # a lock may tell of this machine's processes alone


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A new folder with `name` in its own, for as long as the block lasts; before it, those of the dead are removed.

    A folder belongs to whoever holds its lock, and the kernel takes that from a process that ends, however it ends: of
    a worker killed in mid-crawl gigabytes would stay on a machine that lives on. Raises OSError as mkdtemp does.
    """
    _remove_dead()
    path, lock = _locked(name)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _let_go(lock)


def _locked(name: str) -> tuple[Path, int]:
    """A new folder, and its lock; anew where another process took it for a dead one's before it was locked."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-"))
        try:
            lock = _open(path)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        _let_go(lock)


def _remove_dead() -> None:
    """Remove the folders of this user that nobody holds."""
    for path in Path(tempfile.gettempdir()).glob(f"{glob.escape(_PREFIX)}*"):
        try:
            lock = _open(path)
        except OSError:  # just gone, or another user's
            continue
        try:
            if os.fstat(lock).st_uid == os.geteuid():  # root can open everybody's
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:  # alive
            pass
        finally:
            _let_go(lock)


def _let_go(lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough where a child has inherited it
    os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
