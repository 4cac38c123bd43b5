"""How far a verb has come, on standard error: a live bar on a terminal, else a plain line now and then.

Standard output is for results alone, so that they can be piped while the bar runs.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

PAUSE = 5.0  # seconds between two plain lines: a night's log stays readable, a stall still shows
LARGEST = 4  # counts on a plain line: the rest is one sum, and a verb tells all when it has ended
POLL = 0.5  # seconds between two looks at a running job: looks live, and listing a folder costs little

# What a terminal would obey instead of show: C0 and C1 controls, line and paragraph separators, marks that
# turn the direction of text, and halves of surrogate pairs, which cannot be written at all.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` in one line with nothing that a terminal obeys: such characters come out as U+FFFD.

    >>> printable("图\\x1b[2J文")
    '图�[2J文'
    """
    return _OBEYED.sub("\ufffd", text)


def summary(counts: Mapping[str, int]) -> str:
    """The counts that are not zero, in the order given; a pair's empty verdict is called kept.

    >>> summary({"": 7, "image_aspect": 2, "text_han_ratio": 0})
    'kept 7, image_aspect 2'
    """
    named = ((key.value if isinstance(key, Enum) else key, count) for key, count in counts.items())
    return ", ".join(f"{printable(str(key)) or 'kept'} {count}" for key, count in named if count)


def shortened(counts: Mapping[str, int]) -> dict[str, int]:
    """The largest of the counts, in the order given, and the sum of the others, where there are many.

    >>> shortened({"ok": 90, "dns": 1, "timeout": 7, "robots": 5, "http_error": 8, "tls": 2})
    {'ok': 90, 'timeout': 7, 'robots': 5, 'http_error': 8, 'other': 3}
    """
    if len([count for count in counts.values() if count]) <= LARGEST + 1:  # one other would be told as well by name
        return dict(counts)
    largest = sorted(counts, key=lambda key: counts[key], reverse=True)[:LARGEST]
    shown = {key: count for key, count in counts.items() if key in largest}
    return shown | {"other": sum(counts.values()) - sum(shown.values())}


class Bar(Protocol):
    """What `progress` gives: a place to say how far the work is, or `say` one line. Any thread may call it."""

    def update(self, done: int, counts: Mapping[str, int] | None = None) -> None: ...

    def say(self, line: str) -> None: ...


class Plain:
    """Lines for a log: one at most every `PAUSE` seconds, and the last state at the end, once."""

    def __init__(self, name: str, total: int | None, stream: TextIO, clock: Callable[[], float]) -> None:
        self._name, self._total, self._stream, self._clock = printable(name), total, stream, clock
        self._lock = threading.Lock()
        self._written = clock()  # so the first line waits too: a quick job has one line, its last
        self._line = self._last = ""

    def update(self, done: int, counts: Mapping[str, int] | None = None) -> None:
        of = "" if self._total is None else f"/{self._total}"
        parts = summary(shortened(counts or {}))
        with self._lock:
            self._line = f"{self._name}: {done}{of}" + (f" ({parts})" if parts else "")
            if self._clock() - self._written >= PAUSE:
                self._write()

    def say(self, line: str) -> None:
        with self._lock:
            print(printable(line), file=self._stream, flush=True)

    def close(self) -> None:
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._line != self._last:
            print(self._line, file=self._stream, flush=True)
            self._last, self._written = self._line, self._clock()


class Live:
    """One bar that is redrawn in place."""

    def __init__(self, name: str, total: int | None, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn(
                "{task.fields[counts]}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
            redirect_stdout=False,  # results stay on standard output
        )
        self._task = self._progress.add_task(printable(name), total=total, counts="")
        self._progress.start()

    def update(self, done: int, counts: Mapping[str, int] | None = None) -> None:
        self._progress.update(self._task, completed=done, counts=summary(counts or {}))

    def say(self, line: str) -> None:
        self._progress.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


@contextlib.contextmanager
def progress(
    name: str,
    total: int | None = None,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Bar]:
    """Show the progress of the verb `name` through `total` items (None: unknown) until the block ends.

    `bar.update(done, counts)` says how many are done and, where it is known, how they ended: counts per outcome
    or verdict. `stream` is standard error. Names and keys may come from the web.
    """
    stream = sys.stderr if stream is None else stream
    console = Console(file=stream)
    # Not `console.is_terminal` alone: FORCE_COLOR makes rich call any file a terminal.
    live = stream.isatty() and not console.is_dumb_terminal
    bar = Live(name, total, console) if live else Plain(name, total, stream, clock)
    try:
        yield bar
    finally:
        bar.close()


@contextlib.contextmanager
def repeating(call: Callable[[], None], every: float = POLL) -> Iterator[None]:
    """Call `call` from another thread each `every` seconds while the block runs, and once when it has ended well.

    An exception of `call` ends the calls and is raised when the block has ended, unless the block raises itself.
    """
    over = threading.Event()
    faults: list[BaseException] = []

    def repeat() -> None:
        try:
            while not over.wait(every):
                call()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=repeat, name="repeating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if faults:
        raise faults[0]
    call()


@contextlib.contextmanager
def while_running(
    poll: Callable[[], tuple[int, Mapping[str, int]]],
    name: str,
    total: int | None = None,
    *,
    every: float = POLL,
    stream: TextIO | None = None,
) -> Iterator[Bar]:
    """Show what `poll` finds, each `every` seconds, while the block runs, and what it finds at the end.

    `poll` gives (done, counts) and must be cheap: Beam's local runner tells no counter before a job's end, so a
    verb counts the files that are finished.
    """
    with progress(name, total, stream=stream) as bar, repeating(lambda: bar.update(*poll()), every):
        yield bar
