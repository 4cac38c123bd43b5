"""One shard of a list's samples, as img2dataset writes it: a row for every row of the list, failures included."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines import files
from pipelines.corpus import Corpus
from pipelines.fit import Fit, Fitted, fitted
from pipelines.originals import read_picture
from pipelines.reasons import message
from pipelines.tars import Writer
from schemas.outcome import Outcome

Row = dict[str, Any]
Add = Callable[[str, dict[str, bytes]], object]

HASHES = ("md5", "sha256", "sha512")
OUTCOME = [
    pa.field("key", pa.string()),
    pa.field("status", pa.string()),
    pa.field("error_message", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("original_width", pa.int32()),
    pa.field("original_height", pa.int32()),
]
"""img2dataset's columns beside those of the list, in its order."""
SUCCESS, NOT_DOWNLOADED, NOT_RESIZED = "success", "failed_to_download", "failed_to_resize"


@dataclass(frozen=True)
class RowShards:
    """How the samples of one list are written: img2dataset's flags, with its defaults where it has any."""

    folder: str
    url_col: str = "url"
    caption_col: str | None = None
    columns: tuple[str, ...] = ()  # additional ones
    bbox_col: str | None = None
    compute_hash: str | None = "sha256"
    verify_hash_col: str | None = None  # the column that holds the hash, of the kind that is computed
    fit: Fit = field(default_factory=Fit)
    per_shard: int = 10_000
    digits: int = 5  # of a shard's name
    loose: bool = False  # files in a folder instead of a tar

    def name(self, number: int) -> str:
        """A shard's name: 00042."""
        return f"{number:0{self.digits}d}"

    def key(self, number: int, row: int) -> str:
        """A sample's key: its shard's name, then its number in the shard in as many digits as a full one needs."""
        digits = math.ceil(math.log10(self.per_shard))
        return f"{10**digits * number + row:0{digits + self.digits}d}"

    def path(self, number: int, ending: str) -> str:
        """A file of one shard: path(42, ".tar")."""
        return files.join(self.folder, f"{self.name(number)}{ending}")

    def schema(self, listed: pa.Schema) -> pa.Schema:
        """The columns of a shard's Parquet, from those of its part of the list."""
        schema = pa.schema([*(one.remove_metadata().with_nullable(True) for one in listed), *OUTCOME])
        if self.compute_hash and self.compute_hash not in schema.names:
            schema = schema.append(pa.field(self.compute_hash, pa.string()))
        return schema

    def options(self) -> str:
        """What decides the bytes of a shard beside its rows."""
        ours = [self.compute_hash, self.verify_hash_col, self.bbox_col, self.per_shard, self.digits, self.loose]
        return json.dumps([ours, self.fit.options()], sort_keys=True)


def write_row_shard(number: int, listed: pa.Table, fetched: list[Row], corpus: Corpus, shards: RowShards) -> None:
    """Write one shard from its part of the list and, row for row, how the fetching ended (rows of crawl/log).

    Does nothing where the shard is current. The Parquet is written last and vouches for the rest. Raises Damaged where
    a picture's bytes are not those that were fetched.
    """
    rows = listed.to_pylist()
    made_from = _made_from(rows, fetched, shards)
    if is_whole(number, shards) and files.made_from(shards.path(number, ".parquet")) == made_from:
        return
    schema = shards.schema(listed.schema)
    with _members(number, shards) as add:
        samples = [
            _sample(add, shards.key(number, place), row, fetch, corpus, shards)
            for place, (row, fetch) in enumerate(zip(rows, fetched, strict=True))
        ]
    stats = files.json_bytes(_stats(samples, fetched))
    with files.whole(shards.path(number, "_stats.json")) as file:
        file.write(stats)
    files.write_table(
        shards.path(number, ".parquet"),
        pa.Table.from_pylist(samples, schema),
        made_from,
        tar_bytes=str(-1 if shards.loose else files.size(shards.path(number, ".tar"))),
        stats_bytes=str(len(stats)),
    )


def is_whole(number: int, shards: RowShards) -> bool:
    """Whether a shard's files are all there, as long as they were written."""
    parquet = shards.path(number, ".parquet")
    if not files.made_from(parquet):
        return False
    said = files.metadata(parquet)
    sizes = {"_stats.json": said.get("stats_bytes", ""), ".tar": said.get("tar_bytes", "")}
    return all(
        files.exists(path) and str(files.size(path)) == size
        for path, size in ((shards.path(number, ending), size) for ending, size in sizes.items())
        if size != "-1"
    )


