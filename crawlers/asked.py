"""What was answered when an origin was asked for its own files (robots.txt, tdmrep.json …), kept in the state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crawlers import media, pace
from crawlers.fetch import Fetched
from crawlers.late import Late
from crawlers.recent import Recent
from crawlers.records import warc_date
from crawlers.robots import Robots, Ruling, ruling
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import origin
from schemas.outcome import Outcome

# Answers at hand; the rest is read from the state when its turn comes. Parsed rules weigh some twenty times their text.
_IN_MEMORY, _HEAVIEST = 4_000, 8 * 1024 * 1024
_NAMED_BY_ROBOTS = 100  # sitemaps that one robots.txt may name


@dataclass(frozen=True)
class Answer:
    """How asking for one file ended. `body` is empty unless the file came."""

    url: str
    asked: float  # seconds since 1970
    outcome: Outcome
    status: int
    html: bool  # a page came in the file's place, with a status of success
    body: bytes

    def evidence(self) -> dict[str, Any]:
        """For the log: what was asked, when, and what came."""
        said: dict[str, Any] = {
            "url": self.url,
            "asked": self._when,
            "outcome": str(self.outcome),
            "status": self.status,
        }
        return said | ({"note": "an HTML page came"} if self.html else {})

    @cached_property
    def _when(self) -> str:
        return warc_date(self.asked)


@dataclass(frozen=True)
class Rules(Answer):
    """What the robots.txt of an origin means for its URLs."""

    @cached_property
    def robots(self) -> Robots:
        """The rules; none where it is not there."""
        return Robots.parse(self.body)

    @cached_property
    def ruling(self) -> Ruling:
        """What follows from asking."""
        return ruling(self.outcome, self.status)

    def verdict(self, url: str, settings: Settings) -> Outcome | None:
        """Why a URL may not be asked for; None when it may.

        A host that asks for a longer crawl-delay than we can serve is left alone: the rules forbid our pace.
        """
        if "robots" in settings.ignored:
            return None
        if self.ruling is Ruling.CLOSED:
            own = (Outcome.BLOCKED_ADDRESS, Outcome.DNS)  # these say more than that the rules could not be read
            return self.outcome if self.outcome in own else Outcome.ROBOTS_UNREACHABLE
        if not self.robots.allows(url, settings.agent) or self.too_slow(settings):
            return Outcome.ROBOTS
        return None

    def too_slow(self, settings: Settings) -> bool:
        """Whether the crawl-delay that is asked of us is beyond what we serve."""
        return (self.delay(settings.agent) or 0.0) > settings.longest_delay

    def pause(self, settings: Settings) -> float | None:
        """The crawl-delay to keep; None without one, or where the host is left alone for it: nothing more is asked."""
        left_alone = self.too_slow(settings) and "robots" not in settings.ignored
        return None if left_alone else self.delay(settings.agent)

    def delay(self, agent: str) -> float | None:
        """The crawl-delay that is asked of us."""
        return self.robots.delay(agent)

    def sitemaps(self) -> list[str]:
        """The sitemaps that it names, as written."""
        return self.robots.sitemaps[:_NAMED_BY_ROBOTS]

    def evidence_for(self, url: str, settings: Settings) -> dict[str, Any]:
        """For the log: what it says of a URL, too, whether or not that counts."""
        closed = self.ruling is Ruling.CLOSED
        slow = not closed and self.too_slow(settings)
        allowed = not closed and not slow and self.robots.allows(url, settings.agent)
        said = self.evidence() | {"says": "yes" if allowed else "no"}
        return said | ({"note": f"crawl-delay {self.delay(settings.agent):g}"} if slow else {})


class Answers:
    """The answers for every file that was asked for, until they are a day old."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._db = state.db
        self._settings = settings
        self._late = Late(state)
        self._recent: Recent[Answer] = Recent(_IN_MEMORY, _HEAVIEST)

    def robots(self, url: str, now: float) -> Rules | None:
        """The rules that hold for a URL; None when they must be asked for."""
        known = self.of(f"{origin(url)}/robots.txt", now)
        return known if isinstance(known, Rules) else None

    def of(self, url: str, now: float) -> Answer | None:
        """The answer for a file; None when it must be asked for."""
        known = self._recent.get(url)
        if known is None:
            known = self._stored(url)
            if known is not None:
                self._recent.put(url, known, len(known.body))
        return None if known is None or known.asked + self._settings.robots_age < now else known

    def _stored(self, url: str) -> Answer | None:
        row = self._db.execute(
            "SELECT asked, outcome, status, html, body, round FROM asked WHERE url = ? AND outcome != ''", (url,)
        ).fetchone()
        if row is None:
            return None
        if url != f"{origin(url)}/robots.txt":
            return Answer(url, row[0], Outcome(row[1]), row[2], bool(row[3]), row[4])
        rules = Rules(url, row[0], Outcome(row[1]), row[2], bool(row[3]), row[4])
        # What could not be read is asked for again in every round.
        return None if rules.ruling is Ruling.CLOSED and row[5] < self._state.get("round") else rules

    def attempts(self, url: str) -> int:
        """How often a file was asked for in vain since the last answer."""
        row = self._db.execute("SELECT attempts FROM asked WHERE url = ?", (url,)).fetchone()
        return 0 if row is None else int(row[0])

    def failed(self, url: str, attempts: int, fetched: Fetched, late: float = 0.0) -> None:
        """Note that an attempt failed, and that there will be another; `late`: when, if that is worth a word."""
        if late:
            self._late.wait(url, pace.final_outcome(fetched), fetched.status, attempts, late)
        self._db.execute(
            "INSERT INTO asked VALUES (?, 0, '', 0, 1, -1, 0, x'') ON CONFLICT DO UPDATE"
            " SET attempts = attempts + 1, outcome = ''",
            (url,),
        )
        self._recent.drop(url)

    def answered(self, url: str, fetched: Fetched, outcome: Outcome, number: int) -> bool:
        """Keep an answer; whether it is the first in crawl round `number`, and so has its row in the log."""
        row = self._db.execute("SELECT round FROM asked WHERE url = ?", (url,)).fetchone()
        self._late.came(url)
        came = outcome is Outcome.OK
        kind = media.sniff(fetched.body[: media.ENOUGH])  # the header lies about text files
        html = came and kind == "text/html"
        text = came and (kind in ("", "text/html") or url == f"{origin(url)}/robots.txt")  # a picture says nothing
        self._db.execute(
            "INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
            (url, fetched.started, str(outcome), fetched.status, number, html, fetched.body if text else b""),
        )
        self._recent.drop(url)
        return row is None or int(row[0]) != number


def next_try(settings: Settings, fetched: Fetched, attempts: int, *, closes: bool) -> float | None:
    """Seconds until a file is asked for once more after `attempts`; None when this answer is final.

    What fails for a passing reason is tried again at the host's pace. Rules that cannot be read close an origin
    (`closes`), so they have later chances too, after the pauses of `robots_later`.
    """
    passes = pace.passes(fetched)
    if passes and attempts < settings.attempts:
        return 0.0
    outcome = pace.final_outcome(fetched)
    hopeless = outcome in (Outcome.BLOCKED_ADDRESS, Outcome.BAD_URL, Outcome.DNS)  # minutes do not change these
    if not closes or hopeless or ruling(outcome, fetched.status) is not Ruling.CLOSED:
        return None
    late = attempts - (settings.attempts if passes else 1)
    if late >= len(settings.robots_later):
        return None
    return min(settings.robots_later[late], settings.longest_wait)
