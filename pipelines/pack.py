"""pack: the kept pairs of a ledger as WebDataset shards, each a tar, its statistics and its Parquet.

Only small rows cross a shuffle, grouped by the shard that they go to; each picture is then read once, by its place.
A shard's bytes depend on its pairs, their signals, their verdicts and the packing, in whatever order they come.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import files, ledgers, s3, uids
from pipelines import shards as raw
from pipelines.corpus import Corpus, shard_name
from pipelines.engine import Engine, run
from pipelines.matched import models_of
from pipelines.outputs import progress
from pipelines.resize import Packing
from pipelines.sample import Shards, out_already, write_shard
from schemas import manifest
from schemas.errors import BadInput, Damaged, WorkFailed
from schemas.manifest import Manifest
from schemas.pair import shard_of
from schemas.recipe import Recipe
from schemas.signals import FAMILIES, score_column
from schemas.tables import PAIRS

__all__ = ["Pack", "Packing", "clock", "pack", "packed", "published", "sweep"]

LOOKED = "items looked at"  # the counter that says whether the others are whole
TIERS = ("weak", "strong", "base")
Values = tuple[Any, ...]
"""A pair's values in the order of `columns_of`: names would double what crosses the shuffle."""
BESIDE = ("sizes.json", uids.NAME)  # what lies beside the shards of a tier and is of all of them


def pack(corpus: Corpus, recipe: Recipe, version: str, *, engine: Engine, packing: Packing) -> dict[str, int]:
    """Write the shards of releases/<recipe>-<version>/.

    Returns how many samples lie in `weak`, `strong` and `base`, how many `shards` there are, and how many pairs
    `failed` to be packed. Does nothing where all is current; removes what an older ledger left.
    Raises BadInput for a version that is none or is out with other pairs, Damaged for a picture that was altered.
    """
    check_version(version)
    names, folder = corpus.shards(), corpus.release(recipe.name, version)
    with files.remembering():
        raw.need(corpus, list(FAMILIES))
        ledgers.need(corpus, recipe)
        models = tuple(models_of(corpus))
    sweep(folder, engine)
    counted = run(lambda pipeline: pipeline | Count(corpus, recipe.name, names), job="pack", engine=engine)
    check_counted(counted, len(names), "pack")
    plan = {tier: _shards_for(counted, tier, packing) for tier in TIERS}
    out = published(folder)
    sealed = {name: file.sha256 for name, file in out.files.items()} if out else {}
    wanted = {f"{tier}/{shard_name(number)}" for tier, count in plan.items() for number in range(count)}
    if counted and out and {f"{name}.tar" for name in wanted} != {path for path in sealed if path.endswith(".tar")}:
        raise out_already(folder)
    shards = Shards(corpus, folder, packing, clock(corpus), sealed, models)
    with progress("pack", [shards.path(name, ".parquet") for name in sorted(wanted)], engine):
        run(lambda pipeline: pipeline | Pack(recipe.name, names, plan, shards), job="pack", engine=engine)
    if not counted:  # a dry run: nothing is known, so nothing is stale
        return {}
    _remove_stale(folder, wanted)
    return _write_sizes(folder, plan)


class Count(beam.PTransform):
    """Raw shards -> counters of the pairs and the bytes of each tier."""

    def __init__(self, corpus: Corpus, recipe: str, names: list[str]) -> None:
        super().__init__()
        self.corpus, self.recipe, self.names = corpus, recipe, names

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        shards = pbegin | "shards" >> beam.Create(self.names, reshuffle=True)
        return shards | "count" >> beam.Map(count, self.corpus, self.recipe)


