"""Near-duplicates among perceptual hashes: the pure parts of the corpus family, exact and bounded in memory.

Two 64-bit hashes that differ in at most `distance` bits, cut into `distance + k` blocks, agree on at least k blocks,
for each differing bit spoils one block at most. So each hash is filed once for every choice of k blocks, and only
hashes that share a file need to be compared: nothing within the distance is ever missed (Manku, Jain and Das Sarma,
Detecting Near-Duplicates for Web Crawling, WWW 2007).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

BITS = 64
DISTANCE = 4  # bits: re-encoded and resized copies stay within it, other pictures of the same dish do not
AGREEING = 2  # blocks a file agrees on: 6 blocks, 15 files of 20 or more bits each; 1 would be 5 files of 12 bits
_CHUNK = 1 << 18  # comparisons at a time: 2 MiB per temporary array


def hamming(a: str, b: str) -> int:
    """The number of bits in which two hashes of 16 hex digits differ, 0 to 64.

    >>> hamming("00000000000000ff", "000000000000000f")
    4
    """
    return (int(a, 16) ^ int(b, 16)).bit_count()


def bands(phash: str, distance: int = DISTANCE, k: int = AGREEING) -> list[tuple[int, int]]:
    """The files of a hash, as (number of the choice, bits of its blocks); two within `distance` bits share one.

    Raises ValueError for a distance or k that leaves no bit to a block, or a hash of other than 16 hex digits.

    >>> near = set(bands("ffffffff00000000")) & set(bands("fffffff000000000"))
    >>> len(bands("ffffffff00000000")), len(near) > 0
    (15, True)
    """
    blocks = distance + k
    if distance < 0 or k < 1 or blocks > BITS:
        raise ValueError(f"distance {distance} and k {k}: need distance >= 0, k >= 1, and at most {BITS} together")
    if len(phash) != BITS // 4:
        raise ValueError(f"{phash!r} is not a hash of {BITS // 4} hex digits")
    value = int(phash, 16)
    edges = [block * BITS // blocks for block in range(blocks + 1)]
    masks = [(1 << end) - (1 << start) for start, end in pairwise(edges)]
    return [(number, value & sum(chosen)) for number, chosen in enumerate(combinations(masks, k))]


def pairs_within(hashes: Sequence[int], distance: int = DISTANCE) -> Iterator[tuple[int, int, int]]:
    """Every two of the 64-bit hashes that differ in at most `distance` bits, as (i, j, bits) with i < j, sorted.

    Compares all with all: give it the distinct hashes of one file of `bands`, not a corpus. Memory is a few MiB and
    the hashes themselves, whatever their number.

    >>> list(pairs_within([0b0000, 0b1111, 0b0001], distance=1))
    [(0, 2, 1)]
    """
    values = np.asarray(hashes, dtype=np.uint64)
    count = len(values)
    step = max(1, _CHUNK // max(count, 1))
    for top in range(0, count, step):
        rows = values[top : top + step]
        for left in range(top, count, _CHUNK):
            bits = popcount(rows[:, None] ^ values[None, left : left + _CHUNK])
            for i, j in np.argwhere(bits <= distance):
                if top + i < left + j:
                    yield int(top + i), int(left + j), int(bits[i, j])


def popcount(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """The number of one-bits in each 64-bit value; sums within ever wider fields (numpy before 2.0 has no function).

    >>> popcount(np.array([0, 255, 2**64 - 1], dtype=np.uint64)).tolist()
    [0, 8, 64]
    """
    u = np.uint64
    twos = values - ((values >> u(1)) & u(0x5555555555555555))
    fours = (twos & u(0x3333333333333333)) + ((twos >> u(2)) & u(0x3333333333333333))
    eights = (fours + (fours >> u(4))) & u(0x0F0F0F0F0F0F0F0F)
    return ((eights * u(0x0101010101010101)) >> u(56)).astype(np.uint8)
