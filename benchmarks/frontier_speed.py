"""What scheduling costs per URL, with ten thousand to a million URLs waiting at 1,000 hosts: it must not grow.

    python -m benchmarks.frontier_speed [10000 100000 1000000]

In one process, without a network: each URL is added once, as a link of a page would be; then URLs are served (chosen,
counted in their budget, ended, their host released) while as many again are added, and the state is committed as often
as a crawl does. CPU seconds of this process, so a busy machine disturbs little; and the memory that it came to.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from crawlers.fetch import Fetched
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.settings import Settings
from crawlers.state import State
from schemas.outcome import Outcome, UrlKind
from schemas.seeds import Site

HOSTS = 1_000
SERVED = 20_000  # enough for a steady figure
COMMIT_EVERY = 200  # as Settings.checkpoint_responses
LINKS = 100  # of a page: links come in runs of one host


def url(number: int) -> str:
    """The URL of a number: runs of links of one host, in an order that no index likes."""
    page, link = divmod(number, LINKS)
    return f"http://h{page * 7919 % HOSTS}.example.cn/{page * 104_729 % 99_991}/article-{link * 31 % LINKS}.html"


def measured(urls: int, folder: Path) -> tuple[float, float, float]:
    """Microseconds per URL added and per URL served with so many waiting, and the MiB of the state."""
    state = State(folder / f"{urls}.sqlite")
    state.open()
    frontier = Frontier(state, Settings(delay=1.0, address_hosts=10))
    frontier.begin([Site("http://h0.example.cn/", max_pages=10**9)])
    begun = time.process_time()
    for number in range(urls):
        frontier.add(url(number), UrlKind.PAGE, 1, 1)
        if number % (COMMIT_EVERY * LINKS) == 0:
            state.commit()
    state.commit()
    added = time.process_time() - begun
    now, begun = 0.0, time.process_time()
    for number in range(SERVED):
        while not isinstance(job := frontier.next(now), Job):
            now += job or 1.0
        frontier.left(job)
        frontier.take(job)
        frontier.done(job, Outcome.OK, status=200)
        fetched = Fetched(job.target, Outcome.OK, now, 0.01, 200, ip=f"10.0.{job.host % 250}.1", wire=9)
        frontier.release(job, now, 1.0, strikes=0, fetched=fetched)
        frontier.add(url(urls + number), UrlKind.PAGE, 1, 1)
        if number % COMMIT_EVERY == 0:
            state.commit()
    served = time.process_time() - begun
    state.commit()
    state.close()
    size = (folder / f"{urls}.sqlite").stat().st_size
    return added / urls * 1e6, served / SERVED * 1e6, size / 2**20


def main() -> None:
    """Print the table."""
    print("| URLs waiting | µs to add one | µs to serve one and add one | state, MiB | memory, MiB |")
    print("|---:|---:|---:|---:|---:|")
    for urls in [int(word) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            added, served, size = measured(urls, Path(folder))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {urls:,} | {added:.1f} | {served:.1f} | {size:.0f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
