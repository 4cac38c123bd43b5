"""Which part of the web one process crawls: the registrable domains that hash to it, so each host has one queue."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from crawlers.domains import registrable
from crawlers.urls import host_queue
from schemas.errors import BadInput

MOST = 999  # partitions: a cluster's; each has 64 hosts in flight, and costs a process


@dataclass(frozen=True)
class Partition:
    """Number `number`, from 0, of `of` partitions."""

    number: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Partition:
        """Read `i/n`. Raises BadInput for anything that is none.

        >>> Partition.parse("1/4")
        Partition(number=1, of=4)
        """
        found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text.strip(), re.ASCII)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 0 <= number < of <= MOST:
            raise BadInput(f"--partition {text}: give i/n with i from 0 to n-1 and n at most {MOST}, as 0/4")
        return cls(number, of)

    @property
    def name(self) -> str:
        """How its files are named.

        >>> Partition(3, 4).name
        'p03'
        """
        return f"p{self.number:02}"

    def holds(self, url: str) -> bool:
        """Whether the host of a URL is asked by this one."""
        return self.of == 1 or self.at(host_queue(url)) == self.number

    def at(self, host: str) -> int:
        """The number of the partition that a host belongs to: the same for all hosts of a registrable domain."""
        return 0 if self.of == 1 else _bucket(registrable(host)) % self.of

    def share(self, limit: int | None) -> int | None:
        """This one's part of an allowance of the whole crawl; the parts of all add up to it. None is no limit.

        >>> [Partition(number, 3).share(8) for number in range(3)]
        [3, 3, 2]
        """
        return None if limit is None else limit // self.of + (self.number < limit % self.of)


WHOLE = Partition()
"""The one partition of a crawl that has no other."""


@lru_cache(maxsize=65_536)  # 10 MB
def _bucket(domain: str) -> int:
    return int.from_bytes(hashlib.sha256(domain.encode("utf-8", "surrogatepass")).digest()[:8], "big")
