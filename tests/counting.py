"""What reading a page costs, in steps that every machine counts alike."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from crawlers import extract
from crawlers.extract import Page, read_page

URL = "https://www.example.cn/a/page.html"


@dataclass(frozen=True)
class Work:
    """What came of a page, and what it cost.

    calls       functions that were called, ours and those in C
    nodes       of the tree that was built; deepest: the longest way down it; attributes: the most of one element
    """

    page: Page
    calls: int
    nodes: int
    deepest: int
    attributes: int


def work(page: str, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Read a page and count."""
    trees: list[LexborHTMLParser] = []

    def parse(text: str) -> LexborHTMLParser:
        trees.append(LexborHTMLParser(text))
        return trees[-1]

    calls = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with monkeypatch.context() as patched:
        patched.setattr(extract, "LexborHTMLParser", parse)
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            found = read_page(page, URL)
        finally:
            sys.setprofile(before)
    (tree,) = trees
    return Work(found, calls, *_size(tree))


def _size(tree: LexborHTMLParser) -> tuple[int, int, int]:
    """The number of nodes, the longest way down, and the most attributes of one element."""
    nodes = deepest = attributes = depth = 0
    node = tree.root
    while node is not None:
        nodes, deepest = nodes + 1, max(deepest, depth)
        if node.is_element_node:
            attributes = max(attributes, len(node.attributes))
        below = node.first_child
        if below is not None:
            node, depth = below, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None else None
    return nodes, deepest, attributes
