"""Corpora made by the tests: generated pictures in a WARC-like file, and the Parquet files that pack reads."""

from __future__ import annotations

import hashlib
import io
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from PIL import Image

from filters.picture import decode
from pipelines import files, ledgers, shards
from pipelines.corpus import Corpus, shard_name
from pipelines.matched import Plan
from schemas.models import Measured
from schemas.pair import pair_key
from schemas.recipe import Recipe, canonical, load
from schemas.signals import FAMILIES, family_schema, match_fields
from schemas.tables import LEDGER, LOG, PAIRS, UNFETCHED

settings.register_profile("tuwen", deadline=None)  # a busy machine is slow, and no test is timed
settings.load_profile("tuwen")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would every command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST_FETCH = datetime(2026, 3, 1, 8, 0, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Planted:
    """One pair as a test wants it: picture, text, and what was judged of it."""

    data: bytes
    text: str
    tier: str = "weak"
    verdict: str = ""
    class_: str = "dish"
    base: bool = False
    shard: int = 0
    url: str = ""
    signals: dict[str, Any] = field(default_factory=dict)

    @property
    def image_url(self) -> str:
        """The picture's URL; one made of its text and bytes where none is given."""
        name = hashlib.sha256(self.data + self.text.encode()).hexdigest()[:12]
        return self.url or f"https://pictures.example.cn/{name}.jpg"

    @property
    def key(self) -> str:
        """The pair's key."""
        return pair_key(self.image_url, self.text)


def picture(number: int, kind: str = "jpeg", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A small picture, another for every number."""
    red, green = (Image.linear_gradient("L").resize(size).rotate(number * 37 + turn) for turn in (0, 90))
    blue = Image.new("L", size, number * 53 % 256)
    buffer = io.BytesIO()
    Image.merge("RGB", (red, green, blue)).save(buffer, kind, **options)
    return buffer.getvalue()


def plant(count: int) -> list[Planted]:
    """A corpus of every kind: two raw shards, both tiers, a base, dropped pairs, turned and odd pictures."""
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds: list[Callable[[int], bytes]] = [
        picture,
        lambda number: picture(number, "png"),
        lambda number: picture(number, exif=turned.tobytes()),
        lambda number: picture(number, "webp", lossless=True),
        lambda number: picture(number, "gif"),
    ]
    return [
        Planted(
            kinds[number % len(kinds)](number),
            f"第{number}道菜：红烧肉",
            tier="" if number % 7 == 6 else ("strong" if number % 2 else "weak"),
            verdict="too_small" if number % 7 == 6 else "",
            class_="meat" if number % 3 else "fish",
            base=number % 7 != 6 and number % 4 == 1,
            shard=number % 2,
        )
        for number in range(count)
    ]


def write_corpus(root: Path, planted: Sequence[Planted], recipe: Recipe | None = None) -> Corpus:
    """Write crawl/, pairs/, signals/ and ledger/ for these pairs, in the order given within each raw shard."""
    corpus = Corpus(str(root))
    numbers = range(max((pair.shard for pair in planted), default=0) + 1)
    by_shard = {number: [pair for pair in planted if pair.shard == number] for number in numbers}
    for number, pairs in by_shard.items():
        _write_pairs(corpus, pairs, number)
    for family in FAMILIES:
        for number, pairs in by_shard.items():
            _write_signals(corpus, pairs, shard_name(number), family)
    for number, pairs in by_shard.items():
        _write_scores(corpus, pairs, shard_name(number))
    judged = recipe or load("demo")
    for number, pairs in by_shard.items():
        _write_ledger(corpus, pairs, shard_name(number), judged)
    _write_log(corpus, planted)
    unfetched = {"key": pair_key("https://a.example/404.jpg", "没有"), "outcome": "http_error", "strong": False}
    unfetched |= {"impressions": 0, "clicks": 0, "click_rate": 0.05}
    row = {name: unfetched.get(name, "") for name in UNFETCHED.names}
    files.write_table(corpus.unfetched("00000"), pa.Table.from_pylist([row], UNFETCHED), "test", content="x")
    return corpus


def _write_pairs(corpus: Corpus, planted: Sequence[Planted], number: int) -> None:
    warc, shard = f"images/{shard_name(number)}.warc", shard_name(number)
    places, body = {}, b""
    for data in sorted({pair.data for pair in planted}):  # a picture is stored once
        body += b"WARC/1.0\r\n\r\n"
        places[data] = len(body)
        body += data + b"\r\n\r\n"
    with files.whole(corpus.crawl(*warc.split("/"))) as file:
        file.write(body)
    rows = []
    for pair in planted:
        image_id = hashlib.sha256(pair.data).hexdigest()
        rows.append(
            {
                "key": pair.key,
                "image_url": pair.image_url,
                "page_url": "https://pages.example.cn/1.html",
                "text": pair.text,
                "source": "alt",
                "site": "https://pages.example.cn",
                "strong": pair.tier == "strong",
                "class": pair.class_,
                "impressions": 0,
                "clicks": 0,
                "click_rate": 0.05,
                "image_id": image_id,
                "warc": warc,
                "offset": places[pair.data],
                "length": len(pair.data),
                "licences": ["https://creativecommons.org/publicdomain/zero/1.0/"],
                "digital_source": "digitalCapture",
                "ai_generated": 0,
            }
        )
    made_from = files.digest(*(pair.key for pair in planted))
    table = pa.Table.from_pylist(rows, PAIRS)
    files.write_table(corpus.pairs(shard), table, made_from, seen=made_from, content=made_from)


def _write_signals(corpus: Corpus, planted: Sequence[Planted], shard: str, family: str) -> None:
    schema = family_schema(family)
    signals = [{name: _signal(pair, schema.field(name)) for name in schema.names} for pair in planted]
    of = shards.clustered(corpus) if family == "corpus" else files.metadata(corpus.pairs(shard))["seen"]
    table = pa.Table.from_pylist(signals, schema)
    files.write_table(corpus.signals(family, shard), table, of, family=family, version="1", of=of)


def _write_scores(corpus: Corpus, planted: Sequence[Planted], shard: str) -> None:
    """The match family as a model of two dimensions would leave it, under the name that the demo's recipe wants."""
    model = Measured("mini", "test", 2, {"size": "8"}, "{}", True, "a model of tests", "fp32")
    fields = match_fields("mini", model.width)
    vectors = [[1.0, 0.0]] * len(planted)
    scores = [0.5 if decode(pair.data).decodes else math.nan for pair in planted]
    columns = [[pair.key for pair in planted], scores, [0.25] * len(planted), vectors, vectors]
    table = pa.table(columns, pa.schema([LEDGER.field("key"), *fields]))
    Plan({"mini": model}).write(corpus, shard, table)


def _write_ledger(corpus: Corpus, planted: Sequence[Planted], shard: str, recipe: Recipe) -> None:
    rows = [
        {name: getattr(pair, name, "") for name in LEDGER.names} | {"class": pair.class_ or "other"} for pair in planted
    ]
    made_from = ledgers.made_from(corpus, recipe)
    table = pa.Table.from_pylist(rows, LEDGER)
    files.write_table(corpus.ledger(recipe.name, shard), table, made_from, recipe=canonical(recipe))


def _signal(pair: Planted, column: pa.Field) -> Any:
    """The value of one signal: measured where packing or a card looks at it, else the type's plainest."""
    shown = decode(pair.data)
    measured = {
        "key": pair.key,
        "image_decodes": shown.decodes,
        "image_width": shown.width,
        "image_height": shown.height,
        "image_format": shown.format,
        "image_orientation": shown.orientation,
        "image_bytes": len(pair.data),
        "image_sha256": hashlib.sha256(pair.data).hexdigest(),
        "image_md5": hashlib.md5(pair.data).hexdigest(),
        "image_phash": hashlib.sha256(pair.data).hexdigest()[:16],
        "image_entropy": float("nan"),
        "text_chars": len(pair.text),
        **pair.signals,
    }
    if column.name in measured:
        return measured[column.name]
    return "" if pa.types.is_string(column.type) else pa.scalar(0).cast(column.type).as_py()


def _write_log(corpus: Corpus, planted: Sequence[Planted]) -> None:
    rows = [(pair.image_url, "image", "ok") for pair in planted]
    rows += [("https://a.example/404.jpg", "image", "http_error"), ("https://pages.example.cn/1.html", "page", "ok")]
    table = [
        {
            **{name: "" if pa.types.is_string(LOG.field(name).type) else 0 for name in LOG.names},
            "url": url,
            "kind": kind,
            "outcome": outcome,
            "started": FIRST_FETCH + timedelta(seconds=number),
            "redirects": [],
            "licences": [],
        }
        for number, (url, kind, outcome) in enumerate(rows)
    ]
    files.write_table(corpus.crawl("log", "00000.parquet"), pa.Table.from_pylist(table, LOG), "test")


class Bench:
    """What tests build with: use it through the fixture `bench`."""

    planted = Planted
    picture = staticmethod(picture)
    plant = staticmethod(plant)
    corpus = staticmethod(write_corpus)
    replace = staticmethod(replace)
    recipe: Recipe = load("demo")

    @staticmethod
    def tree(folder: str) -> dict[str, bytes]:
        """Every file below a folder with its bytes."""
        return {name: Path(folder, name).read_bytes() for name in files.tree(folder)}


@pytest.fixture(scope="session")
def bench() -> Bench:
    """Functions that make pictures, pairs and corpora."""
    return Bench()