class Pack(beam.PTransform):
    """Raw shards -> release shards; `plan` says how many each tier has."""

    def __init__(self, recipe: str, names: list[str], plan: dict[str, int], shards: Shards) -> None:
        super().__init__()
        self.recipe, self.names, self.plan, self.shards = recipe, names, plan, shards
        self.columns = columns_of(shards.models)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        every = [(f"{tier}/{shard_name(n)}", None) for tier, number in self.plan.items() for n in range(number)]
        rows = (
            pbegin
            | "shards" >> beam.Create(self.names, reshuffle=True)
            | "rows" >> beam.FlatMap(rows_of, self.shards.corpus, self.recipe, self.plan, self.columns)
        )
        # Without a reshuffle of its own: Flink would send the rows once more, to spread them as evenly as these.
        outputs = pbegin | "every shard" >> beam.Create(every, reshuffle=False)
        return (
            (rows, outputs)
            | beam.Flatten()
            | "by shard" >> beam.GroupByKey()
            | "write" >> beam.Map(write, self.columns, self.shards)
        )


def count(shard: str, corpus: Corpus, recipe: str) -> None:
    """Count the pairs and the bytes of their pictures in each tier of one raw shard."""
    beam.metrics.Metrics.counter("pack", LOOKED).inc()
    ledger = ledgers.read(corpus, recipe, shard)
    lengths = files.read_table(corpus.pairs(shard), ["length"]).column("length")
    masks = {tier: pc.equal(ledger.column("tier"), tier) for tier in ("weak", "strong")}
    for tier, mask in {**masks, "base": ledger.column("base")}.items():
        beam.metrics.Metrics.counter("pack", f"{tier} pairs").inc(pc.sum(mask).as_py() or 0)
        beam.metrics.Metrics.counter("pack", f"{tier} bytes").inc(pc.sum(lengths.filter(mask)).as_py() or 0)


def columns_of(models: Sequence[str]) -> list[str]:
    """What is known of a pair when it is packed, with the scores by these models."""
    measured = [name for family in FAMILIES.values() for name in family.names]
    return list(dict.fromkeys([*PAIRS.names, *measured, *map(score_column, models), *_JUDGED]))


_JUDGED = ("class", "tier", "base")  # what the ledger says, whatever the source or the topic said before


def rows_of(
    shard: str, corpus: Corpus, recipe: str, plan: dict[str, int], columns: Sequence[str]
) -> Iterator[tuple[str, Values]]:
    """The kept pairs of one raw shard with all that is known of them, each by every shard that it goes to."""
    ledger = ledgers.read(corpus, recipe, shard)
    table = raw.read(corpus, shard, [name for name in columns if name not in _JUDGED])
    arrays = [(ledger if name in _JUDGED else table).column(name) for name in columns]
    kept = pa.table(arrays, list(columns)).filter(pc.not_equal(ledger.column("tier"), ""))
    key, tier_of, base = (columns.index(name) for name in ("key", "tier", "base"))
    for row in zip(*(column.to_pylist() for column in kept.columns), strict=True):
        for tier in (row[tier_of], *(["base"] if row[base] else [])):
            yield f"{tier}/{shard_name(shard_of(row[key], plan[tier]))}", row


def write(group: tuple[str, Iterable[Values | None]], columns: Sequence[str], shards: Shards) -> None:
    """Write one shard from its name and its rows."""
    name, rows = group
    write_shard(name, (None if row is None else dict(zip(columns, row, strict=True)) for row in rows), shards)


def check_counted(counted: dict[str, int], wanted: int, verb: str) -> None:
    """Raise WorkFailed where the counters are not of every item once, as after a retry on an engine that counts tries.

    A dry run has none at all, and passes.
    """
    if counted and counted.get(LOOKED) != wanted:
        told = f"the engine counted {counted.get(LOOKED, 0)} items of {wanted}"
        raise WorkFailed(f"{verb}: {told}, so its numbers cannot be trusted; run the same command again")


def check_version(version: str) -> None:
    """Raise BadInput for a version that is not three numbers."""
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        raise BadInput(f"--version {version}: use three numbers, as 1.0.0")


