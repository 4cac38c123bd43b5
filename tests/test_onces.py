"""The onces in columns: the same winners as sorting each group, however the corpus is split."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines import onces
from schemas.recipe import Once

ONCE = Once(by=("text_simplified", "image_width"), why="a test", best=("-image_pixels", "site", "key"), limit=2)

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["查看原图", "", "图\u0000", "b"]),
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from(["http://a.example", "http://图.example"]),
        st.integers(0, 3),  # the shard
    ),
    max_size=60,
)


def table_of(rows: list[tuple[str, int, int, str, int]], first: int) -> pa.Table:
    keys = [hashlib.sha256(b"%d" % number).hexdigest()[:32] for number in range(first, first + len(rows))]
    names = ("text_simplified", "image_width", "image_pixels", "site")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    types = {"image_width": pa.int32(), "image_pixels": pa.int64()}
    return pa.table(
        {"key": keys} | {name: pa.array(col, types.get(name, pa.string())) for name, col in columns.items()}
    )


@given(ROWS, st.integers(1, 3))
def test_the_winners_are_the_best_of_each_group(rows: list[tuple[str, int, int, str, int]], parts: int) -> None:
    shards = {shard: table_of([row for row in rows if row[4] == shard], shard * 100) for shard in range(4)}
    sent: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
    for shard, table in shards.items():
        few = onces.best(onces.rows_of(table, np.arange(len(table)), ONCE), ONCE.limit)
        for part, group in onces.split(few, parts):
            sent[part].append((str(shard), group))
    won = {
        (shard, int(row))
        for part in sent.items()
        for shard, (_, numbers) in onces.winners(part, ONCE.limit)
        for row in np.frombuffer(numbers, np.int32)
    }
    groups = defaultdict(list)
    for shard, table in shards.items():
        for number, row in enumerate(table.to_pylist()):
            rank = (-row["image_pixels"], row["site"], row["key"])
            groups[row["text_simplified"], row["image_width"]].append((rank, (str(shard), number)))
    assert won == {place for members in groups.values() for _, place in sorted(members)[: ONCE.limit]}
    assert set(sent) <= set(range(parts))


def test_a_hot_group_leaves_a_shard_as_few_rows() -> None:
    rows = [("查看原图", 1, number, "http://a.example", 0) for number in range(10_000)]
    few = onces.best(onces.rows_of(table_of(rows, 0), np.arange(10_000), ONCE), ONCE.limit)
    assert few.column("row").to_pylist() == [9999, 9998]
    ((_, sent),) = onces.split(few, 7)
    assert len(sent) < 2000
