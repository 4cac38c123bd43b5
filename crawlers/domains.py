"""To whom a host belongs: its registrable domain, by the public suffix list that comes with publicsuffixlist."""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

_IN_MEMORY = 65_536  # hosts remembered: some 10 MB; a look-up in the list takes 4 µs


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # the bundled list, private suffixes too; it is never fetched


@lru_cache(maxsize=_IN_MEMORY)
def registrable(host: str) -> str:
    """The registrable domain of a host as `urls.host_queue` writes it.

    A numeric address and a name without a domain, as localhost, are their own, port and all.

    >>> registrable("pic.news.example.com.cn"), registrable("one.github.io"), registrable("127.0.0.1:8080")
    ('example.com.cn', 'one.github.io', '127.0.0.1:8080')
    """
    name = host.partition(":")[0].rstrip(".")
    if host.startswith("[") or name.rpartition(".")[2].isdigit():
        return host
    return _suffixes().privatesuffix(name) or host
