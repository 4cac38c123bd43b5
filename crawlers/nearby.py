"""The text nearest to a picture on its page.

The rule: walk from the picture backwards through the document. Text is gathered until the edge of a block (a
paragraph, a heading, a cell …) is crossed; the first block that gave any is the answer, so it is the end of the
picture's own block, else the block before it. If 64 steps back find none, the same walk is made forwards.
"""

from __future__ import annotations

from selectolax.lexbor import LexborNode

_STEPS = 64  # nodes looked at each way: beyond, a text is no longer near; it also bounds the cost of a picture
_INSIDE = 256  # nodes looked at within an element: a caption has some ten
_ENOUGH = 4_096  # characters: no text is kept longer

_BLOCK_TAGS = """
address article aside blockquote body br caption center dd div dl dt fieldset figcaption figure footer form h1 h2 h3
h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody td tfoot th thead tr ul
"""
_SILENT_TAGS = """
button canvas datalist head iframe math noscript object option script select style svg template textarea title video
audio
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_SILENT = frozenset(_SILENT_TAGS.split())


def nearby(picture: LexborNode) -> str:
    """The nearest block of text before a picture, else the nearest after it, as it stands; '' for none."""
    return _walk(picture, back=True) or _walk(picture, back=False)


def _walk(node: LexborNode, *, back: bool) -> str:
    gathered: list[str] = []
    length = 0
    for _ in range(_STEPS):
        beside = node.prev if back else node.next
        if beside is None:  # out of this element, past its edge
            parent = node.parent
            if parent is None or parent.tag in ("body", "html"):
                break
            node = parent
            if gathered and node.tag in _BLOCKS:
                break
            continue
        node = beside
        while (tag := node.tag) not in _SILENT:  # into the element, to its nearest leaf
            if gathered and tag in _BLOCKS:
                return _joined(gathered, back=back)
            inner = node.last_child if back else node.first_child
            if inner is None:
                break
            node = inner
        text = node.text_content if node.is_text_node else None
        if text and (gathered or not text.isspace()):
            gathered.append(text)
            length += len(text)
            if length > _ENOUGH:
                break
    return _joined(gathered, back=back)


def inner_text(node: LexborNode) -> str:
    """The text inside an element as it stands, scripts and the like left out; of a huge element only the beginning."""
    gathered: list[str] = []
    length = 0
    inner, outermost = node.first_child, node.mem_id
    for _ in range(_INSIDE):
        if inner is None or length > _ENOUGH:
            break
        text = inner.text_content if inner.is_text_node else None
        if text:
            gathered.append(text)
            length += len(text)
        tag = inner.tag
        if tag in _BLOCKS:
            gathered.append(" ")
        following = inner.first_child if tag not in _SILENT else None
        while following is None and inner is not None and inner.mem_id != outermost:
            following = inner.next
            if following is None:
                inner = inner.parent
        inner = following
    return "".join(gathered)


def _joined(gathered: list[str], *, back: bool) -> str:
    return "".join(reversed(gathered) if back else gathered)
