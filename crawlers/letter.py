"""What one partition of a crawl sends another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    """A URL that another partition found, or was led to, and that this one is to ask for. `site` is an origin."""

    url: str
    target: str
    redirects: tuple[str, ...]
    kind: str
    site: str
    depth: int
