"""Near-duplicates among hashes: nothing within the distance is missed, and nothing beyond it is given."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from operator import or_

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import corpus

HASH = st.integers(0, 2**64 - 1)


def hexed(value: int) -> str:
    return f"{value:016x}"


@given(HASH, HASH)
def test_hamming_counts_bits_both_ways(a: int, b: int) -> None:
    assert corpus.hamming(hexed(a), hexed(b)) == bin(a ^ b).count("1") == corpus.hamming(hexed(b), hexed(a))


@given(HASH, st.integers(0, 12), st.integers(1, 3), st.data())
def test_two_hashes_within_the_distance_share_a_file(a: int, distance: int, k: int, data: st.DataObject) -> None:
    flips = data.draw(st.sets(st.integers(0, 63), max_size=distance))
    b = a ^ sum(1 << bit for bit in flips)
    assert set(corpus.bands(hexed(a), distance, k)) & set(corpus.bands(hexed(b), distance, k))


def test_the_default_files_a_hash_fifteen_times_on_twenty_bits_or_more() -> None:
    files = corpus.bands("f" * 16)
    assert [number for number, _ in files] == list(range(15))
    assert {value.bit_count() for _, value in files} <= {20, 21, 22}
    assert reduce(or_, (value for _, value in files)) == 2**64 - 1  # every bit helps to tell hashes apart


def test_a_hash_far_away_shares_no_file() -> None:
    assert not set(corpus.bands("0" * 16)) & set(corpus.bands("f" * 16))


@pytest.mark.parametrize(("distance", "k"), [(-1, 2), (4, 0), (63, 2)])
def test_a_distance_that_leaves_no_bit_is_an_error(distance: int, k: int) -> None:
    with pytest.raises(ValueError, match="distance"):
        corpus.bands("0" * 16, distance, k)


@pytest.mark.parametrize("phash", ["", "abc", "0" * 17])
def test_what_is_no_hash_is_an_error(phash: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        corpus.bands(phash)


def brute(hashes: list[int], distance: int) -> list[tuple[int, int, int]]:
    every = ((i, j, (hashes[i] ^ hashes[j]).bit_count()) for i, j in combinations(range(len(hashes)), 2))
    return [edge for edge in every if edge[2] <= distance]


@given(st.lists(st.one_of(HASH, st.integers(0, 300)), max_size=40), st.integers(0, 64))
def test_pairs_within_are_all_that_there_are(hashes: list[int], distance: int) -> None:
    assert list(corpus.pairs_within(hashes, distance)) == brute(hashes, distance)


@pytest.mark.parametrize("chunk", [1, 3, 10, 64, 1000])
def test_the_size_of_a_piece_changes_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    hashes = [int(value) for value in np.random.default_rng(7).integers(0, 2**16, 60)]
    monkeypatch.setattr(corpus, "_CHUNK", chunk)
    assert list(corpus.pairs_within(hashes, 5)) == brute(hashes, 5)


@given(st.lists(HASH, min_size=1, max_size=20))
def test_popcount_is_bit_count(values: list[int]) -> None:
    found = corpus.popcount(np.array(values, dtype=np.uint64))
    assert found.tolist() == [value.bit_count() for value in values]


def test_candidates_from_the_files_are_the_pairs_within() -> None:
    random = np.random.default_rng(3)
    hashes = [int(value) for value in random.integers(0, 2**64 - 1, 40, dtype=np.uint64)]
    hashes += [value ^ (1 << int(random.integers(64))) ^ (1 << int(random.integers(64))) for value in hashes]
    files: dict[tuple[int, int], list[int]] = {}
    for index, value in enumerate(hashes):
        for key in corpus.bands(hexed(value)):
            files.setdefault(key, []).append(index)
    found = {
        (members[i], members[j], bits)
        for members in files.values()
        for i, j, bits in corpus.pairs_within([hashes[member] for member in members])
    }
    assert sorted(found) == brute(hashes, corpus.DISTANCE)
    assert len(found) >= 40
