"""A file that grows at its end and is read much later: written past the page cache.

A crawl writes more than memory holds: in the page cache that would push out what other programs read, and every new
page of it is work for the kernel. So blocks are gathered in a buffer of ours and written by direct I/O, where the
system and the file system have it; elsewhere the same writes go through the cache.
Source: open(2), O_DIRECT: memory, offset and length are to be multiples of the device's block.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path

_DIRECT: int = getattr(os, "O_DIRECT", 0)  # which macOS lacks
_BLOCK = 4096  # bytes; the logical blocks of all common disks divide it
_BUFFER = 1 << 20  # bytes; a write of so many is as cheap per byte as a larger one


class Growing:
    """One open file. What is appended is on the disk when `sync` returns, and maybe before."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Open a file, make it if need be, and cut it to `length` bytes, which it must have."""
        self._buffer = memoryview(mmap.mmap(-1, _BUFFER))  # begins at a page, as direct I/O wants it
        self._held = length % _BLOCK  # bytes in the buffer
        self._begin = length - self._held  # where in the file the buffer begins
        self._synced = -1  # the cut, too, is to be durable
        if self._held:
            with path.open("rb") as file:
                file.seek(self._begin)
                self._buffer[: self._held] = file.read(self._held)
        self._file = _open(path)
        try:
            os.ftruncate(self._file, length)
        except BaseException:
            self.close()
            raise

    @property
    def length(self) -> int:
        """Bytes of the file, those in the buffer among them."""
        return self._begin + self._held

    def append(self, *parts: bytes) -> int:
        """Add the parts to the end; returns where they begin.

        Raises OSError when the disk is full: the file is then to be closed, and opened at a length that was synced.
        """
        offset = self.length
        for part in parts:
            left = memoryview(part)
            while left:
                taken = left[: _BUFFER - self._held]
                self._buffer[self._held : self._held + len(taken)] = taken
                self._held += len(taken)
                left = left[len(taken) :]
                if self._held == _BUFFER:
                    self._write(_BUFFER)
                    self._begin, self._held = self._begin + _BUFFER, 0
        return offset

    def sync(self) -> None:
        """Make all so far durable. The file is then exactly as long as what was appended. Raises OSError."""
        if self._synced == self.length:
            return
        rest = self._held % _BLOCK
        whole = self._held - rest
        # The last block is filled up with whatever lies there: direct I/O knows no half ones.
        self._write(whole + _BLOCK if rest else whole)
        os.ftruncate(self._file, self.length)
        os.fsync(self._file)
        self._buffer[:rest] = self._buffer[whole : whole + rest]
        self._begin, self._held = self._begin + whole, rest
        self._synced = self.length

    def close(self) -> None:
        """Let go of the file; what was appended after the last `sync` may be lost."""
        os.close(self._file)

    def _write(self, count: int) -> None:
        """Write the first `count` bytes of the buffer, whole blocks, to where it begins in the file."""
        done = 0
        while done < count:
            done += self._write_some(done, count)

    def _write_some(self, begin: int, end: int) -> int:
        """Write as much of this part of the buffer as one call takes; how many bytes."""
        try:
            return os.pwrite(self._file, self._buffer[begin:end], self._begin + begin)
        except OSError as error:
            flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
            if error.errno != errno.EINVAL or not flags & _DIRECT:
                raise
            # The file system has no direct I/O, or wrote a part of a block before the disk was full.
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags & ~_DIRECT)
        return 0


def _open(path: Path) -> int:
    mode = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, mode | _DIRECT, 0o666)
    except OSError as error:
        if error.errno != errno.EINVAL or not _DIRECT:
            raise
        return os.open(path, mode, 0o666)  # such as an old tmpfs
