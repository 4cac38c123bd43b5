"""What may still be fetched: allowances of the whole crawl, of a site and of a host."""

from __future__ import annotations

from dataclasses import dataclass

from crawlers.settings import Settings
from crawlers.sites import NO_SITE, Sites
from crawlers.state import State
from schemas.outcome import Outcome, UrlKind


@dataclass(frozen=True)
class Left:
    """Why a URL is left alone: the outcome it ends in without being asked for, the host's last status, and in words."""

    outcome: Outcome
    why: str = ""
    status: int = 0


def gave_up(outcome: str, status: int) -> Left:
    """Why a host is left alone whose last failure was this."""
    last = f"{outcome} {status}" if status else outcome
    return Left(
        Outcome(outcome), f"the host is left alone in this round after failures in a row, the last: {last}", status
    )


class Budget:
    """The allowances, counted in the state."""

    def __init__(self, state: State, settings: Settings, sites: Sites) -> None:
        self._state = state
        self._db = state.db
        self._settings = settings
        self._sites = sites
        self._taken = {kind: state.get(f"taken {kind}") for kind in UrlKind}

    def of_host(self, spent_bytes: int, spent_seconds: float) -> Left | None:
        """Why nothing more may be fetched from a host that has given so much; None when it may."""
        settings = self._settings
        if settings.max_bytes is not None and spent_bytes >= settings.max_bytes:
            return Left(Outcome.BUDGET, f"--max-bytes {settings.max_bytes} of the host are used up")
        if settings.max_seconds is not None and spent_seconds >= settings.max_seconds:
            return Left(Outcome.BUDGET, f"--max-seconds {settings.max_seconds:g} of the host are used up")
        return None

    def of_number(self, kind: UrlKind, site: int) -> Left | None:
        """Why no further URL of a kind may be fetched for a site; None when it may."""
        settings, taken = self._settings, self._taken[kind]
        crawl_wide = {UrlKind.PAGE: settings.max_pages, UrlKind.IMAGE: settings.max_images}.get(kind)
        if crawl_wide is not None and taken >= crawl_wide:
            whose = "the crawl" if settings.partition.of == 1 else f"{settings.partition.name}, its share,"
            return Left(Outcome.BUDGET, f"--max-{kind}s: {crawl_wide} of {whose} are used up")
        rules = self._sites.rules(site)
        if rules is None or kind is UrlKind.IMAGE:
            return None
        pages, sitemaps = self._db.execute("SELECT pages, sitemaps FROM sites WHERE id = ?", (site,)).fetchone()
        if kind is UrlKind.PAGE and pages >= rules.max_pages:
            return Left(Outcome.BUDGET, f"max_pages {rules.max_pages} of the site are used up")
        if kind is UrlKind.SITEMAP and sitemaps >= settings.sitemaps:
            return Left(Outcome.BUDGET, f"{settings.sitemaps} sitemaps of the site were read")
        return None

    def of_site(self, site: int) -> Left | None:
        """Why nothing more may be fetched for a site that has cost so much; None when it may."""
        rules = self._sites.rules(site)
        if rules is None or (rules.max_bytes is None and rules.max_seconds is None):
            return None
        spent_bytes, spent_seconds = self._db.execute("SELECT bytes, spent FROM sites WHERE id = ?", (site,)).fetchone()
        if rules.max_bytes is not None and spent_bytes >= rules.max_bytes:
            return Left(Outcome.BUDGET, f"max_bytes {rules.max_bytes} of the site are used up")
        if rules.max_seconds is not None and spent_seconds >= rules.max_seconds:
            return Left(Outcome.BUDGET, f"max_seconds {rules.max_seconds:g} of the site are used up")
        return None

    def take(self, url: int, kind: UrlKind, site: int) -> None:
        """Count a URL, by its number in the state."""
        self._taken[kind] += 1
        self._state.put(f"taken {kind}", self._taken[kind])
        column = {UrlKind.PAGE: "pages", UrlKind.SITEMAP: "sitemaps"}.get(kind)
        if column:
            self._db.execute(f"UPDATE sites SET {column} = {column} + 1 WHERE id = ?", (site,))
        self._db.execute("UPDATE urls SET taken = 1 WHERE id = ?", (url,))

    def spend(self, site: int, wire: int, seconds: float) -> None:
        """Count what an answer cost its site."""
        if site != NO_SITE:
            self._db.execute(
                "UPDATE sites SET bytes = bytes + ?, spent = spent + ? WHERE id = ?", (wire, seconds, site)
            )
