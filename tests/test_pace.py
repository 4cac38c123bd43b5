"""How long a host is left alone: its delay, slowness, back-off, Retry-After in both forms, and their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.fetch import Fetched
from crawlers.pace import final_outcome, passes, pause, retry_after, struggles
from crawlers.settings import Settings
from schemas.outcome import Outcome

AT = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("given_", "waits"),
    [
        ({}, 1.0),
        ({"crawl_delay": 5.0}, 5.0),
        ({"crawl_delay": 0.1}, 1.0),  # ours is the least
        ({"seconds": 0.4}, 1.0),
        ({"seconds": 4.0}, 8.0),  # twice what it took
        ({"seconds": 60.0}, 30.0),  # at most the longest delay
        ({"strikes": 1}, 2.0),
        ({"strikes": 5}, 32.0),
        ({"strikes": 50}, 300.0),
        ({"retry_after": 120.0}, 120.0),
        ({"retry_after": 0.5}, 1.0),
        ({"retry_after": 86_400.0}, 300.0),
        ({"strikes": 2, "seconds": 3.0}, 24.0),
        ({"settings": Settings(delay=0.0), "seconds": 9.0}, 0.0),  # a host of one's own
        ({"settings": Settings(delay=0.0), "strikes": 1}, 0.2),
    ],
)
def test_the_pause(given_: dict[str, object], waits: float) -> None:
    all_given = {"settings": Settings(), "crawl_delay": None, "strikes": 0, "retry_after": 0.0, "seconds": 0.0}
    assert pause(**(all_given | given_)) == waits  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("٣", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue Nov 14 22:14:20 2023", 60.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0.0),  # past
        ("Wed, 15 Nov 2023 06:14:20 +0800", 60.0),
        ("Tue, 99 Nov 2023 22:14:20 GMT", 0.0),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float) -> None:
    fetched = Fetched("http://a.example/", Outcome.HTTP_ERROR, AT, status=503, headers=(("Retry-After", value),))
    assert retry_after(fetched) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "again", "hurt"),
    [
        (429, (), Outcome.THROTTLED, True, True),
        (503, (("Retry-After", "1"),), Outcome.THROTTLED, True, True),
        (503, (), Outcome.HTTP_ERROR, True, True),
        (500, (), Outcome.HTTP_ERROR, True, True),
        (404, (), Outcome.HTTP_ERROR, False, False),
        (403, (), Outcome.HTTP_ERROR, False, False),
    ],
)
def test_what_an_error_says(
    status: int, headers: tuple[tuple[str, str], ...], outcome: Outcome, again: bool, hurt: bool
) -> None:
    fetched = Fetched("http://a.example/", Outcome.HTTP_ERROR, AT, status=status, headers=headers)
    assert (final_outcome(fetched), passes(fetched), struggles(fetched)) == (outcome, again, hurt)


@given(
    st.none() | st.floats(0, 1e9), st.integers(0, 10_000), st.floats(0, 1e12), st.floats(0, 1e6), st.floats(0.01, 1e3)
)
def test_no_pause_is_below_the_delay_or_beyond_the_longest(
    crawl_delay: float | None, strikes: int, asked: float, seconds: float, delay: float
) -> None:
    settings = Settings(delay=delay)
    assert delay <= pause(settings, crawl_delay, strikes, asked, seconds) <= max(settings.longest_wait, delay)