def clock(corpus: Corpus) -> tuple[float, float]:
    """When the first and the last fetch of the crawl began, in seconds since 1970, from the footers of its log."""
    times: list[datetime] = []
    for name in files.listing(corpus.crawl("log"), ".parquet"):
        with files.open_read(corpus.crawl("log", name)) as file:
            footer = pq.ParquetFile(file).metadata
            at = footer.schema.names.index("started")  # no list stands before it, so leaves and columns agree
            groups = (footer.row_group(number).column(at).statistics for number in range(footer.num_row_groups))
            times += [time for group in groups if group and group.has_min_max for time in (group.min, group.max)]
    if not times:
        raise BadInput(f"{corpus.crawl('log')}: no fetch in it; run: tuwen crawl --seeds … --out {corpus.root}")
    return min(times).timestamp(), max(times).timestamp()


def published(folder: str) -> Manifest | None:
    """The manifest of a release that is out; None while it is not.

    Raises Damaged for one that cannot be read, BadInput for a bucket of S3 that is not there.
    """
    path = files.join(folder, "manifest.json")
    if not files.exists(path):
        if folder.startswith(s3.SCHEME):
            files.listing(folder)  # raises where there is not even a bucket, which S3 does not say of one object
        return None
    try:
        return manifest.decode(files.read_bytes(path))
    except (ValueError, IsADirectoryError) as error:  # bytes that are no UTF-8, too, are a ValueError
        raise Damaged(
            f"{path}: not a manifest ({error}); restore it, or make the release anew from its corpus in another folder"
        ) from None


def packed(folder: str, tier: str) -> list[str]:
    """The names of a tier's shards that are whole, in order: weak/00000 …"""
    return [f"{tier}/{name.removesuffix('.parquet')}" for name in files.listing(files.join(folder, tier), ".parquet")]


def sweep(folder: str, engine: Engine) -> None:
    """Remove the temporaries that killed processes left in a local folder; those of living ones stay."""
    if files.is_remote(folder) or engine.dry:
        return  # an object store publishes whole objects only, and a dry run leaves everything as it is
    for path in Path(folder).rglob(".*.tmp"):
        found = re.fullmatch(r"\..+\.(\d+)\.tmp", path.name)
        if found and not _lives(int(found[1])):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid != os.getpid()  # at the start of a verb this very process writes nothing yet


def _shards_for(counted: dict[str, int], tier: str, packing: Packing) -> int:
    """As many shards as keep each below both bounds on average; none for no pairs."""
    pairs, total = counted.get(f"{tier} pairs", 0), counted.get(f"{tier} bytes", 0)
    return max(-(-pairs // packing.samples_per_shard), -(-total // packing.bytes_per_shard)) if pairs else 0


def _remove_stale(folder: str, wanted: set[str]) -> None:
    """Remove shards that are not wanted any more, and the folder of a tier that is left without any."""
    for tier in TIERS:
        place = files.join(folder, tier)
        for name in files.listing(place):
            if name not in BESIDE and f"{tier}/{_stem(name)}" not in wanted:
                files.remove([files.join(place, name)])
        if not any(name.startswith(f"{tier}/") for name in wanted):
            files.remove(files.join(place, name) for name in BESIDE)
            if not files.is_remote(place):
                with contextlib.suppress(OSError):  # it was never there, or holds something of the user's
                    Path(place).rmdir()


def _stem(name: str) -> str:
    return re.sub(r"(_stats\.json|\.tar|\.parquet)$", "", name)


def _write_sizes(folder: str, plan: dict[str, int]) -> dict[str, int]:
    """Write sizes.json beside the tars of each tier; returns what `pack` returns."""
    totals = {**dict.fromkeys(TIERS, 0), "shards": sum(plan.values()), "failed": 0}
    for tier in (tier for tier in TIERS if plan[tier]):
        said = {name: files.metadata(files.join(folder, f"{name}.parquet")) for name in packed(folder, tier)}
        sizes = {f"{name.removeprefix(tier + '/')}.tar": int(one["samples"]) for name, one in said.items()}
        totals[tier] = sum(sizes.values())
        if tier != "base":  # whose pairs are counted in the others already
            totals["failed"] += sum(int(one["rows"]) for one in said.values()) - totals[tier]
        path = files.join(folder, tier, "sizes.json")
        if not files.exists(path) or files.read_bytes(path) != files.json_bytes(sizes):
            files.write_json(path, sizes)
    return totals
