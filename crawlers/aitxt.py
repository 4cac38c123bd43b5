"""Spawning's ai.txt: which media types a site lets be used for training. It is recorded; it decides nothing here.

Its words are those of robots.txt, its rules are endings of names (`Disallow: *.jpg`). Source: https://spawning.ai/ai-txt.
"""

from __future__ import annotations

from functools import lru_cache

from crawlers.consent import Consent

NAME = "ai.txt"
PATH = "/ai.txt"
# One ending for each type, by which its generator lists more than twenty.
_TYPES = {"image": "*.jpg", "text": "*.txt", "audio": "*.mp3", "video": "*.mp4", "code": "*.py"}
_ALL = ("*", "/", "/*")


def ai_txt(body: bytes, agent: str, source: str) -> Consent:
    """What an ai.txt (at `source`) says of each media type that it speaks of, for everyone or for `agent` by name.

    >>> ai_txt(b"User-Agent: *\\nAllow: *.txt\\nDisallow: *.jpg, *.png\\n", "TuwenBot", "").said
    ('image no', 'text yes')
    """
    said = _said(body, agent)
    return Consent(NAME, said, source=source if said else "")


@lru_cache(maxsize=64)  # a file is read once for all URLs of its origin; 64 MiB of files at most
def _said(body: bytes, agent: str) -> tuple[str, ...]:
    rules: dict[str, str] = {}
    ours, naming = True, False
    for line in body.decode("utf-8-sig", "replace").splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        if not colon:
            continue
        if name == "user-agent":
            ours = (ours and naming) or value in ("*", agent.lower())
            naming = True
            continue
        naming = False
        if ours and name in ("allow", "disallow"):
            for ending in value.replace(",", " ").split():
                if name == "disallow" or ending not in rules:  # the more restrictive of two
                    rules[ending] = "no" if name == "disallow" else "yes"
    general = [rules[one] for one in _ALL if one in rules]
    fallback = "no" if "no" in general else "yes" if general else ""
    found = ((kind, rules.get(ending, fallback)) for kind, ending in _TYPES.items())
    return tuple(f"{kind} {word}" for kind, word in found if word)
