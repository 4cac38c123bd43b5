"""What measuring costs: CPU-seconds per 1000 pictures and per 1000 texts, signal by signal, on a crawled corpus.

    python -m benchmarks.measure_speed demo/corpus

Pictures are compared with decoding alone (Pillow, the same bytes, in the same run), which nothing that looks at pixels
can do without. One thread; the seconds are the CPU's, so other programs disturb them little.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from filters import FAMILIES
from filters.family import measure_signal
from filters.interface import Sample, Signal
from filters.picture import decode


def main() -> int:
    """Print one table; 2 where there is no corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder that `tuwen pair` has been through")
    parser.add_argument("--limit", type=int, default=1000, help="pictures and texts to measure at most")
    given = parser.parse_args()
    rows = [row for path in sorted(given.corpus.glob("pairs/*.parquet")) for row in pq.read_table(path).to_pylist()]
    if not rows:
        print(f"{given.corpus}: no pairs here; run: tuwen pair {given.corpus}", file=sys.stderr)
        return 2
    pictures = {row["image_id"]: row for row in rows}
    table = [*images(given.corpus, list(pictures.values())[: given.limit]), *texts(rows[: given.limit])]
    print(f"{'what':<34}{'items':>7}{'CPU-s per 1000':>16}")
    for what, items, seconds in table:
        print(f"{what:<34}{items:>7}{seconds / items * 1000:>16.3f}")
    return 0


def images(corpus: Path, rows: list[dict[str, Any]]) -> Iterator[tuple[str, int, float]]:
    """Decoding alone, our decoding, each signal on the decoded picture, and the whole family with its decoding."""
    bytes_of = [_read(corpus, row) for row in rows]
    begun = time.process_time()
    pixels = sum(map(_decode_alone, bytes_of))
    yield "pictures: Pillow decodes", len(rows), time.process_time() - begun
    family = FAMILIES["image"]
    costs = dict.fromkeys(("decode", *map(_name, family.signals)), 0.0)
    for row, data in zip(rows, bytes_of, strict=True):
        begun = time.process_time()
        sample = Sample(row["key"], row["text"], picture=decode(data))
        costs["decode"] += time.process_time() - begun
        for signal in family.signals:
            costs[_name(signal)] += _cpu(lambda signal=signal, sample=sample: measure_signal(signal, [sample]))
    for name, seconds in costs.items():
        yield f"pictures: {name}", len(rows), seconds
    mean = pixels / len(rows) / 1e6
    yield f"pictures: all of it ({mean:.1f} megapixels)", len(rows), sum(costs.values())


def _decode_alone(data: bytes) -> int:
    """Decode with Pillow and nothing else; the number of pixels, 0 for a broken picture, which costs what it costs."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.width * image.height
    except (OSError, ValueError, SyntaxError):
        return 0


def texts(rows: list[dict[str, Any]]) -> Iterator[tuple[str, int, float]]:
    """Each signal of a text, its model loaded before, and all of them."""
    family = FAMILIES["text"]
    samples = [Sample(row["key"], row["text"]) for row in rows]
    total = 0.0
    for signal in family.signals:
        measure_signal(signal, samples[:1])
        seconds = _cpu(lambda signal=signal: measure_signal(signal, samples))
        total += seconds
        yield f"texts: {_name(signal)}", len(rows), seconds
    yield "texts: all of it", len(rows), total


def _name(signal: Signal) -> str:
    first, *more = signal.columns
    return f"{first} …" if more else first


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _read(corpus: Path, row: dict[str, Any]) -> bytes:
    with (corpus / "crawl" / row["warc"]).open("rb") as file:
        file.seek(row["offset"])
        return file.read(row["length"])


if __name__ == "__main__":
    sys.exit(main())
