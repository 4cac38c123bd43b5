"""`tuwen crawl` with a list: what img2dataset does, politely. First the crawl, then the samples."""

from __future__ import annotations

import sys
from dataclasses import replace

from crawlers.settings import Settings
from pipelines.corpus import Corpus
from pipelines.crawl import crawl_list
from pipelines.engine import Engine
from pipelines.img2dataset import ListRun
from pipelines.listed import write_samples
from pipelines.progress import summary


def list_run(
    url_list: str,
    url_col: str,
    caption_col: str | None,
    out: str,
    settings: Settings,
    wanted: ListRun,
    beam_args: tuple[str, ...] = (),
) -> None:
    """Fetch the pictures of a list into OUT and write the samples that are wanted; goes on where it stopped.

    Does nothing the second time. Raises what `crawl_list` and `write_samples` do.
    """
    for note in wanted.notes:
        print(f"tuwen: {note}", file=sys.stderr)
    settings = replace(settings, **wanted.changes)
    crawl_list(url_list, url_col, caption_col, out, settings, wanted.input_format)
    if wanted.samples is not None:
        engine = Engine(wanted.engine, wanted.workers, beam_args)
        counts = write_samples(url_list, wanted.input_format, Corpus(out), wanted.samples, engine)
        print(f"samples: {summary(counts) or 'none'}")
