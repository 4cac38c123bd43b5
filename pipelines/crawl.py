"""crawl: the crawler as a verb, with its progress, and what it said of itself."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from crawlers import status
from crawlers.settings import CONTACT, Settings
from pipelines import files, slice_records
from pipelines.corpus import Corpus
from pipelines.crawl_options import CrawlOptions
from pipelines.crawl_way import Way
from pipelines.partitions import Crawl, crawl_all
from pipelines.progress import progress, summary
from pipelines.sources import anywhere, chosen
from pipelines.waiting import Told
from schemas.errors import BadInput


def crawl(options: CrawlOptions, way: Way | None = None, **changes: Any) -> dict[str, int]:
    """Crawl what the options name into OUT/crawl; returns and prints the number of URLs by kind and outcome.

    `way` is how it goes on an engine; without, it goes in processes of this machine, and into a local folder.
    `changes` are of the crawler's settings, beyond what options say.

    Raises BadInput for options that contradict each other, and whatever the crawler does.
    """
    settings = replace(options.settings(), **changes)
    source = chosen(options) if way is None else chosen(anywhere(options))
    corpus = _corpus(options.out, settings, way)
    gc.freeze()  # what is imported stays: to look at it again and again would take a tenth of the time
    try:
        if way is not None:
            from pipelines.crawl_engine import crawl_on_engine

            counts = crawl_on_engine(source, corpus, settings, options.partitions, way, again=options.again)
        else:
            counts = _crawled(partial(source, Path(corpus.root)), corpus, settings, options)
    finally:
        gc.unfreeze()  # else DuckDB would speak of leaks when the interpreter ends
    if way is not None and way.dry:
        return counts
    print(f"crawl: {summary(counts)}")
    if not any(counts.get(f"{kind}/ok") for kind in ("page", "image", "list")):
        print(
            f"crawl: nothing came; {corpus.crawl('log')} says why, and so does tuwen crawl --explain URL",
            file=sys.stderr,
        )
    return counts


def _crawled(source: Crawl, corpus: Corpus, settings: Settings, options: CrawlOptions) -> dict[str, int]:
    """Crawl in this process, or in one for each partition, with a bar."""
    slice_records.leave(corpus)
    if options.partitions > 1:
        return crawl_all(source, Path(corpus.root), settings, options.partitions, again=options.again)
    told = Told(partial(status.waits, Path(corpus.root)))
    with progress("crawl") as bar:

        def show(counts: Mapping[str, int]) -> None:
            bar.update(sum(counts.values()), counts)
            told.tell(bar)

        return source(settings, show, again=options.again)


def agent_of(corpus: Corpus) -> str:
    """How the crawler of this corpus named itself."""
    path = corpus.crawl("agent.txt")
    return files.read_bytes(path).decode().strip() if files.exists(path) else Settings().user_agent


def overrides_of(corpus: Corpus) -> tuple[str, ...]:
    """The opt-outs that were ignored in any crawl of this corpus, as `signal: reason`, sorted."""
    path = corpus.crawl("overrides.txt")
    return tuple(files.read_bytes(path).decode().splitlines()) if files.exists(path) else ()


def _corpus(out: str, settings: Settings, way: Way | None) -> Corpus:
    """The corpus to crawl into, which says who crawls, and what is overridden."""
    if not out:
        raise BadInput("--out: name the corpus folder to crawl into, as in --out corpus")
    corpus = Corpus(out if files.is_remote(out) or way is None else str(Path(out).resolve()))  # workers lie elsewhere
    if settings.contact == CONTACT and not settings.allow_addresses:  # where ranges are allowed it is one's own web
        print(
            "crawl: without --contact no site owner can reach you; give a URL or mailto: that you read", file=sys.stderr
        )
    if way is not None and way.dry:
        return corpus
    _say(corpus.crawl("agent.txt"), [settings.user_agent])
    if settings.ignore:
        said = {f"{signal}: {reason}" for signal, reason in settings.ignore}
        _say(corpus.crawl("overrides.txt"), sorted({*overrides_of(corpus), *said}))
    return corpus


def _say(path: str, lines: list[str]) -> None:
    """Write lines, unless the file has them: a second run changes nothing."""
    data = "".join(f"{line}\n" for line in lines).encode()
    if not files.exists(path) or files.read_bytes(path) != data:
        with files.whole(path) as file:
            file.write(data)
