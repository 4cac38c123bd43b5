"""A list of a hundred thousand URLs, or a million, at 1,000 hosts in one crawl: do cost and memory stay as they are?

    python -m benchmarks.million_urls_speed --urls 1000000

Every host is an address of its own on loopback, served by another process whose time is not counted; a few per cent of
the answers are 404s, failures and pages in a picture's place. The crawl is a third process, watched from outside: its
CPU time and memory as the kernel counts them, the URLs that have ended as its state has them on disk. In the end the
log must hold each URL of the list once, with the outcome that its answer calls for; else the exit status is 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow.dataset as ds

from benchmarks.thousand_hosts import MOST, OUTCOMES, answer, serving, url
from crawlers.addresses import Allowed
from crawlers.lists import from_list
from crawlers.settings import Settings

_EVERY = 0.5  # seconds between two looks at the crawl: a tenth of the smallest run takes some
_TICK = os.sysconf("SC_CLK_TCK")
_REASON = "the pages of this benchmark are its own, and a request for each of them is all that it counts"
_spawn = multiprocessing.get_context("spawn")


def _crawl(listed: Path, corpus: Path) -> None:
    settings = Settings(
        allow_addresses=(Allowed.parse("127.0.0.0/8"),), delay=0.0, ignore=(("tdmrep", _REASON), ("ai.txt", _REASON))
    )
    from_list(listed, "url", None, corpus, settings)


@dataclass(frozen=True)
class Sample:
    """The crawl at one time: seconds of the clock and of its CPU, bytes of its memory, URLs that have ended."""

    wall: float
    cpu: float
    memory: int
    ended: int


def watched(listed: Path, corpus: Path, urls: int) -> list[Sample]:
    """Crawl a list in a process of its own, and look at it until it ends. Raises RuntimeError when it fails."""
    crawl = _spawn.Process(target=_crawl, args=(listed, corpus))
    begun, samples = time.monotonic(), [Sample(0.0, 0.0, 0, 0)]
    crawl.start()
    state, process = corpus / "crawl" / "state" / "part-00.sqlite", Path(f"/proc/{crawl.pid}")
    while crawl.is_alive():
        ended = _ended(state)
        # By then it may be a zombie, whose memory is gone.
        words = (process / "stat").read_text().rpartition(")")[2].split()
        cpu, memory = (int(words[11]) + int(words[12])) / _TICK, int(words[21]) * resource.getpagesize()
        if memory:
            samples.append(Sample(time.monotonic() - begun, cpu, memory, ended))
            if sys.stderr.isatty():
                print(f"\r{ended:,} of {urls:,}", end="", file=sys.stderr)
        crawl.join(_EVERY)
    if crawl.exitcode:
        raise RuntimeError(f"the crawl ended with {crawl.exitcode}; see {corpus}")
    return samples


def _ended(state: Path) -> int:
    """How many pictures had their outcome at the crawl's last checkpoint."""
    if not state.exists():
        return 0
    with closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT coalesce(sum(number), 0) FROM counts WHERE kind = 'image'").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it is being made


def at(samples: list[Sample], ended: float) -> Sample:
    """The crawl when so many URLs had ended: time between the two samples around, memory of the earlier one.

    The later one of the last two may be in the middle of what ends a crawl.
    """
    for before, after in pairwise(samples):
        if after.ended >= ended > before.ended:
            part = (ended - before.ended) / (after.ended - before.ended)
            wall = before.wall + part * (after.wall - before.wall)
            return Sample(wall, before.cpu + part * (after.cpu - before.cpu), before.memory, int(ended))
    return max((one for one in samples if one.ended <= ended), key=lambda one: one.wall)


def most_of(samples: list[Sample], since: Sample, until: Sample) -> int:
    """The most memory between two times, with the samples around them: bytes."""
    first = max(number for number, one in enumerate(samples) if one.wall <= since.wall)
    last = min(number for number, one in enumerate(samples) if one.wall >= until.wall)
    return max(one.memory for one in samples[first : last + 1])


