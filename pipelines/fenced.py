"""Files that several writers may want to change: each is read with its tag, and written only where the tag still holds.

In S3 the store itself compares (If-Match, If-None-Match). On a local disk, or one that machines share, a lock beside
the file keeps others out while it is compared and renamed. Beam's other filesystems know no such condition: there the
tag is looked at just before, which leaves a moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pipelines import files, s3
from schemas import files as local
from schemas.errors import WorkFailed

NEW = ""
"""The tag of a file that is not there."""

_PATIENCE = 30.0  # seconds for another to read or rename; a crawl of this folder without an engine holds it for days
_JOURNAL = "-wal"  # what a database that was not closed has beside it


def get(path: str, to: Path) -> str:
    """Write a file to a local one; the tag of these very bytes, `NEW` where there is none."""
    if path.startswith(s3.SCHEME):
        try:
            with to.open("wb") as file:
                return s3.get(path, file)
        except FileNotFoundError:
            to.unlink()
            return NEW
    if files.is_remote(path):
        found = tag(path)
        if found:
            with files.open_read(path) as source, to.open("wb") as target:
                shutil.copyfileobj(source, target)
        return found
    with _locked(Path(path)):
        found = tag(path)
        for ending in ("", _JOURNAL) if found else ():
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path + ending, f"{to}{ending}")
        return found


def read(path: str) -> bytes | None:
    """All bytes of a small file as they are at one moment, by one request where it is in S3; None where there is none.

    To open an object and to read it are two requests, between which another may take its name.
    """
    try:
        if path.startswith(s3.SCHEME):
            s3.get(path, found := io.BytesIO())
            return found.getvalue()
        return files.read_bytes(path)
    except FileNotFoundError:
        return None


def tag(path: str) -> str:
    """What tells the bytes of a file from others that were or will be under its name; `NEW` where there is none."""
    if path.startswith(s3.SCHEME):
        return s3.etag(path)
    if files.is_remote(path):
        return str(files.beam().checksum(path)) if files.exists(path) else NEW
    said = []
    for one in (path, path + _JOURNAL):
        with contextlib.suppress(FileNotFoundError):
            about = Path(one).stat()
            if one == path or about.st_size:  # whoever looks at a database may leave an empty one
                said.append(f"{about.st_ino}.{about.st_mtime_ns}.{about.st_size}")
    return " ".join(said) if Path(path).exists() else NEW


def put(path: str, source: Path, held: str) -> bool:
    """Write a local file under a name where that has the tag `held` still; whether it had."""
    if path.startswith(s3.SCHEME):
        try:
            with source.open("rb") as file:
                s3.put(path, file, new=held == NEW, match=held)
        except (FileExistsError, FileNotFoundError):
            return False
        return True
    if files.is_remote(path):
        if tag(path) != held:
            return False
        _copy_in(path, source)
        return True
    with _locked(Path(path)):
        if tag(path) != held:
            return False
        _copy_in(path, source)
        Path(path + _JOURNAL).unlink(missing_ok=True)
        return True


def upload(path: str, source: Path) -> None:
    """Write a local file under a name that nobody else writes to."""
    _copy_in(path, source)


def move(source: str, target: str) -> None:
    """Give a file its last name; nothing where somebody has done so already. Both are of one corpus."""
    try:
        if source.startswith(s3.SCHEME):
            s3.copy(source, target)
            s3.delete([source])
        elif files.is_remote(source):
            files.beam().rename([source], [target])
        else:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(source).replace(target)
            local.sync_folder(Path(target).parent)
    except OSError:
        if files.exists(source) or not files.exists(target):
            raise


def lengths(folder: str, start: str = "") -> dict[str, int]:
    """The files of a folder whose names begin so, with their lengths in bytes: one request where it is remote."""
    prefix = files.join(folder, start) if start else folder.rstrip("/") + "/"
    if folder.startswith(s3.SCHEME):
        found = {path.removeprefix(folder.rstrip("/") + "/"): size for path, size in s3.below(prefix)}
    elif files.is_remote(folder):
        listed = files.beam().match([prefix + "*"])[0].metadata_list
        found = {one.path.removeprefix(folder.rstrip("/") + "/"): one.size_in_bytes for one in listed}
    else:
        path = Path(folder)
        entries = [one for one in path.iterdir() if one.is_file()] if path.is_dir() else []
        found = {one.name: one.stat().st_size for one in entries if one.name.startswith(start)}
    return {name: size for name, size in found.items() if "/" not in name and not name.startswith(".")}


def _copy_in(path: str, source: Path) -> None:
    with source.open("rb") as file, files.whole(path) as target:
        shutil.copyfileobj(file, target, 1 << 20)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a local file, which is that of a state: a crawl without an engine holds it while it runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + _PATIENCE
    with (path.parent / f".{path.stem}.lock").open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise WorkFailed(f"{path}: another crawl is at work here; wait for it, or end it") from None
                time.sleep(0.05)
        yield
