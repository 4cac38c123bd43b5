"""Asking in a later round only for what has changed (RFC 9110 §13): what is held, and the headers that say so."""

from __future__ import annotations

from dataclasses import dataclass

from crawlers.fetch import Fetched, Headers
from crawlers.records import warc_date
from schemas.outcome import Outcome

_LONGEST = 200  # characters of an ETag or a date: real ones have some forty
_REFUSED = (Outcome.ROBOTS, Outcome.OPTED_OUT)


@dataclass(frozen=True)
class Held:
    """What an earlier round keeps of a URL, by which its site can say that nothing has changed since."""

    url: str  # that answered
    etag: str
    modified: str
    date: str  # of that answer, as WARC writes it


def at_target(held: Held | None, target: str) -> Held | None:
    """What is held of the very URL that is asked for now: where redirects lead elsewhere it is of another."""
    return held if held is not None and held.url == target else None


def headers(held: Held | None, target: str) -> Headers:
    """The headers that ask for an answer only if it is not what we hold.

    >>> headers(Held("http://a.example/", '"x"', "", ""), "http://a.example/")
    (('If-None-Match', '"x"'),)
    """
    held = at_target(held, target)
    if held is None:
        return ()
    named = (("If-None-Match", held.etag), ("If-Modified-Since", held.modified))
    return tuple((name, value) for name, value in named if value)


def held_after(held: Held | None, fetched: Fetched, outcome: Outcome) -> Held | None:
    """What a later round may ask by. After a refusal nothing: what was kept before it counts no longer."""
    if outcome in _REFUSED:
        return None
    if outcome is not Outcome.OK:
        return held
    etag, modified = _sendable(fetched.header("etag")), _sendable(fetched.header("last-modified"))
    return Held(fetched.url, etag, modified, warc_date(fetched.started)) if etag or modified else None


def _sendable(value: str) -> str:
    """A validator as it came; '' for one that is too long, or that would not be a header's value."""
    return value if len(value) <= _LONGEST and value.isascii() and value.isprintable() else ""
