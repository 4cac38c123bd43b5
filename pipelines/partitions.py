"""A crawl in several processes on one machine, one for each partition, until no letter waits between them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from crawlers import status
from crawlers.outbox import undelivered
from crawlers.settings import Settings
from crawlers.shares import Allowance, spent
from crawlers.state import check_partitions
from pipelines.progress import Bar, progress, repeating
from pipelines.waiting import Told
from schemas.errors import TuwenError, WorkFailed

Crawl = Callable[..., dict[str, int]]
"""crawl(settings, report, again=…): a crawl of one partition; picklable, for it runs in a process of its own."""

_STOPPED = "stopped"
_PATIENCE = 30.0  # seconds that a process may take to end after it was told to: a checkpoint takes a few


def crawl_all(crawl: Crawl, corpus: Path, settings: Settings, number: int, *, again: bool = False) -> dict[str, int]:
    """Run every partition until nothing waits in any, and no letter between them; the counts of all.

    Raises what the first process that failed raised, as WorkFailed where it died, after the others have stopped at a
    checkpoint; KeyboardInterrupt likewise. The same call goes on from there.
    """
    check_partitions(corpus, number)
    allowance = Allowance(partial(spent, corpus, number), settings, number)
    told = Told(partial(status.waits, corpus))

    def look(bar: Bar) -> None:
        counts = status.counts(corpus)
        bar.update(sum(counts.values()), counts)
        told.tell(bar)

    with _terminated_is_interrupted(), progress("crawl") as bar, repeating(partial(look, bar)):
        _one_round(crawl, allowance.shared(), again=again)
        while undelivered(corpus / "crawl") or allowance.left():
            _one_round(crawl, allowance.shared(), again=False)
    return status.counts(corpus)


def _one_round(crawl: Crawl, own: list[Settings], *, again: bool) -> None:
    """Let every partition serve what waits for it, side by side."""
    context = multiprocessing.get_context("spawn")  # a fork would share sockets and locks of this process
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_started(context.Process, crawl, one, again)) for one in own]
        while running:
            ended = wait([process.sentinel for process, _ in running])
            for process, said in [one for one in running if one[0].sentinel in ended]:
                _check(process, said)
                running.remove((process, said))


@contextlib.contextmanager
def _started(
    make: Callable[..., BaseProcess], crawl: Crawl, settings: Settings, again: bool
) -> Iterator[tuple[BaseProcess, Connection]]:
    """A running partition, which is told to stop, and waited for, when the block ends."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    name = f"crawl {settings.partition.name}"
    process = make(target=_crawl, args=(crawl, settings, again, theirs), name=name)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        if process.is_alive():
            process.terminate()  # SIGTERM: it stops at a checkpoint
            process.join(_PATIENCE)
            process.kill()
        process.join()
        ours.close()


@contextlib.contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Let SIGTERM, as `timeout` sends it, end the crawl like a Ctrl-C; outside the main thread none can be caught."""

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends two, and the second would disturb the ending
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _crawl(crawl: Crawl, settings: Settings, again: bool, said: Connection) -> None:
    """What each process does: crawl, and tell how it went wrong. It stops at a checkpoint when its parent is gone."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    tell(crawl, settings, again=again, said=said)


def tell(crawl: Crawl, settings: Settings, *, again: bool, said: Connection) -> None:
    """Crawl, and tell how it went wrong; a parent that is gone is not told."""
    fault: TuwenError | str = ""
    try:
        crawl(settings, None, again=again)
    except KeyboardInterrupt:
        fault = _STOPPED
    except TuwenError as error:
        fault = error
    if fault:
        with contextlib.suppress(BrokenPipeError):
            said.send(fault)


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _check(process: BaseProcess, said: Connection) -> None:
    process.join()
    fault = None
    with contextlib.suppress(EOFError):  # it died, or had nothing to say
        fault = said.recv()
    if fault == _STOPPED:
        raise KeyboardInterrupt
    if isinstance(fault, TuwenError):
        raise fault
    if process.exitcode:
        why = f"was killed by signal {-process.exitcode}" if process.exitcode < 0 else "failed, see above"
        raise WorkFailed(f"{process.name} {why}; run the same command again: it goes on from the last checkpoint")
