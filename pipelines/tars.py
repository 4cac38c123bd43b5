"""WebDataset tars: plain USTAR whose bytes depend on the members alone."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

READ_ONLY = 0o444  # a shard is data: nobody edits or runs it
_CHUNK = 1 << 20


class Hashed(io.RawIOBase):
    """A file that is written or read once, front to back, with the sha256 and the number of bytes so far."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.bytes, self._sha256 = file, 0, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The digest of all bytes so far, 64 hex digits."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write bytes through."""
        self.file.write(data)
        self._count(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read bytes through."""
        data = self.file.read(size)
        self._count(data)
        return data

    def tell(self) -> int:
        """How many bytes have passed."""
        return self.bytes

    def drain(self) -> None:
        """Read what is left, for its digest."""
        while self.read(_CHUNK):
            pass

    def _count(self, data: bytes) -> None:
        self._sha256.update(data)
        self.bytes += len(data)


class Writer:
    """Writes samples one after another; `offset` is where the next one's first header begins."""

    def __init__(self, file: BinaryIO | Hashed) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)

    @property
    def offset(self) -> int:
        """Where the next header will begin, in bytes from the start of the tar."""
        return int(self._tar.offset)

    def add(self, key: str, members: dict[str, bytes]) -> int:
        """Add one sample: a member `key.ending` for each ending, in their order. Returns where its header begins."""
        begin = self.offset
        for ending, data in members.items():
            info = tarfile.TarInfo(f"{key}.{ending}")
            info.size, info.mode = len(data), READ_ONLY
            self._tar.addfile(info, io.BytesIO(data))
        return begin

    def close(self) -> None:
        """Write the two empty blocks that end a tar, padded to 10,240 bytes as tar has it."""
        self._tar.close()


def members(file: BinaryIO | Hashed) -> Iterator[tuple[str, int, bytes]]:
    """(name, offset of its header, bytes) of every member, streamed. Raises tarfile.TarError for a broken tar."""
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for info in tar:
            content = tar.extractfile(info)
            yield info.name, info.offset, content.read() if content else b""
