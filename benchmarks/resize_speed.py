"""What making pictures small costs, and how near it comes to img2dataset's: JPEGs decoded whole and as far as needed.

    make demo && python -m benchmarks.resize_speed demo/work/package

OpenCV's INTER_AREA, by which img2dataset makes pictures smaller, is a mean over areas, so it is computed here by its
definition, from the pixels of a whole decoding; the peak signal-to-noise ratios are those to it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from filters.picture import Picture, Reduction, decode_reduced
from pipelines.resize import AREA, reduction, resized

MODE = "keep_ratio_largest"
_LARGEST = 250  # decibels: what two equal pictures count as


def photographs(folder: Path, size: int) -> Iterator[bytes]:
    """The JPEGs below a folder that are decoded to fewer pixels for this size."""
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.suffix.lower() in (".jpg", ".jpeg") else b""
        if data and decode_reduced(data, reduction(size, MODE)).reduced > 1:
            yield data


def by_area(image: Image.Image, size: tuple[int, int]) -> Any:
    """An image made smaller as INTER_AREA does: each pixel is the mean of the area that it covers."""
    across, down = (_weights(old, new) for old, new in zip(image.size, size, strict=True))
    pixels = np.asarray(image.convert("RGB"), np.float32)
    return np.einsum("yh,hxc->yxc", down, np.einsum("xw,hwc->hxc", across, pixels, optimize=True), optimize=True)


def _weights(old: int, new: int) -> Any:
    """How much of each old pixel is in each new one."""
    edges = np.arange(new + 1) * (old / new)
    left, right = edges[:-1, None], edges[1:, None]
    places = np.arange(old)
    return (np.clip(np.minimum(right, places + 1) - np.maximum(left, places), 0, 1) * (new / old)).astype(np.float32)


def decibels(image: Image.Image, wanted: Any) -> float:
    """The peak signal-to-noise ratio of an image to the pixels wanted."""
    error = float(np.mean((np.asarray(image.convert("RGB"), np.float64) - wanted) ** 2))
    return 10 * math.log10(255**2 / error) if error else _LARGEST


def made(shown: Picture, size: int, down: Image.Resampling) -> Image.Image:
    """A picture as it is resized, without its border."""
    assert shown.pixels is not None
    return resized(shown.pixels, size, MODE, down=down, part=shown.part())


def _whole(width: int, height: int) -> int:
    return 1


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=100, help="pictures at most")
    options = parser.parse_args()
    size: int = options.size
    files = [data for data, _ in zip(photographs(options.folder, size), range(options.count), strict=False)]
    if not files:
        sys.exit(f"{options.folder}: no JPEG of at least {4 * size} pixels; run `make demo` first")
    ways: dict[str, tuple[Reduction, Image.Resampling]] = {
        "whole, BOX": (_whole, Image.Resampling.BOX),
        "whole, HAMMING": (_whole, AREA),
        "to 3 times the size, HAMMING": (reduction(size * 3 // 2, MODE), AREA),
        "to 2 times the size, HAMMING: ours": (reduction(size, MODE), AREA),
        "to the size, HAMMING": (reduction(size // 2, MODE), AREA),
    }
    wholes = (decode_reduced(data, _whole) for data in files)
    wanted = [by_area(whole.pixels, made(whole, size, AREA).size) for whole in wholes if whole.pixels]
    print(f"{len(files)} JPEGs, mean {sum(map(len, files)) / len(files) / 1000:.0f} KB, made {size}")
    print(f"{'decoded':36} {'CPU s/1000':>10} {'dB, mean':>9} {'worst':>6}")
    for name, (by, down) in ways.items():
        begun = time.process_time()
        images = [made(decode_reduced(data, by), size, down) for data in files]
        seconds = time.process_time() - begun
        ratios = [decibels(image, pixels) for image, pixels in zip(images, wanted, strict=True)]
        print(f"{name:36} {seconds / len(files) * 1000:10.2f} {np.mean(ratios):9.1f} {min(ratios):6.1f}")


if __name__ == "__main__":
    main()
