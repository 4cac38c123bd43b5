"""Figures: which one an element stands in, and what its caption says."""

from __future__ import annotations

from collections.abc import Iterable

from selectolax.lexbor import LexborNode

from crawlers.nearby import inner_text

CLIMB = 6  # elements between a picture, a caption or a licence and its <a> or <figure>


def figure_of(node: LexborNode) -> int | None:
    """The identity (`mem_id`) of the figure that holds an element; None when none does."""
    parent = node.parent
    for _ in range(CLIMB):
        if parent is None:
            return None
        if parent.tag == "figure":
            return int(parent.mem_id)
        parent = parent.parent
    return None


def captions(nodes: Iterable[LexborNode]) -> dict[int, str]:
    """The text of each figure's first caption. From the captions up: looking down from every picture is quadratic."""
    found: dict[int, str] = {}
    for caption in nodes:
        figure = figure_of(caption)
        if figure is not None and figure not in found:
            found[figure] = inner_text(caption)
    return found
