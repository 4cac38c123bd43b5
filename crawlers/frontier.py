"""Which URL is asked for next: one queue per host, each with its own pace. The clock is passed in.

A URL waits in the queue of the host that it leads to next, so a redirect to another host waits its turn there. Each
step costs a few index look-ups, however many URLs wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from crawlers.budget import Budget, Left, gave_up
from crawlers.conditional import Held
from crawlers.fetch import Fetched
from crawlers.hosts import AT_HAND, Hosts
from crawlers.job import Job
from crawlers.letter import Letter
from crawlers.rounds import Rounds
from crawlers.settings import Settings
from crawlers.shared import Addresses
from crawlers.sites import NO_SITE, Marks, Sites
from crawlers.state import State
from crawlers.urls import fetchable, may_be_page, origin
from schemas.errors import BadInput
from schemas.outcome import Outcome, UrlKind
from schemas.seeds import Site


class Frontier:
    """The queues, in the state's transaction.

    A URL whose host is another partition's is `away` until the round ends, then `sent`: it gets its outcome there.
    """

    def __init__(self, state: State, settings: Settings, hosts_at_hand: int = AT_HAND) -> None:
        """`hosts_at_hand`: whose turns are in memory; the others are in the state."""
        self._state = state
        self._db = state.db
        self._settings = settings
        self._sites = Sites(self._db)
        self._budget = Budget(state, settings, self._sites)
        self._rounds = Rounds(state, self._budget)
        addresses = Addresses(settings.delay / settings.address_hosts, settings.address_hosts)
        self._hosts = Hosts(state, settings.partition, addresses, hosts_at_hand)

    @property
    def round(self) -> int:
        """The number of the crawl round, from 0."""
        return self._rounds.number

    def begin(self, sites: Iterable[Site], *, again: bool = False) -> bool:
        """Take in the seeds and what a larger budget lets in; whether there is anything to do.

        What is added to a finished crawl is a new round, in which a URL that the budget left over may get its row.
        `again` makes a new round of a finished crawl in which all that may have changed is asked for again.
        """
        self._hosts.put_away()
        finished = self._rounds.finished
        for site in sites:
            self._add_site(site)
        if finished:
            self._rounds.reopen(again=again)
        waiting = self._db.execute("SELECT 1 FROM urls WHERE outcome IS NULL LIMIT 1").fetchone() is not None
        if waiting:
            self.open_round()
        return waiting or not finished  # an open round may have its seal before it

    def open_round(self) -> None:
        """Begin the next round, unless one is open."""
        if self._rounds.finished:
            self._hosts.put_away()
            self._rounds.open()

    def end(self) -> None:
        """Note that nothing is left of this round."""
        self._rounds.end()

    def _add_site(self, site: Site) -> None:
        first = fetchable(site.url, "")
        if first is None:
            raise BadInput(f"seed {site.url}: an http(s) URL without a user's name in it is needed")
        number = self._sites.add(site)
        self.widen(number, first)
        if self.holds(first):
            self.add(first, UrlKind.PAGE, number)

    def widen(self, site: int, url: str) -> None:
        """Count the origin of a URL to a site: its own, and where its first page leads."""
        self._sites.widen(site, url)

    def in_scope(self, url: str, site: int) -> bool:
        """Whether a page at this URL belongs to the site."""
        return self._sites.has(url, site)

    def wants(self, url: str, site: int, depth: int) -> bool:
        """Whether a link to a page is followed: in scope, not too deep, and as the patterns say."""
        rules = self._sites.rules(site)
        return rules is not None and rules.want(url, depth) and self._sites.has(url, site)

    def site_at(self, url_origin: str) -> int | None:
        """The site that an origin belongs to."""
        return self._sites.at(url_origin)

    def marks(self, site: int) -> Marks:
        """What the seeds file says of a site."""
        return self._sites.marks(site)

    def add(self, url: str, kind: UrlKind, site: int, depth: int = 0) -> None:
        """Let a URL wait, unless it was ever met. A page goes before a picture: see `as_page`."""
        host = self._hosts.of(url)
        changed = self._db.execute(
            "INSERT INTO urls (url, kind, site, depth, host, outcome, turn)"
            " VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM urls))"
            " ON CONFLICT (url) DO UPDATE"
            " SET kind = 'page', site = excluded.site, depth = excluded.depth, outcome = excluded.outcome"
            " WHERE excluded.kind = 'page' AND kind = 'image'"
            " AND (outcome IS NULL AND NOT taken OR outcome IN ('away', 'sent'))",
            (url, str(kind), site, depth, host, _outcome_at(host)),
        ).rowcount
        if changed:
            self._hosts.wake(host)

    def receive(self, letter: Letter) -> None:
        """Let a URL wait that another partition found; it goes on where that left it."""
        site = self._sites.at(letter.site) or NO_SITE
        self.add(letter.url, UrlKind(letter.kind), site, letter.depth)
        if letter.redirects:
            if letter.kind == UrlKind.PAGE and letter.depth == 0:
                self.widen(site, letter.target)
            host = self._hosts.of(letter.target)
            self._db.execute(
                "UPDATE urls SET outcome = NULL, target = ?, redirects = ?, host = ?"
                " WHERE url = ? AND (outcome IS NULL AND target IS NULL AND NOT taken OR outcome IN ('away', 'sent'))",
                (letter.target, json.dumps(letter.redirects), host, letter.url),
            )
            self._hosts.wake(host)

    def holds(self, url: str) -> bool:
        """Whether a URL is this partition's to ask for."""
        return self._settings.partition.holds(url)

    def site_of_page(self, job: Job) -> int | None:
        """The site that wants what is shown as a picture, should it be a page, as <img src=/news/> is; else None."""
        if not may_be_page(job.target):
            return None
        for site in (self._sites.at(origin(job.target)), job.site):
            if site and self.wants(job.target, site, job.depth + 1):
                return None if self._budget.of_number(UrlKind.PAGE, site) else site
        return None

    def as_page(self, job: Job) -> Job:
        """A job whose answer is a page, as one: so a URL that is linked here and shown there ends in the same."""
        if job.kind is UrlKind.PAGE:
            return job
        site, depth = self.site_of_page(job) or job.site, job.depth + 1
        self._budget.take(job.id, UrlKind.PAGE, site)
        self._db.execute("UPDATE urls SET kind = 'page', site = ?, depth = ? WHERE id = ?", (site, depth, job.id))
        return replace(job, kind=UrlKind.PAGE, site=site, depth=depth)

    def refuse(self, url: str, kind: UrlKind, outcome: Outcome) -> bool:
        """Give what cannot be asked for its outcome at once; whether it was met for the first time."""
        first = self._db.execute(
            "INSERT OR IGNORE INTO urls (url, kind, site, depth, host, turn, outcome) VALUES (?, ?, 0, 0, 0, 0, ?)",
            (url, str(kind), str(outcome)),
        ).rowcount
        if first:
            self.count(str(kind), outcome)
        return bool(first)

    def refuse_trap(self, url: str, kind: UrlKind) -> bool:
        """Count a URL that a trap made; whether it is to have a row in the log, as the first of its host have."""
        number = self._hosts.trapped(self._hosts.of(url))
        return number <= self._settings.traps and self.refuse(url, kind, Outcome.BAD_URL)

    def met(self, url: str) -> bool:
        """Whether a URL waits or has its outcome."""
        return self._db.execute("SELECT 1 FROM urls WHERE url = ?", (url,)).fetchone() is not None

    def first_reading(self, url: str) -> bool:
        """Whether a page is read for the first time in this round; several URLs may lead to one."""
        return self._db.execute("INSERT OR IGNORE INTO page_read VALUES (?)", (url,)).rowcount == 1

    def next(self, now: float) -> Job | float | None:
        """The next URL whose host is ready, which is busy from now on; or the seconds until one is; or None."""
        while (host := self._hosts.first()) is not None:
            if host.ready_at > now:
                return host.ready_at - now
            if not self._hosts.has_room(host):
                continue
            row = self._db.execute(
                "SELECT id, url, coalesce(target, url), kind, site, depth, host, attempts, redirects, taken, held"
                " FROM urls WHERE host = ? AND outcome IS NULL ORDER BY turn, id LIMIT 1",
                (host.number,),
            ).fetchone()
            if row is None:
                self._hosts.rest(host)
                continue
            self._hosts.call(host)
            spent = self._budget.of_host(host.bytes, host.spent)
            why = gave_up(host.left, host.left_status) if host.left else spent
            return Job.of(row, host.strikes, host.address, why)
        return None

    def settle(self, job: Job, address: str, now: float) -> bool:
        """Note at which address a host was found; whether it may be asked now, else it waits for its turn there."""
        return self._hosts.settle(job.host, address, now)

    def release(
        self, job: Job, now: float, wait: float = 0.0, *, strikes: int | None = None, fetched: Fetched | None = None
    ) -> None:
        """Let a busy host wait so many seconds, or until its address has a turn for it.

        `strikes`: how often in a row it has failed or asked us to slow down, when that is known anew; `fetched`: what
        its answer cost.
        """
        self._hosts.release(job, now, wait, job.strikes if strikes is None else strikes, fetched)
        if fetched is not None:
            self._budget.spend(job.site, fetched.wire, fetched.seconds + wait)

    def leave_alone(self, job: Job, outcome: Outcome, status: int) -> None:
        """Ask a host for nothing more in this round: what waits there ends in `outcome`."""
        self._hosts.leave_alone(job.host, outcome, status)

    def done(
        self, job: Job, outcome: Outcome, kind: UrlKind | None = None, *, status: int = 0, held: Held | None = None
    ) -> None:
        """Give a URL its outcome in this round."""
        kept = None if held is None else json.dumps([held.url, held.etag, held.modified, held.date])
        self._db.execute(
            "UPDATE urls SET outcome = ?, kind = ?, status = ?, held = ? WHERE id = ?",
            (str(outcome), str(kind or job.kind), status, kept, job.id),
        )
        self.count(str(kind or job.kind), outcome)

    def retry(self, job: Job) -> None:
        """Put a URL at the end of its queue after a passing failure."""
        self._db.execute(
            "UPDATE urls SET attempts = attempts + 1, turn = (SELECT max(id) + 1 FROM urls) WHERE id = ?", (job.id,)
        )

    def redirect(self, job: Job, target: str) -> None:
        """Let a URL wait where it leads, at the end of that host's queue."""
        redirects = json.dumps([*job.redirects, job.target])
        host = self._hosts.of(target)
        self._db.execute(
            "UPDATE urls SET target = ?, redirects = ?, host = ?, outcome = ?,"
            " turn = (SELECT max(id) + 1 FROM urls) WHERE id = ?",
            (target, redirects, host, _outcome_at(host), job.id),
        )
        self._hosts.wake(host)

    def postpone(self, job: Job) -> None:
        """Put a URL at the end of its queue for a reason of ours, which is no attempt of its."""
        self._db.execute("UPDATE urls SET turn = (SELECT max(id) + 1 FROM urls) WHERE id = ?", (job.id,))

    def waits_at(self, job: Job, url: str) -> bool:
        """Whether a URL waits in the queue of the host that `url` leads to.

        It may ask from where it waits what another partition's host has to say of it: a licence, once a day.
        """
        host = self._hosts.of(url)
        return host == job.host or host <= 0

    def move(self, job: Job, url: str) -> None:
        """Let a URL wait in the queue of the host of `url`, which must be asked for something first."""
        host = self._hosts.of(url)
        self._db.execute("UPDATE urls SET host = ?, turn = (SELECT max(id) + 1 FROM urls) WHERE id = ?", (host, job.id))
        self._hosts.wake(host)

    def left(self, job: Job) -> Left | None:
        """Why a URL is left alone: its host is, or a budget is used up; None when it may be asked for."""
        if job.left is not None:
            return job.left
        return self._budget.of_site(job.site) or (None if job.taken else self._budget.of_number(job.kind, job.site))

    def take(self, job: Job) -> None:
        """Count a URL in its budget, once."""
        if not job.taken:
            self._budget.take(job.id, job.kind, job.site)

    def count(self, kind: str, outcome: Outcome, number: int = 1) -> None:
        """Add to the count of a kind's outcome."""
        self._state.count(kind, outcome, number)

    def counts(self) -> dict[str, int]:
        """How many URLs ended how, over all rounds, as {'page/ok': 12, …}."""
        return self._state.counts()


def _outcome_at(host: int) -> str | None:
    """Of a URL that is new: none yet, or `away` where its host is another partition's."""
    return None if host > 0 else "away"
