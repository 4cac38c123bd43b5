"""One short name for all that a model's numbers depend on: the bytes of its files, and its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 1 << 20


def of_file(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits; read in blocks, for weights are larger than memory at times."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def of(files: Iterable[tuple[str, Path]], *settings: str) -> str:
    """32 hex digits over named files, whatever their order and place on disk, and over settings in theirs."""
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name}\0{of_file(path)}\n".encode("utf-8", "surrogateescape"))
    for setting in settings:
        digest.update(f"{len(setting)}\0{setting}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def of_folder(folder: Path, *settings: str) -> str:
    """The digest of all files below a folder but hidden ones."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in paths)
    return of(((name, path) for name, path in named if not name.rsplit("/", 1)[-1].startswith(".")), *settings)
