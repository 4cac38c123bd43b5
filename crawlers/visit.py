"""One URL's turn: ask its host for the rules, or for the URL; then say how it ended and what it led to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crawlers import media, pace, sitemap
from crawlers.asked import Asked, AskedRobots
from crawlers.charset import decode
from crawlers.consent import Consent, meta_robots, x_robots
from crawlers.extract import Page, read_page
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.frontier import Frontier, Job
from crawlers.refusing import refusing
from crawlers.robots import LARGEST, REDIRECTS, robots_url
from crawlers.settings import Settings
from crawlers.store import IMAGES, PAGES, Place, Store
from crawlers.urls import fetchable, host_queue, origin, path_ending
from schemas.outcome import Outcome, UrlKind

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
        store: Store,
        fetcher: Fetcher,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._frontier = frontier
        self._robots = robots
        self._store = store
        self._fetcher = fetcher
        self._settings = settings
        self._clock = clock
        self.responses = 0
        self._wants = {
            UrlKind.PAGE: Want(
                f"text/html,application/xhtml+xml;q=0.9,{_ANY}", settings.largest_page, media.PAGES | media.PICTURES
            ),
            UrlKind.IMAGE: Want("image/*", settings.largest_image, media.PICTURES, codings="identity"),
            UrlKind.SITEMAP: Want(f"application/xml,text/xml,text/plain;q=0.9,{_ANY}", sitemap.LARGEST),
            UrlKind.ROBOTS: Want(f"text/plain,{_ANY}", 2 * LARGEST, cut=True),
        }

    async def visit(self, job: Job) -> None:
        """Serve one job; its host is released in the end."""
        if not self._frontier.affords(job):
            self._end_unasked(job, Outcome.BUDGET, None)
            return
        asked = self._robots.of(job.target, self._clock())
        if asked is None:
            await self._ask_robots(job)
            return
        refused = asked.verdict(job.target, self._settings.agent)
        if refused is not None:
            self._end_unasked(job, refused, asked)
            return
        taken = self._frontier.take(job) or job
        fetched = await self._fetcher.fetch(taken.target, self._wants[taken.kind])
        self.responses += 1
        self._answered(taken, fetched, asked)
        self._release(taken, fetched, asked)

    def _end_unasked(self, job: Job, outcome: Outcome, asked: Asked | None) -> None:
        """A URL that is not asked for costs its host nothing, so it need not wait."""
        nothing = Fetched(job.target, outcome, self._clock())
        self._end(job, nothing, outcome, asked, Place())
        self._frontier.release(job.host, self._clock())

    def _release(self, job: Job, fetched: Fetched, asked: Asked | None) -> None:
        struck = pace.struggles(fetched)
        strikes = self._frontier.strikes(job.host) + 1 if struck else 0
        delay = asked.delay(self._settings.agent) if asked else None
        wait = pace.pause(self._settings, delay, strikes, pace.retry_after(fetched))
        self._frontier.release(job.host, self._clock() + wait, struck=struck)

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
        if pace.passes(fetched) and job.attempts + 1 < self._settings.attempts:
            self._frontier.retry(job)
            return
        outcome = pace.final_outcome(fetched)
        if outcome is not Outcome.OK:
            self._end(job, fetched, outcome, asked, self._keep(fetched, outcome, PAGES))
        elif job.kind is UrlKind.SITEMAP:
            self._end_sitemap(job, fetched, asked)
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

    def _end_image(self, job: Job, fetched: Fetched, asked: Asked) -> None:
        consent = x_robots(fetched.header_values("x-robots-tag"), self._settings.agent)
        consent = refusing(consent, self._settings.refused)
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
            if url is not None and self._frontier.in_scope(url, job.site):
                self._frontier.add(url, UrlKind.PAGE, job.site, 1)
        if job.depth + 1 < sitemap.DEEPEST:
            for reference in named.sitemaps:
                url = fetchable(fetched.url, reference)
                if url is not None:
                    self._frontier.add(url, UrlKind.SITEMAP, job.site, job.depth + 1)

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
                if self._frontier.in_scope(url, job.site) and path_ending(url) not in _NO_PAGES:
                    self._frontier.add(url, UrlKind.PAGE, job.site, job.depth + 1)

    def _found(self, job: Job, url: str, page: Page) -> None:
        marks = self._frontier.marks(job.site)
        self._store.found(
            (one.image_url, one.text, one.source, url, marks.origin, marks.strong, marks.class_ or one.section)
            for one in page.candidates
        )
        for image_url in dict.fromkeys(one.image_url for one in page.candidates):
            self._frontier.add(image_url, UrlKind.IMAGE, job.site)

    def _keep(self, fetched: Fetched, outcome: Outcome, kind: str) -> Place:
        """Keep a response that came whole and that nobody asked us not to keep."""
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
        self._frontier.done(job, outcome, kind)
        self._log(replace(job, kind=kind or job.kind), fetched, outcome, evidence, place)

    def _log(self, job: Job, fetched: Fetched, outcome: Outcome, evidence: dict[str, Any], place: Place) -> None:
        asked_for = fetched.status or fetched.seconds
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
