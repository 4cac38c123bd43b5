"""One URL's turn: ask its host for the rules, or for the URL; then say how it ended and what it led to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from crawlers import asking, conditional, inside, media, pace, rsl, sitemap, traps
from crawlers.asked import Rules, again
from crawlers.budget import Left
from crawlers.charset import decode
from crawlers.conditional import Held
from crawlers.consent import Consent, deciding
from crawlers.evidence import evidence
from crawlers.extract import Page, read_page
from crawlers.fetch import Fetched, Fetcher, Want
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.logged import log_row
from crawlers.robots import robots_url
from crawlers.settings import Settings
from crawlers.store import IMAGES, PAGES, Place, Store
from crawlers.urls import fetchable, host_queue, origin, path_ending
from crawlers.wishes import Wishes
from schemas.outcome import Outcome, UrlKind

_ANY = "*/*;q=0.1"
_DETOUR = 0.1  # seconds that another host takes to answer
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
        wishes: Wishes,
        store: Store,
        fetcher: Fetcher,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._frontier = frontier
        self._wishes = wishes
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
        }

    async def visit(self, job: Job) -> None:
        """Serve one job; its host is released in the end."""
        left = self._frontier.left(job)
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
            if self._refused(consents):
                self._end_unasked(job, Left(Outcome.OPTED_OUT), asked, consents)
                return
        if not await self._has_turn(job, job.target):
            return
        taken = self._frontier.take(job)
        want = replace(self._wants[taken.kind], more=conditional.headers(job.held, job.target))
        fetched = asking.marked(await self._fetcher.fetch(taken.target, want))
        self.responses += 1
        self._answered(taken, fetched, asked, consents)
        self._release(taken, fetched, asked)

    def _refused(self, consents: tuple[Consent, ...]) -> bool:
        return deciding(consents, self._settings.ignored) is not None

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
        nothing = Fetched(job.target, left.outcome, self._clock(), status=left.status, detail=left.why)
        self._end(job, nothing, left.outcome, asked, Place(), consents=consents)
        self._frontier.release(job, self._clock())

    def _release(self, job: Job, fetched: Fetched, asked: Rules | None, later: float = 0.0) -> None:
        self.received += fetched.wire
        strikes = job.strikes + 1 if pace.struggles(fetched) else 0
        delay = asked.delay(self._settings.agent) if asked else None
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
        later = again(self._settings, fetched, attempts, closes=closes)
        if later is not None:
            answers.failed(url)
            self._release(job, fetched, self._wishes.rules(url, self._clock()), later)
            return
        place = self._keep(fetched, outcome, PAGES)
        if answers.answered(url, fetched, outcome, self._frontier.round):
            as_job = replace(job, url=url, kind=reply.kind, attempts=attempts - 1, redirects=reply.hops)
            self._log(as_job, fetched, outcome, evidence(None, [], [], {}, fetched.detail), place)
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

    def _answered(self, job: Job, fetched: Fetched, asked: Rules, before: tuple[Consent, ...]) -> None:
        if fetched.location is not None:
            self._redirected(job, fetched, asked)
            return
        if pace.passes(fetched) and job.attempts + 1 < self._settings.attempts:
            self._frontier.retry(job)
            return
        outcome = pace.final_outcome(fetched)
        if fetched.status == 304 and (held := conditional.at_target(job.held, job.target)) is not None:
            self._end_unmodified(job, fetched, asked, held, before)
        elif outcome is not Outcome.OK:
            self._end(job, fetched, outcome, asked, self._keep(fetched, outcome, PAGES), consents=before)
        elif job.kind is UrlKind.SITEMAP:
            self._end_sitemap(job, fetched, asked)
        elif fetched.content_type in media.PICTURES:
            self._end_image(job, fetched, asked, before)
        else:
            self._end_page(job, fetched, asked, before)

    def _redirected(self, job: Job, fetched: Fetched, asked: Rules) -> None:
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

    def _end_unmodified(
        self, job: Job, fetched: Fetched, asked: Rules, held: Held, before: tuple[Consent, ...]
    ) -> None:
        """A 304 may still bring an opt-out in its headers."""
        consents = (*before, *self._wishes.of_answer(fetched))
        place, outcome = Place(), Outcome.OPTED_OUT
        if not self._refused(consents):
            outcome = Outcome.NOT_MODIFIED
            place = self._store.keep_unmodified(fetched, IMAGES if job.kind is UrlKind.IMAGE else PAGES, held.date)
        self._end(job, fetched, outcome, asked, place, consents=consents)

    def _end_image(self, job: Job, fetched: Fetched, asked: Rules, before: tuple[Consent, ...]) -> None:
        if self._must_read(job, fetched, rsl.link_licences(fetched.header_values("link"), fetched.url)):
            return
        said = inside.read(fetched.body, fetched.content_type)
        consents = (*before, *self._wishes.of_answer(fetched), *said.consents)
        outcome = Outcome.OPTED_OUT if self._refused(consents) else Outcome.OK
        place = self._keep(fetched, outcome, IMAGES)
        # A link that leads straight to a picture: it is one.
        self._end(job, fetched, outcome, asked, place, kind=UrlKind.IMAGE, consents=consents, said=said)

    def _must_read(self, job: Job, fetched: Fetched, licences: tuple[str, ...]) -> bool:
        """Whether an answer names a licence that is not known yet; then its URL waits until that has been read."""
        if not licences or not self._wishes.name_licences(fetched.url, licences, self._clock()):
            return False
        self._frontier.again(job)
        return True

    def _end_sitemap(self, job: Job, fetched: Fetched, asked: Rules) -> None:
        named = sitemap.parse(fetched.body)
        outcome = Outcome.OK if named.pages or named.sitemaps or named.whole else Outcome.BAD_TYPE
        detail = "" if named.whole else "cut or broken: what could be read of it counts"
        self._end(job, replace(fetched, detail=detail), outcome, asked, self._keep(fetched, Outcome.OK, PAGES))
        for reference in named.pages:
            url = fetchable(fetched.url, reference)
            if url is not None:
                self._add_page(url, job, 1)
        listed = sitemap.candidates(named.pictures, fetched.url)
        ours = ((traps.cleaned(url), one) for url, one in listed if self._frontier.in_scope(url, job.site))
        self._store.list_texts(ours)
        if job.depth + 1 < sitemap.DEEPEST:
            for reference in named.sitemaps:
                url = fetchable(fetched.url, reference)
                if url is not None:
                    self._frontier.add(url, UrlKind.SITEMAP, job.site, job.depth + 1)

    def _end_page(self, job: Job, fetched: Fetched, asked: Rules, before: tuple[Consent, ...]) -> None:
        page = read_page(decode(fetched.body, fetched.header("content-type")), fetched.url)
        licences = (
            *rsl.link_licences(fetched.header_values("link"), fetched.url),
            *rsl.page_licences(page.rels, page.base),
        )
        if self._must_read(job, fetched, licences):
            return
        consents = (*before, *self._wishes.of_answer(fetched), *self._wishes.of_page(page, fetched))
        outcome = Outcome.OPTED_OUT if self._refused(consents) else Outcome.OK
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
            said = evidence(None, [], [], {}, f"a trap: {reason}")
            self._store.log(row | {"host": host_queue(url), "evidence": said})

    def _found(self, job: Job, url: str, page: Page) -> None:
        marks = self._frontier.marks(job.site)
        # What the page says goes before what a sitemap says of it.
        found = dict.fromkeys((*page.candidates, *self._store.take_listed(dict.fromkeys((job.url, url)))))
        self._store.found(
            (
                *(one.image_url, one.text, one.source, url, marks.origin, marks.strong, marks.class_ or one.section),
                *(one.licences, one.others),
            )
            for one in found
        )
        for image_url in dict.fromkeys(one.image_url for one in found):
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
        asked: Rules | None,
        place: Place,
        *,
        kind: UrlKind | None = None,
        consents: tuple[Consent, ...] = (),
        said: inside.Inside = inside.NOTHING,
    ) -> None:
        robots = asked.evidence_for(job.target, self._settings) if asked is not None else None
        files = self._wishes.evidence(job.target, self._clock()) if consents else ()
        heard = evidence(robots, files, consents, self._settings.ignored, fetched.detail)
        held = conditional.held_after(job.held, fetched, outcome)
        self._frontier.done(job, outcome, kind, status=fetched.status, held=held)
        self._log(replace(job, kind=kind or job.kind), fetched, outcome, heard, place, said)

    def _log(
        self,
        job: Job,
        fetched: Fetched,
        outcome: Outcome,
        heard: str,
        place: Place,
        said: inside.Inside = inside.NOTHING,
    ) -> None:
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
                "evidence": heard,
                "redirects": job.redirects,
                "ip": fetched.ip,
                "warc": place.warc,
                "offset": place.offset,
                "length": place.length,
                "body_offset": place.body_offset,
                "licences": said.licences,
                "digital_source": said.digital_source,
                "ai_label": said.ai_label,
            }
        )
