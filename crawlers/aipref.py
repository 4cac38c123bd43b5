"""Usage preferences: the IETF's Content-Usage and Cloudflare's Content-Signal, as headers and as lines of robots.txt.

Sources: draft-ietf-aipref-attach-05 and draft-ietf-aipref-vocab-08; https://contentsignals.org/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crawlers.consent import Consent
from crawlers.fields import LONGEST, tokens
from crawlers.groups import Line
from crawlers.paths import covers

USAGE, SIGNAL = "content-usage", "content-signal"  # the names of the fields, and of the signals
_TRAINING = "train-ai"
# What earlier drafts of the vocabulary called the uses that hold ours; they count where train-ai is not spoken of.
_WIDER = ("train-genai", "genai", "ai", "tdm", "bots")


def content_usage(values: Iterable[str]) -> Consent:
    """Read the Content-Usage headers of one response: train-ai=n refuses. Several headers are one dictionary.

    >>> content_usage(["train-ai=n, search=y"]).decided, content_usage(["train-ai=y"]).allowed
    ('train-ai=n', True)
    """
    value = ", ".join(values)
    return Consent(USAGE, (value[:LONGEST],) if value else (), _usage(value))


def content_signal(values: Iterable[str]) -> Consent:
    """Read the Content-Signal headers of one response: ai-train=no refuses.

    >>> content_signal(["search=yes, ai-train=no"]).decided, content_signal(["ai-input=no"]).allowed
    ('ai-train=no', True)
    """
    value = ", ".join(values)
    return Consent(SIGNAL, (value[:LONGEST],) if value else (), _signal(value))


def robots_usage(lines: Iterable[Line], url: str, source: str) -> Consent:
    """What the Content-Usage rules of our group say of a URL: `path preference`, the longest path that matches counts,
    and of equal paths each. `source` is where the robots.txt stands.

    >>> lines = [("content-usage", "/ train-ai=n"), ("content-usage", "/ai-ok/ train-ai=y")]
    >>> [robots_usage(lines, f"https://a.example/{path}", "").allowed for path in ("test", "ai-ok/test")]
    [False, True]
    """
    return _ruled(USAGE, lines, url, source, _usage)


def robots_signal(lines: Iterable[Line], url: str, source: str) -> Consent:
    """What the Content-Signal lines of our group say of a URL; a line without a path is for all of the site."""
    return _ruled(SIGNAL, lines, url, source, _signal)


def _ruled(name: str, lines: Iterable[Line], url: str, source: str, refusal: Callable[[str], str]) -> Consent:
    rules = [_rule(value) for field, value in lines if field == name]
    if not rules:
        return Consent(name)
    lengths = [(covers(path, url), preference) for path, preference in rules]
    longest = max((length for length, _ in lengths), default=-1)
    said = tuple(preference[:LONGEST] for length, preference in lengths if length == longest >= 0)
    return Consent(name, said, next(filter(None, map(refusal, said)), ""), source if said else "")


def _rule(value: str) -> tuple[str, str]:
    """The path and the preference of a rule; without a path, as in Cloudflare's and in early drafts, it is for all."""
    if not value.startswith("/"):
        return "/", value
    path, _, preference = value.replace("\t", " ").partition(" ")
    return path, preference.strip()


def _usage(value: str) -> str:
    found = tokens(value)
    if _TRAINING in found:
        return f"{_TRAINING}=n" if found[_TRAINING] == "n" else ""
    return next((f"{label}=n" for label in _WIDER if found.get(label) == "n"), "")


def _signal(value: str) -> str:
    """Cloudflare's own form is looser than a structured field: `ai-train = No` counts."""
    for part in value.lower().split(","):
        name, _, answer = part.partition("=")
        if name.strip() == "ai-train" and answer.strip() == "no":
            return "ai-train=no"
    return ""
