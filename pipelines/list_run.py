"""`tuwen crawl` with a list: what img2dataset does, politely. First the crawl, then the samples."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.corpus import Corpus
from pipelines.crawl import crawl
from pipelines.crawl_options import CrawlOptions
from pipelines.crawl_way import way
from pipelines.files import is_remote
from pipelines.given import given
from pipelines.img2dataset import ListRun
from pipelines.progress import summary
from schemas.errors import BadInput


def list_run(options: CrawlOptions, wanted: ListRun, said: Mapping[str, Any] | None = None) -> None:
    """Fetch the pictures of a list into OUT and write the samples that are wanted; goes on where it stopped.

    `said` are the options that stand on the command line, beside those of img2dataset.
    Does nothing the second time. Raises what `crawl` and `write_samples` do.
    """
    for note in wanted.notes:
        print(f"tuwen: {note}", file=sys.stderr)
    if wanted.samples is not None and is_remote(options.out):
        raise BadInput(f"--out {options.out}: samples are made from a crawl in a local folder; give one, or no samples")
    options = replace(options, input_format=wanted.input_format or options.input_format)
    if wanted.samples is not None and options.url_list:
        from pipelines.engine import Engine  # imports Beam, which takes a second
        from pipelines.engine import check as check_engine
        from pipelines.listed import check

        engine = Engine(wanted.engine or "local", wanted.workers, given().beam)
        check_engine(engine)
        check(options.url_list, options.input_format, wanted.samples)
    asked = {"engine": wanted.engine, "workers": wanted.workers} if wanted.engine else {}
    going = way(options, {**(said or {}), **asked})
    crawl(options, going, **wanted.changes)
    if wanted.samples is not None and options.url_list and not (going and going.dry):
        from pipelines.listed import write_samples

        counts = write_samples(options.url_list, options.input_format, Corpus(options.out), wanted.samples, engine)
        print(f"samples: {summary(counts) or 'none'}")
