"""What is asked for, and how one request ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from crawlers import coding
from crawlers.http1 import Headers
from schemas.outcome import Outcome


@dataclass(frozen=True)
class Fetched:
    """How one request ended. `outcome` is OK for a whole 2xx answer of a wanted type; a redirect is HTTP_ERROR with
    `location` set, which the caller may follow, asking robots and address anew."""

    url: str
    outcome: Outcome
    started: float  # seconds since 1970
    seconds: float = 0.0
    status: int = 0
    reason: str = ""
    headers: Headers = ()
    request_headers: Headers = ()
    body: bytes = b""  # decoded
    wire: int = 0  # bytes of the body as they came
    content_type: str = ""  # sniffed
    ip: str = ""
    location: str | None = None
    detail: str = ""  # in words, for the log
    archive: Mapping[str, object] | None = None  # where it was read instead of being asked for

    def header(self, name: str) -> str:
        """The first header of that name; '' without."""
        return next(iter(self._values.get(name, ())), "")

    def header_values(self, name: str) -> list[str]:
        """Every header of that name."""
        return self._values.get(name, [])

    @cached_property
    def _values(self) -> dict[str, list[str]]:
        """The headers by their names in lower case: some twenty are looked for, of which most are not there."""
        values: dict[str, list[str]] = {}
        for key, value in self.headers:
            values.setdefault(key.lower(), []).append(value)
        return values


@dataclass(frozen=True)
class Want:
    """What is asked for: the Accept header, the types that are read to the end (None: any), the most bytes."""

    accept: str
    cap: int  # of the body, as it comes and decoded
    types: frozenset[str] | None = None
    codings: str = coding.ACCEPTED
    cut: bool = False  # at the cap the rest is left, and what came is good
    more: Headers = ()  # sent besides
