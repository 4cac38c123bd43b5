"""What the frontier hands out: one URL, with all that is known of it and of its host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from crawlers.budget import Left
from crawlers.conditional import Held
from schemas.outcome import UrlKind


@dataclass(frozen=True)
class Job:
    """One URL whose turn it is. `target` is what to ask for now: the URL, or where its redirects led so far."""

    id: int
    url: str
    target: str
    kind: UrlKind
    site: int
    depth: int
    host: int
    attempts: int
    redirects: tuple[str, ...]
    taken: bool  # counted in its budget
    held: Held | None
    strikes: int  # of its host, in a row
    address: str  # that its host was last seen at; '' before it was seen
    left: Left | None  # why its host is left alone

    @classmethod
    def of(cls, row: tuple[Any, ...], strikes: int, address: str, left: Left | None) -> Job:
        """A row of the state's urls, in the order of the fields, and what is known of its host."""
        number, url, target, kind, site, depth, host, attempts, redirects, taken, held = row
        return cls(
            id=number,
            url=url,
            target=target,
            kind=UrlKind(kind),
            site=site,
            depth=depth,
            host=host,
            attempts=attempts,
            redirects=tuple(json.loads(redirects)) if redirects != "[]" else (),
            taken=bool(taken),
            held=None if held is None else Held(*json.loads(held)),
            strikes=strikes,
            address=address,
            left=left,
        )
