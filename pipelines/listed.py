"""A list's samples after its crawl: the rows in the order of the list, each with how its URL ended, shard by shard.

The list may have a hundred million rows, and one URL may stand in any number of them. So the list is first laid down
in parts of one shard each; DuckDB, which spills to the disk, joins them with the crawl's log by URL and sorts by row;
then each shard is written alone, from its part of both.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from crawlers.named import asked_as
from crawlers.rows import Wanted, format_of, list_files, records
from pipelines import files
from pipelines.columns import batches, column, column_types
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.progress import while_running
from pipelines.row_shard import NOT_DOWNLOADED, NOT_RESIZED, SUCCESS, Row, RowShards, is_whole, write_row_shard
from schemas.errors import BadInput, Damaged
from schemas.outcome import Outcome, UrlKind

_MEMORY = "2GB"  # of the join, before it spills: what a laptop has to spare
_THREADS = 4  # of the join: each wants some memory of its own
_ROW_GROUP = 16_384  # rows of the joined file that are read at once: about a shard
_ASKED = pa.schema([("shard", pa.int32()), ("row", pa.int32()), ("asked", pa.string())])


def write_samples(url_list: str, input_format: str, corpus: Corpus, shards: RowShards, engine: Engine) -> Counter[str]:
    """Write the shards of a list whose crawl is in `corpus`, a local folder; returns the samples by status.

    Does nothing when the shards are those of this list, this crawl and these flags. Raises BadInput for a list that
    cannot be read or a folder with another tool's shards, Damaged where a row of the list has no outcome.
    """
    parts = list_files(Path(url_list), input_format)
    made_from = _made_from(parts, corpus, shards)
    path = corpus.path("rows.json")
    before: dict[str, Any] = json.loads(files.read_bytes(path)) if files.exists(path) else {}
    if before.get("made_from") == made_from and all(is_whole(number, shards) for number in range(before["shards"])):
        return Counter(before["samples"])
    _refuse_others(shards)
    stale = _of_other_format(shards)
    work = Path(corpus.path("rows"))
    shutil.rmtree(work, ignore_errors=True)  # of a run that was cut off
    (work / "done").mkdir(parents=True)
    count = lay_down(parts, input_format, work, shards)
    if count:
        join_log(work, corpus)
        with while_running(lambda: (sum(1 for _ in (work / "done").iterdir()), {}), "samples", count):
            run(
                lambda pipeline: (
                    pipeline
                    | "shards" >> beam.Create(list(range(count)), reshuffle=True)
                    | "write" >> beam.Map(write_one, str(work), corpus, shards)
                ),
                job="samples",
                engine=engine,
            )
    _remove(range(count, before.get("shards", 0)), shards)
    if stale:
        files.remove(stale)
        left = f"what the other --output_format had left in {shards.folder}"
        print(f"samples: removed {left}; files: {len(stale):,}", file=sys.stderr)
    samples = _tally(count, shards)
    files.write_json(path, {"made_from": made_from, "shards": count, "samples": samples})
    shutil.rmtree(work)
    return samples


def lay_down(parts: list[Path], input_format: str, work: Path, shards: RowShards) -> int:
    """Write each shard's part of the list to `work`, and all rows' URLs to one file; returns the number of shards.

    No shard holds rows of two files, as with img2dataset.
    """
    number = 0
    with pq.ParquetWriter(work / "asked.parquet", _ASKED, compression="zstd") as asked:
        for part in parts:
            kind = input_format or format_of(part.name)
            wanted, schema = _listed(part, kind, shards)
            for rows in batches(records(part, wanted, kind), shards.per_shard):
                columns = dict(zip((one.name for one in schema), _columns(rows, wanted, schema), strict=True))
                pq.write_table(pa.table(columns, schema), work / f"{number}.parquet", compression="zstd")
                urls = [asked_as(url)[0] for url in columns["url"].to_pylist()]
                place = {"shard": [number] * len(rows), "row": list(range(len(rows))), "asked": urls}
                asked.write_table(pa.table(place, _ASKED))
                number += 1
    return number


def check(url_list: str, input_format: str, shards: RowShards) -> None:
    """Raise BadInput, before anything is fetched, for a column that a file lacks or a folder of another tool."""
    for part in list_files(Path(url_list), input_format):
        _listed(part, input_format or format_of(part.name), shards)
    _refuse_others(shards)


def _listed(part: Path, kind: str, shards: RowShards) -> tuple[list[Wanted], pa.Schema]:
    """What to read of one file of the list, the URL first, and its columns as img2dataset orders them."""
    url = Wanted("--url_col", shards.url_col)
    if kind.removesuffix(".gz") == "txt":  # a line is a URL and nothing else
        return [url], pa.schema([("url", pa.string())])
    names = list(shards.columns)
    if shards.bbox_col and shards.bbox_col not in names:
        names.append(shards.bbox_col)
    extra = [Wanted("--save_additional_columns", name) for name in names]
    text = [(Wanted("--caption_col", shards.caption_col), "caption")] if shards.caption_col else []
    if shards.verify_hash_col and shards.compute_hash:
        text.append((Wanted("--verify_hash", shards.verify_hash_col), shards.compute_hash))
    wanted = [url, *(one for one, _ in text), *extra]
    types = column_types(part, [url, *extra], kind)[1:] if extra else []
    fields = [(one.name, kind_) for one, kind_ in zip(extra, types, strict=True)]
    _check_boxes(part, dict(fields).get(shards.bbox_col or ""), shards)
    return wanted, pa.schema([*fields, *((name, pa.string()) for _, name in text), ("url", pa.string())])


def _check_boxes(part: Path, kind: pa.DataType | None, shards: RowShards) -> None:
    """Raise BadInput for a column of boxes of which no value could be one."""
    if kind is not None and pa.types.is_primitive(kind):
        raise BadInput(
            f"--bbox_col {shards.bbox_col}: a column of {kind} in {part}; a picture's boxes are a list of"
            " [left, top, right, bottom], which json, jsonl and parquet can hold"
        )


def _columns(rows: list[tuple[Any, ...]], wanted: list[Wanted], schema: pa.Schema) -> list[pa.Array]:
    """The rows, whose values are as `wanted`, as the columns of the schema: URL last, additional ones first."""
    url, *others = zip(*rows, strict=True)
    extra = sum(one.option == "--save_additional_columns" for one in wanted)
    texts = others[: len(others) - extra]
    ordered = [*others[len(others) - extra :], *texts, [value or "" for value in url]]
    return [column(values, kind) for values, kind in zip(ordered, schema.types, strict=True)]


def join_log(work: Path, corpus: Corpus) -> None:
    """Write fetched.parquet: for each row of the list, in order, the log of its URL, the one that counts last."""
    logs = [corpus.crawl("log", name) for name in files.listing(corpus.crawl("log"), ".parquet")]
    with duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{_MEMORY}'")
        database.execute(f"SET temp_directory = {_literal(work / 'spill')}")
        database.execute(f"SET threads = {_THREADS}")
        database.execute(
            "COPY (SELECT shard, row, asked, kind, outcome, status, evidence, sha256, warc, body_offset, bytes,"
            " started, seconds"
            f" FROM read_parquet({_pattern(work / 'asked.parquet')})"
            f" LEFT JOIN read_parquet([{', '.join(map(_pattern, logs))}]) AS log ON asked = log.url"
            " ORDER BY shard, row, kind = 'image' AND outcome = 'ok', round)"
            f" TO {_literal(work / 'fetched.parquet')} (FORMAT parquet, ROW_GROUP_SIZE {_ROW_GROUP})"
        )


def write_one(number: int, work: str, corpus: Corpus, shards: RowShards) -> None:
    """Write one shard from what `lay_down` and `join_log` left in `work`."""
    listed = pq.read_table(f"{work}/{number}.parquet")
    joined = pq.read_table(f"{work}/fetched.parquet", filters=[("shard", "=", number)])
    last = {row["row"]: row for row in joined.to_pylist()}  # in order, so the one that counts stays
    write_row_shard(number, listed, [_fetch(last[row]) for row in range(listed.num_rows)], corpus, shards)
    Path(work, "done", str(number)).touch()


def _fetch(row: Mapping[str, Any]) -> Row:
    if row["outcome"] is None:
        raise Damaged(f"{row['asked']}: in the list, but no outcome in crawl/log; a log file is missing, crawl again")
    came_as_else = row["outcome"] == Outcome.OK and row["kind"] != UrlKind.IMAGE  # in a corpus that was crawled, too
    return {
        "outcome": str(Outcome.BAD_TYPE) if came_as_else else row["outcome"],
        "image_id": row["sha256"],
        "offset": row["body_offset"],
        "length": row["bytes"],
        **{name: row[name] for name in ("status", "evidence", "warc", "started", "seconds")},
    }


def _made_from(parts: list[Path], corpus: Corpus, shards: RowShards) -> str:
    """The digest of the list's bytes, the names of its columns, the crawl's log and the flags."""
    logs = files.listing(corpus.crawl("log"), ".parquet")
    names = [shards.url_col, shards.caption_col, list(shards.columns)]
    return files.digest(
        "listed 1",
        json.dumps(names),
        shards.options(),
        *(f"{name} {files.size(corpus.crawl('log', name))}" for name in logs),
        *(f"{part.name} {files.sha256(str(part))}" for part in parts),
    )


def _refuse_others(shards: RowShards) -> None:
    """Do not write among the shards of another tool."""
    for name in files.listing(shards.folder, ".parquet"):
        if re.fullmatch(r"\d+\.parquet", name) and not files.made_from(files.join(shards.folder, name)):
            raise BadInput(
                f"--output_folder {shards.folder}: {name} there is none of ours, and cannot be gone on with;"
                " give another folder"
            )


def _of_other_format(shards: RowShards) -> list[str]:
    """What shards of ours have from a run in the other format: a tar, or the samples in a folder."""
    names = [name.removesuffix(".parquet") for name in files.listing(shards.folder, ".parquet")]
    ours = [name for name in names if re.fullmatch(r"\d+", name)]
    if shards.loose:
        tars = {f"{name}.tar" for name in ours}.intersection(files.listing(shards.folder, ".tar"))
        return [files.join(shards.folder, tar) for tar in sorted(tars)]
    return [
        files.join(shards.folder, name, one)
        for name in ours
        for one in files.listing(files.join(shards.folder, name))
        if re.match(rf"{name}\d+\.", one)  # a key of the shard's
    ]


def _remove(numbers: range, shards: RowShards) -> None:
    """Remove the shards that an earlier, longer list left."""
    for number in numbers:
        loose = files.listing(shards.path(number, ""))
        files.remove(files.join(shards.path(number, ""), name) for name in loose)
        files.remove(shards.path(number, ending) for ending in (".tar", "_stats.json", ".parquet"))


def _tally(count: int, shards: RowShards) -> Counter[str]:
    samples: Counter[str] = Counter()
    for number in range(count):
        stats = json.loads(files.read_bytes(shards.path(number, "_stats.json")))
        samples += Counter(
            {SUCCESS: stats["successes"], **{name: stats[name] for name in (NOT_DOWNLOADED, NOT_RESIZED)}}
        )
    return samples


def _pattern(path: str | Path) -> str:
    """A path as SQL writes it where a pattern may stand: this one file."""
    return _literal(re.sub(r"[*?[]", r"[\g<0>]", str(path)))


def _literal(path: str | Path) -> str:
    """A path as SQL writes it."""
    quoted = str(path).replace("'", "''")
    return f"'{quoted}'"
