"""How a URL ends: its outcome and the evidence, what is kept of the answer, and what the answer leads to."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from crawlers import conditional, inside, rsl, sitemap, traps
from crawlers.asked import Rules
from crawlers.budget import Left
from crawlers.charset import decode
from crawlers.conditional import Held
from crawlers.consent import Consent
from crawlers.evidence import evidence
from crawlers.extract import Page, read_page
from crawlers.fetch import Fetched
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.logged import log_row
from crawlers.named import name_picture
from crawlers.parked import Parked
from crawlers.searches import Searches
from crawlers.settings import Settings
from crawlers.store import IMAGES, PAGES, Place, Store
from crawlers.urls import fetchable, host_queue, may_be_page, origin
from crawlers.wishes import Wishes
from schemas.outcome import Outcome, UrlKind
from schemas.pair import NO_CLICKS, TextSource


@dataclass(frozen=True)
class Answered:
    """One URL with its answer, the rules that it was asked under, and what its origin had said of its use before."""

    job: Job
    fetched: Fetched
    asked: Rules | None
    before: tuple[Consent, ...] = ()


class Endings:
    """Each method ends one URL, all at once, so a checkpoint sees all or nothing of it."""

    def __init__(
        self,
        frontier: Frontier,
        wishes: Wishes,
        parked: Parked,
        searches: Searches,
        store: Store,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._frontier = frontier
        self._wishes = wishes
        self._parked = parked
        self._searches = searches
        self._store = store
        self._settings = settings
        self._clock = clock

    def unasked(self, job: Job, left: Left, asked: Rules | None, consents: tuple[Consent, ...] = ()) -> None:
        """A URL that nobody is asked for."""
        nothing = self._parked.unasked(job.target, left.outcome, self._clock())
        fetched = replace(nothing, status=left.status, detail=left.why)
        self._end(Answered(job, fetched, asked), left.outcome, Place(), consents=consents)

    def failed(self, answered: Answered, outcome: Outcome, detail: str = "") -> None:
        """An answer that is not what was asked for; a redirect that is not followed, with the reason."""
        fetched = answered.fetched
        place = self.keep(fetched, outcome, PAGES)
        noted = replace(answered, fetched=replace(fetched, detail=detail or fetched.detail))
        self._end(noted, outcome, place, consents=answered.before)

    def unmodified(self, answered: Answered, held: Held) -> None:
        """A 304, which may still bring an opt-out in its headers."""
        fetched = answered.fetched
        consents = (*answered.before, *self._wishes.of_answer(fetched))
        place, outcome = Place(), Outcome.OPTED_OUT
        if not self._wishes.refused(consents):
            outcome, kind = Outcome.NOT_MODIFIED, IMAGES if answered.job.kind is UrlKind.IMAGE else PAGES
            place = self._store.keep_unmodified(fetched, kind, held.date)
        self._end(answered, outcome, place, consents=consents)

    def image(self, answered: Answered) -> None:
        """A picture, also where a link led straight to one."""
        fetched = answered.fetched
        if self._must_read(answered, rsl.link_licences(fetched.header_values("link"), fetched.url)):
            return
        said = inside.read(fetched.body, fetched.content_type)
        consents = (*answered.before, *self._wishes.of_answer(fetched), *said.consents)
        outcome = Outcome.OPTED_OUT if self._wishes.refused(consents) else Outcome.OK
        place = self.keep(fetched, outcome, IMAGES)
        if answered.job.kind is not UrlKind.IMAGE:
            answered = replace(answered, job=replace(answered.job, kind=UrlKind.IMAGE))
        self._end(answered, outcome, place, consents=consents, said=said)

    def sitemap(self, answered: Answered) -> None:
        """A sitemap: the pages, pictures and sitemaps that it names."""
        job, fetched = answered.job, answered.fetched
        named = sitemap.parse(fetched.body)
        outcome = Outcome.OK if named.pages or named.sitemaps or named.whole else Outcome.BAD_TYPE
        detail = "" if named.whole else "cut or broken: what could be read of it counts"
        noted = replace(answered, fetched=replace(fetched, detail=detail))
        self._end(noted, outcome, self.keep(fetched, Outcome.OK, PAGES))
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

    def search(self, answered: Answered) -> None:
        """A page of a search's results: each is a picture, and the query is its text."""
        job, fetched = answered.job, answered.fetched
        answer = self._searches.read(job.url, fetched)
        of_page = self._wishes.of_page(answer.page, fetched) if answer.page else ()
        consents = (*answered.before, *self._wishes.of_answer(fetched), *of_page)
        outcome = Outcome.OPTED_OUT if self._wishes.refused(consents) else answer.outcome
        noted = replace(answered, fetched=replace(fetched, detail=answer.detail))
        self._end(noted, outcome, self.keep(fetched, outcome, PAGES), consents=consents)
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

    def page(self, answered: Answered) -> None:
        """A page: its pictures with their texts, and its links."""
        job, fetched = answered.job, answered.fetched
        page = read_page(decode(fetched.body, fetched.header("content-type")), fetched.url)
        linked = rsl.link_licences(fetched.header_values("link"), fetched.url)
        if self._must_read(answered, (*linked, *rsl.page_licences(page.rels, page.base))):
            return
        consents = (*answered.before, *self._wishes.of_answer(fetched), *self._wishes.of_page(page, fetched))
        outcome = Outcome.OPTED_OUT if self._wishes.refused(consents) else Outcome.OK
        self._end(answered, outcome, self.keep(fetched, outcome, PAGES), consents=consents)
        if not self._frontier.first_reading(fetched.url):
            return
        if outcome is Outcome.OK:
            self._found(job, fetched.url, page)
        if all(one.follow for one in consents):
            for url in page.links:
                self._add_page(url, job, job.depth + 1)

    def _must_read(self, answered: Answered, licences: tuple[str, ...]) -> bool:
        """Whether an answer names a licence that is not known yet; then its URL waits until that has been read."""
        if not licences or not self._wishes.name_licences(answered.fetched.url, licences, self._clock()):
            return False
        self._frontier.postpone(answered.job)
        return True

    def _add_page(self, linked: str, job: Job, depth: int) -> None:
        """Let a page wait that another names, if its site wants it and no trap made it."""
        url = traps.cleaned(linked)
        if not may_be_page(url) or not self._frontier.wants(url, job.site, depth):
            return
        now = self._clock()
        reason = traps.trap(url, time.gmtime(now).tm_year)
        if not reason or not self._frontier.holds(url):  # its own partition knows how many of them there are
            self._frontier.add(url, UrlKind.PAGE, job.site, depth)
        elif self._frontier.refuse_trap(url, UrlKind.PAGE):
            row = log_row(url, UrlKind.PAGE, Outcome.BAD_URL, self._frontier.round, now)
            said = evidence(None, [], [], {}, f"a trap: {reason}")
            self._store.log(row | {"host": host_queue(url), "evidence": said})

    def _found(self, job: Job, url: str, page: Page) -> None:
        marks = self._frontier.marks(job.site)
        site = marks.origin or origin(url)
        # What the page says goes before what a sitemap says of it.
        found = dict.fromkeys((*page.candidates, *self._store.take_listed(dict.fromkeys((job.url, url)))))
        self._store.found(
            (
                *(one.image_url, one.text, one.source, url, site, marks.strong, marks.class_ or one.section),
                *(*NO_CLICKS, one.licences, one.others),
            )
            for one in found
        )
        for image_url in dict.fromkeys(one.image_url for one in found):
            self._frontier.add(image_url, UrlKind.IMAGE, job.site, job.depth)

    def keep(self, fetched: Fetched, outcome: Outcome, kind: str) -> Place:
        """Keep a response that came whole and that nobody asked us not to keep; an archive has its own already."""
        came = outcome is Outcome.OK or (
            fetched.outcome is Outcome.HTTP_ERROR and fetched.status and not fetched.detail
        )
        if not came or outcome is Outcome.OPTED_OUT:
            return Place()
        if fetched.archive is not None:
            return Place(sha256=hashlib.sha256(fetched.body).hexdigest() if outcome is Outcome.OK else "")
        return self._store.keep(fetched, kind)

    def _end(
        self,
        answered: Answered,
        outcome: Outcome,
        place: Place,
        *,
        consents: tuple[Consent, ...] = (),
        said: inside.Inside = inside.NOTHING,
    ) -> None:
        job, fetched, asked = answered.job, answered.fetched, answered.asked
        robots = asked.evidence_for(job.target, self._settings) if asked is not None else None
        files = self._wishes.evidence(job.target, self._clock()) if consents else ()
        heard = evidence(robots, files, consents, self._settings.ignored, fetched.detail, fetched.archive)
        held = conditional.held_after(job.held, fetched, outcome)
        if fetched.archive is not None:
            self._parked.ended(job.url, outcome)
        if job.kind is UrlKind.LIST and outcome not in (Outcome.OK, Outcome.BUDGET, Outcome.NOT_MODIFIED):
            self._searches.end(job.url)
        self._frontier.done(job, outcome, status=fetched.status, held=held)
        self.log(job, fetched, outcome, heard, place, said)

    def log(
        self,
        job: Job,
        fetched: Fetched,
        outcome: Outcome,
        heard: str,
        place: Place,
        said: inside.Inside = inside.NOTHING,
    ) -> None:
        """Let the row of a URL wait for the log."""
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
