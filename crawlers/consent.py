"""Opt-outs beside robots.txt: one pure function per signal. They record what was said; the log keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Each of these means: not into an image-text corpus.
_REFUSALS = ("noindex", "none", "noimageindex", "noai", "noimageai", "noml")
_VALUED = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")  # `name: value`, not a bot
_EVERYONE = ("*", "robots")


@dataclass(frozen=True)
class Consent:
    """What one signal said to us: every directive that applies, and the one that decided ('' when none refused)."""

    signal: str
    said: tuple[str, ...] = ()
    decided: str = ""

    @property
    def allowed(self) -> bool:
        """Whether what carried the signal may be kept."""
        return not self.decided

    @property
    def follow(self) -> bool:
        """Whether the links of what carried it may be followed."""
        return not {"nofollow", "none"} & set(self.said)


def x_robots(values: list[str], agent: str) -> Consent:
    """Read the X-Robots-Tag headers of one response, each value a list of directives, some behind `bot:`.

    `agent` is our product token. A prefix holds to the end of its header, and only our own or everyone's counts.

    >>> x_robots(["otherbot: noindex", "noai, max-image-preview: large"], "TuwenBot").decided
    'noai'
    >>> x_robots(["otherbot: noai, noindex"], "TuwenBot").allowed
    True
    """
    said: list[str] = []
    for value in values:
        ours = True
        for part in value.split(","):
            directive, bot = _parted(part)
            ours = ours if bot is None else _is_us(bot, agent)
            if ours and directive:
                said.append(directive)
    return _consent("x-robots-tag", said)


def meta_robots(metas: Iterable[tuple[str, str]], agent: str) -> Consent:
    """Read the (name, content) of a page's <meta> elements: those named robots, or by our own token.

    >>> meta_robots([("robots", "noimageindex, nofollow"), ("description", "noai")], "TuwenBot").said
    ('noimageindex', 'nofollow')
    """
    said = [
        directive
        for name, content in metas
        if _is_us(name, agent)
        for part in content.split(",")
        if (directive := " ".join(part.lower().split()))
    ]
    return _consent("meta-robots", said)


def _parted(part: str) -> tuple[str, str | None]:
    """One directive and the bot named before it, if any."""
    name, colon, rest = part.partition(":")
    if not colon or name.strip().lower() in _VALUED:
        return " ".join(part.lower().split()), None
    return " ".join(rest.lower().split()), name.strip()


def _is_us(name: str, agent: str) -> bool:
    token = agent.partition("/")[0].strip().lower()
    return name.strip().lower() in (*_EVERYONE, token)


def _consent(signal: str, said: list[str]) -> Consent:
    decided = next((directive for directive in said if directive in _REFUSALS), "")
    return Consent(signal, tuple(said), decided)
