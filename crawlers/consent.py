"""What one opt-out signal said to us, and the robots directives that come with an answer. One pure function a signal.

The most restrictive signal wins: whatever one allows, another may refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# Each of these means: not into an image-text corpus.
_REFUSALS = ("noindex", "none", "noimageindex", "noai", "noimageai", "noml")
_EXPIRY = "unavailable_after"
_VALUED = (_EXPIRY, "max-snippet", "max-image-preview", "max-video-preview")  # `name: value`, not a bot
_EVERYONE = ("*", "robots")
_LONGEST = 200  # characters of one directive in the evidence: the longest known has 45


@dataclass(frozen=True)
class Consent:
    """What one signal said to us: every directive that applies, and the one that decided ('' when none refused).

    `source` is the URL of the file that said it; '' when it came with the answer itself, in a header or the page.
    """

    signal: str
    said: tuple[str, ...] = ()
    decided: str = ""
    source: str = ""

    @property
    def allowed(self) -> bool:
        """Whether what carried the signal may be kept."""
        return not self.decided

    @property
    def follow(self) -> bool:
        """Whether the links of what carried it may be followed."""
        return not {"nofollow", "none"} & set(self.said)


def deciding(consents: Iterable[Consent], ignored: Mapping[str, str]) -> Consent | None:
    """The first signal that refuses and is not ignored; None when all that count allow.

    >>> deciding([Consent("tdmrep", ("1",), "1"), Consent("rsl", ("ai-all",), "ai-all")], {"tdmrep": "ours"}).signal
    'rsl'
    """
    return next((one for one in consents if not one.allowed and one.signal not in ignored), None)


def x_robots(values: list[str], agent: str, now: float | None = None) -> Consent:
    """Read the X-Robots-Tag headers of one response, each value a list of directives, some behind `bot:`.

    `agent` is our product token; `now`, in seconds since 1970, tells whether an `unavailable_after` has passed (None:
    never). A prefix holds to the end of its header, and only our own or everyone's counts. Never raises.
    Source: https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag.

    >>> x_robots(["otherbot: noindex", "noai, max-image-preview: large"], "TuwenBot").decided
    'noai'
    >>> x_robots(["otherbot: noai, noindex"], "TuwenBot").allowed
    True
    """
    said: list[str] = []
    for value in values:
        ours = True
        for part in _directives(value):
            directive, bot = _parted(part)
            ours = ours if bot is None else _is_us(bot, agent)
            if ours and directive:
                said.append(directive)
    return _consent("x-robots-tag", said, now)


def meta_robots(metas: Iterable[tuple[str, str]], agent: str, now: float | None = None) -> Consent:
    """Read the (name, content) of a page's <meta> elements: those named robots, or by our own token.

    `now` is as for `x_robots`.

    >>> meta_robots([("robots", "noimageindex, nofollow"), ("description", "noai")], "TuwenBot").said
    ('noimageindex', 'nofollow')
    """
    said = [
        directive
        for name, content in metas
        if _is_us(name, agent)
        for part in _directives(content)
        if (directive := _spaced(part))
    ]
    return _consent("meta-robots", said, now)


_DATE_GOES_ON = re.compile(r"\s*\d")  # `25 Jun 2030, 15:00`, `Friday, 25 Jun`: no directive begins with a digit


def _directives(value: str) -> list[str]:
    """A header's value at its commas, but a date with commas stays with its `unavailable_after`."""
    parts: list[str] = []
    for part in value.split(","):
        if parts and _EXPIRY in parts[-1].lower() and _DATE_GOES_ON.match(part):
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts


def _parted(part: str) -> tuple[str, str | None]:
    """One directive and the bot named before it, if any."""
    name, colon, rest = part.partition(":")
    if not colon or name.strip().lower() in _VALUED:
        return _spaced(part), None
    return _spaced(rest), name.strip()


def _spaced(part: str) -> str:
    return " ".join(part.lower().split())[:_LONGEST]


def _is_us(name: str, agent: str) -> bool:
    token = agent.partition("/")[0].strip().lower()
    return name.strip().lower() in (*_EVERYONE, token)


def _consent(signal: str, said: list[str], now: float | None) -> Consent:
    decided = next((one for one in said if one in _REFUSALS or (now is not None and _expired(one, now))), "")
    return Consent(signal, tuple(said), decided)


def _expired(directive: str, now: float) -> bool:
    """Whether this is an `unavailable_after` whose date has passed. A date that cannot be read never passes."""
    name, _, value = directive.partition(":")
    when = _date(value.strip()) if name.strip() == _EXPIRY else None
    return when is not None and when <= now


_RFC_850 = re.compile(r"(\d{1,2})-([A-Z]{3})-(\d{2,4})")  # `25-Aug-2030 15:00:00 EST`


def _date(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601, RFC 850 or RFC 822 date; without a zone it is UTC."""
    text = text.upper()
    when = _read(_iso, text) or _read(parsedate_to_datetime, _RFC_850.sub(r"\1 \2 \3", text))
    return None if when is None else when.replace(tzinfo=when.tzinfo or timezone.utc).timestamp()


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _read(reader: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        return reader(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
