"""Ranks in columns say what tuples would, and the n-th best of a group is found without holding it."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from pipelines import order
from pipelines.cut import Cut, Sizes
from pipelines.engine import Engine, run

FLOATS = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 0.1, -0.1, 1e-40, 7.5]) | st.floats(width=32)
ROWS = st.lists(st.tuples(FLOATS, st.integers(-(2**40), 2**40) | st.integers(0, 2), st.text("ab一", max_size=2)))
BESTS = st.permutations(["-score", "pixels", "word"]).flatmap(
    lambda names: st.integers(0, 3).map(lambda count: tuple(names[:count]))
)


def table(rows: list[tuple[float, int, str]]) -> pa.Table:
    keys = [hashlib.sha256(str(at).encode()).hexdigest()[:32] for at in range(len(rows))]
    score, pixels, word = ([row[at] for row in rows] for at in range(3))
    return pa.table({"key": keys, "score": pa.array(score, pa.float32()), "pixels": pa.array(pixels, pa.int64()),
                     "word": pa.array(word, pa.string())})  # fmt: skip


def by_hand(rows: pa.Table, best: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The ranks as the recipe's words say them."""

    def part(row: dict[str, Any], name: str) -> Any:
        value = row[name.removeprefix("-")]
        if isinstance(value, str):
            return value
        return (math.isnan(value), 0 if math.isnan(value) else (-value if name.startswith("-") else value))

    return [(*(part(row, name) for name in best), row["key"]) for row in rows.to_pylist()]


@given(ROWS, BESTS)
def test_columns_are_in_the_order_of_the_words(rows: list[tuple[float, int, str]], best: tuple[str, ...]) -> None:
    made = table(rows)
    ranks, wanted = order.tuples(order.columns(made, best)), by_hand(made, best)
    places = range(len(rows))
    assert sorted(places, key=ranks.__getitem__) == sorted(places, key=wanted.__getitem__)


@given(ROWS.filter(bool), BESTS, st.data())
def test_before_is_bisect_left(rows: list[tuple[float, int, str]], best: tuple[str, ...], data: st.DataObject) -> None:
    ranks = order.columns(table(rows), best)
    listed = order.tuples(ranks)
    splits = sorted(data.draw(st.lists(st.sampled_from(listed), min_size=1, unique=True)))
    found = order.before(ranks, order.of_tuples(splits))
    assert found.tolist() == [bisect_left(splits, rank) for rank in listed]
    assert order.not_after(ranks, splits[0]).tolist() == [rank <= splits[0] for rank in listed]


def test_keys_of_a_slice_are_its_own() -> None:
    made = table([(0.0, 0, "")] * 5)
    assert order.keys(made.slice(2, 2)).tolist() == [key.encode() for key in made.column("key").to_pylist()[2:4]]


GROUPS = {"many": 900, "few": 7, "one": 1, "ties": 300}


def rows_of(item: int, count: int) -> Iterator[tuple[str, order.Columns]]:
    """Every `count`-th row of each group from the `item`-th."""
    for group, size in GROUPS.items():
        numbers = np.arange(item, size, count)
        if len(numbers):
            score = numbers * 37 % 101 if group != "ties" else numbers * 0
            keys = [hashlib.sha256(f"{group} {number}".encode()).hexdigest()[:32].encode() for number in numbers]
            yield group, (score, np.array(keys))


@pytest.mark.parametrize(("sample", "items"), [(1, 3), (16, 1), (16, 5), (100_000, 2)])
def test_the_nth_is_exact_for_any_sample_and_split(sample: int, items: int) -> None:
    wanted = {"many": 333, "few": 7, "one": 1, "ties": 1, "none": 5}
    everything = {group: sorted(order.tuples(ranks)) for group, ranks in rows_of(0, 1)}
    # Of `few` and `one` all are wanted, so they have no cut.
    right = [(group, everything[group][wanted[group] - 1]) for group in ("many", "ties")]

    def build(pipeline: beam.Pipeline) -> None:
        rows = partial(rows_of, count=items)
        numbers = pipeline | beam.Create(list(range(items)))
        sizes = beam.pvalue.AsDict(numbers | Sizes(rows))
        n = beam.pvalue.AsDict(pipeline | "wanted" >> beam.Create(list(wanted.items())))
        assert_that(numbers | Cut(rows, sizes, n, sample), equal_to(right))

    run(build, job="cut", engine=Engine())