def audited(corpus: Path, origins: list[str], urls: int) -> tuple[Counter[str], list[str]]:
    """The rows of the log by kind and outcome, and what is wrong with them: a few examples of each fault."""
    outcomes: Counter[str] = Counter()
    faults: dict[str, list[str]] = {}
    seen = bytearray(urls)
    log = ds.dataset(corpus / "crawl" / "log")
    for batch in log.to_batches(columns=["url", "kind", "outcome"]):
        for row in batch.to_pylist():
            outcomes[f"{row['kind']}/{row['outcome']}"] += 1
            if row["kind"] != "image":
                continue
            number = int(row["url"].rpartition("/")[2].removesuffix(".png"))
            if row["url"] != url(number, origins):
                faults.setdefault("is not of the list", []).append(row["url"])
            elif row["outcome"] not in OUTCOMES[answer(number)]:
                faults.setdefault("has another outcome than its answer calls for", []).append(row["url"])
            seen[number] = min(seen[number] + 1, 2)
    for number in (number for number, times in enumerate(seen) if times != 1):
        fault = "has two outcomes" if seen[number] else "has no outcome"
        faults.setdefault(fault, []).append(url(number, origins))
    return outcomes, [f"{len(wrong):,} times: {wrong[0]} {fault}" for fault, wrong in faults.items()]


def show(samples: list[Sample], outcomes: Counter[str], state: int, urls: int, hosts: int) -> None:
    """Print the table; `state` is what the crawl's state takes on disk, in bytes."""
    start, begun, last = samples[0], at(samples, 0), samples[-1]
    parts = [begun, *(at(samples, urls * tenth / 10) for tenth in range(1, 11))]
    per_url = [(after.cpu - before.cpu) / urls * 10 * 1e6 for before, after in pairwise(parts)]
    memory = {f"{tenth}0 %": parts[tenth].memory for tenth in (1, 2, 5, 10)}
    most = [most_of(samples, before, after) for before, after in pairwise(parts)]
    print(f"| {'what':44} | {'figure':>44} |\n| {'-' * 44} | {'-' * 43}: |")
    for name, figure in {
        "URLs": f"{urls:,}",
        "hosts": f"{hosts:,}",
        "wall, s": f"{last.wall:.0f}",
        "CPU-s per 1000 URLs": f"{last.cpu / urls * 1e3:.2f}",
        "taking the list in, CPU µs per URL": f"{begun.cpu / urls * 1e6:.0f}",
        "each tenth, CPU µs per URL": " ".join(f"{cost:.0f}" for cost in per_url),
        f"RSS at {', '.join(memory)}, MiB": " ".join(f"{size / 2**20:.0f}" for size in memory.values()),
        "RSS at most in each tenth, MiB": " ".join(f"{size / 2**20:.0f}" for size in most),
        "RSS at most while the list was taken in, MiB": f"{most_of(samples, start, begun) / 2**20:.0f}",
        "RSS at most while the last segment is sealed": f"{most_of(samples, parts[-1], last) / 2**20:.0f}",
        "state on disk, bytes per URL": f"{state / urls:.0f}",
        **{name: f"{number:,}" for name, number in sorted(outcomes.items())},
    }.items():
        print(f"| {name:44} | {figure:>44} |")


def measured(folder: Path, urls: int, hosts: int) -> int:
    """Crawl, print the table and what is wrong; the exit status."""
    listed, corpus = folder / "list.txt", folder / "corpus"
    with serving(hosts) as origins:
        with listed.open("w") as file:
            file.writelines(f"{url(number, origins)}\n" for number in range(urls))
        samples = watched(listed, corpus, urls)
    outcomes, faults = audited(corpus, origins, urls)
    state = sum(file.stat().st_size for file in (corpus / "crawl" / "state").iterdir())
    show(samples, outcomes, state, urls, hosts)
    print("\n".join(faults) or "every URL has one outcome", file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


def main() -> int:
    """Measure, in a folder that is removed unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--urls", type=int, default=100_000)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, help="an empty folder in which the list and the corpus stay")
    options = parser.parse_args()
    if not options.hosts <= options.urls <= MOST:
        parser.error(f"--urls: give from {options.hosts} to {MOST}, so that every host has one")
    if options.folder is not None:
        if (options.folder / "corpus").exists():
            parser.error(f"--folder {options.folder}: holds a crawl already, whose hosts are gone")
        options.folder.mkdir(parents=True, exist_ok=True)
        return measured(options.folder, options.urls, options.hosts)
    with tempfile.TemporaryDirectory() as name:
        return measured(Path(name), options.urls, options.hosts)


if __name__ == "__main__":
    sys.exit(main())
