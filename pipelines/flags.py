"""Flags as img2dataset's users write them: `--a_b=1`, `--a-b 1`, `--skip_reencode`, `--columns='["x","y"]'`, `[x,y]`.

img2dataset takes its command line from Python Fire, which reads values as Python literals and bare words as text.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import BadInput

TEXT, WHOLE, NUMBER, SWITCH, WORDS, MANY = "text", "whole number", "number", "True or False", "list", "repeatable text"
"""The kinds of flags: WORDS is one list of words, MANY a text that is given once for each value."""


def parse(words: Sequence[str], known: Mapping[str, str]) -> dict[str, Any]:
    """The flags of one command line by name, with underscores; `known` gives each one's kind.

    A value None means that the flag was set to None. The last of two equal flags counts, but for MANY.
    Raises BadInput for a word that is no flag, an unknown flag (naming the nearest) or a value of another kind.

    >>> parse(["--image_size=256", "--skip-reencode", "--columns", "[a,b]"],
    ...       {"image_size": WHOLE, "skip_reencode": SWITCH, "columns": WORDS})
    {'image_size': 256, 'skip_reencode': True, 'columns': ['a', 'b']}
    """
    given: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            raise BadInput(f"{word}: not a flag; a list is given as --url_list FILE, all else as --flag=value")
        written, equals, text = word[2:].partition("=")
        name = written.replace("-", "_")
        if name not in known and known.get(name.removeprefix("no")) == SWITCH and not equals:
            given[name.removeprefix("no")] = False
            continue
        if name not in known:
            raise BadInput(f"--{written}: no such flag{nearest(name, known)}")
        if not equals:
            if left and not left[0].startswith("--"):
                text = left.pop(0)
            elif known[name] == SWITCH:
                text = "True"
            else:
                raise BadInput(f"--{written}: a value is missing; it takes a {known[name]}")
        value = _of_kind(written, text, known[name])
        given[name] = [*given.get(name, ()), value] if known[name] == MANY else value
    return given


def nearest(name: str, known: Mapping[str, str]) -> str:
    """A hint at the known flag that is most like a mistyped one, to be put behind a message.

    >>> nearest("imagesize", {"image_size": WHOLE, "timeout": WHOLE})
    '; did you mean --image_size?'
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean --{close[0]}?" if close else "; see docs/url-lists.md for all of them"


def literal(text: str) -> Any:
    """A value as Fire reads it: a Python literal in which bare words are text; all else is text as it stands.

    >>> literal("[a, 'b', 3]"), literal("x,y"), literal("None"), literal("1e3"), literal("a b")
    (['a', 'b', 3], ['x', 'y'], None, 1000.0, 'a b')
    """
    try:
        return _plain(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(one) for one in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _plain(node.operand)
        if isinstance(number, int | float):
            return -number
    raise ValueError(ast.dump(node))


def _of_kind(flag: str, text: str, kind: str) -> Any:
    value = literal(text)
    if value is None:
        return None
    if kind in (TEXT, MANY):
        return value if isinstance(value, str) else text  # "7" is a column's name, too
    if kind == SWITCH and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"  # `$FLAG` of a shell script, in its own spelling
    if kind == NUMBER and value in ("inf", "float('inf')"):
        return float("inf")
    if kind == WORDS and isinstance(value, str):
        value = [value]
    fits = {
        SWITCH: isinstance(value, bool),
        WHOLE: isinstance(value, int) and not isinstance(value, bool),
        NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        WORDS: isinstance(value, list),
    }
    if not fits[kind]:
        raise BadInput(f"--{flag} {text}: it takes a {kind}")
    return [str(one) for one in value] if kind == WORDS else value
