"""crawl --explain: for the owner of a site, in words, what the crawler asks there and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawlers.consent import Consent
from crawlers.explain import Explained, explain
from crawlers.settings import Settings
from pipelines import files
from pipelines.progress import printable
from schemas.errors import BadInput
from schemas.outcome import Outcome

_WIDTH = 16  # columns for the name of a signal: the longest has 14


def show(url: str, settings: Settings, out: str | None) -> None:
    """Print what would be asked before a URL is fetched, what was answered, and what follows; fetch it not."""
    if out is not None and files.is_remote(out):
        raise BadInput(f"--out {out}: a crawl's answers are kept on a local disk; leave --out to ask anew")
    found = explain(url, settings, Path(out) if out else None)
    for line in lines(found, settings):
        print(printable(line))


def lines(found: Explained, settings: Settings) -> Iterator[str]:
    """The explanation, line by line. Words from the web are in it as they came."""
    yield found.url
    yield f"asked as {settings.user_agent}"
    yield ""
    yield "What was asked, and what came:"
    yield f"  {_answer(found.robots)}; it says {found.robots['says']} to this URL"
    yield from (f"  {_answer(one)}" for one in found.files)
    yield ""
    yield "What they say of its use:"
    said = [one for one in found.consents if one.said]
    yield from (f"  {_said(one, settings)}" for one in said)
    if not said:
        yield "  nothing"
    yield ""
    yield "What follows:"
    yield from (f"  {line}" for line in _follows(found, settings))


def _answer(one: dict[str, Any]) -> str:
    note = f" ({one['note']})" if "note" in one else ""
    if not one["asked"]:
        return f"{one['url']}: not asked for, robots.txt forbids it"
    came = "it is not there" if one["status"] in (404, 410) else one["outcome"]
    status = f", status {one['status']}" if one["status"] else ""
    return f"{one['url']}: {came}{status}{note}, asked at {one['asked'][:19]}Z"


def _said(one: Consent, settings: Settings) -> str:
    counts = f", ignored: {settings.ignored[one.signal]}" if one.signal in settings.ignored else ""
    verdict = f"refuses by {one.decided}{counts}" if one.decided else "does not refuse"
    return f"{one.signal:<{_WIDTH}}{'; '.join(one.said)} (from {one.source}): {verdict}"


def _follows(found: Explained, settings: Settings) -> Iterator[str]:
    yield from (f"{signal} is ignored: {reason}" for signal, reason in settings.ignore)
    if found.verdict is not None:
        yield f"It is not fetched: {_why(found, settings)}. In the log its outcome is {found.verdict}."
        return
    yield f"It would be fetched, {found.pause:g} seconds or more after the last request to its host."
    yield "Then its answer could refuse too: by X-Robots-Tag, TDM-Reservation, Content-Usage, Content-Signal or an RSL"
    yield "licence; a page by <meta name=robots> and <meta name=tdm-reservation>; a picture by what its own metadata"
    yield "says (IPTC data mining, C2PA and CAWG, tdm:reservation)."


def _why(found: Explained, settings: Settings) -> str:
    if found.verdict is Outcome.BLOCKED_ADDRESS:
        return "its address is not public; --allow-address opens a range by hand"
    if found.verdict in (Outcome.DNS, Outcome.ROBOTS_UNREACHABLE):
        return "its robots.txt cannot be read, which means no"
    if found.too_slow is not None:
        return (
            f"robots refuses: its crawl-delay of {found.too_slow:g} seconds is above the {settings.longest_delay:g}"
            " that are waited at most, so the host is left alone"
        )
    return f"{found.decided} refuses"
