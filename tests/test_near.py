"""Near-duplicates by the part: nothing within the distance is missed, and nothing else found."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.corpus import DISTANCE, hamming
from pipelines import near
from pipelines.older import Older

BASE = 0x0123456789ABCDEF
HASHES = st.lists(
    st.tuples(st.sampled_from([BASE, ~BASE & (1 << 64) - 1, 0]), st.sets(st.integers(0, 63), max_size=6)),
    min_size=1,
    max_size=25,
).map(lambda found: sorted({f"{base ^ sum(1 << bit for bit in bits):016x}" for base, bits in found}))


def key_of(phash: str) -> str:
    return hashlib.sha256(phash.encode()).hexdigest()[:30] + "00"  # zeros at the end, which numpy drops


@pytest.mark.parametrize("parts", [1, 5])
@given(HASHES, HASHES)
def test_all_within_the_distance_and_no_others(parts: int, ours: list[str], theirs: list[str]) -> None:
    filed: dict[near.Part, dict[str, list[Any]]] = defaultdict(lambda: {"ours": [], "older": []})
    for phash in ours:
        for part, entry in near.filed(phash, key_of(phash), parts):
            filed[part]["ours"].append(entry)
    for phash in theirs:
        for part, older in near.filed_older(phash, Older(0, "test set", phash), parts):
            filed[part]["older"].append(older)
    edges, matches = set(), set()
    for group in filed.items():
        for found in near.compare(group):
            if isinstance(found, beam.pvalue.TaggedOutput):
                key, (bits, name, other) = found.value
                matches.add((key, bits, name, other))
            else:
                edges.add((frozenset(found[:2]), found[2]))
    wanted = {
        (frozenset((key_of(a), key_of(b))), hamming(a, b)) for a in ours for b in ours if 0 < hamming(a, b) <= DISTANCE
    }
    assert edges == wanted
    assert matches == {
        (key_of(a), hamming(a, b), "test set", b) for a in ours for b in theirs if hamming(a, b) <= DISTANCE
    }


def test_bytes_are_joined_before_they_are_sent() -> None:
    fn = near.Joined()
    one, other = fn.create_accumulator(), fn.add_input(fn.create_accumulator(), b"c")
    for piece in (b"a", b"b"):
        one = fn.add_input(one, piece)
    assert fn.compact(one) == [b"ab"]
    assert fn.extract_output(fn.merge_accumulators([fn.compact(one), other])) == b"abc"
