"""crawl: the crawler as a verb, with its progress, and what it said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crawlers.addresses import Allowed
from crawlers.settings import CONTACT, Settings
from pipelines import files
from pipelines.corpus import Corpus
from pipelines.progress import progress, summary
from schemas import seeds as seeds_file
from schemas.errors import BadInput


def settings(
    allow: list[str], max_pages: int | None, max_images: int | None, delay: float, agent: str, contact: str | None
) -> Settings:
    """The options of the command line as the crawler takes them. Raises BadInput for one that it cannot."""
    return Settings(
        allow_addresses=tuple(Allowed.parse(text) for text in allow),
        max_pages=max_pages,
        max_images=max_images,
        delay=delay,
        agent=agent,
        contact=contact or CONTACT,
    )


def crawl_sites(seeds: list[str], out: str, settings: Settings) -> dict[str, int]:
    """Crawl from seeds into OUT/crawl; returns and prints the number of URLs by kind and outcome."""
    from crawlers.crawl import crawl

    sites = seeds_file.load(seeds)
    corpus = _local(out, settings)
    with progress("crawl") as bar:

        def show(counts: Mapping[str, int]) -> None:
            bar.update(sum(counts.values()), counts)

        counts = crawl(sites, Path(corpus.root), settings, show)
    return _said(counts)


def crawl_list(
    url_list: str, url_col: str, caption_col: str | None, out: str, settings: Settings, input_format: str = ""
) -> dict[str, int]:
    """Fetch the pictures of a list into OUT/crawl; returns and prints the number of URLs by kind and outcome."""
    from crawlers.lists import from_list

    corpus = _local(out, settings)
    with progress("crawl") as bar:

        def show(counts: Mapping[str, int]) -> None:
            bar.update(sum(counts.values()), counts)

        counts = from_list(url_list, url_col, caption_col, Path(corpus.root), settings, show, input_format)
    return _said(counts)


def agent_of(corpus: Corpus) -> str:
    """How the crawler of this corpus named itself."""
    path = corpus.crawl("agent.txt")
    return files.read_bytes(path).decode().strip() if files.exists(path) else Settings().user_agent


def _local(out: str, settings: Settings) -> Corpus:
    if files.is_remote(out):
        raise BadInput(f"--out {out}: a crawl keeps its state on a local disk; crawl there, and copy the folder after")
    corpus = Corpus(out)
    with files.whole(corpus.crawl("agent.txt")) as file:
        file.write(f"{settings.user_agent}\n".encode())
    return corpus


def _said(counts: dict[str, int]) -> dict[str, int]:
    print(f"crawl: {summary(counts)}")
    return counts
