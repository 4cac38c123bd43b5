"""Two releases differ in what was really added, removed and changed, and the version follows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import files
from pipelines.diff import Change, Entry, _compared, changes, diff, following
from pipelines.engine import Engine
from pipelines.pack import Packing, pack
from pipelines.release import release
from schemas.errors import BadInput

LOCAL = Engine()


def make(bench: Any, root: Path, planted: list[Any], version: str = "1.2.3", shards: int = 10) -> str:
    """A release of these pairs; the folder."""
    corpus = bench.corpus(root, planted)
    pack(corpus, bench.recipe, version, engine=LOCAL, packing=Packing(samples_per_shard=shards))
    release(corpus, bench.recipe, version, engine=LOCAL, agent="TuwenBot/0.1")
    return str(corpus.release("demo", version))


@pytest.fixture(scope="module")
def planted(bench: Any) -> list[Any]:
    """The pairs of the older release."""
    return list(bench.plant(40))


@pytest.fixture(scope="module")
def old(bench: Any, planted: list[Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The older release."""
    return make(bench, tmp_path_factory.mktemp("old"), planted)


def test_the_same_is_the_same(old: str) -> None:
    found = diff(old, old)
    assert (found.change, found.next_version) == ("none", "1.2.3")
    assert found.pairs == {"added": 0, "removed": 0, "changed": 0, "same": 35}
    assert list(changes(old, old)) == []


def test_repackaging_is_a_patch(bench: Any, planted: list[Any], old: str, tmp_path: Path) -> None:
    found = diff(old, make(bench, tmp_path, planted, shards=5))
    assert (found.change, found.next_version, found.pairs["same"]) == ("patch", "1.2.4", 35)
    assert found.shards["added"]
    assert found.shards["changed"]


def test_additions_are_minor(bench: Any, planted: list[Any], old: str, tmp_path: Path) -> None:
    more = [bench.planted(bench.picture(100 + number), f"新菜{number}") for number in range(3)]
    new = make(bench, tmp_path, [*planted, *more])
    found = diff(old, new)
    assert (found.change, found.next_version, found.pairs["added"]) == ("minor", "1.3.0", 3)
    assert found.examples["added"] == sorted(pair.key for pair in more)
    assert list(changes(old, new)) == [Change(key, ("added",)) for key in found.examples["added"]]
    back = diff(new, old)
    assert (back.change, back.next_version, back.pairs["removed"]) == ("major", "2.0.0", 3)


def test_what_changed_in_a_pair_is_said(bench: Any, planted: list[Any], old: str, tmp_path: Path) -> None:
    kept = [pair for pair in planted if pair.tier]
    other = {
        kept[0].key: bench.replace(kept[0], data=bench.picture(200), url=kept[0].image_url),
        kept[1].key: bench.replace(kept[1], tier="weak" if kept[1].tier == "strong" else "strong", base=False),
    }
    new = make(bench, tmp_path, [other.get(pair.key, pair) for pair in planted])
    found = diff(old, new)
    assert (found.change, found.pairs["changed"], found.parts) == ("major", 2, {"image": 1, "text": 0, "tier": 1})
    wanted = {kept[0].key: ("image",), kept[1].key: ("tier",)}
    assert {change.key: change.what for change in changes(old, new)} == wanted
    assert found.shards["changed"]


def test_it_prints_as_json_and_as_a_table(old: str) -> None:
    found = diff(old, old)
    assert json.loads(json.dumps(found.to_json()))["next_version"] == "1.2.3"
    assert all(isinstance(cell, str) for row in found.rows() for cell in row)
    assert ("pairs added", "0", "") in found.rows()


def test_half_a_release_is_refused(old: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a complete release"):
        diff(old, str(tmp_path))


ENTRIES = st.dictionaries(
    st.integers(0, 40).map("{:032x}".format),
    st.tuples(st.sampled_from("ab"), st.sampled_from("cd"), st.sampled_from(["weak", "strong"])),
    max_size=30,
)


@given(ENTRIES, ENTRIES)
def test_the_merge_finds_what_a_dictionary_would(old: dict[str, Any], new: dict[str, Any]) -> None:
    sides = [iter([Entry(key, *side[key]) for key in sorted(side)]) for side in (old, new)]
    found = list(_compared(*sides))
    assert [change.key for change in found] == sorted(old.keys() | new.keys())
    for key, what in found:
        if key not in old:
            assert what == ("added",)
        elif key not in new:
            assert what == ("removed",)
        else:
            assert [part in what for part in ("image", "text", "tier")] == [
                before != after for before, after in zip(old[key], new[key], strict=True)
            ]


def test_versions_follow() -> None:
    assert [following("1.9.9", size) for size in ("major", "minor", "patch", "none")] == [
        "2.0.0",
        "1.10.0",
        "1.9.10",
        "1.9.9",
    ]


def test_a_lost_index_is_named(bench: Any, planted: list[Any], old: str, tmp_path: Path) -> None:
    from schemas.errors import Damaged

    new = make(bench, tmp_path, planted)
    Path(files.join(new, "index", "00000.parquet")).unlink()
    with pytest.raises(Damaged, match=r"index/00000\.parquet"):
        diff(old, new)
