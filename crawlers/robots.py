"""robots.txt by RFC 9309 (protego reads the rules): what it allows, how long to wait, where the sitemaps are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from protego import Protego

from crawlers.groups import Groups, Line, parse_groups
from crawlers.urls import origin
from schemas.outcome import Outcome

_SLASH = re.compile("%2f", re.I)
# An agent with more behind it: a version, or what a whole header has in brackets. `*` stays itself whatever follows.
_NAMED = re.compile(r"^(\s*user[- ]?agent[\s:]+(?:\*(?=\s)|[^\s:/#]+(?=/|\s+[\d(]))).*", re.I)
LARGEST = 500 * 1024  # RFC 9309 §2.5: at least 500 KiB are read; what is beyond is ignored
REDIRECTS = 5  # RFC 9309 §2.3.1.2


@dataclass(frozen=True)
class Robots:
    """The rules of one origin."""

    rules: Protego
    groups: Groups

    @classmethod
    def parse(cls, body: bytes) -> Robots:
        """Read a robots.txt: UTF-8 with replacement (a comment in GBK does no harm), at most 500 KiB of it.

        UTF-16 is read too where its mark says so: a site whose editor saved it so would else forbid nothing. Who names
        an agent with its version or more of its header, as TuwenBot/0.1 (+https://…), means the agent.
        """
        if len(body) > LARGEST:
            kept = body[:LARGEST]
            body = kept[: max(kept.rfind(b"\n"), kept.rfind(b"\r")) + 1]  # a cut rule could say the opposite
        text = body.removeprefix(b"\xef\xbb\xbf").decode(_coding(body), "replace").replace("\0", "")
        text = "\n".join(_NAMED.sub(r"\1", line) for line in text.splitlines())
        return cls(Protego.parse(text), parse_groups(text))

    def allows(self, url: str, agent: str) -> bool:
        """Whether the rules let `agent` (a product token) ask for a URL.

        By RFC 9309 §2.2.2 a rule's `?u=https://x` is the same as `?u=https%3A%2F%2Fx`, which Protego holds apart: a
        query with escaped slashes is asked about in both spellings, and the more restrictive answer counts.
        """
        path, mark, query = url.partition("?")
        bare = _SLASH.sub("/", query)
        return bool(self.rules.can_fetch(url, agent)) and (
            bare == query or bool(self.rules.can_fetch(path + mark + bare, agent))
        )

    def delay(self, agent: str) -> float | None:
        """The crawl-delay in seconds that is asked of `agent`; None when none is."""
        found = self.rules.crawl_delay(agent)
        return None if found is None else max(0.0, float(found))

    def lines(self, agent: str) -> list[Line]:
        """What RFC 9309 does not know and is meant for `agent`: Content-Usage, Content-Signal and License lines."""
        return self.groups.of(agent)

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps that it names, as written, in order."""
        return list(self.rules.sitemaps)


def _coding(body: bytes) -> str:
    return "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"


class Ruling(str, Enum):
    """What follows from asking for a robots.txt."""

    RULES = "rules"  # it came: its rules hold
    OPEN = "open"  # there is none: everything is allowed
    CLOSED = "closed"  # it could not be read, which means no

    def __str__(self) -> str:
        return self.value


_FORBIDS = (401, 403, 429)  # the site guards even its rules, or asks to be left alone: fail closed


def ruling(outcome: Outcome, status: int) -> Ruling:
    """What the answer to /robots.txt means for the rest of its origin.

    >>> str(ruling(Outcome.OK, 200)), str(ruling(Outcome.HTTP_ERROR, 404)), str(ruling(Outcome.TIMEOUT, 0))
    ('rules', 'open', 'closed')
    """
    if outcome is Outcome.OK:
        return Ruling.RULES
    if outcome is Outcome.HTTP_ERROR and 400 <= status < 500 and status not in _FORBIDS:
        return Ruling.OPEN
    return Ruling.CLOSED


def robots_url(url: str) -> str:
    """Where the rules for a URL stand.

    >>> robots_url("https://a.example:8443/x/y")
    'https://a.example:8443/robots.txt'
    """
    return f"{origin(url)}/robots.txt"
