"""The image family: what can be told of a picture from its bytes and pixels alone, one pure function per signal.

All of them look at the picture as shown (see `filters.picture`), at its full size. Where it does not decode, a
number is NaN and a string ''.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from importlib.metadata import version

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from filters.picture import Picture

_CHUNK = 1 << 16  # pixels per band of the Laplacian: its few arrays of 128 and 256 KiB stay in the cache


def aspect(width: int, height: int) -> float:
    """The long side over the short side; NaN without pixels.

    >>> aspect(200, 600), aspect(0, 0)
    (3.0, nan)
    """
    return max(width, height) / min(width, height) if width > 0 and height > 0 else math.nan


def entropy(grey: Image.Image) -> float:
    """The Shannon entropy of the 256-bin histogram of a grey (mode L) image, in bits: 0 for one tone, at most 8.

    >>> entropy(Image.new("L", (4, 4), 7))
    0.0
    """
    counts = [count for count in grey.histogram() if count]
    total = sum(counts)
    return math.fsum(count / total * math.log2(total / count) for count in counts)


def std(grey: Image.Image) -> float:
    """The standard deviation of the pixels of a grey (mode L) image: 0 for one tone, at most 127.5.

    >>> std(Image.new("L", (4, 4), 7))
    0.0
    """
    counts = grey.histogram()
    count = sum(counts)
    total = sum(value * many for value, many in enumerate(counts))
    squares = sum(value * value * many for value, many in enumerate(counts))
    return math.sqrt(count * squares - total * total) / count  # whole numbers under the root, so it is exact


def laplacian(grey: Image.Image) -> float:
    """The variance of the Laplacian of a grey (mode L) image at full size: high is sharp, 0 is flat.

    The kernel is [[0,1,0],[1,-4,1],[0,1,0]], the border is mirrored without repeating the edge (reflect-101), the
    variance is that of the population: the numbers of OpenCV's Laplacian(grey, CV_64F).var(). Sums are exact
    integers, so the answer does not depend on how the picture is cut into pieces.

    >>> laplacian(Image.new("L", (4, 4), 7))
    0.0
    """
    count = grey.width * grey.height
    total = squares = 0
    for piece in _second_differences(np.asarray(grey)):
        # No dot product: BLAS would wake its threads for it, and they spin against the other workers.
        total += int(piece.sum(dtype=np.int64))
        squares += int(np.square(piece, dtype=np.int32).sum(dtype=np.int64))
    return (count * squares - total * total) / (count * count)


def _second_differences(pixels: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.int16]]:
    """The Laplacian of an image, a band of rows at a time: int16, since 4 x 255 is the most."""
    height, width = pixels.shape
    step = max(1, _CHUNK // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        rows = np.abs(np.arange(top - 1, bottom + 1))  # row -1 is row 1
        if bottom == height:
            rows[-1] = abs(height - 2)  # and the row past the end is the last but one
        band = pixels[np.minimum(rows, height - 1)].astype(np.int16)
        middle = band[1:-1]
        result = band[:-2] + band[2:] - 4 * middle
        result[:, 1:] += middle[:, :-1]
        result[:, :-1] += middle[:, 1:]
        result[:, 0] += middle[:, min(1, width - 1)]
        result[:, -1] += middle[:, max(width - 2, 0)]
        yield result


def phash(image: Image.Image) -> str:
    """The perceptual hash of an image, 64 bits in 16 hex digits: `str(imagehash.phash(image))`.

    >>> len(phash(Image.linear_gradient("L")))
    16
    """
    return str(imagehash.phash(image))


def decodes(picture: Picture) -> bool:
    """Whether the picture decodes whole."""
    return picture.decodes


def width(picture: Picture) -> int:
    """The width as shown, in pixels; 0 when not even the header could be read."""
    return picture.width


def height(picture: Picture) -> int:
    """The height as shown, in pixels; 0 when not even the header could be read."""
    return picture.height


def format_name(picture: Picture) -> str:
    """The format by content, as `filters.picture.sniff` names it; '' when not even the header could be read."""
    return picture.format


def frames(picture: Picture) -> int:
    """The frames of an animation, counted up to MAX_FRAMES; 1 for a still, 0 when unreadable."""
    return picture.frames


def orientation(picture: Picture) -> int:
    """The EXIF orientation of the file, 1 to 8; 1 when absent."""
    return picture.orientation


def picture_entropy(picture: Picture) -> float:
    """The entropy of a picture's grey; NaN unless it decodes."""
    return entropy(picture.grey) if picture.grey else math.nan


def picture_std(picture: Picture) -> float:
    """The standard deviation of a picture's grey; NaN unless it decodes."""
    return std(picture.grey) if picture.grey else math.nan


def picture_laplacian(picture: Picture) -> float:
    """The Laplacian variance of a picture's grey; NaN unless it decodes."""
    return laplacian(picture.grey) if picture.grey else math.nan


def picture_phash(picture: Picture) -> str:
    """The perceptual hash of a picture as shown; '' unless it decodes."""
    return phash(picture.grey) if picture.grey else ""


def picture_aspect(picture: Picture) -> float:
    """The long side over the short side of a picture as shown; NaN when not even its header could be read."""
    return aspect(picture.width, picture.height)


def short_side(picture: Picture) -> int:
    """The smaller of width and height as shown, in pixels; 0 when not even the header could be read."""
    return min(picture.width, picture.height)


def pixels(picture: Picture) -> int:
    """Width times height, as the header says."""
    return picture.width * picture.height


def size(picture: Picture) -> int:
    """The length of the original file in bytes."""
    return len(picture.data)


def sha256(picture: Picture) -> str:
    """The SHA-256 of the original bytes in hex: the picture's identity."""
    return hashlib.sha256(picture.data).hexdigest()


def md5(picture: Picture) -> str:
    """The MD5 of the original bytes in hex: what older data sets name pictures by; no safeguard."""
    return hashlib.md5(picture.data, usedforsecurity=False).hexdigest()


def digests() -> dict[str, str]:
    """What the numbers depend on besides our code: the decoders, and the hash."""
    return {name: version(name) for name in ("imagehash", "pillow")}
