"""Flags as img2dataset's users write them: `--a_b=1`, `--a-b 1`, `--skip_reencode`, `--columns='["x","y"]'`, `[x,y]`.

img2dataset takes its command line from Python Fire, which reads values as Python literals and bare words as text.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.errors import BadInput

TEXT, WHOLE, NUMBER, SWITCH, WORDS = "text", "whole number", "number", "True or False", "list"
"""The kinds of flags."""


def parse(
    words: Sequence[str], known: Mapping[str, str], others: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The flags of one command line by name, with underscores, and the words that are left.

    `known` gives each flag's kind; of `others`, which somebody else reads, the names come out with dashes. A value
    None means that the flag was set to None. The last of two equal flags counts. Raises BadInput for a flag that is
    neither (naming the nearest), or a value of another kind.

    >>> parse(["--image_size=256", "--skip-reencode", "--columns", "[a,b]", "--max_images", "9"],
    ...       {"image_size": WHOLE, "skip_reencode": SWITCH, "columns": WORDS}, ["max_images"])
    ({'image_size': 256, 'skip_reencode': True, 'columns': ['a', 'b']}, ['--max-images', '9'])
    """
    given: dict[str, Any] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            rest.append(word)
            continue
        written, equals, text = word[2:].partition("=")
        name = written.replace("-", "_")
        if name in known:
            if not equals:
                text = _value(written, known[name], left)
            given[name] = _of_kind(written, text, known[name])
        elif name in others:
            rest.append(f"--{name.replace('_', '-')}{equals}{text}")
        elif known.get(name.removeprefix("no")) == SWITCH and not equals:
            given[name.removeprefix("no")] = False
        else:
            raise BadInput(f"--{written}: no such flag{_nearest(name, [*known, *others])}")
    return given, rest


def _value(flag: str, kind: str, left: list[str]) -> str:
    """The value that stands behind a flag, taken from what is left."""
    if left and not left[0].startswith("--"):
        return left.pop(0)
    if kind == SWITCH:
        return "True"
    raise BadInput(f"--{flag}: a value is missing; it takes a {kind}")


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean --{close[0]}?" if close else "; docs/url-lists.md has all of them"


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
    if kind == TEXT:
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
