"""Files on any Beam filesystem: a local path, s3://, gs:// or hdfs://.

Every file that a verb writes appears whole or not at all. A Parquet file also carries the digest of what it was made
from (`made_from`), so a verb that is run again knows which of its files are current without reading their inputs.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import s3
from schemas import files as local
from schemas.errors import Damaged, WorkFailed

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems

_MADE_FROM = b"tuwen.made_from"
_AS_IT_LIES = "uncompressed"  # Beam's CompressionTypes.UNCOMPRESSED
_BLOCK = 1 << 20  # bytes that are hashed at once
_FOOTER = 64 << 10  # a footer of ours is some 10 KB
_END = 1 << 20  # of a table: all of a small one


def is_remote(path: str) -> bool:
    """Whether a path names another filesystem than the local one."""
    return "://" in path


def beam() -> type[FileSystems]:
    """Beam's filesystems, for what is remote: importing Beam takes a second, which a crawl into a folder spares."""
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def join(base: str, *parts: str) -> str:
    """Join path parts on any filesystem."""
    if base.startswith(s3.SCHEME):
        return "/".join((base.rstrip("/"), *parts))
    return str(beam().join(base, *parts)) if is_remote(base) else str(Path(base, *parts))


def exists(path: str) -> bool:
    """Whether there is a file or folder of this name; in S3, where there are no folders, a file."""
    if path.startswith(s3.SCHEME):
        return s3.size(path) is not None
    return bool(beam().exists(path)) if is_remote(path) else Path(path).exists()


