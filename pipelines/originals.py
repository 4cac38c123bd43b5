"""The pictures as they were fetched, read from the WARC that holds them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO

from pipelines import files
from pipelines.corpus import Corpus
from schemas.errors import Damaged


def read_picture(corpus: Corpus, image_id: str, warc: str, offset: int, length: int) -> bytes:
    """A picture's original bytes, by one range read. Raises Damaged when they are not those that were fetched."""
    path = corpus.crawl(*warc.split("/"))
    with _legible(path):
        data = files.read_range(path, offset, length)
    return _checked(data, path, image_id, offset, length)


class Originals(contextlib.AbstractContextManager["Originals"]):
    """Pictures read in the order of their WARCs, one of which is open at a time: a stream, wherever it lies.

    `read_picture` is for those that are wanted here and there.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._path = ""
        self._file: BinaryIO | None = None

    def read(self, image_id: str, warc: str, offset: int, length: int) -> bytes:
        """A picture's original bytes. Raises Damaged when they are not those that were fetched."""
        path = self._corpus.crawl(*warc.split("/"))
        with _legible(path):
            if self._file is None or path != self._path:
                self._close()
                self._path, self._file = path, files.open_read(path)
            self._file.seek(offset)
            data = self._file.read(length)
        return _checked(data, path, image_id, offset, length)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


@contextmanager
def _legible(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise Damaged(f"{path}: cannot be read ({why}); restore the file, or crawl again into a new folder") from None


def _checked(data: bytes, path: str, image_id: str, offset: int, length: int) -> bytes:
    if hashlib.sha256(data).hexdigest() != image_id:
        raise Damaged(
            f"{path}: the {length} bytes at offset {offset} are not the picture that was fetched; "
            "restore the file, or crawl again into a new folder"
        )
    return data
