"""How fast pages are read: MB/s on one core and CPU-seconds per 1,000 pages, for each step and for all of them.

    python -m benchmarks.extract_speed FOLDER
    python -m benchmarks.extract_speed hostile

FOLDER holds pages as they came, in files that end in .html. The numbers in docs/crawling.md are of the 73 saved pages
of Chinese news sites and forums in the source package of gne 0.4.3 (14.8 MB): pip download --no-deps --no-binary :all:
gne==0.4.3. Beside it stand the parser alone and, where they are installed, lxml and BeautifulSoup doing the least that
is of use: the src and alt of every <img>. The second form reads pages of 5 MiB that are made to choke a reader.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from benchmarks.hostile_pages import HOSTILE
from crawlers.charset import decode
from crawlers.extract import read_page
from crawlers.tame import tame

URL = "https://www.example.cn/a/b.html"
LARGE = 5 * 2**20  # bytes of a hostile page: half of what is fetched of a page at all
RUNS = 5  # of which the fastest counts: what is slower is the machine's other work


def main(folder: str) -> None:
    """Print one table."""
    bodies = [path.read_bytes() for path in sorted(Path(folder).rglob("*.html")) if path.stat().st_size > 1_000]
    if not bodies:
        sys.exit(f"{folder}: no .html file of more than 1,000 bytes in it; name a folder of saved pages")
    texts = [decode(body) for body in bodies]
    steps: list[tuple[str, Callable[[Any], object], Sequence[Any]]] = [
        ("decode", decode, bodies),
        ("tame", tame, texts),
        ("parse", LexborHTMLParser, texts),
        ("read_page (tame, parse, candidates)", lambda text: read_page(text, URL), texts),
        ("all: decode and read_page", lambda body: read_page(decode(body), URL), bodies),
    ]
    if find_spec("lxml"):
        steps.append(("lxml: img and alt", _lxml, bodies))
        if find_spec("bs4"):
            steps.append(("BeautifulSoup on lxml: img and alt", _soup, bodies))
    size = sum(map(len, bodies)) / 1e6
    print(f"{len(bodies)} pages, {size:.1f} MB\n\n| step | MB/s | CPU-s per 1,000 pages |\n| --- | ---: | ---: |")
    for name, step, pages in steps:
        seconds = min(_seconds(step, pages) for _ in range(RUNS))
        print(f"| {name} | {size / seconds:.0f} | {seconds / len(pages) * 1_000:.2f} |")


def hostile() -> None:
    """Print one table: what each kind of hostile page costs, the worst first."""
    costs: dict[str, float] = {}
    for name, make in HOSTILE.items():
        page = make(LARGE * 5_000 // len(make(5_000)))
        costs[name] = _seconds(lambda text: read_page(text, URL), [page])
    print(f"{len(costs)} pages of {LARGE / 2**20:.0f} MiB\n\n| page | CPU-s |\n| --- | ---: |")
    for name in sorted(costs, key=lambda one: -costs[one]):
        print(f"| {name} | {costs[name]:.2f} |")


def _seconds(step: Callable[[Any], object], pages: Sequence[Any]) -> float:
    begun = time.process_time()
    for page in pages:
        step(page)
    return time.process_time() - begun


def _lxml(body: bytes) -> object:
    import lxml.html

    return [(node.get("src"), node.get("alt")) for node in lxml.html.fromstring(body).iter("img")]


def _soup(body: bytes) -> object:
    from bs4 import BeautifulSoup

    return [(node.get("src"), node.get("alt")) for node in BeautifulSoup(body, "lxml").find_all("img")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m benchmarks.extract_speed FOLDER\n{__doc__}")
    hostile() if sys.argv[1] == "hostile" else main(sys.argv[1])
