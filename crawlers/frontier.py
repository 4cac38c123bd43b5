"""Which URL is asked for next: one queue per host, each with its own pace. The clock is passed in.

A host is idle (nothing waits), waiting (until `ready_at`) or busy (one of its URLs is out). A URL waits in the queue
of the host that it leads to next, so a redirect to another host waits its turn there. Each step costs one index
look-up, however many URLs wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import fetchable, host_queue, origin
from schemas.errors import BadInput
from schemas.outcome import Outcome, UrlKind
from schemas.seeds import Site

_IDLE, _WAITING, _BUSY = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """One URL whose turn it is. `target` is what to ask for now: the URL, or where its redirects led so far."""

    id: int
    url: str
    target: str
    kind: UrlKind
    site: int
    depth: int
    host: int
    attempts: int
    redirects: tuple[str, ...]
    taken: bool  # counted in its budget


@dataclass(frozen=True)
class Marks:
    """What the seeds file says of a site."""

    origin: str
    strong: bool
    class_: str
    sitemap: bool


class Frontier:
    """The queues, in the state's transaction."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._db = state.db
        self._settings = settings
        self._db.execute("UPDATE hosts SET state = ? WHERE state = ?", (_WAITING, _BUSY))
        self._scope: dict[str, int] = dict(self._db.execute("SELECT origin, site FROM scope"))
        self._marks: dict[int, Marks] = {}

    @property
    def round(self) -> int:
        """The number of the crawl round, from 0."""
        return self._state.get("round")

    def begin(self, sites: Iterable[Site]) -> bool:
        """Take in the seeds and what a larger budget lets in; whether there is anything to do.

        What is added to a finished crawl is a new round, in which a URL that the budget left over may get its row.
        """
        finished = self._state.get("finished")
        for site in sites:
            self._add_site(site)
        if finished:
            self._reopen()
        waiting = self._db.execute("SELECT 1 FROM urls WHERE outcome IS NULL LIMIT 1").fetchone() is not None
        if waiting:
            self.open_round()
        return waiting or not finished  # an open round may have its seal before it

    def open_round(self) -> None:
        """Begin the next round, unless one is open."""
        if self._state.get("finished"):
            self._state.put("round", self.round + 1)
            self._state.put("segment", 0)
            self._state.put("finished", 0)

    def end(self) -> None:
        """Note that nothing is left of this round."""
        self._state.put("finished", 1)

    def _add_site(self, site: Site) -> None:
        marks = (int(site.strong), site.class_, int(site.sitemap))
        known = self._db.execute("SELECT strong, class, sitemap FROM sites WHERE origin = ?", (site.origin,)).fetchone()
        if known is None:
            self._db.execute(
                "INSERT INTO sites (origin, strong, class, sitemap, max_pages) VALUES (?, ?, ?, ?, ?)",
                (site.origin, *marks, site.max_pages),
            )
        elif known != marks:
            raise BadInput(
                f"seed {site.url}: the site {site.origin} is marked otherwise by another seed or an earlier crawl;"
                " a site has one mark in a corpus: make them alike, or crawl into another folder"
            )
        self._db.execute(
            "UPDATE sites SET max_pages = max(max_pages, ?) WHERE origin = ?", (site.max_pages, site.origin)
        )
        number = int(self._db.execute("SELECT id FROM sites WHERE origin = ?", (site.origin,)).fetchone()[0])
        first = fetchable(site.url, "")
        if first is None:
            raise BadInput(f"seed {site.url}: an http(s) URL without a user's name in it is needed")
        self.widen(number, first)
        self.add(first, UrlKind.PAGE, number)

    def widen(self, site: int, url: str) -> None:
        """Count the origin of a URL to a site: its own, and where its first page leads."""
        if self._scope.setdefault(origin(url), site) == site:
            self._db.execute("INSERT OR IGNORE INTO scope VALUES (?, ?)", (origin(url), site))

    def in_scope(self, url: str, site: int) -> bool:
        """Whether a page at this URL belongs to the site."""
        return self._scope.get(origin(url)) == site

    def site_at(self, url_origin: str) -> int | None:
        """The site that an origin belongs to."""
        return self._scope.get(url_origin)

    def marks(self, site: int) -> Marks:
        """What the seeds file says of a site."""
        if site not in self._marks:
            row = self._db.execute("SELECT origin, strong, class, sitemap FROM sites WHERE id = ?", (site,)).fetchone()
            self._marks[site] = Marks(row[0], bool(row[1]), row[2], bool(row[3]))
        return self._marks[site]

    def _reopen(self) -> None:
        """Let those wait again that a budget left over and that now have room."""
        limit = self._settings
        for kind, site, number in self._db.execute(
            "SELECT kind, site, count(*) FROM urls WHERE outcome = 'budget' GROUP BY kind, site"
        ).fetchall():
            if self._room(UrlKind(kind), site, limit):
                self._db.execute(
                    "UPDATE hosts SET state = ? WHERE state = ? AND id IN"
                    " (SELECT host FROM urls WHERE outcome = 'budget' AND kind = ? AND site = ?)",
                    (_WAITING, _IDLE, kind, site),
                )
                self._db.execute(
                    "UPDATE urls SET outcome = NULL, attempts = 0 WHERE outcome = 'budget' AND kind = ? AND site = ?",
                    (kind, site),
                )
                self.count(kind, Outcome.BUDGET, -number)

    def add(self, url: str, kind: UrlKind, site: int, depth: int = 0) -> None:
        """Let a URL wait, unless it was ever met. A page that turns out to be shown as a picture becomes one."""
        host = self._host(url)
        turn = self._turn()
        changed = self._db.execute(
            "INSERT INTO urls (url, kind, site, depth, host, turn) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (url) DO UPDATE SET kind = 'image'"
            " WHERE excluded.kind = 'image' AND kind = 'page' AND outcome IS NULL AND NOT taken",
            (url, str(kind), site, depth, host, turn),
        ).rowcount
        if changed:
            self._db.execute("UPDATE hosts SET state = ? WHERE id = ? AND state = ?", (_WAITING, host, _IDLE))

    def refuse(self, url: str, kind: UrlKind, outcome: Outcome) -> bool:
        """Give what cannot be asked for its outcome at once; whether it was met for the first time."""
        first = self._db.execute(
            "INSERT OR IGNORE INTO urls (url, kind, site, depth, host, turn, outcome) VALUES (?, ?, 0, 0, 0, 0, ?)",
            (url, str(kind), str(outcome)),
        ).rowcount
        if first:
            self.count(str(kind), outcome)
        return bool(first)

    def first_reading(self, url: str) -> bool:
        """Whether a page is read for the first time; several URLs may lead to one."""
        return self._db.execute("INSERT OR IGNORE INTO page_read VALUES (?)", (url,)).rowcount == 1

    def next(self, now: float) -> Job | float | None:
        """The next URL whose host is ready, which is busy from now on; or the seconds until one is; or None."""
        while True:
            host = self._db.execute(
                "SELECT id, ready_at FROM hosts WHERE state = 1 ORDER BY ready_at LIMIT 1"
            ).fetchone()
            if host is None:
                return None
            if host[1] > now:
                return float(host[1]) - now
            row = self._db.execute(
                "SELECT id, url, coalesce(target, url), kind, site, depth, host, attempts, redirects, taken FROM urls"
                " WHERE host = ? AND outcome IS NULL ORDER BY turn LIMIT 1",
                (host[0],),
            ).fetchone()
            if row is not None:
                self._db.execute("UPDATE hosts SET state = ? WHERE id = ?", (_BUSY, host[0]))
                return Job(
                    id=row[0],
                    url=row[1],
                    target=row[2],
                    kind=UrlKind(row[3]),
                    site=row[4],
                    depth=row[5],
                    host=row[6],
                    attempts=row[7],
                    redirects=tuple(json.loads(row[8])),
                    taken=bool(row[9]),
                )
            self._db.execute("UPDATE hosts SET state = ? WHERE id = ?", (_IDLE, host[0]))

    def release(self, host: int, ready_at: float, *, struck: bool | None = None) -> None:
        """Let a busy host wait until `ready_at`; `struck` says whether it needs more time (True) or has recovered."""
        strikes = {None: "strikes", True: "strikes + 1", False: "0"}[struck]
        self._db.execute(
            f"UPDATE hosts SET state = ?, ready_at = ?, strikes = {strikes} WHERE id = ?", (_WAITING, ready_at, host)
        )

    def strikes(self, host: int) -> int:
        """How often in a row a host has failed or asked us to slow down."""
        return int(self._db.execute("SELECT strikes FROM hosts WHERE id = ?", (host,)).fetchone()[0])

    def done(self, job: Job, outcome: Outcome, kind: UrlKind | None = None) -> None:
        """Give a URL its outcome in this round."""
        self._db.execute(
            "UPDATE urls SET outcome = ?, kind = ? WHERE id = ?", (str(outcome), str(kind or job.kind), job.id)
        )
        self.count(str(kind or job.kind), outcome)

    def retry(self, job: Job) -> None:
        """Put a URL at the end of its queue after a passing failure."""
        self._db.execute("UPDATE urls SET attempts = attempts + 1, turn = ? WHERE id = ?", (self._turn(), job.id))

    def redirect(self, job: Job, target: str) -> None:
        """Let a URL wait where it leads, at the end of that host's queue."""
        redirects = json.dumps([*job.redirects, job.target])
        self._db.execute(
            "UPDATE urls SET target = ?, redirects = ?, host = ?, turn = ? WHERE id = ?",
            (target, redirects, self._host(target), self._turn(), job.id),
        )
        self._db.execute(
            "UPDATE hosts SET state = ? WHERE name = ? AND state = ?", (_WAITING, host_queue(target), _IDLE)
        )

    def again(self, job: Job) -> None:
        """Put a URL at the end of its queue for a reason of ours, which is no attempt of its."""
        self._db.execute("UPDATE urls SET turn = ? WHERE id = ?", (self._turn(), job.id))

    def waits_at(self, job: Job, url: str) -> bool:
        """Whether a URL waits in the queue of the host that `url` leads to."""
        return self._host(url) == job.host

    def move(self, job: Job, url: str) -> None:
        """Let a URL wait in the queue of the host of `url`, which must be asked for something first."""
        host = self._host(url)
        self._db.execute("UPDATE urls SET host = ?, turn = ? WHERE id = ?", (host, self._turn(), job.id))
        self._db.execute("UPDATE hosts SET state = ? WHERE id = ? AND state = ?", (_WAITING, host, _IDLE))

    def take(self, job: Job) -> Job | None:
        """Count a URL in its budget, once; None when that is used up."""
        if job.taken:
            return job
        if not self._room(job.kind, job.site, self._settings):
            return None
        self._state.put(f"taken {job.kind}", self._state.get(f"taken {job.kind}") + 1)
        column = {UrlKind.PAGE: "pages", UrlKind.SITEMAP: "sitemaps"}.get(job.kind)
        if column:
            self._db.execute(f"UPDATE sites SET {column} = {column} + 1 WHERE id = ?", (job.site,))
        self._db.execute("UPDATE urls SET taken = 1 WHERE id = ?", (job.id,))
        return replace(job, taken=True)

    def affords(self, job: Job) -> bool:
        """Whether the budget has room for a URL."""
        return job.taken or self._room(job.kind, job.site, self._settings)

    def _room(self, kind: UrlKind, site: int, settings: Settings) -> bool:
        taken = self._state.get(f"taken {kind}")
        if kind is UrlKind.IMAGE:
            return settings.max_images is None or taken < settings.max_images
        row = self._db.execute("SELECT max_pages, pages, sitemaps FROM sites WHERE id = ?", (site,)).fetchone()
        if row is None:
            return True
        if kind is UrlKind.SITEMAP:
            return int(row[2]) < settings.sitemaps
        return int(row[1]) < int(row[0]) and (settings.max_pages is None or taken < settings.max_pages)

    def count(self, kind: str, outcome: Outcome, number: int = 1) -> None:
        """Add to the count of a kind's outcome."""
        self._db.execute(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
            (kind, str(outcome), number),
        )

    def counts(self) -> dict[str, int]:
        """How many URLs ended how, over all rounds, as {'page/ok': 12, …}."""
        rows = self._db.execute("SELECT kind, outcome, number FROM counts WHERE number != 0 ORDER BY kind, outcome")
        return {f"{kind}/{outcome}": number for kind, outcome, number in rows}

    def _host(self, url: str) -> int:
        name = host_queue(url)
        row = self._db.execute("SELECT id FROM hosts WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return int(row[0])
        return int(self._db.execute("INSERT INTO hosts (name) VALUES (?)", (name,)).lastrowid or 0)

    def _turn(self) -> int:
        turn = self._state.get("turn") + 1
        self._state.put("turn", turn)
        return turn
