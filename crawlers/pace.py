"""How long a host is left alone, and which failures pass. Pure: the clock is the caller's."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime

from crawlers.fetch import Fetched
from crawlers.settings import Settings
from schemas.outcome import Outcome

_PASSING = (Outcome.DNS, Outcome.CONNECT, Outcome.TIMEOUT, Outcome.TOO_SLOW, Outcome.TRUNCATED, Outcome.THROTTLED)
_STRUGGLING = (Outcome.CONNECT, Outcome.TIMEOUT, Outcome.TOO_SLOW, Outcome.THROTTLED)
_FIRST_WAIT = 0.1  # seconds that back-off starts from where no delay is asked for
_MOST_DOUBLINGS = 12  # beyond, the cap holds anyway


def final_outcome(fetched: Fetched) -> Outcome:
    """The outcome, with what a site says when it is asked too much told apart: 429, and 503 with Retry-After."""
    if fetched.status == 429 or (fetched.status == 503 and fetched.header("retry-after")):
        return Outcome.THROTTLED
    return fetched.outcome


def passes(fetched: Fetched) -> bool:
    """Whether another attempt may go better."""
    return final_outcome(fetched) in _PASSING or fetched.status >= 500


def struggles(fetched: Fetched) -> bool:
    """Whether the host asked for, or shows that it needs, more time."""
    return final_outcome(fetched) in _STRUGGLING or fetched.status >= 500


def pause(
    settings: Settings, crawl_delay: float | None, strikes: int, retry_after: float, seconds: float = 0.0
) -> float:
    """Seconds until a host may be asked again: its delay, doubled for each strike in a row, or what it asked for.

    `seconds` is how long it took to answer: a slow one has more time. A delay of 0 switches that off, as for a host
    of one's own.

    >>> pause(Settings(delay=1.0), 5.0, 0, 0.0), pause(Settings(delay=1.0), None, 3, 0.0)
    (5.0, 8.0)
    >>> pause(Settings(delay=1.0), None, 0, 0.0, seconds=0.2), pause(Settings(delay=1.0), None, 0, 0.0, seconds=3.0)
    (1.0, 6.0)
    """
    own = max(crawl_delay or 0.0, settings.slowness * seconds if settings.delay else 0.0)
    delay = max(settings.delay, min(own, settings.longest_delay))
    if strikes:
        delay = max(delay, _FIRST_WAIT) * 2.0 ** min(strikes, _MOST_DOUBLINGS)
    return min(max(delay, retry_after), max(settings.longest_wait, settings.delay))


def retry_after(fetched: Fetched) -> float:
    """Seconds that a Retry-After header asks for, in either form; 0 without one that can be read."""
    value = fetched.header("retry-after").strip()
    if not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return max(0.0, when.replace(tzinfo=when.tzinfo or timezone.utc).timestamp() - fetched.started)
