"""What each verb costs on each engine, and how that grows with the corpus.

    make demo && .venv/bin/python -m benchmarks.engines demo/corpus --copies 4          # local 1, local 2, Flink p=2
    .venv/bin/python -m benchmarks.engines demo/corpus --copies 1 10 100 --only flink   # scaling

A copy of the corpus has the same pictures under other URLs, so other keys: its WARCs are links to the same files, its
log and what was found are written anew. With `--only` pictures are measured once, and what was measured is copied too:
their cost is known, and a hundred times the demo would take a quarter of an hour of nothing else.

CPU-seconds are those of all processes: the command with its workers, and on Flink those of the job server, JobManager,
TaskManagers and their workers, as /proc has them before and after. The driver is the command's own process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import spent
from engines.flink import rest
from engines.flink.cluster import Ports
from filters import FAMILIES as FILTERS
from pipelines import files
from pipelines.corpus import Corpus
from pipelines.measure import made_from
from pipelines.pair import tally
from schemas.signals import family_schema

RECIPE = """
name = "engines"
[[keep]]
signal = "image_decodes"
min    = 1
why    = "as in the demo"
[[keep]]
signal = "text_chars"
min    = 25
why    = "one pair in fourteen, so that a hundred copies pack one gigabyte"
[[once]]
by    = ["text_simplified"]
limit = 1000
best  = ["-image_pixels", "key"]
why   = "none is lost by it, all have to be looked at"
"""
LOCAL = {"local 1": ("--workers", "1"), "local 2": ("--workers", "2")}
FAMILIES = ("text", "image", "topic")


def main() -> int:
    """Print a line for each verb."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a corpus on a disk, of which crawl/ is read")
    parser.add_argument("--copies", type=int, nargs="+", default=[4])
    parser.add_argument("--only", choices=(*LOCAL, "flink"), help="this engine; pictures are measured once")
    parser.add_argument("--folder", default=None, help="on the file system of the corpus, whose WARCs are linked")
    given = parser.parse_args()
    print(
        f"{'engine':<9}{'pairs':>9} {'verb':<9}{'s':>7}{'s/1000':>9}{'CPU-s/1000':>12}{'driver MiB':>12}{'B/pair':>8}"
    )
    home = Path(os.environ.get("FLINK_HOME", ".flink")).resolve()
    with tempfile.TemporaryDirectory(dir=given.folder or given.corpus.parent) as folder:
        for name in [given.only] if given.only else [*LOCAL, "flink"]:
            if name in LOCAL:
                _all(given, Path(folder, name), name, LOCAL[name])
                continue
            with spent.flink(Path(folder, "cluster"), home / "lib", Ports.of(dict(os.environ))) as flink:
                _all(given, Path(folder, name), name, ("--engine", flink.options, "--workers", "2"), flink)
    return 0


def _all(
    given: argparse.Namespace, folder: Path, name: str, engine: Sequence[str], flink: spent.Flink | None = None
) -> None:
    """Every verb on every number of copies; what a smaller corpus left is removed but for its pictures' signals."""
    measured: dict[str, Any] = {}
    for copies in given.copies:
        corpus = copy(given.corpus, folder / f"{copies} copies", copies)
        Path(corpus.root, "engines.toml").write_text(RECIPE, encoding="utf-8")
        chosen = ("--recipe", f"{corpus.root}/engines.toml")
        once = bool(given.only and measured)  # the pictures were measured
        families = [word for family in FAMILIES if family != "image" or not once for word in ("--family", family)]
        release = (*chosen, "--version", "1.0.0")
        lines = (("pair",), ("measure", *families), ("cluster",), ("judge", *chosen))
        for verb, *options in (*lines, ("pack", *release), ("release", *release)):
            if verb == "cluster" and once:
                _write_measured(corpus, measured)
            before = _sent(flink)
            cost = spent.tuwen([verb, corpus.root, *options, *engine], flink.sessions if flink else ())
            pairs = tally(corpus)["fetched"]
            per = pairs / 1000
            line = (
                f"{name:<9}{pairs:>9,} {verb:<9}{cost.seconds:>7.1f}{cost.seconds / per:>9.2f}{cost.cpu / per:>12.2f}"
            )
            sent = f"{(_sent(flink) - before) / pairs:>8,.0f}" if flink else ""
            print(f"{line}{cost.driver:>12.0f}{sent}", flush=True)
        measured = measured or _measured(corpus)
        shutil.rmtree(corpus.root)


def _sent(flink: spent.Flink | None) -> int:
    """The bytes that crossed shuffles on a cluster so far."""
    if flink is None:
        return 0
    page = flink.cluster.page
    return sum(rest.shuffled(page, job) for job in rest.jobs(page))


def copy(source: Path, root: Path, copies: int) -> Corpus:
    """A corpus with the crawl of another so many times, each under its own URLs; its WARCs are links."""
    crawl, corpus = source / "crawl", Corpus(str(root))
    warcs = sorted(path.name for path in (crawl / "images").glob("*.warc"))
    (root / "crawl" / "images").mkdir(parents=True)
    shutil.copy(crawl / "agent.txt", root / "crawl" / "agent.txt")
    for number in range(copies):
        names = {
            f"images/{name}": f"images/r0000-p00-{number * len(warcs) + at:05d}.warc" for at, name in enumerate(warcs)
        }
        for old, new in names.items():
            os.link(crawl / old, root / "crawl" / new)
        for kind, column in (("log", "url"), ("found", "image_url")):
            for path in sorted((crawl / kind).glob("*.parquet")):
                table = pq.read_table(path)
                table = _with(table, column, [f"{url}?copy={number}" for url in table.column(column).to_pylist()])
                if kind == "log":
                    table = _with(table, "warc", [names.get(warc, warc) for warc in table.column("warc").to_pylist()])
                files.write_table(corpus.crawl(kind, f"{path.stem}-{number:05d}.parquet"), table, "copied")
    return corpus


def _with(table: pa.Table, name: str, values: Sequence[str]) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), pa.array(values, pa.string()))


def _measured(corpus: Corpus) -> dict[str, Any]:
    """What the image family says of each picture."""
    found: dict[str, Any] = {}
    for shard in corpus.shards():
        ids = files.read_table(corpus.pairs(shard), ["image_id"]).column("image_id").to_pylist()
        found |= zip(ids, files.read_table(corpus.signals("image", shard)).to_pylist(), strict=True)
    return found


def _write_measured(corpus: Corpus, measured: dict[str, Any]) -> None:
    """Write the image family of a corpus whose pictures were measured elsewhere."""
    for shard in corpus.shards():
        pairs = files.read_table(corpus.pairs(shard), ["key", "image_id"]).to_pylist()
        rows = [{**measured[row["image_id"]], "key": row["key"]} for row in pairs]
        said, path = files.metadata(corpus.pairs(shard)), corpus.signals("image", shard)
        table = pa.Table.from_pylist(rows, family_schema("image"))
        version = FILTERS["image"].version
        files.write_table(path, table, made_from(corpus, shard, "image"), version=version, of=said["seen"])


if __name__ == "__main__":
    sys.exit(main())
