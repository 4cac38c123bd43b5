"""One URL's turn: ask its host for the rules, or for the URL; then say how it ended and what it led to."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crawlers import conditional, media, pace, sitemap, traps
from crawlers.asked import Asked, AskedRobots
from crawlers.budget import Left
from crawlers.charset import decode
from crawlers.conditional import Held
from crawlers.consent import Consent, meta_robots, x_robots
from crawlers.extract import Page, clean, read_page
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.parked import Parked
from crawlers.robots import LARGEST, REDIRECTS, robots_url
from crawlers.searches import Searches
from crawlers.settings import Settings
from crawlers.sites import NO_SITE
from crawlers.store import IMAGES, PAGES, Place, Store
from crawlers.urls import LONGEST, fetchable, host_queue, origin, path_ending
from schemas.outcome import Outcome, UrlKind
from schemas.pair import NO_CLICKS, TextSource

_ANY = "*/*;q=0.1"
_ENDINGS = """
jpg jpeg png gif webp bmp svg ico tif tiff avif heic psd mp3 mp4 m4a m4v avi mov wmv flv mkv webm wav ogg pdf doc docx
xls xlsx ppt pptx zip rar 7z gz bz2 xz tar tgz exe msi dmg apk ipa iso bin css js json xml rss
atom woff woff2 ttf eot swf
"""
_NO_PAGES = frozenset(_ENDINGS.split())  # a link to one of these leads to no page, by its name


class Visitor:
    """Does what one job asks for. Everything after the answer happens at once, so a checkpoint sees all or nothing."""

    def __init__(
        self,
        frontier: Frontier,
        robots: AskedRobots,
        parked: Parked,
        searches: Searches,
        store: Store,
        fetcher: Fetcher,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._frontier = frontier
        self._robots = robots
        self._parked = parked
        self._searches = searches
        self._store = store
        self._fetcher = fetcher
        self._settings = settings
        self._clock = clock
        self.responses = 0
        self.received = 0  # bytes of their bodies, as they came
        self._wants = {
            UrlKind.PAGE: Want(
                f"text/html,application/xhtml+xml;q=0.9,{_ANY}", settings.largest_page, media.PAGES | media.PICTURES
            ),
            UrlKind.IMAGE: Want("image/*", settings.largest_image, media.PICTURES, codings="identity"),
            UrlKind.SITEMAP: Want(f"application/xml,text/xml,text/plain;q=0.9,{_ANY}", sitemap.LARGEST),
            UrlKind.LIST: Want(f"text/html,application/json,{_ANY}", settings.largest_page),
            UrlKind.ROBOTS: Want(f"text/plain,{_ANY}", 2 * LARGEST, cut=True),
        }

    async def visit(self, job: Job) -> None:
        """Serve one job; its host is released in the end."""
        if self._settled(job):
            self._end_unasked(job, Left(Outcome.NOT_MODIFIED), None)
            return
        left = self._frontier.left(job)
        if left is not None:
            self._end_unasked(job, left, None)
            return
        if not job.address:
            address = await self._fetcher.resolve(job.target)
            if address and not self._frontier.settle(job, address, self._clock()):
                return
        asked = self._robots.of(job.target, self._clock())
        if asked is None:
            await self._ask_robots(job)
            return
        refused = asked.verdict(job.target, self._settings.agent)
        if refused is not None:
            self._end_unasked(job, Left(refused), asked)
            return
        taken = self._frontier.take(job)
        fetched = self._parked.of(taken.target, self._clock()) if taken.kind is UrlKind.PAGE else None
        if fetched is None:
            want = replace(self._wants[taken.kind], more=conditional.headers(job.held, job.target))
            fetched = await self._fetcher.fetch(taken.target, want)
            self.responses += 1
        self._answered(taken, fetched, asked)
        self._release(taken, fetched, asked)

    def _settled(self, job: Job) -> bool:
        """Whether a URL of an archive or a search was served in an earlier round: both speak once."""
        if job.site != NO_SITE or job.kind not in (UrlKind.PAGE, UrlKind.LIST):
            return False
        return not (self._parked.holds(job.url) if job.kind is UrlKind.PAGE else self._searches.holds(job.url))

    def _end_unasked(self, job: Job, left: Left, asked: Asked | None) -> None:
        """A URL that is not asked for costs its host nothing, so it need not wait."""
        nothing = self._parked.unasked(job.target, left.outcome, self._clock())
        self._end(job, replace(nothing, status=left.status, detail=left.why), left.outcome, asked, Place())
        self._frontier.release(job, self._clock())

    def _release(self, job: Job, fetched: Fetched, asked: Asked | None) -> None:
        if fetched.archive is not None:  # the host was not asked
            self._frontier.release(job, self._clock())
            return
        self.received += fetched.wire
        strikes = job.strikes + 1 if pace.struggles(fetched) else 0
        delay = asked.delay(self._settings.agent) if asked else None
        wait = pace.pause(self._settings, delay, strikes, pace.retry_after(fetched), fetched.seconds)
        if strikes >= self._settings.strikes:
            self._frontier.leave_alone(job, pace.final_outcome(fetched), fetched.status)
            wait = 0.0  # nothing is asked there any more
        self._frontier.release(job, self._clock(), wait, strikes=strikes, fetched=fetched)

    async def _ask_robots(self, job: Job) -> None:
        """Use the host's turn to ask for its rules; the job goes on waiting. RFC 9309: up to five redirects, and the
        rules count for the origin that was asked first."""
        url = robots_url(job.target)
        fetched = await self._fetcher.fetch(url, self._wants[UrlKind.ROBOTS])
        hops: list[str] = []
        while fetched.location is not None and len(hops) < REDIRECTS:
            hops.append(fetched.url)
            fetched = await self._fetcher.fetch(fetched.location, self._wants[UrlKind.ROBOTS])
        self.responses += 1
        attempts = self._robots.attempts(url) + 1
        if pace.passes(fetched) and attempts < self._settings.attempts:
            self._robots.failed(url)
            self._release(job, fetched, None)
            return
        outcome = Outcome.TOO_MANY_REDIRECTS if fetched.location is not None else pace.final_outcome(fetched)
        place = self._keep(fetched, outcome, PAGES)
        if self._robots.answered(url, fetched, outcome, self._frontier.round):
            as_job = replace(job, url=url, kind=UrlKind.ROBOTS, attempts=attempts - 1, redirects=tuple(hops))
            self._log(as_job, fetched, outcome, {"error": fetched.detail} if fetched.detail else {}, place)
            self._frontier.count(str(UrlKind.ROBOTS), outcome)
        asked = self._robots.of(url, self._clock())
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

    def _answered(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        if fetched.location is not None:
            self._redirected(job, fetched, asked)
            return
        if fetched.archive is None and pace.passes(fetched) and job.attempts + 1 < self._settings.attempts:
            self._frontier.retry(job)
            return
        outcome = pace.final_outcome(fetched)
        if fetched.status == 304 and (held := conditional.at_target(job.held, job.target)) is not None:
            self._end_unmodified(job, fetched, asked, held)
        elif outcome is not Outcome.OK:
            self._end(job, fetched, outcome, asked, self._keep(fetched, outcome, PAGES))
        elif job.kind is UrlKind.SITEMAP:
            self._end_sitemap(job, fetched, asked)
        elif job.kind is UrlKind.LIST:
            self._end_search(job, fetched, asked)
        elif fetched.content_type in media.PICTURES:
            self._end_image(job, fetched, asked)
        else:
            self._end_page(job, fetched, asked)

    def _redirected(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        target = fetched.location or ""
        place = self._keep(fetched, Outcome.HTTP_ERROR, PAGES)
        if job.kind is UrlKind.PAGE and job.depth == 0:
            self._frontier.widen(job.site, target)  # the site has moved: http to https, or to www
        if len(job.redirects) >= self._settings.redirects:
            self._end(job, fetched, Outcome.TOO_MANY_REDIRECTS, asked, place)
        elif job.kind is UrlKind.PAGE and not self._frontier.in_scope(target, job.site):
            note = replace(fetched, detail=f"leads out of the site, to {target}")
            self._end(job, note, Outcome.HTTP_ERROR, asked, place)
        else:
            self._frontier.redirect(job, target)

    def _end_unmodified(self, job: Job, fetched: Fetched, asked: Asked, held: Held) -> None:
        """A 304 may still bring an opt-out in its headers."""
        consent = x_robots(fetched.header_values("x-robots-tag"), self._settings.agent)
        outcome = Outcome.NOT_MODIFIED if consent.allowed else Outcome.OPTED_OUT
        place = Place()
        if consent.allowed:
            place = self._store.keep_unmodified(fetched, IMAGES if job.kind is UrlKind.IMAGE else PAGES, held.date)
        self._end(job, fetched, outcome, asked, place, consents=(consent,))

    def _end_image(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        consent = x_robots(fetched.header_values("x-robots-tag"), self._settings.agent)
        outcome = Outcome.OK if consent.allowed else Outcome.OPTED_OUT
        place = self._keep(fetched, outcome, IMAGES)
        # A link that leads straight to a picture: it is one.
        self._end(job, fetched, outcome, asked, place, kind=UrlKind.IMAGE, consents=(consent,))

    def _end_sitemap(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        named = sitemap.parse(fetched.body)
        outcome = Outcome.OK if named.pages or named.sitemaps or named.whole else Outcome.BAD_TYPE
        detail = "" if named.whole else "cut or broken: what could be read of it counts"
        self._end(job, replace(fetched, detail=detail), outcome, asked, self._keep(fetched, Outcome.OK, PAGES))
        for reference in named.pages:
            url = fetchable(fetched.url, reference)
            if url is not None:
                self._add_page(url, job, 1)
        if job.depth + 1 < sitemap.DEEPEST:
            for reference in named.sitemaps:
                url = fetchable(fetched.url, reference)
                if url is not None:
                    self._frontier.add(url, UrlKind.SITEMAP, job.site, job.depth + 1)

    def _end_search(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        """A page of a search's results: each is a picture, and the query is its text."""
        answer = self._searches.read(job.url, fetched)
        agent = self._settings.agent
        consents = (
            x_robots(fetched.header_values("x-robots-tag"), agent),
            meta_robots(answer.page.metas if answer.page else (), agent),
        )
        outcome = answer.outcome if all(one.allowed for one in consents) else Outcome.OPTED_OUT
        noted = replace(fetched, detail=answer.detail)
        self._end(job, noted, outcome, asked, self._keep(fetched, outcome, PAGES), consents=consents)
        if outcome is not Outcome.OK:
            return
        found = self._searches.took(job.url, answer)
        site = origin(job.url)
        self._store.found(
            (one.image_url, found.query, str(TextSource.QUERY), one.page_url, site, False, "", *NO_CLICKS)
            for one in found.results
        )
        for one in found.results:
            name_picture(one.image_url, self._frontier, self._store, self._clock())
        if found.following is not None and self._frontier.met(found.following):  # by another search of this endpoint
            self._searches.end(found.following)
        elif found.following is not None:
            self._frontier.add(found.following, UrlKind.LIST, job.site, job.depth + 1)

    def _end_page(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        page = read_page(decode(fetched.body, fetched.header("content-type")), fetched.url)
        agent = self._settings.agent
        consents = (
            x_robots(fetched.header_values("x-robots-tag"), agent),
            meta_robots(page.metas, agent),
        )
        outcome = Outcome.OK if all(one.allowed for one in consents) else Outcome.OPTED_OUT
        self._end(job, fetched, outcome, asked, self._keep(fetched, outcome, PAGES), consents=consents)
        if not self._frontier.first_reading(fetched.url):
            return
        if outcome is Outcome.OK:
            self._found(job, fetched.url, page)
        if all(one.follow for one in consents):
            for url in page.links:
                if path_ending(url) not in _NO_PAGES:
                    self._add_page(url, job, job.depth + 1)

    def _add_page(self, linked: str, job: Job, depth: int) -> None:
        """Let a page wait that another names, if its site wants it and no trap made it."""
        url = traps.cleaned(linked)
        if not self._frontier.wants(url, job.site, depth):
            return
        now = self._clock()
        reason = traps.trap(url, time.gmtime(now).tm_year)
        if not reason:
            self._frontier.add(url, UrlKind.PAGE, job.site, depth)
        elif self._frontier.refuse_trap(url, UrlKind.PAGE):
            row = log_row(url, UrlKind.PAGE, Outcome.BAD_URL, self._frontier.round, now)
            evidence = json.dumps({"error": f"a trap: {reason}"}, ensure_ascii=False)
            self._store.log(row | {"host": host_queue(url), "evidence": evidence})

    def _found(self, job: Job, url: str, page: Page) -> None:
        marks = self._frontier.marks(job.site)
        self._store.found(
            (
                one.image_url,
                one.text,
                one.source,
                url,
                marks.origin or origin(url),
                marks.strong,
                marks.class_ or one.section,
                *NO_CLICKS,
            )
            for one in page.candidates
        )
        for image_url in dict.fromkeys(one.image_url for one in page.candidates):
            self._frontier.add(image_url, UrlKind.IMAGE, job.site)

    def _keep(self, fetched: Fetched, outcome: Outcome, kind: str) -> Place:
        """Keep a response that came whole and that nobody asked us not to keep. An archive keeps its own."""
        if fetched.archive is not None:
            return Place(sha256=hashlib.sha256(fetched.body).hexdigest() if outcome is Outcome.OK else "")
        came = outcome is Outcome.OK or (
            fetched.outcome is Outcome.HTTP_ERROR and fetched.status and not fetched.detail
        )
        return self._store.keep(fetched, kind) if came and outcome is not Outcome.OPTED_OUT else Place()

    def _end(
        self,
        job: Job,
        fetched: Fetched,
        outcome: Outcome,
        asked: Asked | None,
        place: Place,
        *,
        kind: UrlKind | None = None,
        consents: tuple[Consent, ...] = (),
    ) -> None:
        evidence: dict[str, Any] = {}
        if asked is not None:
            evidence["robots"] = asked.evidence(job.target, self._settings.agent)
        said = [{"signal": one.signal, "said": one.said, "decided": one.decided} for one in consents if one.said]
        if said:
            evidence["consent"] = said
        if fetched.detail:
            evidence["error"] = fetched.detail
        if fetched.archive is not None:
            evidence["archive"] = fetched.archive
            self._parked.ended(job.url, outcome)
        if job.kind is UrlKind.LIST and outcome not in (Outcome.OK, Outcome.BUDGET, Outcome.NOT_MODIFIED):
            self._searches.end(job.url)
        held = conditional.held_after(job.held, fetched, outcome)
        self._frontier.done(job, outcome, kind, status=fetched.status, held=held)
        self._log(replace(job, kind=kind or job.kind), fetched, outcome, evidence, place)

    def _log(self, job: Job, fetched: Fetched, outcome: Outcome, evidence: dict[str, Any], place: Place) -> None:
        asked_for = fetched.seconds  # 0.0 without a request
        row = log_row(job.url, job.kind, outcome, self._frontier.round, fetched.started)
        self._store.log(
            row
            | {
                "final_url": fetched.url,
                "host": host_queue(job.url),
                "status": fetched.status,
                "attempts": job.attempts + 1 if asked_for else job.attempts,
                "seconds": fetched.seconds,
                "bytes": len(fetched.body),
                "content_type": fetched.content_type,
                "sha256": place.sha256,
                "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True),
                "redirects": job.redirects,
                "ip": fetched.ip,
                "warc": place.warc,
                "offset": place.offset,
                "length": place.length,
                "body_offset": place.body_offset,
            }
        )


def log_row(url: str, kind: UrlKind, outcome: Outcome, number: int, now: float) -> dict[str, Any]:
    """The row of the log for a URL that nobody was asked for, in crawl round `number`."""
    return {
        "url": url,
        "final_url": url,
        "kind": str(kind),
        "host": "",
        "outcome": str(outcome),
        "status": 0,
        "attempts": 0,
        "started": now,
        "seconds": 0.0,
        "bytes": 0,
        "content_type": "",
        "sha256": "",
        "evidence": "{}",
        "redirects": (),
        "ip": "",
        "warc": "",
        "offset": -1,
        "length": 0,
        "body_offset": -1,
        "round": number,
    }


def name_picture(written: str, frontier: Frontier, store: Store, now: float) -> str:
    """Let a picture wait that something other than a page named; its URL, also where that is none to fetch."""
    url = fetchable("about:blank", written.strip())
    if url is not None:
        frontier.add(url, UrlKind.IMAGE, NO_SITE)
        return url
    url = clean(written)[:LONGEST]
    if frontier.refuse(url, UrlKind.IMAGE, Outcome.BAD_URL):
        store.log(log_row(url, UrlKind.IMAGE, Outcome.BAD_URL, frontier.round, now))
    return url
