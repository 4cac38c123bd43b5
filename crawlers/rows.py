"""The rows of a URL list in any of img2dataset's formats, one at a time: a list may be larger than the memory."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import BadInput

Row = tuple[str, str]  # URL and caption, as written
_BATCH = 10_000  # rows of a Parquet file in memory
_CHUNK = 65_536  # characters of a JSON array that are read at once
_LARGEST_ROW = 16 * 1024 * 1024  # characters: no caption is longer, and a broken file would be one endless row


class Wanted(NamedTuple):
    """One column that is asked for: by which option, and its name in the list."""

    option: str
    name: str


def rows(path: Path, url_col: str, caption_col: str | None, input_format: str = "") -> Iterator[Row]:
    """Each row's URL and caption ('' where there is none), in order; of a folder, its files in order of name.

    For the formats and the errors see `list_files` and `records`.
    """
    wanted = [Wanted("--url-col", url_col)]
    if caption_col is not None:
        wanted.append(Wanted("--caption-col", caption_col))
    for file in list_files(path, input_format):
        for values in records(file, wanted, input_format):
            yield _word(values[0]), _word(values[1]) if caption_col is not None else ""


def list_files(path: Path, input_format: str = "") -> list[Path]:
    """The files of a list: itself, or those of a folder in order of name that end in the format.

    Without `input_format` the ending tells it: csv, tsv, json, jsonl, parquet, txt, and the text ones with .gz.
    Raises BadInput for another ending or format, and where there is no file.
    """
    if input_format and input_format not in FORMATS:
        raise BadInput(f"--input-format {input_format}: not known; use one of {', '.join(FORMATS)}")
    if not path.exists():
        raise BadInput(f"--url-list {path}: no such file")
    if path.is_dir():
        ending = f".{input_format}"
        files = sorted(
            one for one in path.iterdir() if (one.name.endswith(ending) if input_format else format_of(one.name))
        )
        if not files:
            raise BadInput(f"--url-list {path}: no file to read; a list ends in {input_format or ', '.join(FORMATS)}")
        return files
    if not input_format and not format_of(path.name):
        raise BadInput(
            f"--url-list {path}: of no format that is known; a list ends in {', '.join(FORMATS)},"
            " or --input-format says what it is"
        )
    return [path]


def records(file: Path, wanted: Sequence[Wanted], input_format: str = "") -> Iterator[tuple[Any, ...]]:
    """The values of the columns wanted, row by row, as the format has them: text of csv and tsv, else typed.

    The first column is the URL: a row without it is an error, while others may be None; txt has no other. Raises
    BadInput for a column that is not there, or a file that is broken.
    """
    name = input_format or format_of(file.name)
    packed = name.endswith(".gz") or file.suffix.lower() == ".gz"
    try:
        yield from _READERS[name.removesuffix(".gz")](file, packed, wanted)
    except (OSError, EOFError, UnicodeDecodeError, ValueError, csv.Error, pa.ArrowException) as error:
        way = "give a whole Parquet file" if name == "parquet" else "text must be UTF-8"
        raise BadInput(f"--url-list {file}: cannot be read ({error}); {way}") from None


def format_of(name: str) -> str:
    """The format that a file's name ends in, without .gz; '' where it is none of ours.

    >>> format_of("laion.CSV.gz"), format_of("part-0.snappy.parquet"), format_of("a.xlsx")
    ('csv', 'parquet', '')
    """
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    return ending if ending in _READERS and (ending != "parquet" or not name.lower().endswith(".gz")) else ""


def _open(path: Path, packed: bool) -> TextIO:
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


def _checked(path: Path, names: Sequence[str], wanted: Sequence[Wanted]) -> None:
    for option, name in wanted:
        if name not in names:
            raise BadInput(f"{option} {name}: {path} has no such column; it has {', '.join(names) or 'none'}")


def _word(value: Any) -> str:
    return "" if value is None else str(value)


_Reader = Callable[[Path, bool, Sequence[Wanted]], Iterator[tuple[Any, ...]]]


def _separated(delimiter: str) -> _Reader:
    def read(path: Path, packed: bool, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
        csv.field_size_limit(_LARGEST_ROW)
        with _open(path, packed) as file:
            table = csv.reader(file, delimiter=delimiter)
            names = next(table, [])
            _checked(path, names, wanted)
            places = [names.index(one.name) for one in wanted]
            for row in table:
                if row:
                    yield tuple(row[place] if place < len(row) else None for place in places)

    return read


def _jsonl(path: Path, packed: bool, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    with _open(path, packed) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _of_object(json.loads(line), f"{path}:{number}", wanted)


def _json(path: Path, packed: bool, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    """An array of objects, read one by one; or an object of columns, which has to fit into the memory."""
    with _open(path, packed) as file:
        text = file.read(_CHUNK).lstrip()
        if text.startswith("["):
            yield from _objects(text[1:], file, path, wanted)
        else:
            yield from _columns(text + file.read(), path, wanted)


def _objects(text: str, file: TextIO, path: Path, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    decoder, number = json.JSONDecoder(), 0
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
        yield _of_object(value, f"{path}, object {number}", wanted)


def _columns(text: str, path: Path, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    """`{"url": ["a", "b"], …}`, or as pandas writes it, `{"url": {"0": "a", "1": "b"}, …}`."""
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        table = None
    if not isinstance(table, dict) or not table or not all(isinstance(one, list | dict) for one in table.values()):
        raise BadInput(
            f"--url-list {path}: neither a JSON array of objects nor an object of columns;"
            " for one object a line, the ending is .jsonl"
        )
    _checked(path, list(table), wanted)
    columns = [table[one.name] for one in wanted]
    yield from zip(*(one.values() if isinstance(one, dict) else one for one in columns), strict=True)


def _of_object(value: Any, place: str, wanted: Sequence[Wanted]) -> tuple[Any, ...]:
    if not isinstance(value, dict) or wanted[0].name not in value:
        raise BadInput(f"{wanted[0].option} {wanted[0].name}: {place} has no such field")
    return tuple(value.get(one.name) for one in wanted)


def _parquet(path: Path, packed: bool, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    with pq.ParquetFile(path) as file:
        _checked(path, file.schema_arrow.names, wanted)
        columns = list(dict.fromkeys(one.name for one in wanted))
        for batch in file.iter_batches(_BATCH, columns=columns):
            yield from zip(*(batch.column(one.name).to_pylist() for one in wanted), strict=True)


def _txt(path: Path, packed: bool, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    with _open(path, packed) as file:
        for line in file:
            if line.strip():
                yield (line.strip(), *(None for _ in wanted[1:]))


_READERS: dict[str, _Reader] = {
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "txt": _txt,
}
FORMATS = tuple(sorted([*_READERS, *(f"{name}.gz" for name in _READERS if name != "parquet")]))
"""img2dataset's input formats."""
