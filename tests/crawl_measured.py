"""One crawl in a process of its own, which says how much memory it took beyond what its libraries take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from web import loopback

from crawlers.addresses import Allowed
from crawlers.crawl import crawl
from schemas.seeds import Site


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sites, corpus, changes, allowed = sys.argv[1:]
    before = peak()
    settings = loopback(allow_addresses=tuple(map(Allowed.parse, json.loads(allowed))), **json.loads(changes))
    crawl([Site(**site) for site in json.loads(sites)], Path(corpus), settings)
    print(peak() - before)
