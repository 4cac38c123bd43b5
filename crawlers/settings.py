"""What a crawl may be told; every number with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crawlers.addresses import Allowed
from schemas.errors import BadInput

VERSION = "0.1"  # of the crawler's behaviour, which is what a site owner sees
CONTACT = "https://github.com/tuwen-project/tuwen/blob/main/docs/crawling.md"

_TOKEN = re.compile(r"[A-Za-z_-]{1,64}")  # RFC 9309 §2.2.1: what may stand after User-agent:


@dataclass(frozen=True)
class Settings:
    """How a crawl behaves. Times in seconds, sizes in bytes.

    Raises BadInput for values that no crawl can have.
    """

    allow_addresses: tuple[Allowed, ...] = ()  # besides the public ones on ports 80 and 443
    max_pages: int | None = None  # over all sites and rounds; None: each site's own limit alone
    max_images: int | None = None
    delay: float = 1.0  # between requests to one host: what small sites bear without noticing
    agent: str = "TuwenBot"  # the product token that robots.txt may name
    contact: str = CONTACT  # where a site owner reads what we do and how to refuse
    longest_delay: float = 30.0  # a longer crawl-delay is served at this pace
    longest_wait: float = 300.0  # the most that back-off or Retry-After holds a host back
    attempts: int = 3  # requests for a URL that fails for a passing reason
    deadline: float = 60.0  # a whole request, connecting included: a 10 MB picture at 170 KB/s
    connect_timeout: float = 15.0  # a host that does not answer a SYN in 15 s is not there
    read_timeout: float = 20.0  # the longest silence within an answer
    slow_after: float = 10.0  # how long an answer may crawl before its rate counts
    slowest: float = 1_000.0  # bytes a second from then on
    largest_page: int = 10 * 1024 * 1024  # the largest honest pages have some MiB
    largest_image: int = 32 * 1024 * 1024  # beyond are scans and maps, not photos on a page
    redirects: int = 10  # browsers give up at 20, honest chains have three
    hosts: int = 64  # asked at once, one connection each
    refused: tuple[str, ...] = ()  # directives of X-Robots-Tag that refuse a picture besides those of `consent`
    robots_age: float = 86_400.0  # RFC 9309 §2.4: rules are read anew after a day
    sitemaps: int = 500  # read of one site: 25 million URLs
    segment_bytes: int = 256 * 1024 * 1024  # of pictures in one WARC: the unit of retry of what follows
    segment_rows: int = 250_000  # of log or found in one segment: some 200 MB while they are written
    checkpoint_responses: int = 200  # what a kill -9 costs at most: these are fetched again …
    checkpoint_seconds: float = 2.0  # … or what came in this time

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.agent):
            raise BadInput(f"--agent {self.agent!r}: a product token has letters, - and _ only, as TuwenBot")
        if not re.fullmatch(r"(https?://|mailto:)[\x21-\x7e]+", self.contact):
            raise BadInput(f"--contact {self.contact!r}: give a URL that a site owner can open")
        if not 0 <= self.delay < float("inf"):
            raise BadInput(f"--delay {self.delay}: give seconds, 0 or more")
        for name in ("max_pages", "max_images"):
            limit = getattr(self, name)
            if limit is not None and limit < 0:
                raise BadInput(f"--{name.replace('_', '-')} {limit}: give 0 or more")

    @property
    def user_agent(self) -> str:
        """The User-Agent header: who asks, and where to read about it."""
        return f"{self.agent}/{VERSION} (+{self.contact})"
