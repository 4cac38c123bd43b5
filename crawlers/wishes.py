"""What the sites ask of us before anything of them is fetched: their rules, and the files that speak of use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crawlers import aipref, aitxt, rsl, tdmrep
from crawlers.asked import Answer, Answers, Rules
from crawlers.consent import Consent, deciding, meta_robots, x_robots
from crawlers.extract import Page
from crawlers.fetch import Fetched
from crawlers.groups import Line
from crawlers.recent import Recent
from crawlers.refusing import refusing
from crawlers.robots import robots_url
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import origin
from schemas.outcome import Outcome

_IN_MEMORY, _HEAVIEST = 2_000, 16 * 1024 * 1024  # origins whose wishes are at hand, and bytes of their files
_MOST_LICENCES = 20  # of one origin, named by its answers; each is one more request a day

_SPEAKING = ("x-robots-tag", "tdm-reservation", "tdm-policy", "content-usage", "content-signal")  # headers
_SILENCE = (x_robots([], ""), tdmrep.tdm_header((), ()), aipref.content_usage(()), aipref.content_signal(()))


@dataclass(frozen=True)
class _Spoken:
    """What one origin says of its content, once all of it is known: gathered once, for all of its URLs."""

    lines: tuple[Line, ...]
    answers: tuple[Answer, ...]  # the files that came and say something
    evidence: tuple[dict[str, Any], ...]
    until: float  # when the first of the answers must be asked for anew
    consents: tuple[Consent, ...] | None  # where they are the same for each of its URLs, for none of it names a path


class Wishes:
    """The wishes of every origin, as far as they are known. Nothing is asked here: `missing` says what must be."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.answers = Answers(state, settings)
        self._db = state.db
        self._settings = settings
        self._recent: Recent[_Spoken] = Recent(_IN_MEMORY, _HEAVIEST)

    def rules(self, url: str, now: float) -> Rules | None:
        """The robots.txt that holds for a URL; None when it must be asked for."""
        return self.answers.robots(url, now)

    def missing(self, url: str, now: float) -> str | None:
        """The next file to ask for before it is known whether a URL's content may be used; None when all is known.

        A file is itself asked for only where the robots.txt of its origin allows that.
        """
        where = origin(url)
        known = self._recent.get(where)
        if known is not None and now <= known.until:
            return None
        for file in self._files(url, now):
            if self.answers.of(file, now) is not None:
                continue
            rules = self.rules(file, now)
            if rules is None:
                return robots_url(file)
            if rules.verdict(file, self._settings) is None:
                return file
        spoken = self._spoken(url, now)
        self._recent.put(where, spoken, sum(len(one.body) for one in spoken.answers))
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
        new = [licence for licence in dict.fromkeys(licences) if licence not in known]
        new = new[: max(_MOST_LICENCES - len(known), 0)]
        if not new:
            return False
        self._db.executemany("INSERT INTO licences VALUES (?, ?)", [(where, licence) for licence in new])
        self._recent.drop(where)
        return self.missing(url, now) is not None

    def _spoken(self, url: str, now: float) -> _Spoken:
        rules = self.rules(url, now)
        answers: list[Answer] = [] if rules is None else [rules]
        said: list[dict[str, Any]] = []
        for file in self._files(url, now):
            answer = self.answers.of(file, now)
            if answer is not None:
                answers.append(answer)
                said.append(answer.evidence())
            elif (refusing := self.rules(file, now)) is not None:
                answers.append(refusing)
                outcome = refusing.verdict(file, self._settings) or Outcome.ROBOTS
                said.append({"url": file, "asked": "", "outcome": str(outcome), "status": 0})
        lines = tuple(rules.robots.lines(self._settings.agent)) if rules else ()
        files = tuple(one for one in answers if not one.html and not isinstance(one, Rules))
        silent = not lines and not any(one.body for one in files)
        return _Spoken(
            lines,
            files,
            tuple(said),
            min((one.asked for one in answers), default=now) + self._settings.robots_age,
            self._of_files((), files, url) if silent else None,
        )

    def _known(self, url: str, now: float) -> _Spoken:
        known = self._recent.get(origin(url))
        return known if known is not None and now <= known.until else self._spoken(url, now)

    def before(self, url: str, now: float) -> tuple[Consent, ...]:
        """What robots.txt and the files say of the use of a URL's content."""
        known = self._known(url, now)
        return self._of_files(known.lines, known.answers, url) if known.consents is None else known.consents

    def _of_files(self, lines: Sequence[Line], answers: Iterable[Answer], url: str) -> tuple[Consent, ...]:
        source = robots_url(url)
        return (
            aipref.robots_usage(lines, url, source),
            aipref.robots_signal(lines, url, source),
            *(self._read(one.url, url, one.body) for one in answers),
        )

    def _read(self, file: str, url: str, body: bytes) -> Consent:
        if file == origin(url) + tdmrep.PATH:
            return tdmrep.tdm_file(body, url, file)
        if file == origin(url) + aitxt.PATH:
            return aitxt.ai_txt(body, self._settings.agent, file)
        return rsl.licence(body, url, file)

    def evidence(self, url: str, now: float) -> tuple[dict[str, Any], ...]:
        """For the log: each file that speaks of a URL, and what came of asking for it."""
        return self._known(url, now).evidence

    def refused(self, consents: tuple[Consent, ...]) -> bool:
        """Whether one of them refuses and is not ignored."""
        return deciding(consents, self._settings.ignored) is not None

    def of_answer(self, fetched: Fetched) -> tuple[Consent, ...]:
        """What the headers of an answer say of its use."""
        said = [fetched.header_values(name) for name in _SPEAKING]
        if not any(said):
            return _SILENCE
        robots, reservation, policy, usage, signal = said
        return (
            refusing(x_robots(robots, self._settings.agent, fetched.started), self._settings.refused),
            tdmrep.tdm_header(reservation, policy),
            aipref.content_usage(usage),
            aipref.content_signal(signal),
        )

    def of_page(self, page: Page, fetched: Fetched) -> tuple[Consent, ...]:
        """What a page says of its own use."""
        return (meta_robots(page.metas, self._settings.agent, fetched.started), tdmrep.tdm_meta(page.metas))
