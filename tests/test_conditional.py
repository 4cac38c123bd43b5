"""Conditional requests: which headers are sent for which URL, and what is held after each outcome."""

from __future__ import annotations

import pytest

from crawlers.conditional import Held, headers, held_after
from crawlers.fetch import Fetched
from schemas.outcome import Outcome

URL = "http://a.example/x"
OLD = Held(URL, '"1"', "Tue, 14 Nov 2023 22:13:20 GMT", "2023-11-14T22:13:20.000000Z")


def test_the_headers_are_sent_to_the_url_that_answered_and_to_no_other() -> None:
    assert headers(OLD, URL) == (("If-None-Match", '"1"'), ("If-Modified-Since", OLD.modified))
    assert headers(OLD, "http://a.example/y") == ()  # a redirect leads elsewhere now
    assert headers(Held(URL, "", OLD.modified, ""), URL) == (("If-Modified-Since", OLD.modified),)
    assert headers(None, URL) == ()


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_held_after_an_outcome(outcome: Outcome) -> None:
    fetched = Fetched(URL, outcome, 0.0, headers=(("ETag", 'W/"2"'),))
    if outcome is Outcome.OK:
        want: Held | None = Held(URL, 'W/"2"', "", "1970-01-01T00:00:00.000000Z")
    else:
        want = None if outcome in (Outcome.ROBOTS, Outcome.OPTED_OUT) else OLD
    assert held_after(OLD, fetched, outcome) == want


@pytest.mark.parametrize("etag", ["", '"' + "x" * 300 + '"', '"a\r\nCookie: b"', '"\x00"', '"é"'])
def test_what_is_no_header_is_not_held(etag: str) -> None:
    assert held_after(OLD, Fetched(URL, Outcome.OK, 0.0, headers=(("ETag", etag),)), Outcome.OK) is None
