"""label: one page that asks of some pairs whether the text fits the picture, and saves the answers as CSV.

Which pairs depends on their keys alone, which are uniform hashes: those with the smallest are a fair sample. With a
signal, as many are from each tenth of its values, so that a threshold anywhere has pairs on both sides.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, StrictUndefined

from pipelines import files, ledgers, order, shards
from pipelines.corpus import Corpus
from pipelines.examples import printable, thumbnail
from pipelines.labels import LABELS
from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.signals import family_of, signal_field

SIDE = 320  # pixels of a picture's long side: enough to see what is on it, and 300 of them are about 8 MB
TENTHS = 10  # strata of a signal
SPARE = 100  # pairs looked at for each that is shown: the tenths of so many are those of the corpus, near enough

_SHOWN = ("key", "text", "image_id", "warc", "offset", "length")


class Candidate(NamedTuple):
    """A pair that may be shown."""

    key: bytes
    value: float
    shard: str
    row: int


class Item(NamedTuple):
    """A pair as the page shows it: `picture` is a data: URI."""

    key: str
    text: str
    picture: str


def label(corpus: Corpus, n: int, out: str, *, recipe: Recipe | None = None, signal: str = "") -> int:
    """Write the page with `n` pairs to `out`; returns how many there were to show.

    With a recipe only pairs that it keeps are shown, by its ledger. Raises BadInput for a signal that is no number, or
    where nothing can be shown.
    """
    if n < 1:
        raise BadInput(f"--n {n}: a page shows at least 1 pair")
    if signal and not is_number(signal):
        raise BadInput(f"--signal {signal}: its values are words, and have no tenths; name one that is a number")
    if signal:
        shards.need(corpus, sorted({family_of(signal)} - {"pairs"}))
    if recipe:
        ledgers.need(corpus, recipe)
    pool = candidates(corpus, n * SPARE, recipe, signal)
    strata = tenths(pool) if signal else [pool]
    wanted = [len(part) for part in np.array_split(np.arange(n), len(strata))]
    items = [item for part, count in zip(strata, wanted, strict=True) for item in _shown(corpus, part, count)]
    if not items:
        raise BadInput(f"{corpus.root}: no pair to show: none is kept, has a value of the signal, and decodes")
    with files.whole(out) as file:
        file.write(page(sorted(items), f"{corpus.root.rstrip('/').rsplit('/', 1)[-1]}"))
    return len(items)


def is_number(signal: str) -> bool:
    """Whether a signal's values are numbers, true and false among them."""
    kind = signal_field(signal).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def candidates(corpus: Corpus, count: int, recipe: Recipe | None = None, signal: str = "") -> list[Candidate]:
    """The pairs with the smallest keys, those that a recipe keeps, with a value of a signal that is not NaN; by key."""
    found: list[Candidate] = []
    bound = b"~"  # behind every hex digit
    for shard in corpus.shards():
        table = shards.read(corpus, shard, [signal] if signal else [])
        keys = order.keys(table)
        able = keys < bound
        values = np.zeros(len(table))
        if signal:
            values = table.column(signal).to_numpy().astype(np.float64)
            able &= ~np.isnan(values)
        if recipe:
            verdicts = files.read_table(corpus.ledger(recipe.name, shard), ["verdict"]).column("verdict")
            able &= pc.equal(verdicts, "").to_numpy()
        rows = np.flatnonzero(able)
        found += [Candidate(bytes(keys[row]), float(values[row]), shard, int(row)) for row in rows]
        if len(found) > count:
            found = sorted(found)[:count]
            bound = found[-1].key
    return sorted(found)


def tenths(pool: Sequence[Candidate]) -> list[list[Candidate]]:
    """The pool in ten parts of rising values, as equal in size as can be, each by key."""
    rising = sorted(pool, key=lambda one: (one.value, one.key))
    return [sorted(rising[at] for at in part) for part in np.array_split(np.arange(len(rising)), TENTHS)]


def _shown(corpus: Corpus, part: Sequence[Candidate], count: int) -> Iterator[Item]:
    """The first of a part whose pictures decode, as many as wanted."""
    tables: dict[str, pa.Table] = {}
    left = count
    for one in part:
        if not left:
            return
        if one.shard not in tables:
            tables[one.shard] = files.read_table(corpus.pairs(one.shard), _SHOWN)
        (pair,) = tables[one.shard].slice(one.row, 1).to_pylist()
        picture, _, _ = thumbnail(corpus, pair, SIDE)
        if picture:
            yield Item(pair["key"], printable(pair["text"]), picture)
            left -= 1


def page(items: Sequence[Item], title: str) -> bytes:
    """The page as one HTML file in UTF-8 that needs nothing but itself; equal bytes for equal items."""
    folder = resources.files("pipelines") / "templates"
    script = (folder / "label.js").read_text("utf-8")
    data = {
        # Progress is kept under this name: another sample begins anew.
        "name": "tuwen.label." + hashlib.sha256("\n".join(item.key for item in items).encode()).hexdigest()[:16],
        "labels": LABELS,
        "items": [item._asdict() for item in items],
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rendered = environment.from_string((folder / "label.html.j2").read_text("utf-8")).render(
        title=printable(title),
        count=len(items),
        # The data is between script tags, where only "<" could end it.
        data=json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c"),
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return (rendered.rstrip() + "\n").encode("utf-8", "replace")
