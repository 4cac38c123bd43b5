"""Ask an origin for one of its own files: robots.txt, or one that says what its content may be used for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crawlers import pace
from crawlers.challenge import challenge
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.media import PICTURES
from crawlers.robots import LARGEST, REDIRECTS, robots_url
from schemas.outcome import Outcome, UrlKind

_FILE = 1024 * 1024  # bytes: more than any list of rules that a person wrote
_WANTS = {
    UrlKind.ROBOTS: Want("text/plain,*/*;q=0.1", 2 * LARGEST, cut=True),
    UrlKind.CONSENT: Want("application/json,application/rsl+xml,text/plain;q=0.9,*/*;q=0.1", _FILE),
}


@dataclass(frozen=True)
class Reply:
    """How asking for a file ended. `hops` are the URLs that led to the one that answered."""

    kind: UrlKind
    fetched: Fetched
    hops: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """The outcome, were this answer the last."""
        return Outcome.TOO_MANY_REDIRECTS if self.fetched.location is not None else pace.final_outcome(self.fetched)


async def ask(fetcher: Fetcher, url: str) -> Reply:
    """Ask once for a file and follow up to five redirects (RFC 9309 §2.3.1.2); what comes counts for `url`."""
    kind = UrlKind.ROBOTS if url == robots_url(url) else UrlKind.CONSENT
    fetched = marked(await fetcher.fetch(url, _WANTS[kind]))
    hops: list[str] = []
    while fetched.location is not None and len(hops) < REDIRECTS:
        hops.append(fetched.url)
        fetched = marked(await fetcher.fetch(fetched.location, _WANTS[kind]))
    return Reply(kind, fetched, tuple(hops))


def marked(fetched: Fetched) -> Fetched:
    """An answer; one that is a challenge page ends as an error, whatever status it came with."""
    body = b"" if fetched.content_type in PICTURES else fetched.body
    guard = challenge({name.lower(): value for name, value in fetched.headers}, body)
    if not guard or fetched.location is not None:
        return fetched
    return replace(fetched, outcome=Outcome.HTTP_ERROR, detail=f"a challenge page of {guard}")
