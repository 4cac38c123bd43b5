"""The index of a release: which shard has a pair, and where in its tar; one file for each shard of weak and strong."""

from __future__ import annotations

import hashlib

import apache_beam as beam
import pyarrow as pa

from pipelines import files
from pipelines.corpus import shard_name
from schemas.tables import INDEX

INDEXED = ("weak", "strong")  # base shards are copies of pairs that are there already


class Index(beam.PTransform):
    """(number, name) of each shard -> its file of the index."""

    def __init__(self, folder: str, names: list[str]) -> None:
        super().__init__()
        self.folder, self.names = folder, names

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        numbered = pbegin | "indexed" >> beam.Create(list(enumerate(self.names)), reshuffle=True)
        return numbered | "index" >> beam.Map(write_index, self.folder)


def index_name(number: int) -> str:
    """The name of one shard's index in a release; weak shards come first, then strong ones."""
    return f"index/{shard_name(number)}.parquet"


def index_path(folder: str, number: int) -> str:
    """The path of one shard's index."""
    return files.join(folder, *index_name(number).split("/"))


def remove_beyond(folder: str, count: int) -> None:
    """Remove what an earlier packing into more shards has left."""
    wanted, place = {index_path(folder, number) for number in range(count)}, files.join(folder, "index")
    paths = [files.join(place, name) for name in files.listing(place, ".parquet")]
    files.remove(path for path in paths if path not in wanted)


def write_index(numbered: tuple[int, str], folder: str) -> None:
    """Write the index of one shard; does nothing where it is current."""
    number, name = numbered
    path, shard = index_path(folder, number), files.join(folder, f"{name}.parquet")
    made_from = files.digest("index 1", name, files.made_from(shard))
    if files.made_from(path) == made_from:
        return
    files.write_table(path, index_of(name, files.read_table(shard)), made_from)


def index_of(name: str, samples: pa.Table) -> pa.Table:
    """The index rows of one shard's samples, those that failed to be packed left out."""
    rows = samples.select(["key", "tar_offset", "sha256", "caption", "status"]).to_pylist()
    kept = [
        {
            "key": row["key"],
            "shard": name,
            "offset": row["tar_offset"],
            "image_id": row["sha256"],
            "text_sha256": hashlib.sha256(row["caption"].encode()).hexdigest(),
        }
        for row in rows
        if row["status"] == "success"
    ]
    return pa.Table.from_pylist(kept, INDEX)
