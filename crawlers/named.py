"""Pictures that something other than a page named: a list, a search, a click log."""

from __future__ import annotations

from crawlers.extract import clean
from crawlers.frontier import Frontier
from crawlers.logged import log_row
from crawlers.sites import NO_SITE
from crawlers.store import Store
from crawlers.urls import LONGEST, fetchable
from schemas.outcome import Outcome, UrlKind


def name_picture(written: str, frontier: Frontier, store: Store, now: float) -> str:
    """Let a picture wait; its URL, also where that is none to fetch, which has its outcome at once."""
    url = fetchable("about:blank", written.strip())
    if url is not None:
        frontier.add(url, UrlKind.IMAGE, NO_SITE)
        return url
    url = clean(written)[:LONGEST]
    if frontier.refuse(url, UrlKind.IMAGE, Outcome.BAD_URL):
        store.log(log_row(url, UrlKind.IMAGE, Outcome.BAD_URL, frontier.round, now))
    return url
