"""What making a model's squares of pictures costs, part by part, beside what no decoder of today goes below.

    python -m benchmarks.prepare_speed demo/corpus                   the originals as they were fetched
    python -m benchmarks.prepare_speed demo/corpus --megapixels 0.5  the same, made as large as pages mostly show them

CPU-seconds per 1000 pictures, of one thread. The floor is what libjpeg-turbo takes to a single pixel for every block of
8 x 8: then nothing is computed but what must be read to find the next block, since the codes of a JPEG have no index.
Where simplejpeg is installed, its own libjpeg-turbo does it too, without Pillow around it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, JpegImagePlugin

from benchmarks.costs import least, psnr
from filters import resample
from filters.models.interface import Preprocessing
from filters.picture import decode, decode_reduced, sniff
from filters.prepare import FINER, prepare
from pipelines.corpus import Corpus
from pipelines.feed import Place

QUALITY = 90
"""Of the pictures that are made smaller: with it half a megapixel is some 100 kB, as on pages."""

Row = tuple[str, str, str]


def main() -> int:
    """Print one table; 2 where there is no corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder that `tuwen pair` has been through")
    parser.add_argument("--limit", type=int, default=1000, help="pictures to read at most")
    parser.add_argument("--size", type=int, default=224, help="the side of the square (default: %(default)s)")
    parser.add_argument("--megapixels", type=float, help="make JPEGs of at most so many of them first")
    given = parser.parse_args()
    corpus = Corpus(str(given.corpus))
    data = [read(corpus, place) for place in places(pairs(given.corpus), given.limit)]
    data = [one for one in data if decode(one).decodes]
    if not data:
        print(f"{given.corpus}: no pictures here; run: tuwen pair {given.corpus}", file=sys.stderr)
        return 2
    if given.megapixels:
        data = [shrunk(one, given.megapixels) for one in data]
    print(f"{_what(data)}, made {given.size}")
    print(f"{'what':<44}{'pictures':>9}{'CPU-s/1000':>12}  PSNR to a full decode: least, median")
    how = Preprocessing(given.size)
    for what, one, other in chain(parts(data), fineness(data, how), kinds(data, how)):
        print(f"{what:<44}{one:>9}{other}", flush=True)
    return 0


def parts(data: Sequence[bytes]) -> Iterator[Row]:
    """What there is beside decoding and resizing, and what decoding cannot go below."""
    jpegs = [one for one in data if sniff(one) == "jpeg"]
    yield _row("sha256, by which bytes are known", data, lambda one: hashlib.sha256(one).digest())
    if not jpegs:
        return
    yield _row("JPEGs: header and EXIF", jpegs, _header)
    yield _row("JPEGs: floor, Pillow to an eighth", jpegs, lambda one: decode_reduced(one, lambda *_: 8))
    if find_spec("simplejpeg"):
        yield _row("JPEGs: floor, simplejpeg to an eighth", jpegs, _simplejpeg)
    for by in (4, 2, 1):
        way = {4: "a quarter", 2: "a half", 1: "full size"}[by]
        yield _row(f"JPEGs: Pillow to {way}", jpegs, lambda one, by=by: decode_reduced(one, lambda *_: by))


def fineness(data: Sequence[bytes], how: Preprocessing) -> Iterator[Row]:
    """All of the preparation, by how much finer than the target a JPEG is decoded at least; then as others do it."""
    wanted = [full(one, how) for one in data]
    for finer in (1, 1.5, 2, 3):
        ours = ": ours" if finer == FINER else ""
        name = f"all, decoded {finer:g} times as fine{ours}"
        yield _compared(name, data, wanted, lambda one, finer=finer: prepare(one, how, finer=finer))
    fast, resample.resizer = resample.resizer, None
    yield _compared(f"all, {FINER} times as fine, Pillow resizes", data, wanted, lambda one: prepare(one, how))
    resample.resizer = fast
    yield _row("all, in full, Pillow resizes", data, lambda one: full(one, how))


def kinds(data: Sequence[bytes], how: Preprocessing) -> Iterator[Row]:
    """All of the preparation, as ours is, for each format by itself."""
    for kind in sorted({sniff(one) for one in data}):
        yield _row(f"all, of {kind} alone", [one for one in data if sniff(one) == kind], lambda one: prepare(one, how))


def full(data: bytes, how: Preprocessing) -> Any:
    """The square by a full decode and Pillow's own bicubic, then cut: what torchvision does; None for no picture."""
    shown = decode(data).pixels
    if shown is None:
        return None
    image, size = shown.convert("RGB"), how.size
    shorter = min(image.size)
    wide, high = size * image.width // shorter, size * image.height // shorter
    left, top = round((wide - size) / 2), round((high - size) / 2)
    resized = image.resize((wide, high), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def shrunk(data: bytes, megapixels: float) -> bytes:
    """A picture as a JPEG of at most so many megapixels."""
    shown = decode(data).pixels
    assert shown is not None
    scale = min(1.0, (megapixels * 1e6 / (shown.width * shown.height)) ** 0.5)
    size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    file = io.BytesIO()
    shown.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=3).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def pairs(corpus: Path) -> list[dict[str, Any]]:
    """The rows of a corpus that `tuwen pair` has been through, in their order; none where there is no corpus."""
    return [row for path in sorted(corpus.glob("pairs/*.parquet")) for row in pq.read_table(path).to_pylist()]


def places(rows: Sequence[dict[str, Any]], limit: int) -> list[Place]:
    """Where the pictures of these pairs lie, each once."""
    found = {row["image_id"]: Place(*(row[name] for name in Place._fields)) for row in rows}
    return list(found.values())[:limit]


def read(corpus: Corpus, place: Place) -> bytes:
    """The bytes of a picture, as they lie."""
    with Path(corpus.crawl(*place.warc.split("/"))).open("rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


def _what(data: Sequence[bytes]) -> str:
    shown = [decode_reduced(one, lambda *_: 8) for one in data]
    counts = ", ".join(f"{count} {kind}" for kind, count in Counter(one.format for one in shown).most_common())
    megapixels = sum(one.width * one.height for one in shown) / len(data) / 1e6
    return f"{counts}; mean {megapixels:.2f} megapixels, {sum(map(len, data)) / len(data) / 1000:.0f} kB"


def _header(data: bytes) -> None:
    JpegImagePlugin.jpeg_factory(io.BytesIO(data)).getexif()


def _simplejpeg(data: bytes) -> None:
    import simplejpeg

    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    simplejpeg.decode_jpeg(data, min_height=max(1, height // 8), min_width=max(1, width // 8))


def _row(what: str, data: Sequence[bytes], work: Callable[[bytes], object]) -> Row:
    return what, f"{len(data)}", f"{least(work, data) / len(data) * 1000:12.2f}"


def _compared(what: str, data: Sequence[bytes], wanted: Sequence[Any], work: Callable[[bytes], Any]) -> Row:
    name, count, cost = _row(what, data, work)
    ratios = sorted(psnr(work(one), other) for one, other in zip(data, wanted, strict=True))
    return name, count, f"{cost}  {ratios[0]:.1f}, {ratios[len(ratios) // 2]:.1f} dB"


if __name__ == "__main__":
    sys.exit(main())
