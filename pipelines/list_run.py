"""`tuwen crawl` with a list: what img2dataset does, politely. First the crawl, then the samples."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipelines import img2dataset
from pipelines.corpus import Corpus
from pipelines.crawl import crawl_list
from pipelines.engine import Engine
from pipelines.listed import write_samples
from pipelines.progress import summary


def list_run(words: Sequence[str], beam_args: tuple[str, ...] = ()) -> None:
    """Do what the words after `crawl` ask for; goes on where it stopped, and does nothing the second time."""
    wanted = img2dataset.read(words)
    for note in wanted.notes:
        print(f"tuwen: {note}", file=sys.stderr)
    crawl_list(wanted.url_list, wanted.url_col, wanted.caption_col, wanted.out, wanted.settings, wanted.input_format)
    if wanted.samples is not None:
        engine = Engine(wanted.engine, wanted.workers, beam_args)
        counts = write_samples(wanted.url_list, wanted.input_format, Corpus(wanted.out), wanted.samples, engine)
        print(f"samples: {summary(counts) or 'none'}")