def listing(folder: str, suffix: str = "") -> list[str]:
    """The names of the files in a folder that end so, sorted; hidden ones (temporaries) left out."""
    if not is_remote(folder):
        path = Path(folder)
        names = [entry.name for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    elif folder.startswith(s3.SCHEME):
        names = list(s3.beside(folder.rstrip("/") + "/"))
    else:
        prefix = folder.rstrip("/") + "/"
        matched = beam().match([prefix + "*"])[0].metadata_list
        names = [entry.path[len(prefix) :] for entry in matched if "/" not in entry.path[len(prefix) :]]
    return sorted(name for name in names if name.endswith(suffix) and not name.startswith("."))


def tree(folder: str) -> list[str]:
    """Every file below a folder, as sorted paths relative to it with forward slashes; hidden ones left out."""
    if not is_remote(folder):
        # `walk`, not `rglob`, which fails where a folder goes while it looks.
        every = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
        found = [path.relative_to(folder).as_posix() for path in every]
    elif folder.startswith(s3.SCHEME):
        prefix = folder.rstrip("/") + "/"
        found = [path[len(prefix) :] for path, _ in s3.below(prefix)]
    else:
        prefix = folder.rstrip("/") + "/"
        found = [entry.path[len(prefix) :] for entry in beam().match([prefix + "**"])[0].metadata_list]
    return sorted(path for path in found if not path.rsplit("/", 1)[-1].startswith("."))


def size(path: str) -> int:
    """The length of a file in bytes."""
    if not is_remote(path):
        return Path(path).stat().st_size
    if path.startswith(s3.SCHEME):
        length = s3.size(path)
        if length is None:
            raise FileNotFoundError(errno.ENOENT, "no such object", path)
        return length
    return int(beam().match([path])[0].metadata_list[0].size_in_bytes)


def open_read(path: str) -> BinaryIO:
    """Open a file for reading bytes, seekable, as it lies: nothing is decompressed."""
    if not is_remote(path):
        return Path(path).open("rb")
    if path.startswith(s3.SCHEME):
        return s3.open_read(path)
    return beam().open(path, compression_type=_AS_IT_LIES)


def read_range(path: str, offset: int, length: int) -> bytes:
    """A part of one file, by one request where it lies in S3."""
    if path.startswith(s3.SCHEME):
        return s3.read_range(path, offset, length)
    with open_read(path) as file:
        file.seek(offset)
        return file.read(length)


def read_bytes(path: str) -> bytes:
    """All bytes of one file."""
    with open_read(path) as file:
        return file.read()


@contextmanager
def whole(path: str) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when the block ends without an error.

    On a local disk by temporary, fsync and rename. An object store publishes an object when the upload is complete;
    there the bytes are collected first, so that an error in the block leaves nothing. Raises WorkFailed when the
    disk is full or the place cannot be written to.
    """
    try:
        if not is_remote(path):
            with local.whole(path) as file:
                yield file
            return
        with tempfile.TemporaryFile() as file:
            yield file
            if path.startswith(s3.SCHEME):
                s3.put(path, file)
                return
            file.seek(0)
            with beam().create(path, compression_type=_AS_IT_LIES) as out:
                shutil.copyfileobj(file, out)
    except OSError as error:
        why = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        way = "make room" if full else "choose another folder, or see to its rights"
        raise WorkFailed(f"{path}: cannot be written ({why}); {way}, then run the same command again") from error


def claim(path: str, data: bytes) -> None:
    """Write a file that must not be there yet: of two writers in S3, where no rename can tell them apart, one wins.

    Raises WorkFailed for the other, and where the place cannot be written to.
    """
    if not path.startswith(s3.SCHEME):
        with whole(path) as file:
            file.write(data)
        return
    try:
        s3.put(path, io.BytesIO(data), new=True)
    except FileExistsError:
        if read_bytes(path) != data:  # our own upload, made twice by a retry, is no rival
            raise WorkFailed(f"{path}: another writer was first; run the same command again to compare") from None
    except OSError as error:
        raise WorkFailed(
            f"{path}: cannot be written ({error.strerror or error}); run the same command again"
        ) from error


def write_json(path: str, value: Any) -> None:
    """Write JSON that is the same bytes for the same value: sorted keys, UTF-8, one newline at the end."""
    with whole(path) as file:
        file.write(json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Sorted, indented JSON in UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def digest(*parts: str) -> str:
    """One short name for what something was made from: 32 hex digits over its parts, in their order."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def sha256(path: str) -> str:
    """The digest of a file's bytes, 64 hex digits."""
    with open_read(path) as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_table(path: str, table: pa.Table, made_from: str, **metadata: str) -> None:
    """Write a Parquet file whole, with the digest of what it was made from and any more metadata of ours."""
    ours = {f"tuwen.{name}".encode(): value.encode() for name, value in metadata.items()}
    kept = {**(table.schema.metadata or {}), **ours, _MADE_FROM: made_from.encode()}
    with whole(path) as file:
        local.write_parquet(table.replace_schema_metadata(kept), file)


def read_table(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file of ours. Raises Damaged when it is missing or not whole."""
    with _readable(path, _END) as file:
        return pq.read_table(file, columns=list(columns) if columns is not None else None)


def read_batches(path: str, columns: Sequence[str] | None = None, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream a Parquet file of ours in batches of at most `rows`."""
    with _readable(path, _END) as file:
        yield from pq.ParquetFile(file).iter_batches(rows, columns=list(columns) if columns is not None else None)


def metadata(path: str) -> dict[str, str]:
    """Our own metadata of a Parquet file, without the prefix, and `rows`. Raises Damaged when it is not whole."""
    known = _footers.get()
    if known is None:
        return _footer(path)
    found = known.get(path) or _footer(path)
    if len(known) < _FOOTERS:
        known[path] = found
    return found


@contextmanager
def remembering() -> Iterator[None]:
    """Read the footer of each file once while the block runs, which writes none of them.

    What a verb asks before it works, and after, are questions to the same footers: a request each in an object store.
    """
    before = _footers.set(_footers.get() or {})
    try:
        yield
    finally:
        _footers.reset(before)


_FOOTERS = 100_000  # that are remembered at most, 1 KB each
_footers: ContextVar[dict[str, dict[str, str]] | None] = ContextVar("footers", default=None)


def _footer(path: str) -> dict[str, str]:
    with _readable(path, _FOOTER) as file:
        footer = pq.ParquetFile(file).metadata
    ours = {
        name.decode().removeprefix("tuwen."): value.decode()
        for name, value in (footer.metadata or {}).items()
        if name.startswith(b"tuwen.")
    }
    return {**ours, "rows": str(footer.num_rows)}


def made_from(path: str) -> str:
    """The digest of what a Parquet file was made from; '' when it is missing or not whole."""
    try:
        return metadata(path).get("made_from", "")
    except Damaged:
        return ""


@contextmanager
def _readable(path: str, end: int) -> Iterator[BinaryIO]:
    """A Parquet file, whose last `end` bytes come by one request where it lies in S3."""
    try:
        with s3.open_end(path, end) if path.startswith(s3.SCHEME) else open_read(path) as file:
            yield file
    except FileNotFoundError:
        raise Damaged(f"{path}: missing; run the verb that writes it again") from None
    except pa.ArrowInvalid as error:
        raw = "/crawl/" in path  # what was fetched cannot be made again
        way = "restore it, or crawl again into a new folder" if raw else "delete it and run its verb again"
        raise Damaged(f"{path}: not a whole Parquet file ({error}); {way}") from None
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        raise WorkFailed(f"{path}: cannot be read ({why}); run the same command again") from error


def remove(paths: Iterable[str]) -> None:
    """Delete files; those that are gone already do not matter."""
    every = list(paths)
    s3.delete([path for path in every if path.startswith(s3.SCHEME)])
    for path in every:
        if not path.startswith(s3.SCHEME) and exists(path):
            beam().delete([path])
