"""What drawing a base costs: time per million rows and the most memory, for columns made here.

    python -m benchmarks.base_speed --rows 50_000_000 --size 5_000_000

It judges a made corpus with one keep, a top by score and a base over nineteen classes: what a recipe without onces asks
of a whole corpus. The columns are made by numbers alone, so every run has the same; they are written to a temporary
folder (about 70 bytes a row) and removed.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files
from pipelines.corpus import Corpus, shard_name
from pipelines.engine import Engine
from pipelines.judge import judge
from schemas.recipe import Base, Keep, Recipe, Strong, Tiers
from schemas.signals import KEY, TEXT
from schemas.tables import PAIRS

CLASSES = 19  # WuDaoMM's
SCORE = "text_han_ratio"  # a float32 as a score is, and declared without a model
NAMED = ("class", "strong")


def main() -> int:
    """Print one table; 1 where the base is not as large as was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--size", type=int, default=500_000, help="pairs in the base")
    parser.add_argument("--shard", type=int, default=500_000, help="rows of a raw shard")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", default=None, help="where the columns are written for the while")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        corpus = Corpus(folder)
        begun = time.monotonic()
        for number, start in enumerate(range(0, given.rows, given.shard)):
            write_shard(corpus, number, start, min(given.shard, given.rows - start))
        made, begun = time.monotonic() - begun, time.monotonic()
        cpu = _cpu()
        counts = judge(corpus, recipe(given.size), engine=Engine(workers=given.workers))
        wall, cpu = time.monotonic() - begun, _cpu() - cpu
        drawn = sum(_drawn(corpus, shard) for shard in corpus.shards())
    millions = given.rows / 1e6
    print(f"{'rows':>12}{'kept':>12}{'base':>12}{'s':>8}{'s per M':>9}{'CPU-s per M':>13}{'MiB at most':>13}")
    row = f"{given.rows:>12,}{counts['']:>12,}{drawn:>12,}{wall:>8.0f}{wall / millions:>9.2f}{cpu / millions:>13.2f}"
    print(f"{row}{_memory():>13.0f}\n(the columns took {made:.0f} s to make)")
    return 0 if drawn == given.size else 1


def recipe(size: int) -> Recipe:
    """A recipe that looks at the whole corpus in every way but a once."""
    return Recipe(
        name="base-speed",
        keep=(Keep(SCORE, "NaN is one row in a hundred", min=0),),
        tier=Tiers(Strong((Keep(SCORE, "a tier by score", top=0.6),))),
        base=Base(size=size, floor=size // 70, cap=size // 12, best=(f"-{SCORE}", "-text_chars", "key")),
    )


def write_shard(corpus: Corpus, number: int, start: int, count: int) -> None:
    """Write one shard's pairs and signals: keys as hashes are, classes of unequal sizes, scores with ties and NaN."""
    random = np.random.default_rng(number)
    keys = pa.array([hashlib.sha256(b"%d" % row).hexdigest()[:32] for row in range(start, start + count)])
    rank = (random.pareto(0.7, count) * 2).astype(np.int64) % CLASSES
    names = pc.binary_join_element_wise("class", pa.array(rank).cast(pa.string()), "-")
    score = np.round(random.normal(0.25, 0.08, count), 3).astype(np.float32)  # a thousandth: thousands share each
    score[random.random(count) < 0.01] = np.nan
    shard = shard_name(number)
    pairs = {"key": keys, "strong": np.ones(count, bool), "class": names}
    table = pa.table(pairs, pa.schema([PAIRS.field(name) for name in pairs]))
    files.write_table(corpus.pairs(shard), table, shard, seen=shard, content=shard)
    chars = random.integers(1, 60, count).astype(np.int32)
    signals = {"key": keys, "text_chars": chars, SCORE: score}
    table = pa.table(signals, pa.schema([KEY, TEXT.field("text_chars"), TEXT.field(SCORE)]))
    files.write_table(corpus.signals("text", shard), table, shard, of=shard, version="1")


def _drawn(corpus: Corpus, shard: str) -> int:
    base = files.read_table(corpus.ledger("base-speed", shard), ["base"]).column("base")
    return pc.sum(base).as_py() or 0


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _memory() -> float:
    """The most memory that one process had at a time, in MiB."""
    kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return kib / 1024


if __name__ == "__main__":
    sys.exit(main())
