"""Opt-outs that a crawl is told to ignore: by the signal's name, and never without a reason."""

from __future__ import annotations

from schemas.errors import BadInput

SIGNALS = (
    "robots",
    "x-robots-tag",
    "meta-robots",
    "tdmrep",
    "content-usage",
    "content-signal",
    "rsl",
    "ai.txt",
    "iptc-plus",
    "c2pa",
    "tdm-reservation",
)
"""The signals that may be ignored. What a file says that is asked for on its own account is then not asked for."""

_LONGEST = 300  # characters of a reason: it stands in every release's card


def parse(text: str) -> tuple[str, str]:
    """A signal and the reason, from `SIGNAL=REASON`. Raises BadInput for an unknown signal or an empty reason.

    >>> parse("tdmrep=the publisher, X Ltd, agreed in writing on 2026-01-05")
    ('tdmrep', 'the publisher, X Ltd, agreed in writing on 2026-01-05')
    """
    signal, _, reason = text.partition("=")
    found = signal.strip().lower(), reason.strip()
    check_ignored(*found)
    return found


def check_ignored(signal: str, reason: str) -> None:
    """Raise BadInput for an unknown signal, or for a reason that is empty, of several lines or too long."""
    if signal not in SIGNALS:
        raise BadInput(f"--ignore {signal}: no signal of this name; there are {', '.join(SIGNALS)}")
    if not reason.strip():
        raise BadInput(f"--ignore {signal}: give the reason after a =, as in --ignore {signal}='the owner agreed'")
    if len(reason) > _LONGEST or not reason.isprintable():
        raise BadInput(f"--ignore {signal}: the reason is one line of at most {_LONGEST} characters")
