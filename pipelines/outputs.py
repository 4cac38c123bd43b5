"""The files that a verb should leave, each with the digest of what it is to be made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pipelines import files
from pipelines.engine import Engine
from pipelines.progress import PAUSE, POLL, while_running

_AT_ONCE = 8  # files that the last look is at, to hide the waiting for an object store
_LOOKS = 64  # unfinished files that are looked at in one poll, so that a poll costs the same for any corpus


class Outputs:
    """Which of a verb's Parquet files are current, which are to be made, and which should not be there."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.wanted = dict(wanted)

    def missing(self) -> list[str]:
        """Those that are not there, not whole, or made from something else than is wanted now."""
        return [path for path, made_from in self.wanted.items() if files.made_from(path) != made_from]

    @contextmanager
    def progress(self, verb: str, engine: Engine) -> Iterator[None]:
        """Show how many of the files are finished while the block runs, on any engine; nothing when it is dry."""

        def finished(path: str) -> bool:
            return files.made_from(path) == self.wanted[path]

        with _counted(verb, engine, len(self.wanted), self.missing(), finished, finished):
            yield

    def sweep(self, folders: Iterable[str]) -> None:
        """Remove the Parquet files of these folders that are none of ours: they tell of an earlier crawl."""
        for folder in folders:
            there = {files.join(folder, name) for name in files.listing(folder, ".parquet")}
            files.remove(there - set(self.wanted))


@contextmanager
def progress(verb: str, paths: Sequence[str], engine: Engine) -> Iterator[None]:
    """Show how many of a verb's Parquet files are finished while the block runs, where what they are made from is not
    known before: those that come, or become others. When the block has ended well, all that are there.
    """
    before = {path: files.made_from(path) for path in paths}

    def finished(path: str) -> bool:
        return files.made_from(path) not in ("", before[path])

    def there(path: str) -> bool:
        return files.made_from(path) != ""

    with _counted(verb, engine, len(paths), paths, finished, there):
        yield


@contextmanager
def _counted(
    verb: str,
    engine: Engine,
    total: int,
    unfinished: Sequence[str],
    finished: Callable[[str], bool],
    at_last: Callable[[str], bool],
) -> Iterator[None]:
    """Show what `finished` says of some at a time, and `at_last` of all that are left when the block is over."""
    if engine.dry:
        yield
        return
    left, over = list(unfinished), False

    def poll() -> tuple[int, Mapping[str, int]]:
        nonlocal left
        if over:
            left = [path for path, made in zip(left, pool.map(at_last, left), strict=True) if not made]
        else:
            left = left[_LOOKS:] + [path for path in left[:_LOOKS] if not finished(path)]
        return total - len(left), {}

    # In an object store a look is a request for each file, so there it comes as seldom as the lines of a log.
    every = PAUSE if any(map(files.is_remote, left[:1])) else POLL
    with ThreadPoolExecutor(_AT_ONCE) as pool, while_running(poll, verb, total, every=every):
        yield
        over = True
