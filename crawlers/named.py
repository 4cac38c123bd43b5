"""Pictures that something other than a page named: a list, a search, a click log."""

from __future__ import annotations

from crawlers.extract import clean
from crawlers.frontier import Frontier
from crawlers.logged import log_row
from crawlers.sites import NO_SITE
from crawlers.store import Store
from crawlers.urls import LONGEST, fetchable
from schemas.outcome import Outcome, UrlKind


def asked_as(written: str) -> tuple[str, bool]:
    """The URL under which a row of a list stands in found and in the log, and whether it can be asked for at all.

    >>> asked_as(" HTTP://Example.com/a b.jpg")
    ('http://example.com/a%20b.jpg', True)
    >>> asked_as("not a url")
    ('not a url', False)
    """
    url = fetchable("about:blank", written.strip())
    return (url, True) if url is not None else (clean(written)[:LONGEST], False)


def name_picture(written: str, frontier: Frontier, store: Store, now: float) -> str:
    """Let a picture wait; its URL, also where that is none to fetch, which has its outcome at once.

    One that is another partition's goes there by letter, or is found by that itself.
    """
    url, fit = asked_as(written)
    if fit:
        frontier.add(url, UrlKind.IMAGE, NO_SITE)
    elif frontier.refuse(url, UrlKind.IMAGE, Outcome.BAD_URL):
        store.log(log_row(url, UrlKind.IMAGE, Outcome.BAD_URL, frontier.round, now))
    return url
