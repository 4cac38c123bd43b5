"""Slices of a crawl in forks of a process that has imported everything, each killed with -9 at a point of its own.

Reads a JSON object a line: `corpus`, `sites` as [URL, strong], `of` partitions, `number`, `changes` of the settings,
`seconds` of the slice, and the `point`: at which step, before or after it, the fork is killed; '' for nowhere. Answers
with the fork's exit status.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from web import loopback

from crawlers.crawl import crawl
from crawlers.partition import Partition
from pipelines import fenced
from pipelines.slice_files import SliceFiles
from pipelines.slices import Slices, crawl_slice, deliver
from schemas.seeds import Site

STEPS: dict[str, tuple[Any, str]] = {
    "stage": (SliceFiles, "stage"),
    "upload": (fenced, "upload"),
    "commit": (SliceFiles, "commit"),
    "forget": (SliceFiles, "forget"),
    "record": (SliceFiles, "put_record"),
    "move": (fenced, "move"),
}
"""What a slice does in turn, and where that is."""


def told(line: dict[str, Any]) -> Slices:
    """What all slices of a line are told."""
    sites = [Site(url, strong=strong) for url, strong in line["sites"]]
    of, changes = line["of"], line["changes"]
    settings = {one: loopback(partition=Partition(one, of), **changes) for one in range(of)}
    return Slices(line["corpus"], partial(crawl, sites), settings, line["seconds"], "a call")


def die(point: str) -> None:
    """Let this process be killed `before` or `after` a step, as in `commit after`, or at its second time: `move 2`."""
    step, _, when = point.partition(" ")
    where, name = STEPS[step]
    real: Callable[..., Any] = getattr(where, name)
    times = 0

    def killed(*args: Any) -> Any:
        nonlocal times
        times += 1
        if when == "before" or when == str(times):
            os.kill(os.getpid(), signal.SIGKILL)
        value = real(*args)
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(where, name, killed)


if __name__ == "__main__":
    for line in map(json.loads, iter(sys.stdin.readline, "")):
        child = os.fork()
        if not child:
            if line["point"]:
                die(line["point"])
            deliver(crawl_slice(line["number"], told(line)), told(line))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
