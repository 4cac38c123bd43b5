"""One URL's turn: ask its host for the rules, or for the URL; then let it end, or wait for what comes first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from crawlers import asking, conditional, media, pace, sitemap
from crawlers.asked import Rules, next_try
from crawlers.budget import Left
from crawlers.consent import Consent
from crawlers.endings import Answered, Endings
from crawlers.evidence import evidence
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.parked import Parked
from crawlers.robots import robots_url
from crawlers.searches import Searches
from crawlers.settings import Settings
from crawlers.sites import NO_SITE
from crawlers.store import PAGES, Store
from crawlers.urls import fetchable, origin
from crawlers.wishes import Wishes
from schemas.outcome import Outcome, UrlKind

_ANY = "*/*;q=0.1"
_DETOUR = 0.1  # seconds that another host takes to answer


class Visitor:
    """Does what one job asks for."""

    def __init__(
        self,
        frontier: Frontier,
        wishes: Wishes,
        parked: Parked,
        searches: Searches,
        store: Store,
        fetcher: Fetcher,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._frontier = frontier
        self._wishes = wishes
        self._parked = parked
        self._searches = searches
        self._fetcher = fetcher
        self._settings = settings
        self._clock = clock
        self._endings = Endings(frontier, wishes, parked, searches, store, settings, clock)
        self.responses = 0
        self.received = 0  # bytes of their bodies, as they came
        self._wants = {
            UrlKind.PAGE: Want(
                f"text/html,application/xhtml+xml;q=0.9,{_ANY}", settings.largest_page, media.PAGES | media.PICTURES
            ),
            UrlKind.IMAGE: Want("image/*", settings.largest_image, media.PICTURES, codings="identity"),
            UrlKind.SITEMAP: Want(f"application/xml,text/xml,text/plain;q=0.9,{_ANY}", sitemap.LARGEST),
            UrlKind.LIST: Want(f"text/html,application/json,{_ANY}", settings.largest_page),
        }

    async def visit(self, job: Job) -> None:
        """Serve one job; its host is released in the end."""
        left = Left(Outcome.NOT_MODIFIED) if self._settled(job) else self._frontier.left(job)
        if left is not None:
            self._end_unasked(job, left, None)
            return
        now = self._clock()
        asked = self._wishes.rules(job.target, now)
        if asked is None:
            await self._ask(job, robots_url(job.target))
            return
        refused = asked.verdict(job.target, self._settings)
        if refused is not None:
            self._end_unasked(job, Left(refused), asked)
            return
        consents: tuple[Consent, ...] = ()
        if job.kind is not UrlKind.SITEMAP:  # a sitemap is not content that would be kept
            file = self._wishes.missing(job.target, now)
            if file is not None:
                await self._ask(job, file)
                return
            consents = self._wishes.before(job.target, now)
            if self._wishes.refused(consents):
                self._end_unasked(job, Left(Outcome.OPTED_OUT), asked, consents)
                return
        fetched = self._parked.of(job.target, now) if job.kind is UrlKind.PAGE else None
        if fetched is None and not await self._has_turn(job, job.target):
            return
        self._frontier.take(job)
        answered = Answered(job, fetched or await self._fetch(job), asked, consents)
        self._answered(answered)
        self._release(job, answered.fetched, asked)

    def _settled(self, job: Job) -> bool:
        """Whether a URL of an archive or a search was served in an earlier round: both speak once."""
        if job.site != NO_SITE or job.kind not in (UrlKind.PAGE, UrlKind.LIST):
            return False
        return not (self._parked.holds(job.url) if job.kind is UrlKind.PAGE else self._searches.holds(job.url))

    async def _fetch(self, job: Job) -> Fetched:
        want = self._wants[job.kind]
        if job.held is not None:
            want = replace(want, more=conditional.headers(job.held, job.target))
        if job.kind is UrlKind.IMAGE and self._frontier.site_of_page(job) is not None:
            want = replace(want, types=media.PAGES | media.PICTURES)
        fetched = asking.marked(await self._fetcher.fetch(job.target, want))
        self.responses += 1
        return fetched

    async def _has_turn(self, job: Job, url: str) -> bool:
        """Whether the host of `url` may be asked now: the job waits there, and its address has a turn for it."""
        if self._elsewhere(job, url):
            return False
        if job.address:
            return True
        address = await self._fetcher.resolve(url)
        return not address or self._frontier.settle(job, address, self._clock())

    def _elsewhere(self, job: Job, url: str) -> bool:
        """Let a job wait at the host of `url`, where it must ask next, unless it does; whether it was sent there.

        Its host is not asked for anything now. It pauses all the same, so that those behind the job come later, when
        the answer that all of them need may be there, and do not follow it one and all.
        """
        if self._frontier.waits_at(job, url):
            return False
        self._frontier.move(job, url)
        self._frontier.release(job, self._clock(), max(self._settings.delay, _DETOUR))
        return True

    def _end_unasked(self, job: Job, left: Left, asked: Rules | None, consents: tuple[Consent, ...] = ()) -> None:
        """A URL that is not asked for costs its host nothing, so it need not wait."""
        self._endings.unasked(job, left, asked, consents)
        self._frontier.release(job, self._clock())

    def _release(self, job: Job, fetched: Fetched, asked: Rules | None, later: float = 0.0) -> None:
        if fetched.archive is not None:  # the host was not asked
            self._frontier.release(job, self._clock())
            return
        self.received += fetched.wire
        strikes = job.strikes + 1 if pace.struggles(fetched) else 0
        delay = asked.pause(self._settings) if asked else None
        wait = max(pace.pause(self._settings, delay, strikes, pace.retry_after(fetched), fetched.seconds), later)
        if strikes >= self._settings.strikes:
            self._frontier.leave_alone(job, pace.final_outcome(fetched), fetched.status)
            wait = 0.0  # nothing is asked there any more
        self._frontier.release(job, self._clock(), wait, strikes=strikes, fetched=fetched)

    async def _ask(self, job: Job, url: str) -> None:
        """Use the host's turn to ask for a file of an origin; the job goes on waiting."""
        if not await self._has_turn(job, url):
            return
        reply = await asking.ask(self._fetcher, url)
        self.responses += 1
        fetched, outcome = reply.fetched, reply.outcome
        answers, closes = self._wishes.answers, reply.kind is UrlKind.ROBOTS
        attempts = answers.attempts(url) + 1
        later = next_try(self._settings, fetched, attempts, closes=closes)
        if later is not None:
            answers.failed(url, attempts, fetched, self._clock() + later if closes and later else 0.0)
            self._release(job, fetched, self._wishes.rules(url, self._clock()), later)
            return
        place = self._endings.keep(fetched, outcome, PAGES)
        if answers.answered(url, fetched, outcome, self._frontier.round):
            as_job = replace(job, url=url, kind=reply.kind, attempts=attempts - 1, redirects=reply.hops)
            self._endings.log(as_job, fetched, outcome, evidence(None, [], [], {}, fetched.detail), place)
            self._frontier.count(str(reply.kind), outcome)
        asked = self._wishes.rules(url, self._clock())
        if closes:
            self._add_sitemaps(url, asked.sitemaps() if asked else [])
        self._release(job, fetched, asked)

    def _add_sitemaps(self, url: str, named: list[str]) -> None:
        site = self._frontier.site_at(origin(url))
        if site is None or not self._frontier.marks(site).sitemap:
            return
        for reference in (*named, "/sitemap.xml"):
            found = fetchable(url, reference)
            if found is not None:
                self._frontier.add(found, UrlKind.SITEMAP, site)

    def _answered(self, answered: Answered) -> None:
        job, fetched = answered.job, answered.fetched
        if fetched.location is not None:
            self._redirected(answered, fetched.location)
            return
        if pace.passes(fetched) and fetched.archive is None and job.attempts + 1 < self._settings.attempts:
            self._frontier.retry(job)
            return
        outcome = pace.final_outcome(fetched)
        if fetched.status == 304 and (held := conditional.at_target(job.held, job.target)) is not None:
            self._endings.unmodified(answered, held)
        elif outcome is not Outcome.OK:
            self._endings.failed(answered, outcome)
        elif job.kind is UrlKind.SITEMAP:
            self._endings.sitemap(answered)
        elif job.kind is UrlKind.LIST:
            self._endings.search(answered)
        elif fetched.content_type in media.PICTURES:
            self._endings.image(answered)
        else:
            self._endings.page(replace(answered, job=self._frontier.as_page(job)))

    def _redirected(self, answered: Answered, target: str) -> None:
        job = answered.job
        if job.kind is UrlKind.PAGE and job.depth == 0:
            self._frontier.widen(job.site, target)  # the site has moved: http to https, or to www
        if len(job.redirects) >= self._settings.redirects:
            self._endings.failed(answered, Outcome.TOO_MANY_REDIRECTS)
        elif job.kind is UrlKind.PAGE and not self._frontier.in_scope(target, job.site):
            self._endings.failed(answered, Outcome.HTTP_ERROR, f"leads out of the site, to {target}")
        else:
            self._endings.keep(answered.fetched, Outcome.HTTP_ERROR, PAGES)
            self._frontier.redirect(job, target)
