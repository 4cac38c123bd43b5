"""The sites of the seeds file: their marks, and which URLs belong to them."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec

from crawlers.domains import registrable
from crawlers.urls import host_queue, origin
from schemas.errors import BadInput
from schemas.seeds import Site, compiled

_IN_MEMORY = 10_000  # sites with their patterns: some 30 MB; the rest is read again when its turn comes


@dataclass(frozen=True)
class Marks:
    """What the seeds file says of a site."""

    origin: str
    strong: bool
    class_: str
    sitemap: bool


NO_SITE = 0  # what comes from a list, an archive or a search belongs to no site of the seeds
_OF_NO_SEED = Marks(origin="", strong=False, class_="", sitemap=False)


@dataclass(frozen=True)
class Rules:
    """Which pages belong to a site, and how much of it may be fetched."""

    max_pages: int
    domain: str = ""  # the registrable domain whose pages are its own; '' for the origin alone
    domains: tuple[str, ...] = ()
    include: tuple[Any, ...] = ()  # RE2 patterns
    exclude: tuple[Any, ...] = ()
    max_depth: int | None = None
    max_bytes: int | None = None
    max_seconds: float | None = None

    @classmethod
    def of(cls, site: Site) -> Rules:
        """The rules that a seed gives."""
        return cls(
            max_pages=site.max_pages,
            domain=registrable(host_queue(site.url)) if site.scope == "domain" else "",
            domains=site.domains,
            include=tuple(map(compiled, site.include)),
            exclude=tuple(map(compiled, site.exclude)),
            max_depth=site.max_depth,
            max_bytes=site.max_bytes,
            max_seconds=site.max_seconds,
        )

    def cover(self, url: str) -> bool:
        """Whether the host of a URL is one of the site's, beside the origins that are so by themselves."""
        host = host_queue(url)
        if self.domain and registrable(host) == self.domain:
            return True
        name = host.partition(":")[0]
        return any(name == one or name.endswith(f".{one}") for one in self.domains)

    def want(self, url: str, depth: int) -> bool:
        """Whether a link to a URL is followed, as to its depth and the patterns."""
        if self.max_depth is not None and depth > self.max_depth:
            return False
        if self.include and not any(pattern.search(url) for pattern in self.include):
            return False
        return not any(pattern.search(url) for pattern in self.exclude)


class Sites:
    """All sites, in the state."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._scope: dict[str, int] = dict(db.execute("SELECT origin, site FROM scope"))
        self._marks: dict[int, Marks] = {}
        self._rules: OrderedDict[int, Rules | None] = OrderedDict()

    def add(self, site: Site) -> int:
        """Take in a site, or what the seeds file now says of it; its number. Raises BadInput for another mark."""
        marks = (int(site.strong), site.class_, int(site.sitemap))
        known = self._db.execute("SELECT strong, class, sitemap FROM sites WHERE origin = ?", (site.origin,)).fetchone()
        if known is None:
            self._db.execute(
                "INSERT INTO sites (origin, strong, class, sitemap, max_pages, rules) VALUES (?, ?, ?, ?, ?, '')",
                (site.origin, *marks, site.max_pages),
            )
        elif known != marks:
            raise BadInput(
                f"seed {site.url}: the site {site.origin} is marked otherwise by another seed or an earlier crawl;"
                " a site has one mark in a corpus: make them alike, or crawl into another folder"
            )
        number, max_pages = self._db.execute(
            "UPDATE sites SET max_pages = max(max_pages, ?) WHERE origin = ? RETURNING id, max_pages",
            (site.max_pages, site.origin),
        ).fetchone()
        said = msgspec.json.encode(msgspec.structs.replace(site, max_pages=max_pages)).decode()
        self._db.execute("UPDATE sites SET rules = ? WHERE id = ?", (said, number))
        self._rules.pop(int(number), None)
        return int(number)

    def widen(self, site: int, url: str) -> None:
        """Count the origin of a URL to a site: its own, and where its first page leads."""
        if self._scope.setdefault(origin(url), site) == site:
            self._db.execute("INSERT OR IGNORE INTO scope VALUES (?, ?)", (origin(url), site))

    def has(self, url: str, site: int) -> bool:
        """Whether a page at this URL belongs to the site. An origin that is another's own does not."""
        owner = self._scope.get(origin(url))
        if owner is not None:
            return owner == site
        rules = self.rules(site)
        return rules is not None and rules.cover(url)

    def at(self, url_origin: str) -> int | None:
        """The site that an origin belongs to by itself."""
        return self._scope.get(url_origin)

    def marks(self, site: int) -> Marks:
        """What the seeds file says of a site."""
        if site not in self._marks:
            row = self._db.execute("SELECT origin, strong, class, sitemap FROM sites WHERE id = ?", (site,)).fetchone()
            self._marks[site] = Marks(row[0], bool(row[1]), row[2], bool(row[3])) if row else _OF_NO_SEED
        return self._marks[site]

    def rules(self, site: int) -> Rules | None:
        """The rules of a site; None for what belongs to none, as the pictures of a list."""
        if site in self._rules:
            return self._rules[site]
        row = self._db.execute("SELECT rules FROM sites WHERE id = ?", (site,)).fetchone()
        found = self._rules[site] = None if row is None else Rules.of(msgspec.json.decode(row[0], type=Site))
        if len(self._rules) > _IN_MEMORY:
            self._rules.popitem(last=False)
        return found
