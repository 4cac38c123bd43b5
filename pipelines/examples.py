"""A few pairs to look at, each with its picture made small: of every verdict, of every tier, and of the base.

Which ones depends on the keys alone: of each kind those with the smallest.
"""

from __future__ import annotations

import base64
import heapq
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from filters import decode
from pipelines import files, ledgers, shards
from pipelines.base import classes
from pipelines.charts import number
from pipelines.corpus import Corpus
from pipelines.originals import read_picture
from schemas.recipe import Recipe

SIDE = 128  # pixels of a thumbnail's long side: a hundred of them are half a megabyte
DROPPED = 4  # examples of a verdict: one row beside its reason
KEPT = 12  # examples of what was kept: enough to see that they are of a kind
MAX_TEXT = 240  # characters of a text that are shown; a page may hold a novel

_SEEN = ("key", "text", "source", "page_url", "image_id", "warc", "offset", "length")


@dataclass(frozen=True)
class Example:
    """One pair as the report shows it. `thumbnail` is a data: URI, '' for what does not decode; sizes in pixels.

    `values` are (signal, value in words) of what decided on the pair.
    """

    key: str
    text: str
    source: str
    page_url: str
    class_: str
    thumbnail: str
    width: int
    height: int
    values: tuple[tuple[str, str], ...]


class Pick(NamedTuple):
    """A pair to show, and where it lies."""

    key: str
    shard: str
    row: int


def examples(corpus: Corpus, recipe: Recipe) -> dict[str, list[Example]]:
    """Examples by kind: every verdict of the recipe by its name, and 'weak', 'strong' and 'base' with a leading +.

    Raises Damaged where a WARC does not hold the pictures that its pairs say.
    """
    shown = shown_of(corpus, _picks(corpus, recipe), recipe.columns(), _deciders(recipe))
    return {kind: sorted(chosen, key=lambda example: example.key) for kind, chosen in shown.items()}


def shown_of(
    corpus: Corpus, picks: Mapping[str, Sequence[Pick]], columns: Sequence[str], deciders: Mapping[str, Sequence[str]]
) -> dict[str, list[Example]]:
    """The pairs picked of each kind, with the values of that kind's deciders among these columns; shard by shard."""
    wanted: dict[str, dict[int, list[str]]] = {}
    for kind, chosen in picks.items():
        for pick in chosen:
            wanted.setdefault(pick.shard, {}).setdefault(pick.row, []).append(kind)
    shown: dict[str, list[Example]] = {kind: [] for kind in picks}
    for shard, kinds in sorted(wanted.items()):
        rows = sorted(kinds)
        pairs = files.read_table(corpus.pairs(shard), _SEEN).take(rows).to_pylist()
        table = shards.read(corpus, shard, [*columns, *ledgers.classed_by(corpus, shard)]).take(rows)
        named = zip(rows, pairs, table.to_pylist(), classes(table).to_pylist(), strict=True)
        for row, pair, values, class_ in named:
            small, width, height = thumbnail(corpus, pair)
            for kind in kinds[row]:
                decided = tuple((name, value_words(values[name])) for name in deciders.get(kind, ()) if name in values)
                shown[kind].append(
                    Example(
                        key=pair["key"],
                        text=printable(pair["text"]),
                        source=pair["source"],
                        page_url=printable(pair["page_url"]),
                        class_=printable(class_),
                        thumbnail=small,
                        width=width,
                        height=height,
                        values=decided,
                    )
                )
    return shown


def printable(text: str) -> str:
    """A text of the web as it can stand on a page: cut to length, and a box for each character that has no shape.

    >>> printable("红烧\\x00肉\\u202e.")
    '红烧\N{REPLACEMENT CHARACTER}肉\N{REPLACEMENT CHARACTER}.'
    """
    cut = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if _shapeless(letter) else letter for letter in cut)


def value_words(value: Any) -> str:
    """A signal's value in words; long ones, hashes and keys, by their beginning."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return printable(value if len(value) <= 16 else value[:12] + "…") or "empty"
    return number(value)


def _shapeless(letter: str) -> bool:
    """Whether it is a control, a surrogate, or one of those that turn the direction of what follows."""
    return (
        unicodedata.category(letter) in ("Cc", "Cs")
        or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _picks(corpus: Corpus, recipe: Recipe) -> dict[str, list[Pick]]:
    picks: dict[str, list[Pick]] = {kind: [] for kind in (*recipe.verdicts(), "+strong", "+weak", "+base")}
    for shard in corpus.shards():
        ledger = files.read_table(corpus.ledger(recipe.name, shard), ["key", "verdict", "tier", "base"])
        here: dict[str, list[Pick]] = {}
        for kind, key, row in _kinds(ledger):
            here.setdefault(kind, []).append(Pick(key, shard, row))
        for kind, found in here.items():
            limit = KEPT if kind.startswith("+") else DROPPED
            picks[kind] = heapq.nsmallest(limit, [*picks[kind], *found])
    return picks


def _kinds(ledger: pa.Table) -> Iterator[tuple[str, str, int]]:
    """(kind, key, row) for every kind that a row is an example of."""
    columns = [ledger.column(name).to_pylist() for name in ("key", "verdict", "tier", "base")]
    for row, (key, verdict, tier, base) in enumerate(zip(*columns, strict=True)):
        yield verdict or f"+{tier}", key, row
        if base:
            yield "+base", key, row


def _deciders(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The signals that each verdict looks at."""
    keeps: dict[str, tuple[str, ...]] = {keep.verdict: (keep.signal,) for keep in recipe.keep}
    ranks = {once.verdict: tuple(rank.removeprefix("-") for rank in once.best) for once in recipe.once}
    onces = {once.verdict: tuple(dict.fromkeys([*once.by, *ranks[once.verdict]])) for once in recipe.once}
    return {kind: tuple(name for name in names if name != "key") for kind, names in {**keeps, **onces}.items()}


def thumbnail(corpus: Corpus, pair: dict[str, Any], side: int = SIDE) -> tuple[str, int, int]:
    """A small JPEG as a data: URI, with the picture's own width and height; ('', …) for what does not decode."""
    picture = decode(read_picture(corpus, pair["image_id"], pair["warc"], pair["offset"], pair["length"]))
    if picture.pixels is None:
        return "", picture.width, picture.height
    small = picture.pixels.convert("RGB")
    small.thumbnail((side, side))
    small.info.clear()  # a comment of the file would be written too
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=78, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(), picture.width, picture.height
