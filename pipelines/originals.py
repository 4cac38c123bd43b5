"""The pictures as they were fetched, read from the WARC that holds them."""

from __future__ import annotations

import hashlib

from pipelines import files
from pipelines.corpus import Corpus
from schemas.errors import Damaged


def read_picture(corpus: Corpus, image_id: str, warc: str, offset: int, length: int) -> bytes:
    """A picture's original bytes, by one range read. Raises Damaged when they are not those that were fetched."""
    path = corpus.crawl(*warc.split("/"))
    try:
        with files.open_read(path) as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        why = error.strerror or error
        raise Damaged(f"{path}: cannot be read ({why}); restore the file, or crawl again into a new folder") from None
    if hashlib.sha256(data).hexdigest() != image_id:
        raise Damaged(
            f"{path}: the {length} bytes at offset {offset} are not the picture that was fetched; "
            "restore the file, or crawl again into a new folder"
        )
    return data
