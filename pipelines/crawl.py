"""crawl: the crawler as a verb, with its progress, and what it said of itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from crawlers.addresses import Allowed
from crawlers.settings import CONTACT, Settings
from pipelines import files
from pipelines.corpus import Corpus
from pipelines.progress import progress, summary
from pipelines.sources import Sources
from schemas.errors import BadInput


def settings(
    allow: list[str],
    max_pages: int | None,
    max_images: int | None,
    delay: float,
    agent: str,
    contact: str | None,
    max_bytes: int | None = None,
    max_seconds: float | None = None,
) -> Settings:
    """The options of the command line as the crawler takes them. Raises BadInput for one that it cannot."""
    return Settings(
        allow_addresses=tuple(Allowed.parse(text) for text in allow),
        max_pages=max_pages,
        max_images=max_images,
        delay=delay,
        agent=agent,
        contact=contact or CONTACT,
        max_bytes=max_bytes,
        max_seconds=max_seconds,
    )


def crawl(sources: Sources, out: str, settings: Settings, *, again: bool = False) -> dict[str, int]:
    """Crawl from one source into OUT/crawl; returns and prints the number of URLs by kind and outcome."""
    chosen = sources.chosen()
    corpus = _local(out, settings)
    with progress("crawl") as bar:

        def show(counts: Mapping[str, int]) -> None:
            bar.update(sum(counts.values()), counts)

        counts = chosen(Path(corpus.root), settings, show, again)
    print(f"crawl: {summary(counts)}")
    return counts


def agent_of(corpus: Corpus) -> str:
    """How the crawler of this corpus named itself."""
    path = corpus.crawl("agent.txt")
    return files.read_bytes(path).decode().strip() if files.exists(path) else Settings().user_agent


def _local(out: str, settings: Settings) -> Corpus:
    if files.is_remote(out):
        raise BadInput(f"--out {out}: a crawl keeps its state on a local disk; crawl there, and copy the folder after")
    corpus = Corpus(out)
    if settings.contact == CONTACT and not settings.allow_addresses:  # where ranges are allowed it is one's own web
        print(
            "crawl: without --contact no site owner can reach you; give a URL or mailto: that you read", file=sys.stderr
        )
    path, said = corpus.crawl("agent.txt"), f"{settings.user_agent}\n".encode()
    if not files.exists(path) or files.read_bytes(path) != said:
        with files.whole(path) as file:
            file.write(said)
    return corpus
