"""What a crawl may be told; every number with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from crawlers.addresses import Allowed
from crawlers.ignored import check_ignored
from crawlers.partition import WHOLE, Partition
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
    partition: Partition = WHOLE  # which registrable domains are this process's
    max_pages: int | None = None  # of this partition, over all sites and rounds; None: each site's own limit alone
    max_images: int | None = None
    max_bytes: int | None = None  # as they come from one host, in a round
    max_seconds: float | None = None  # that one host holds the crawl in a round: its answers and the pauses between
    delay: float = 1.0  # between requests to one host: what small sites bear without noticing
    agent: str = "TuwenBot"  # the product token that robots.txt may name
    contact: str = CONTACT  # where a site owner reads what we do and how to refuse
    slowness: float = 2.0  # a host rests twice as long as it took to answer: a slow one is busy with us a third at most
    address_hosts: int = 8  # asked at once at one address, and so many per delay: shared hosting bears that, not more
    longest_delay: float = 30.0  # a host that asks for a longer crawl-delay is left alone: 120 pages an hour at most
    longest_wait: float = 300.0  # the most that back-off or Retry-After holds a host back
    strikes: int = 8  # failures in a row, each wait twice the last, after which a host is left alone in this round
    traps: int = 100  # URLs of a host that have a row in the log as a trap's; more are counted
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
    robots_age: float = 86_400.0  # RFC 9309 §2.4: rules, and what else is asked of an origin, are read anew after a day
    robots_later: tuple[float, ...] = (30.0, 120.0)  # rules that could not be read are asked for again: after a restart
    ignore: tuple[tuple[str, str], ...] = ()  # signals that do not count, each with the reason why
    sitemaps: int = 500  # read of one site: 25 million URLs
    segment_bytes: int = 256 * 1024 * 1024  # of pictures in one WARC: the unit of retry of what follows
    segment_rows: int = 100_000  # of log or found in one segment: some 200 MB while they are written
    checkpoint_responses: int = 200  # what a kill -9 costs at most: these are fetched again …
    checkpoint_seconds: float = 2.0  # … or what came in this time
    until: float | None = None  # seconds since 1970, when to end in good order and go on another time: see `over`
    slice_bytes: int = 2 * 1024**3  # of WARC that end such a slice early: any worker's disk has room for so much
    elsewhere: bool = False  # what is sealed is kept in another folder than this one, which looks after it

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.agent):
            raise BadInput(f"--agent {self.agent!r}: a product token has letters, - and _ only, as TuwenBot")
        if not re.fullmatch(r"(https?://|mailto:)[\x21-\x7e]+", self.contact):
            raise BadInput(f"--contact {self.contact!r}: give a URL that a site owner can open")
        for signal, reason in self.ignore:
            check_ignored(signal, reason)
        if not 0 <= self.delay < float("inf"):
            raise BadInput(f"--delay {self.delay}: give seconds, 0 or more")
        for name in ("max_pages", "max_images", "max_bytes", "max_seconds"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise BadInput(f"--{name.replace('_', '-')} {limit}: give 0 or more")

    def over(self, now: float, kept: int = 0) -> bool:
        """Whether the slice of a crawl that may last `until` then has ended, or has sealed as much as it may."""
        return self.until is not None and (now >= self.until or kept >= self.slice_bytes)

    @cached_property
    def ignored(self) -> dict[str, str]:
        """The signals that do not count, with the reasons."""
        return dict(self.ignore)

    @cached_property
    def user_agent(self) -> str:
        """The User-Agent header: who asks, and where to read about it."""
        return f"{self.agent}/{VERSION} (+{self.contact})"
