"""A corpus where a tenth of the pairs have one picture and a third have one caption: do cluster and judge bear it?

    python -m benchmarks.skew --rows 2_000_000 --engine flink

The columns are made by numbers alone, without pictures, and removed in the end. What cluster and judge say of every
pair is compared with a DuckDB query over the same files; `--engine flink` starts a cluster of two TaskManagers with a
heap of 1 GB each, `--engine local` runs here.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks import spent
from engines.flink.cluster import Ports
from pipelines import files
from pipelines.corpus import Corpus, shard_name
from schemas import recipe as recipes
from schemas.recipe import Recipe
from schemas.signals import IMAGE, KEY, TEXT
from schemas.tables import PAIRS

RECIPE = """
name = "skew"
[[keep]]
signal = "image_width"
min    = 120
why    = "a fifth of the pairs fail it"
[[once]]
by    = ["text_simplified"]
limit = 10
best  = ["-image_pixels", "key"]
why   = "the caption under a third of the corpus"
[[once]]
by    = ["image_cluster"]
limit = 3
best  = ["-image_pixels", "key"]
why   = "the picture of a tenth of it, and all near-duplicates"
"""
HEAP = "taskmanager.memory.process.size: 2864m\n"  # of which Flink gives 1 GB to the heap
TEXTS = 3  # of a picture
NEAR = 50  # every so many pictures the next differs from it in one bit


def main() -> int:
    """Print one table; 1 where an answer is not DuckDB's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--shard", type=int, default=50_000, help="rows of a raw shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "flink"), default="local")
    parser.add_argument("--folder", default=None, help="where the columns are written for the while")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, _engine(given.engine, Path(folder)) as (words, pids):
        corpus = make(Corpus(f"{folder}/corpus"), given.rows, given.shard)
        recipe = Path(folder, "skew.toml")
        recipe.write_text(RECIPE, encoding="utf-8")
        print(f"{'rows':>12} {'verb':<8}{'engine':<8}{'s':>7}{'CPU-s':>8}{'driver MiB':>12}  wrong")
        wrong = 0
        for verb, *options in (("cluster",), ("judge", "--recipe", str(recipe))):
            line = [verb, corpus.root, *options, *words, "--workers", str(given.workers)]
            cost = spent.tuwen(line, pids)
            found = (
                wrong_in_cluster(corpus) if verb == "cluster" else wrong_in_ledger(corpus, recipes.load(str(recipe)))
            )
            row = (
                f"{given.rows:>12,} {verb:<8}{given.engine:<8}{cost.seconds:>7.0f}{cost.cpu:>8.0f}{cost.driver:>12.0f}"
            )
            print(f"{row}  {found}", flush=True)
            wrong += found
    return 1 if wrong else 0


@contextlib.contextmanager
def _engine(name: str, folder: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    if name == "local":
        yield [], ()
        return
    home = Path(os.environ.get("FLINK_HOME", ".flink")).resolve()
    with spent.flink(folder / "flink", home / "lib", Ports.of(dict(os.environ)), HEAP) as running:
        yield ["--engine", running.options], running.sessions


def make(corpus: Corpus, rows: int, shard: int) -> Corpus:
    """Write pairs, texts and pictures' hashes of so many pairs: only the columns that cluster and the recipe read."""
    for number, start in enumerate(range(0, rows, shard)):
        _write(corpus, number, np.arange(start, min(start + shard, rows)))
    return corpus


def _write(corpus: Corpus, number: int, rows: np.ndarray) -> None:
    pictures = np.where(rows % 10 == 9, 0, rows // TEXTS + 1)  # one row in ten has picture 0
    hot = rows * 7 % 10 < 3  # one caption is under three rows in ten, also under picture 0
    keys = pa.array([_hex(f"pair {row}", 32) for row in rows])
    texts = pa.array(np.where(hot, "查看原图", np.char.add("第", np.char.add(rows.astype(str), "道菜"))))
    planted = np.where(pictures % NEAR == 1, pictures - 1, pictures)  # a near copy of the one before
    planted = np.where(planted == 0, pictures, planted)  # but for picture 0, which has enough
    hashes = [_hash(int(one), int(origin)) for one, origin in zip(pictures, planted, strict=True)]
    columns = {
        "key": keys,
        "page_url": pa.array(planted.astype(str)),  # what the check looks at: which pictures are one
        "text": texts,
        "class": pa.array(np.full(len(rows), "")),
        "image_id": pa.array([_hex(f"picture {one}", 64) for one in pictures]),
    }
    shard = shard_name(number)
    table = pa.table(columns, pa.schema([PAIRS.field(name) for name in columns]))
    files.write_table(corpus.pairs(shard), table, shard, seen=shard, content=shard)
    width = (100 + rows * 31 % 101).astype(np.int32)
    image = {"key": keys, "image_width": width, "image_pixels": width.astype(np.int64) * 100, "image_phash": hashes}
    table = pa.table(image, pa.schema([KEY, *(IMAGE.field(name) for name in list(image)[1:])]))
    files.write_table(corpus.signals("image", shard), table, shard, of=shard, version="1")
    table = pa.table({"key": keys, "text_simplified": texts}, pa.schema([KEY, TEXT.field("text_simplified")]))
    files.write_table(corpus.signals("text", shard), table, shard, of=shard, version="1")


def _hex(name: str, digits: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


def _hash(picture: int, origin: int) -> str:
    """A perceptual hash: far from all others, but for a copy one bit from its origin's."""
    return f"{int(_hex(f'hash {origin}', 16), 16) ^ (picture != origin):016x}"


def wrong_in_cluster(corpus: Corpus) -> int:
    """How many pairs have other repeats or another cluster than DuckDB finds."""
    pairs, signals = (f"read_parquet('{corpus.root}/{folder}/*.parquet')" for folder in ("pairs", "signals/corpus"))
    query = f"""
        WITH wanted AS (
            SELECT key, count(*) OVER (PARTITION BY text) AS texts, count(*) OVER (PARTITION BY image_id) AS images,
                   min(key) OVER (PARTITION BY page_url) AS first FROM {pairs})
        SELECT count(*) FROM wanted FULL JOIN {signals} AS said USING (key)
        WHERE texts IS DISTINCT FROM text_repeats OR images IS DISTINCT FROM image_repeats
           OR first IS DISTINCT FROM image_cluster"""
    return _asked(query)


def wrong_in_ledger(corpus: Corpus, recipe: Recipe) -> int:
    """How many pairs have another verdict or tier than the recipe's own query finds."""
    wanted = recipes.sql(recipe, corpus.root).rstrip().removesuffix(";")
    query = f"""
        SELECT count(*) FROM ({wanted}) AS wanted
        FULL JOIN read_parquet('{corpus.root}/ledger/{recipe.name}/*.parquet') AS said USING (key)
        WHERE wanted.verdict IS DISTINCT FROM said.verdict OR wanted.tier IS DISTINCT FROM said.tier"""
    return _asked(query)


def _asked(query: str) -> int:
    with duckdb.connect() as database:
        database.execute("SET memory_limit = '4GB'")
        (count,) = database.execute(query).fetchone() or (0,)
    return int(count)


if __name__ == "__main__":
    sys.exit(main())
