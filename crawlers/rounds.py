"""Rounds of a crawl: when one begins and ends, and which finished URLs a later one asks for again."""

from __future__ import annotations

from crawlers.budget import Budget
from crawlers.state import IDLE, WAITING, State
from schemas.outcome import Outcome, UrlKind

# What a round over a finished crawl asks for again: what may have changed, and what failed for a passing reason.
# A robots.txt that said no is read anew, and nothing is asked for unless it has changed. What a site owner opted out
# is not asked for again: nobody need say it twice. The rest is wrong in a way that does not pass.
_AGAIN = (
    Outcome.OK,
    Outcome.NOT_MODIFIED,
    Outcome.DNS,
    Outcome.CONNECT,
    Outcome.TLS,  # certificates run out, and are renewed
    Outcome.TIMEOUT,
    Outcome.TOO_SLOW,
    Outcome.TRUNCATED,
    Outcome.THROTTLED,
    Outcome.ROBOTS,
    Outcome.ROBOTS_UNREACHABLE,
)
_CHOSEN = f"(outcome IN ({', '.join(repr(str(one)) for one in _AGAIN)}) OR outcome = 'http_error' AND status >= 500)"
_ANEW = "UPDATE urls SET outcome = NULL, attempts = 0, target = NULL, redirects = '[]'"


class Rounds:
    """The rounds, in the state."""

    def __init__(self, state: State, budget: Budget) -> None:
        self._state = state
        self._db = state.db
        self._budget = budget

    @property
    def number(self) -> int:
        """The number of the round, from 0."""
        return self._state.get("round")

    @property
    def finished(self) -> bool:
        """Whether nothing is left of it."""
        return bool(self._state.get("finished"))

    def open(self) -> None:
        """Begin the next round, unless one is open. Hosts that were left alone in the last one have a new chance."""
        if self.finished:
            self._state.put("round", self.number + 1)
            self._state.put("segment", 0)
            self._state.put("finished", 0)
            self._db.execute("UPDATE hosts SET left = '', left_status = 0, strikes = 0")

    def end(self) -> None:
        """Note that nothing is left of this round."""
        self._state.put("finished", 1)

    def reopen(self, *, again: bool) -> None:
        """Let those wait again that a budget left over and that now have room; with `again` all that may change."""
        if again:
            self._ask_again()
        groups = self._db.execute(
            "SELECT kind, site, host, count(*) FROM urls WHERE outcome = 'budget' GROUP BY kind, site, host"
        ).fetchall()
        for kind, site, host, number in groups:
            spent = self._db.execute("SELECT bytes, spent FROM hosts WHERE id = ?", (host,)).fetchone()
            if self._budget.of_host(*spent) or self._budget.of_site(site):
                continue
            if self._budget.of_number(UrlKind(kind), site):
                continue
            self._db.execute(
                "UPDATE urls SET outcome = NULL, attempts = 0"  # one that was redirected goes on from there
                " WHERE outcome = 'budget' AND kind = ? AND site = ? AND host = ?",
                (kind, site, host),
            )
            self._db.execute("UPDATE hosts SET state = ? WHERE id = ? AND state = ?", (WAITING, host, IDLE))
            self._state.count(kind, Outcome.BUDGET, -number)

    def _ask_again(self) -> None:
        for kind, outcome, number in self._db.execute(
            f"SELECT kind, outcome, count(*) FROM urls WHERE {_CHOSEN} GROUP BY kind, outcome"
        ).fetchall():
            self._state.count(kind, Outcome(outcome), -number)
        # A URL that was redirected waits at the host of its last hop: it begins where it began, unless it came by
        # letter and began in another partition; then it begins at that last hop, and its row says so.
        begun_here = "EXISTS (SELECT 1 FROM hosts WHERE name = host_queue(url))"
        self._db.execute(
            "UPDATE urls SET host = (SELECT id FROM hosts WHERE name = host_queue(url))"
            f" WHERE target IS NOT NULL AND {_CHOSEN} AND {begun_here}"
        )
        self._db.execute(f"UPDATE urls SET outcome = NULL, attempts = 0 WHERE {_CHOSEN} AND NOT {begun_here}")
        self._db.execute(f"{_ANEW} WHERE {_CHOSEN}")
        self._db.execute(
            "UPDATE hosts SET state = ? WHERE state = ? AND id IN (SELECT host FROM urls WHERE outcome IS NULL)",
            (WAITING, IDLE),
        )
        self._db.execute("UPDATE hosts SET bytes = 0, spent = 0")  # allowances of a round
        self._db.execute("UPDATE sites SET bytes = 0, spent = 0")
        self._db.execute("DELETE FROM page_read")  # a page that has changed is read again
