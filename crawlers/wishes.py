"""What the sites ask of us before anything of them is fetched: their rules, and the files that speak of use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from crawlers import aipref, aitxt, rsl, tdmrep
from crawlers.asked import Answer, Answers, Rules
from crawlers.consent import Consent, meta_robots, x_robots
from crawlers.extract import Page
from crawlers.fetch import Fetched
from crawlers.robots import robots_url
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import origin
from schemas.outcome import Outcome

_MOST_LICENCES = 20  # of one origin, named by its answers; each is one more request a day


class Wishes:
    """The wishes of every origin, as far as they are known. Nothing is asked here: `missing` says what must be."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.answers = Answers(state, settings)
        self._db = state.db
        self._settings = settings

    def rules(self, url: str, now: float) -> Rules | None:
        """The robots.txt that holds for a URL; None when it must be asked for."""
        return self.answers.robots(url, now)

    def missing(self, url: str, now: float) -> str | None:
        """The next file to ask for before it is known whether a URL's content may be used; None when all is known.

        A file is itself asked for only where the robots.txt of its origin allows that.
        """
        for file in self._files(url, now):
            if self.answers.of(file, now) is not None:
                continue
            rules = self.rules(file, now)
            if rules is None:
                return robots_url(file)
            if rules.verdict(file, self._settings) is None:
                return file
        return None

    def _files(self, url: str, now: float) -> Iterator[str]:
        """The files that speak of a URL. What is ignored need not be asked for."""
        ignored = self._settings.ignored
        where = origin(url)
        if tdmrep.NAME not in ignored:
            yield where + tdmrep.PATH
        if aitxt.NAME not in ignored:
            yield where + aitxt.PATH
        if rsl.NAME not in ignored:
            yield from self._licences(url, now)

    def _licences(self, url: str, now: float) -> Iterable[str]:
        rules = self.rules(url, now)
        named = rsl.robots_licences(rules.robots.lines(self._settings.agent), rules.url) if rules else ()
        rows = self._db.execute("SELECT url FROM licences WHERE origin = ? ORDER BY url", (origin(url),))
        return dict.fromkeys((*named, *(row[0] for row in rows)))

    def name_licences(self, url: str, licences: Iterable[str], now: float) -> bool:
        """Note the licences that an answer names; whether one of them must be read before the answer can be used."""
        if rsl.NAME in self._settings.ignored:
            return False
        where, known = origin(url), set(self._licences(url, now))
        for licence in licences:
            if licence not in known and len(known) < _MOST_LICENCES:
                known.add(licence)
                self._db.execute("INSERT OR IGNORE INTO licences VALUES (?, ?)", (where, licence))
        needed = self.missing(url, now)
        return needed is not None

    def before(self, url: str, now: float) -> tuple[Consent, ...]:
        """What robots.txt and the files say of the use of a URL's content."""
        rules = self.rules(url, now)
        lines = rules.robots.lines(self._settings.agent) if rules else []
        source = robots_url(url)
        consents = [aipref.robots_usage(lines, url, source), aipref.robots_signal(lines, url, source)]
        consents += [self._read(file, url, answer.body) for file, answer in self._known(url, now) if not answer.html]
        return tuple(consents)

    def _read(self, file: str, url: str, body: bytes) -> Consent:
        if file == origin(url) + tdmrep.PATH:
            return tdmrep.tdm_file(body, url, file)
        if file == origin(url) + aitxt.PATH:
            return aitxt.ai_txt(body, self._settings.agent, file)
        return rsl.licence(body, url, file)

    def _known(self, url: str, now: float) -> Iterator[tuple[str, Answer]]:
        for file in self._files(url, now):
            answer = self.answers.of(file, now)
            if answer is not None:
                yield file, answer

    def evidence(self, url: str, now: float) -> list[dict[str, Any]]:
        """For the log: each file that speaks of a URL, and what came of asking for it."""
        said = []
        for file in self._files(url, now):
            answer = self.answers.of(file, now)
            if answer is not None:
                said.append(answer.evidence())
            elif (rules := self.rules(file, now)) is not None:
                refused = rules.verdict(file, self._settings) or Outcome.ROBOTS
                said.append({"url": file, "asked": "", "outcome": str(refused), "status": 0})
        return said

    def of_answer(self, fetched: Fetched) -> tuple[Consent, ...]:
        """What the headers of an answer say of its use."""
        values = fetched.header_values
        return (
            x_robots(values("x-robots-tag"), self._settings.agent, fetched.started),
            tdmrep.tdm_header(values("tdm-reservation"), values("tdm-policy")),
            aipref.content_usage(values("content-usage")),
            aipref.content_signal(values("content-signal")),
        )

    def of_page(self, page: Page, fetched: Fetched) -> tuple[Consent, ...]:
        """What a page says of its own use."""
        return (meta_robots(page.metas, self._settings.agent, fetched.started), tdmrep.tdm_meta(page.metas))
