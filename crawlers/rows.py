"""The rows of a URL list in any of img2dataset's formats, one at a time: a list may be larger than the memory."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import BadInput

Row = tuple[str, str]  # URL and caption, as written
_BATCH = 10_000  # rows of a Parquet file in memory
_CHUNK = 65_536  # characters of a JSON array that are read at once
_LARGEST_ROW = 16 * 1024 * 1024  # characters: no caption is longer, and a broken file would be one endless row


def rows(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
    """Each row's URL and caption ('' where there is none), in order; of a folder, its files in order of name.

    The format goes by the ending: csv, tsv, json (an array of objects), jsonl, parquet, txt (one URL a line), and the
    text ones with .gz. Raises BadInput for another ending, a column that is not there, or a file that is broken.
    """
    files = sorted(one for one in path.iterdir() if _format(one)) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"--url-list {path}: no file to read; a list ends in {', '.join(sorted(_READERS))}")
    for file in files:
        reader = _READERS.get(_format(file))
        if reader is None:
            raise BadInput(
                f"--url-list {file}: of no format that is known; a list ends in {', '.join(sorted(_READERS))}"
            )
        try:
            yield from reader(file, url_col, caption_col)
        except (OSError, EOFError, UnicodeDecodeError, ValueError, csv.Error, pa.ArrowException) as error:
            raise BadInput(f"--url-list {file}: cannot be read ({error}); text must be UTF-8") from None


def _format(path: Path) -> str:
    endings = [ending.lstrip(".").lower() for ending in path.suffixes if ending.lower() != ".gz"]
    return endings[-1] if endings and endings[-1] in _READERS else ""


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


def _checked(path: Path, names: list[str], url_col: str, caption_col: str | None) -> None:
    for option, name in (("--url-col", url_col), ("--caption-col", caption_col)):
        if name is not None and name not in names:
            raise BadInput(f"{option} {name}: {path} has no such column; it has {', '.join(names) or 'none'}")


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _separated(delimiter: str) -> Callable[[Path, str, str | None], Iterator[Row]]:
    def read(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
        csv.field_size_limit(_LARGEST_ROW)
        with _open(path) as file:
            table = csv.DictReader(file, delimiter=delimiter)
            _checked(path, list(table.fieldnames or ()), url_col, caption_col)
            for row in table:
                yield _word(row[url_col]), _word(row[caption_col]) if caption_col else ""

    return read


def _jsonl(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _of_object(json.loads(line), f"{path}:{number}", url_col, caption_col)


def _json(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
    """An array, read object by object."""
    decoder = json.JSONDecoder()
    with _open(path) as file:
        text = file.read(_CHUNK).lstrip()
        if not text.startswith("["):
            raise BadInput(f"--url-list {path}: not a JSON array; for one object a line, the ending is .jsonl")
        text = text[1:]
        number = 0
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                return
            try:
                value, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                more = file.read(_CHUNK)
                if not more or len(text) > _LARGEST_ROW:
                    raise
                text += more
                continue
            number += 1
            text = text[end:]
            yield _of_object(value, f"{path}, object {number}", url_col, caption_col)


def _of_object(value: Any, place: str, url_col: str, caption_col: str | None) -> Row:
    if not isinstance(value, dict) or url_col not in value:
        raise BadInput(f"--url-col {url_col}: {place} has no such field")
    return _word(value[url_col]), _word(value.get(caption_col)) if caption_col else ""


def _parquet(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        _checked(path, file.schema_arrow.names, url_col, caption_col)
        columns = [url_col, caption_col] if caption_col and caption_col != url_col else [url_col]
        for batch in file.iter_batches(_BATCH, columns=columns):
            urls = batch.column(url_col).to_pylist()
            captions = batch.column(caption_col).to_pylist() if caption_col else [""] * len(urls)
            for url, caption in zip(urls, captions, strict=True):
                yield _word(url), _word(caption)


def _txt(path: Path, url_col: str, caption_col: str | None) -> Iterator[Row]:
    with _open(path) as file:
        for line in file:
            if line.strip():
                yield line.strip(), ""


_READERS: dict[str, Callable[[Path, str, str | None], Iterator[Row]]] = {
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "txt": _txt,
}
