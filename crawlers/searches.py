"""A search endpoint: a URL for each query and page of results, and what an answer names. Waiting ones are in the state.

An answer is HTML, whose pictures are the results, or JSON: a list of objects, each with a picture's URL and, where it
knows it, its page's; or an object that has such a list.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from crawlers import media
from crawlers.charset import decode
from crawlers.extract import Page, clean, read_page
from crawlers.fetch import Fetched
from crawlers.state import State
from crawlers.urls import LONGEST, fetchable, origin
from schemas.errors import BadInput
from schemas.outcome import Outcome

MOST_RESULTS = 1_000  # of one query: Wukong's number (arXiv:2202.06767), which kept any one query from filling a corpus

_PLACES = re.compile(r"\{[^{}]*\}|[{}]")


@dataclass(frozen=True)
class Search:
    """A search endpoint, and how its answers are read.

    `template` has {query} and, unless there is one page only, {page}: `first` for the first page, `step` more for each
    that follows. So first=1, step=1 are page numbers; first=0, step=30 are offsets of 30 results a page. `image_field`
    and `page_field` name the fields of a JSON result; a dot leads into an object. Raises BadInput for a template that
    is none.
    """

    template: str
    first: int = 1
    step: int = 1
    most: int = MOST_RESULTS
    image_field: str = "image_url"
    page_field: str = "page_url"

    def __post_init__(self) -> None:
        places = _PLACES.findall(self.template)
        if "{query}" not in places or set(places) - {"{query}", "{page}"}:
            raise BadInput(f"--search {self.template}: give a URL with {{query}} and {{page}}, and no other brace")
        one, other = self.url("a", 0), self.url("b.b/", 1)
        if one is None or other is None or origin(one) != origin(other):
            raise BadInput(f"--search {self.template}: not an http(s) URL with {{query}} behind its host")
        if self.step < 1 or self.most < 1 or self.first < 0:
            raise BadInput("--page-step and --max-results are at least 1, --first-page at least 0")

    def options(self) -> dict[str, object]:
        """What it is, by the names of the command line."""
        return {
            "--search": self.template,
            "--first-page": self.first,
            "--page-step": self.step,
            "--max-results": self.most,
            "--image-field": self.image_field,
            "--page-field": self.page_field,
        }

    def url(self, query: str, number: int) -> str | None:
        """The URL of one page of results, the first being number 0; None where it would be none or too long.

        >>> Search("https://s.example/i?q={query}&start={page}", first=0, step=30).url("红烧 肉&", 2)
        'https://s.example/i?q=%E7%BA%A2%E7%83%A7%20%E8%82%89%26&start=60'
        """
        written = self.template.replace("{page}", str(self.first + self.step * number))
        return fetchable("about:blank", written.replace("{query}", quote(query.encode("utf-8", "replace"), safe="")))


@dataclass(frozen=True)
class Result:
    """One picture that an answer names, and its page."""

    image_url: str
    page_url: str


@dataclass(frozen=True)
class Answer:
    """One page of results as read. `page` is the HTML page, None for JSON."""

    outcome: Outcome
    results: tuple[Result, ...] = ()
    detail: str = ""
    page: Page | None = None


@dataclass(frozen=True)
class Found:
    """What one page of results added: results that the query had not, and where the next page is, if there is one."""

    query: str
    results: tuple[Result, ...]
    following: str | None


class Searches:
    """The pages of results that wait for their turn, in the state; of each query at most one."""

    def __init__(self, state: State) -> None:
        self._db = state.db

    def waiting(self) -> int:
        """How many queries are under way."""
        return int(self._db.execute("SELECT count(*) FROM searches").fetchone()[0])

    def holds(self, url: str) -> bool:
        """Whether this page of results waits, or was left over by a budget."""
        return self._db.execute("SELECT 1 FROM searches WHERE url = ?", (url,)).fetchone() is not None

    def put(self, url: str, query: str, number: int, search: Search) -> None:
        """Let a page of results wait. It carries its search along, so that whoever resumes the crawl can read it."""
        self._db.execute(
            "INSERT INTO searches VALUES (?, ?, ?, ?)", (url, query, number, json.dumps(asdict(search), sort_keys=True))
        )

    def read(self, url: str, fetched: Fetched) -> Answer:
        """Read what was answered for a page of results."""
        return answer_of(fetched, self._of(url)[2])

    def took(self, url: str, answer: Answer) -> Found:
        """Take an answer in: up to the most results, and only those that the query had not."""
        query, number, search = self._of(url)
        had = self._db.execute("SELECT count(*) FROM results WHERE query = ?", (query,)).fetchone()[0]
        fresh: list[Result] = []
        for result in answer.results:
            if had + len(fresh) == search.most:
                break
            if self._db.execute("INSERT OR IGNORE INTO results VALUES (?, ?)", (query, result.image_url)).rowcount:
                fresh.append(result)
        following = search.url(query, number + 1) if "{page}" in search.template else None
        if following is None or not fresh or had + len(fresh) == search.most:
            self.end(url)
            return Found(query, tuple(fresh), None)
        self._db.execute("DELETE FROM searches WHERE url = ?", (url,))
        self.put(following, query, number + 1, search)
        return Found(query, tuple(fresh), following)

    def end(self, url: str) -> None:
        """Forget the query of a page of results: nothing more is asked of it."""
        self._db.execute("DELETE FROM results WHERE query = (SELECT query FROM searches WHERE url = ?)", (url,))
        self._db.execute("DELETE FROM searches WHERE url = ?", (url,))

    def _of(self, url: str) -> tuple[str, int, Search]:
        row = self._db.execute("SELECT query, number, search FROM searches WHERE url = ?", (url,)).fetchone()
        return row[0], row[1], Search(**json.loads(row[2]))


def answer_of(fetched: Fetched, search: Search) -> Answer:
    """The results that an answer names, in its order, none twice; BAD_TYPE for what is neither HTML nor such JSON."""
    if fetched.content_type in media.PAGES:
        page = read_page(decode(fetched.body, fetched.header("content-type")), fetched.url)
        shown = dict.fromkeys(one.image_url for one in page.candidates)
        return Answer(Outcome.OK, tuple(Result(url, fetched.url) for url in shown), page=page)
    try:
        listed = _listed(json.loads(fetched.body), search.image_field)
    except (ValueError, RecursionError):
        listed = None
    if listed is None:
        return Answer(Outcome.BAD_TYPE, detail="neither HTML nor a JSON list of objects")
    found: dict[str, Result] = {}
    for one in listed:
        named = _field(one, search.image_field)
        if named:
            image_url = fetchable(fetched.url, named) or clean(named)[:LONGEST]
            page_url = fetchable(fetched.url, _field(one, search.page_field) or "") or fetched.url
            found.setdefault(image_url, Result(image_url, page_url))
    lacking = sum(not _field(one, search.image_field) for one in listed)
    detail = f"{lacking} of {len(listed)} results have no {search.image_field}" if lacking else ""
    return Answer(Outcome.OK, tuple(found.values()), detail)


def _listed(value: Any, image_field: str) -> list[dict[str, Any]] | None:
    """The list of objects: the value itself, or of the lists that it holds the first whose objects name pictures."""
    if not isinstance(value, dict):
        return value if _is_listed(value) else None
    lists = [one for one in value.values() if _is_listed(one)]
    naming = (one for one in lists if any(_field(row, image_field) for row in one))
    return next(naming, lists[0] if lists else None)


def _is_listed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _field(value: Any, path: str) -> str:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value.strip() if isinstance(value, str) else ""