def _made_from(rows: list[Row], fetched: list[Row], shards: RowShards) -> str:
    """The digest of all that decides a shard's bytes; where the originals lie is no part of it."""
    came = ({name: str(value) for name, value in fetch.items() if name not in ("warc", "offset")} for fetch in fetched)
    parts = (json.dumps(part, default=str, sort_keys=True) for pair in zip(rows, came, strict=True) for part in pair)
    return files.digest("row shard 2", shards.options(), *parts)


@contextmanager
def _members(number: int, shards: RowShards) -> Iterator[Add]:
    """Where the samples of a shard go: a tar, or a folder of files."""
    if not shards.loose:
        with files.whole(shards.path(number, ".tar")) as file:
            tar = Writer(file)
            yield tar.add
            tar.close()
        return
    folder, written = shards.path(number, ""), set()

    def add(key: str, members: Mapping[str, bytes]) -> None:
        for ending, data in members.items():
            with files.whole(files.join(folder, f"{key}.{ending}")) as file:
                file.write(data)
            written.add(f"{key}.{ending}")

    yield add
    files.remove(files.join(folder, name) for name in set(files.listing(folder)) - written)


def _sample(add: Add, key: str, row: Row, fetch: Row, corpus: Corpus, shards: RowShards) -> Row:
    """Add one row's picture, if it came and fits; returns its row of the Parquet."""
    sample: Row = {**row, **dict.fromkeys(one.name for one in OUTCOME), "key": key, "status": NOT_DOWNLOADED}
    expected = sample.get(shards.compute_hash or "") if shards.verify_hash_col else None
    if shards.compute_hash:
        sample[shards.compute_hash] = None
    if fetch["outcome"] != Outcome.OK:
        said = message(fetch["outcome"], fetch["status"], fetch["evidence"])
        # img2dataset finds out that something is no picture when it resizes.
        status = NOT_RESIZED if fetch["outcome"] == Outcome.BAD_TYPE else NOT_DOWNLOADED
        return {**sample, "status": status, "error_message": said}
    data = read_picture(corpus, fetch["image_id"], fetch["warc"], fetch["offset"], fetch["length"])
    digest = _digest(shards.compute_hash, data, fetch["image_id"])
    if shards.verify_hash_col and digest != expected:
        return {**sample, "error_message": "hash mismatch"}
    picture = _fitted(data, row, shards)
    if picture.error:
        return {**sample, "status": NOT_RESIZED, "error_message": picture.error}
    sizes = {name: getattr(picture, name) for name in ("width", "height", "original_width", "original_height")}
    sample |= {"status": SUCCESS, **sizes}
    if shards.compute_hash:
        sample[shards.compute_hash] = digest
    members = {shards.fit.encode_format: picture.data, "json": _json(sample)}
    if shards.caption_col is not None:
        members["txt"] = (row.get("caption") or "").encode()
    add(key, members)
    return sample


def _digest(kind: str | None, data: bytes, sha256: str) -> str | None:
    """The hash of a picture that is wanted, of which one is known."""
    if kind is None or kind == "sha256":
        return kind and sha256
    return hashlib.new(kind, data).hexdigest()


def _fitted(data: bytes, row: Row, shards: RowShards) -> Fitted:
    boxes = row[shards.bbox_col] if shards.bbox_col else None
    if boxes is None and shards.bbox_col:
        boxes = []
    return fitted(data, shards.fit, boxes) if boxes is None or _are_boxes(boxes) else Fitted(error=_NO_BOXES)


_NO_BOXES = "bounding boxes are wanted as [left, top, right, bottom] from 0 to 1"


def _are_boxes(value: Any) -> bool:
    """Whether a list's value is one of boxes: what cannot be blurred must not be shown."""
    return isinstance(value, list) and all(
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(part, int | float) and math.isfinite(part) for part in box)
        for box in value
    )


def _json(sample: Row) -> bytes:
    plain = {name: _plain(value) for name, value in sample.items()}
    return json.dumps(plain, ensure_ascii=False, indent=4, sort_keys=True, default=str, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """A value without NaN, which JSON lacks."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stats(samples: list[Row], fetched: list[Row]) -> Row:
    """img2dataset's statistics of a shard; the times are those of its rows in the crawl's log."""
    count = Counter(sample["status"] for sample in samples)
    begin = min(fetch["started"].timestamp() for fetch in fetched)
    end = max(fetch["started"].timestamp() + fetch["seconds"] for fetch in fetched)
    return {
        "count": len(samples),
        "successes": count[SUCCESS],
        "failed_to_download": count[NOT_DOWNLOADED],
        "failed_to_resize": count[NOT_RESIZED],
        "start_time": begin,
        "end_time": round(end, 6),
        "duration": round(end - begin, 6),
        "status_dict": dict(Counter(sample["error_message"] or SUCCESS for sample in samples)),
    }
