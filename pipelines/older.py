"""Older data that a corpus is compared with: a release of ours, a folder of test pictures, or a Parquet of hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from filters.image import picture_phash
from filters.picture import decode
from pipelines import files
from schemas.errors import BadInput

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")


class Source(NamedTuple):
    """One file of older data: a Parquet with hashes, or a picture."""

    name: str  # what the ledger of matches calls the whole
    path: str


class Older(NamedTuple):
    """One older picture, as near as `distance` bits to one of ours. The smallest is the nearest."""

    distance: int
    name: str
    id: str


def sources(place: str) -> list[Source]:
    """The files of one `--against`. Raises BadInput when it is none of the three, naming what it should hold."""
    name = place.rstrip("/").rsplit("/", 1)[-1]
    if place.endswith(".parquet") and files.exists(place):
        return [Source(name.removesuffix(".parquet"), place)]
    if files.exists(files.join(place, "manifest.json")):
        tiers = [path for path in files.tree(place) if path.startswith(("weak/", "strong/"))]
        return [Source(name, files.join(place, path)) for path in tiers if path.endswith(".parquet")]
    pictures = [path for path in files.tree(place) if path.lower().endswith(_PICTURES)]
    if not pictures:
        raise BadInput(
            f"--against {place}: neither a release (manifest.json), nor a folder of pictures, "
            "nor a Parquet file with the columns key and image_phash"
        )
    return [Source(name, files.join(place, path)) for path in pictures]


def read(source: Source) -> Iterator[tuple[str, Older]]:
    """(perceptual hash, picture) for everything in one file; pictures that do not decode have no hash."""
    if not source.path.endswith(".parquet"):
        phash = picture_phash(decode(files.read_bytes(source.path)))
        rows = [{"key": source.path.rsplit("/", 1)[-1], "image_phash": phash}]
        batches: Iterable[list[dict[str, str]]] = [rows]
    else:
        batches = (batch.to_pylist() for batch in files.read_batches(source.path, ("key", "image_phash")))
    for batch in batches:
        for row in batch:
            if row["image_phash"]:
                yield row["image_phash"], Older(0, source.name, row["key"])
