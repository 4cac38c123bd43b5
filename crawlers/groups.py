"""The lines of a robots.txt that RFC 9309 does not know, for whoever they are meant: Content-Usage, License …"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Line = tuple[str, str]
"""A field's name in lower case, and its value without comment."""

_FIELDS = frozenset({"content-usage", "content-signal", "license"})
_AGENT = frozenset({"user-agent", "useragent", "user agent"})  # as Protego reads it
_SITE_WIDE = frozenset({"sitemap", "host"})  # these end no group
_MOST = 1_000  # lines that are kept: honest files have one or two


@dataclass
class Groups:
    """The lines that stand before every group, and those of each group by its agents' names."""

    everywhere: list[Line] = field(default_factory=list)
    by_agent: dict[str, list[Line]] = field(default_factory=dict)

    def of(self, agent: str) -> list[Line]:
        """The lines for a product token: of all groups that name it, else of those for `*`; and those for all."""
        named = [name for name in self.by_agent if name != "*" and _names(name, agent.lower())]
        chosen = max(named, key=len, default="*")
        return [*self.everywhere, *self.by_agent.get(chosen, [])]


def parse_groups(text: str) -> Groups:
    """Read the groups of a decoded robots.txt. Never raises.

    >>> groups = parse_groups("License: /l\\nUser-agent: *\\nContent-Usage: / ai=n\\n\\nUser-agent: B\\nAllow: /")
    >>> groups.of("TuwenBot"), groups.of("b")
    ([('license', '/l'), ('content-usage', '/ ai=n')], [('license', '/l')])
    """
    groups = Groups()
    current: list[list[Line]] = []
    naming, kept = False, 0
    for line in text.splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name in _AGENT:
            current = current if naming else []
            naming = True
            if value:
                current.append(groups.by_agent.setdefault(value.lower(), []))
            continue
        naming = naming and name in _SITE_WIDE
        if name in _FIELDS and value and kept < _MOST:
            kept += 1
            for lines in current or [groups.everywhere]:
                lines.append((name, value))
    return groups


def _names(name: str, agent: str) -> bool:
    """Whether a group's name means the agent: from the beginning of one of its words, as Protego matches."""
    bare = name.replace("*", "")
    return bool(bare) and re.search(rf"(?<![\w-]){re.escape(bare)}", agent) is not None
