"""One shard of a release: its tar, its statistics and its Parquet, written from the small rows of its pairs."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines import files
from pipelines.corpus import Corpus
from pipelines.originals import read_picture
from pipelines.resize import ENDING, Packed, Packing, picture
from pipelines.tars import Hashed, Writer
from schemas.errors import BadInput
from schemas.samples import samples as columns

Row = dict[str, Any]

_AHEAD = 8  # requests at a time: at 30 ms each they bring 250 pictures a second, which is what one core re-encodes

PLACE = ("warc", "offset", "length")  # where the bytes lie now: it decides nothing of what is packed


@dataclass(frozen=True)
class Shards:
    """What writing any shard of one release needs to know."""

    corpus: Corpus
    folder: str
    packing: Packing
    clock: tuple[float, float]  # when the crawl's first and last fetch began, in seconds since 1970
    sealed: dict[str, str]  # the digests of a release that is out already; empty for a new one
    models: tuple[str, ...] = ()  # whose scores every pair has

    def path(self, name: str, ending: str) -> str:
        """A file of one shard: path("weak/00042", ".tar")."""
        return files.join(self.folder, *f"{name}{ending}".split("/"))

    def made_from(self, rows: list[Row]) -> str:
        """The digest of all that decides a shard's bytes: its rows in order, the packing and the clock."""
        kept = [{name: value for name, value in row.items() if name not in PLACE} for row in rows]
        return files.digest("pack 2", json.dumps([self.packing.options(), self.clock]), *map(canonical, kept))

    def is_current(self, name: str, made_from: str) -> bool:
        """Whether a shard is there, whole, and made from this. The Parquet is written last and vouches for the rest."""
        parquet = self.path(name, ".parquet")
        if files.made_from(parquet) != made_from:
            return False
        said = files.metadata(parquet)
        sizes = {".tar": said["tar_bytes"], "_stats.json": said["stats_bytes"]}
        return all(
            files.exists(path) and str(files.size(path)) == size
            for path, size in ((self.path(name, ending), size) for ending, size in sizes.items())
        )


def canonical(row: Row) -> str:
    """A row as JSON that is equal for equal rows."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def write_shard(name: str, rows: Iterable[Row | None], shards: Shards) -> None:
    """Write one shard from the rows of its pairs, in any order; does nothing where it is current.

    Raises Damaged where a picture's bytes are not those that were fetched, BadInput where this would alter a release
    that is out.
    """
    wanted = sorted((row for row in rows if row is not None), key=lambda row: str(row["key"]))
    made_from = shards.made_from(wanted)
    if shards.is_current(name, made_from):
        return
    was = files.made_from(shards.path(name, ".parquet"))
    if shards.sealed and was and was != made_from:
        raise out_already(shards.folder)
    with files.whole(shards.path(name, ".tar")) as file:
        hashed = Hashed(file)
        tar = Writer(hashed)
        pictures = _packed(wanted, shards)
        samples = [_add(tar, row, one, shards) for row, one in zip(wanted, pictures, strict=True)]
        tar.close()
        if shards.sealed and shards.sealed.get(f"{name}.tar") != hashed.sha256:
            raise out_already(shards.folder)
    stats = files.json_bytes(_stats(samples, shards.clock))
    with files.whole(shards.path(name, "_stats.json")) as file:
        file.write(stats)
    files.write_table(
        shards.path(name, ".parquet"),
        pa.Table.from_pylist(samples, columns(shards.models)),
        made_from,
        samples=str(sum(sample["status"] == "success" for sample in samples)),
        tar_bytes=str(hashed.bytes),
        tar_sha256=hashed.sha256,
        stats_bytes=str(len(stats)),
        options=json.dumps(shards.packing.options(), sort_keys=True),
    )


def out_already(folder: str) -> BadInput:
    """What to say to whoever would alter a finished release."""
    version = folder.rsplit("-", 1)[-1]
    return BadInput(f"{folder}: version {version} is out already, and this would alter it; give a new --version")


def _packed(rows: Sequence[Row], shards: Shards) -> Iterator[Packed]:
    """Each pair's picture as it goes into the tar, in order.

    An object store takes its time to answer, so from there a few pictures are read ahead, side by side.
    """
    if not files.is_remote(shards.folder):
        yield from (_pack(row, shards) for row in rows)
        return
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[Packed]] = deque()
        for row in rows:
            waiting.append(pool.submit(_pack, row, shards))
            if len(waiting) == 2 * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _add(tar: Writer, row: Row, packed: Packed, shards: Shards) -> Row:
    """Add one pair to the tar; returns its row of the Parquet."""
    sample = {
        "url": row["image_url"],
        "caption": row["text"],
        "status": "failed_to_resize" if packed.error else "success",
        "error_message": packed.error or None,
        "width": packed.width,
        "height": packed.height,
        "original_width": row["image_width"],
        "original_height": row["image_height"],
        "sha256": row["image_id"],
        "md5": row["image_md5"],
        "uid": row["key"],
        "reencoded": packed.reencoded,
    }
    sample |= {name: row[name] for name in columns(shards.models).names if name in row}
    if packed.error:
        return {**sample, "tar_offset": -1}
    members = {ENDING: packed.data, "txt": row["text"].encode(), "json": sample_json(sample)}
    return {**sample, "tar_offset": tar.add(row["key"], members)}


def _pack(row: Row, shards: Shards) -> Packed:
    if not row["image_decodes"]:
        return Packed(b"", 0, 0, error="the picture does not decode")
    shown = (row["image_width"], row["image_height"])
    original = read_picture(shards.corpus, *(row[name] for name in ("image_id", *PLACE)))
    return picture(original, row["image_orientation"], shown, shards.packing)


def sample_json(sample: Row) -> bytes:
    """The sample's JSON member: its row of the Parquet but for its place in the tar; NaN, which JSON lacks, is null."""
    plain = {name: _number(value) for name, value in sample.items() if name != "tar_offset"}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stats(samples: list[Row], clock: tuple[float, float]) -> Row:
    """img2dataset's statistics of a shard. The times are the whole crawl's: a shard has pictures of all of it."""
    successes = sum(sample["status"] == "success" for sample in samples)
    failed = len(samples) - successes
    status = {"success": successes, "failed_to_resize": failed}
    return {
        "count": len(samples),
        "successes": successes,
        "failed_to_download": 0,  # a pair whose picture did not come is in pairs/unfetched, and in no shard
        "failed_to_resize": failed,
        "start_time": clock[0],
        "end_time": clock[1],
        "duration": round(clock[1] - clock[0], 6),
        "status_dict": {name: count for name, count in status.items() if count},
    }
