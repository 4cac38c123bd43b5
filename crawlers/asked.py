"""What the robots.txt of each origin said when it was asked, kept in the state."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from crawlers.fetch import Fetched
from crawlers.records import warc_date
from crawlers.robots import Robots, Ruling, robots_url, ruling
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import origin
from schemas.outcome import Outcome

_IN_MEMORY = 2_000  # parsed rules: some 20 MB; the rest is read from the state when its turn comes
_NAMED_BY_ROBOTS = 100  # sitemaps that one robots.txt may name


@dataclass(frozen=True)
class Asked:
    """One origin's rules: what follows from asking for them."""

    origin: str
    asked: float
    ruling: Ruling
    outcome: Outcome
    status: int
    rules: Robots

    def verdict(self, url: str, agent: str) -> Outcome | None:
        """Why a URL may not be asked for; None when it may."""
        if self.ruling is Ruling.CLOSED:
            own = (Outcome.BLOCKED_ADDRESS, Outcome.DNS)  # these say more than that the rules could not be read
            return self.outcome if self.outcome in own else Outcome.ROBOTS_UNREACHABLE
        if self.ruling is Ruling.RULES and not self.rules.allows(url, agent):
            return Outcome.ROBOTS
        return None

    def delay(self, agent: str) -> float | None:
        """The crawl-delay that is asked of us."""
        return self.rules.delay(agent)

    def sitemaps(self) -> list[str]:
        """The sitemaps that it names, as written."""
        return self.rules.sitemaps[:_NAMED_BY_ROBOTS]

    def evidence(self, url: str, agent: str) -> dict[str, object]:
        """For the log: what was asked, when, what came and what it says of a URL."""
        return {
            "url": robots_url(self.origin + "/"),
            "asked": warc_date(self.asked),
            "outcome": str(self.outcome),
            "status": self.status,
            "says": "no" if self.verdict(url, agent) else "yes",
        }


class AskedRobots:
    """The rules of every origin met so far, until they are a day old."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._db = state.db
        self._settings = settings
        self._recent: OrderedDict[str, Asked] = OrderedDict()

    def of(self, url: str, now: float) -> Asked | None:
        """The rules that hold for a URL; None when they must be asked for."""
        where = origin(url)
        known = self._recent.get(where) or self._stored(where)
        if known is None or known.asked + self._settings.robots_age < now:
            return None
        self._recent[where] = known
        self._recent.move_to_end(where)
        if len(self._recent) > _IN_MEMORY:
            self._recent.popitem(last=False)
        return known

    def _stored(self, where: str) -> Asked | None:
        row = self._db.execute(
            "SELECT asked, ruling, outcome, status, body FROM robots WHERE origin = ? AND ruling != ''", (where,)
        ).fetchone()
        if row is None:
            return None
        return Asked(where, row[0], Ruling(row[1]), Outcome(row[2]), row[3], Robots.parse(row[4]))

    def attempts(self, url: str) -> int:
        """How often they were asked for in vain since the last answer."""
        row = self._db.execute("SELECT attempts FROM robots WHERE origin = ?", (origin(url),)).fetchone()
        return 0 if row is None else int(row[0])

    def failed(self, url: str) -> None:
        """Note that an attempt failed for a passing reason."""
        self._db.execute(
            "INSERT INTO robots VALUES (?, 0, '', '', 0, 1, -1, x'') ON CONFLICT DO UPDATE"
            " SET attempts = attempts + 1, ruling = ''",
            (origin(url),),
        )
        self._recent.pop(origin(url), None)

    def answered(self, url: str, fetched: Fetched, outcome: Outcome, number: int) -> bool:
        """Keep the answer; whether it is the first in crawl round `number`, and so has its row in the log."""
        where = origin(url)
        row = self._db.execute("SELECT round FROM robots WHERE origin = ?", (where,)).fetchone()
        follows = ruling(outcome, fetched.status)
        body = fetched.body if follows is Ruling.RULES else b""
        self._db.execute(
            "INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
            (where, fetched.started, str(follows), str(outcome), fetched.status, number, body),
        )
        self._recent.pop(where, None)
        return row is None or int(row[0]) != number
