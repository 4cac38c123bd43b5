"""What `tuwen crawl` may be told, and `tuwen run` too: where pictures come from, and how the crawler behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typer import Option

from crawlers import ignored
from crawlers.addresses import Allowed
from crawlers.partition import MOST, Partition
from crawlers.searches import MOST_RESULTS
from crawlers.settings import CONTACT, Settings

# Seconds: the few that an engine takes for a job are little beside, and so is what a lost worker costs.
SLICE = 300.0


@dataclass(frozen=True)
class CrawlOptions:
    """One field for each option, in the order of `--help`."""

    out: Annotated[str, Option("--out", help="the corpus folder; made where it is not", metavar="CORPUS")] = ""
    seeds: Annotated[list[str] | None, Option(help="URLs, or seeds files (TOML, or a URL a line)")] = None
    url_list: Annotated[str | None, Option(help="a list of pictures instead of a crawl: csv, json, parquet …")] = None
    url_col: Annotated[str, Option(help="the list's column of picture URLs")] = "url"
    caption_col: Annotated[str | None, Option(help="the list's column of texts")] = None
    input_format: Annotated[str, Option(help="the list's format, where its ending does not tell")] = ""
    warc: Annotated[list[str] | None, Option(help="WARC and WAT files or folders: pages are read, not fetched")] = None
    only_han: Annotated[bool, Option("--only-han", help="of --warc, pages with a Han character only")] = False
    queries: Annotated[str | None, Option(help="a file of queries, one a line, put to --search", metavar="FILE")] = None
    search: Annotated[str | None, Option(help="a URL with {query} and {page}", metavar="TEMPLATE")] = None
    first_page: Annotated[int, Option(help="what {page} is first: 1 or 0", min=0)] = 1
    page_step: Annotated[int, Option(help="how much more it is next: 1, or the results of a page", min=1)] = 1
    max_results: Annotated[int, Option(help="results of one query at most; 1000 is Wukong's", min=1)] = MOST_RESULTS
    image_field: Annotated[str, Option(help="the field of a JSON result that has the picture's URL")] = "image_url"
    page_field: Annotated[str, Option(help="the field of a JSON result that has its page's URL")] = "page_url"
    click_log: Annotated[
        str | None, Option(help="Parquet or TSV: query, image_url, impressions, clicks", metavar="FILE")
    ] = None
    allow_address: Annotated[list[str] | None, Option(help="an address range that is not public, CIDR[:PORT]")] = None
    max_pages: Annotated[int | None, Option(help="pages to fetch at most, over all partitions", min=0)] = None
    max_images: Annotated[int | None, Option(help="pictures to fetch at most, over all partitions", min=0)] = None
    max_bytes: Annotated[int | None, Option(help="bytes to fetch from one host at most, in a round", min=0)] = None
    max_seconds: Annotated[
        float | None, Option(help="seconds to give one host at most in a round, pauses included", min=0)
    ] = None
    delay: Annotated[float, Option(help="seconds between two requests to one host")] = 1.0
    agent: Annotated[str, Option(help="the product token that robots.txt may name", metavar="TOKEN")] = "TuwenBot"
    contact: Annotated[str | None, Option(help="where a site owner can read what this crawl does", metavar="URL")] = (
        None
    )
    ignore: Annotated[
        list[str] | None, Option(help="an opt-out signal that shall not count, and why", metavar="SIGNAL=REASON")
    ] = None
    partition: Annotated[str, Option(help="crawl the domains of one partition alone, i from 0", metavar="i/n")] = "0/1"
    partitions: Annotated[
        int, Option(help="processes that share the crawl, each with its own domains", min=1, max=MOST)
    ] = 1
    slice_seconds: Annotated[
        float, Option(help="on an engine: how long a partition crawls before it counts; a kill costs it", min=0)
    ] = SLICE
    again: Annotated[bool, Option("--again", help="a finished crawl anew: fetch what has changed since")] = False

    def settings(self) -> Settings:
        """How the crawler is to behave. Raises BadInput for a value that it cannot take."""
        partition = Partition.parse(self.partition)
        return Settings(
            partition=partition,
            allow_addresses=tuple(Allowed.parse(text) for text in self.allow_address or ()),
            max_pages=partition.share(self.max_pages),
            max_images=partition.share(self.max_images),
            max_bytes=self.max_bytes,
            max_seconds=self.max_seconds,
            delay=self.delay,
            agent=self.agent,
            contact=self.contact or CONTACT,
            ignore=tuple(ignored.parse(text) for text in self.ignore or ()),
        )
