"""CARD.md and CARD.zh.md: what is in a release, how it came to be, what it is not, and how to get out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import jinja2

from pipelines.tally import EDGES
from schemas.manifest import Manifest


@dataclass(frozen=True)
class Facts:
    """What a card is made from: the manifest so far, what is distinct among the kept, and the tallies by group."""

    manifest: Manifest
    distinct: dict[str, int]
    groups: dict[str, dict[str, int]] = field(default_factory=dict)

    def histogram(self, name: str) -> list[tuple[str, int]]:
        """(range, pairs) of every bin, from the lowest."""
        edges, bins = EDGES[name], self.groups.get("bin", {})
        labels = [f"{low}–{high - 1}" for low, high in pairwise(edges)] + [f"≥ {edges[-1]}"]
        return [(label, bins.get(f"{name} {number}", 0)) for number, label in enumerate(labels)]


def render(facts: Facts, template: str) -> bytes:
    """One card from its template: the same bytes for the same facts."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, and no value in it comes from a page
    )
    pages.filters |= {"number": lambda value: f"{value:,}", "share": share, "bar": bar, "line": line}
    page = pages.get_template(template)
    return page.render(m=facts.manifest, c=facts.manifest.counts, facts=facts, distinct=facts.distinct).encode()


def share(part: int, whole: int) -> str:
    """A part of a whole in percent; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def line(text: str) -> str:
    """A text on one line, so that it cannot end the paragraph that it stands in."""
    return " ".join(text.split())


def bar(part: int, whole: int) -> str:
    """A bar of at most 20 blocks; at least one where there is anything."""
    return "█" * max(round(20 * part / whole), 1) if part and whole else ""
