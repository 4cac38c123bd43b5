"""A release says the truth of itself, is written once, and comes back the same when part of it is lost."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.card import Facts, render
from pipelines.engine import Engine
from pipelines.pack import Packing, pack
from pipelines.release import release
from schemas import manifest
from schemas.errors import BadInput, Damaged
from schemas.manifest import Manifest
from schemas.models import Measured
from schemas.tables import INDEX

LOCAL = Engine()
AGENT = "TuwenBot/0.1 (+https://example.cn/bot)"


def make(bench: Any, root: Path, planted: list[Any], **options: Any) -> tuple[Any, Manifest]:
    """A corpus with its release."""
    corpus = bench.corpus(root, planted)
    packing = Packing(samples_per_shard=10)
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=packing)
    return corpus, finish(bench, corpus, **options)


def finish(bench: Any, corpus: Any, **options: Any) -> Manifest:
    return release(corpus, bench.recipe, "1.0.0", **{"engine": LOCAL, "agent": AGENT, "report": page, **options})


def page(made: Manifest) -> bytes:
    return f"<!doctype html><title>{made.name} {made.counts.kept}</title>".encode()


def folder(corpus: Any) -> Path:
    return Path(corpus.release("demo", "1.0.0"))


@pytest.fixture(scope="module")
def released(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Manifest, list[Any]]:
    """One release that tests only read."""
    planted = bench.plant(40)
    planted.append(bench.replace(planted[0], text="同一张图的另一句话", url=planted[0].image_url))
    corpus, made = make(bench, tmp_path_factory.mktemp("released"), planted)
    return corpus, made, planted


def test_the_manifest_names_every_file(bench: Any, released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, made, _ = released
    tree = bench.tree(str(folder(corpus)))
    assert manifest.decode(tree.pop("manifest.json")) == made
    assert {name: (file.bytes, file.sha256) for name, file in made.files.items()} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in tree.items()
    }


def test_a_dry_run_of_what_is_out_finds_no_fault_and_changes_nothing(bench: Any, tmp_path: Path) -> None:
    corpus, _ = make(bench, tmp_path, bench.plant(12))
    (folder(corpus) / "index" / "00009.parquet").write_bytes(b"of an earlier packing")
    dry = Engine(beam_args=("--dry_run=True",))
    before = bench.tree(str(folder(corpus)))
    assert pack(corpus, bench.recipe, "1.0.0", engine=dry, packing=Packing(samples_per_shard=10)) == {}
    finish(bench, corpus, engine=dry)
    assert bench.tree(str(folder(corpus))) == before


def test_a_date_that_is_none_is_refused_before_any_work(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(3))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    before = bench.tree(str(folder(corpus)))
    with pytest.raises(BadInput, match="--date nodate: not a day"):
        finish(bench, corpus, date="nodate")
    assert bench.tree(str(folder(corpus))) == before


def test_the_counts_are_true(released: tuple[Any, Manifest, list[Any]]) -> None:
    _, made, planted = released
    kept = [pair for pair in planted if pair.tier]
    counts = made.counts
    assert (counts.found, counts.fetched, counts.measured) == (len(planted) + 1, len(planted), len(planted))
    assert (counts.kept, counts.weak + counts.strong) == (len(kept), len(kept))
    assert counts.base == sum(pair.base for pair in kept)
    assert counts.images == len({pair.data for pair in kept}) == counts.kept - 1
    assert counts.texts == len({pair.text for pair in kept})
    assert sum(made.verdicts.values()) == counts.measured
    assert made.verdicts["too_small"] == len(planted) - len(kept)
    assert made.outcomes == {"ok": len({pair.image_url for pair in planted}), "http_error": 1}


def test_the_manifest_says_how_it_was_made(released: tuple[Any, Manifest, list[Any]], bench: Any) -> None:
    _, made, _ = released
    assert (made.name, made.version, made.date, made.agent) == ("demo", "1.0.0", "2026-03-01", AGENT)
    assert hashlib.sha256(made.recipe.encode()).hexdigest() == made.recipe_sha256
    assert [keep["signal"] for keep in json.loads(made.recipe)["keep"]] == [keep.signal for keep in bench.recipe.keep]
    assert made.options["image_size"] == "as it came"
    assert "lid.176" in made.families["text"]


def test_the_index_has_each_pair_of_weak_and_strong_once(released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, made, planted = released
    paths = sorted((folder(corpus) / "index").glob("*.parquet"))
    tables = [pq.read_table(path) for path in paths]
    assert all(table.schema.equals(INDEX) for table in tables)
    shards = [set(table.column("shard").to_pylist()) for table in tables]
    names = [name.removesuffix(".tar") for name in made.files if name.endswith(".tar")]
    order = [name for tier in ("weak/", "strong/") for name in sorted(names) if name.startswith(tier)]
    assert [shard.pop() for shard in shards] == order
    rows = [row for table in tables for row in table.to_pylist()]
    pairs = {pair.key: pair for pair in planted if pair.tier}
    assert sorted(row["key"] for row in rows) == sorted(pairs)
    for row in rows:
        pair = pairs[row["key"]]
        assert row["image_id"] == hashlib.sha256(pair.data).hexdigest()
        assert row["text_sha256"] == hashlib.sha256(pair.text.encode()).hexdigest()
        with (folder(corpus) / f"{row['shard']}.tar").open("rb") as tar:
            tar.seek(row["offset"])
            assert tar.read(33).decode() == row["key"] + "."


def test_the_cards_name_the_models_and_heed_a_demos_warning(released: tuple[Any, Manifest, list[Any]]) -> None:
    _, made, _ = released
    demo = Measured("mini", "d" * 64, 64, {}, "{}", True, "made to show\n the plumbing", "fp32")
    real = Measured("hf:org/real", "e" * 64, 512, {}, "{}", False, "", "bf16")
    facts = Facts(msgspec.structs.replace(made, models={"mini": demo, "real": real}), {})
    for name, warned, none in (
        ("CARD.md", "A demo model", "No model's scores"),
        ("CARD.zh.md", "演示模型", "没有测量任何模型"),
    ):
        lines = render(facts, f"{name}.j2").decode().splitlines()
        (mini,) = [line for line in lines if line.startswith("- `mini`")]
        (other,) = [line for line in lines if line.startswith("- `real`")]
        assert warned in mini and "made to show the plumbing" in mini
        assert "`hf:org/real`" in other and "bf16" in other and warned not in other
        assert none in render(Facts(msgspec.structs.replace(made, models={}), {}), f"{name}.j2").decode()


def test_the_cards_say_what_coyo_says(released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, made, _ = released
    for name, words in {
        "CARD.md": ["distinct picture URLs | 35", "belong to their owners", "robots.txt disallows `TuwenBot`"],
        "CARD.zh.md": ["不同的图片网址 | 35", "属于其权利人", "拒绝 `TuwenBot`"],
    }.items():
        card = (folder(corpus) / name).read_text("utf-8")
        for word in [*words, f"| too_small | {made.verdicts['too_small']} |", f"| {made.counts.found} | 100.0 % |"]:
            assert word in card, (name, word)
        assert "{{" not in card
        assert "None" not in card
    overridden = "noai at https://a.example: its owner agreed by letter"
    assert overridden not in card


def test_croissant_names_every_file_and_column(released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, made, _ = released
    said = json.loads((folder(corpus) / "croissant.json").read_text())
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    objects = {one["contentUrl"]: one for one in said["distribution"] if one["@type"] == "cr:FileObject"}
    for name, file in made.files.items():
        if name.endswith((".tar", ".parquet")):
            assert objects[name]["sha256"] == file.sha256
    sets = {one["@id"] for one in said["distribution"] if one["@type"] == "cr:FileSet"}
    columns = set(pq.read_schema(folder(corpus) / "weak/00000.parquet").names)
    for records in said["recordSet"]:
        assert {field["source"]["extract"]["column"] for field in records["field"]} == columns
        assert {field["source"]["fileSet"]["@id"] for field in records["field"]} <= sets
        assert all(field["description"] for field in records["field"])


def test_the_second_time_nothing_is_written(bench: Any, tmp_path: Path) -> None:
    corpus, made = make(bench, tmp_path, bench.plant(12))
    times = {path: path.stat().st_mtime_ns for path in folder(corpus).rglob("*")}
    assert finish(bench, corpus, report=None) == made
    assert {path: path.stat().st_mtime_ns for path in folder(corpus).rglob("*")} == times


def test_whatever_is_deleted_comes_back_the_same(bench: Any, tmp_path: Path) -> None:
    corpus, made = make(bench, tmp_path, bench.plant(12), date="2026-05-06")
    assert made.date == "2026-05-06"
    before = bench.tree(str(folder(corpus)))
    for name in ("index/00000.parquet", "CARD.md", "report.html", "croissant.json", "weak/00000.tar"):
        (folder(corpus) / name).unlink()
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing(samples_per_shard=10))
        finish(bench, corpus)
        assert bench.tree(str(folder(corpus))) == before, name
    (folder(corpus) / "manifest.json").unlink()
    finish(bench, corpus, date="2026-05-06")
    assert bench.tree(str(folder(corpus))) == before


def test_a_release_that_is_out_is_never_altered(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(20)
    corpus, _ = make(bench, tmp_path, planted)
    before = bench.tree(str(folder(corpus)))
    other = [bench.replace(planted[0], text="改过的字"), *planted[1:]]
    bench.corpus(tmp_path, other)
    for packing in (Packing(samples_per_shard=10), Packing(samples_per_shard=3)):
        with pytest.raises(BadInput, match=r"1\.0\.0 is out already.*new --version"):
            pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=packing)
    with pytest.raises(BadInput, match="not those of this ledger"):
        finish(bench, corpus)
    bench.corpus(tmp_path, planted)
    with pytest.raises(BadInput, match="is out already"):
        finish(bench, corpus, date="2027-01-01")
    assert bench.tree(str(folder(corpus))) == before


def test_a_lost_shard_of_a_release_that_is_out_is_not_made_of_other_pairs(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(8)
    corpus, _ = make(bench, tmp_path, planted)
    for path in (folder(corpus) / "weak").glob("00000*"):
        path.unlink()
    bench.corpus(tmp_path, [bench.replace(planted[0], text="改过的字"), *planted[1:]])
    with pytest.raises(BadInput, match="is out already"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing(samples_per_shard=10))
    assert not (folder(corpus) / "weak" / "00000.tar").exists()


@pytest.mark.parametrize("name", ["CARD.md", "index/00000.parquet"])
def test_what_was_altered_by_hand_is_named(bench: Any, tmp_path: Path, name: str) -> None:
    corpus, _ = make(bench, tmp_path, bench.plant(8))
    with (folder(corpus) / name).open("ab") as file:
        file.write(b"PAR1" if name.endswith(".parquet") else b"more")
    if name.endswith(".parquet"):  # a file that is still whole, and made from what it should be
        index = folder(corpus) / name
        index.write_bytes(index.read_bytes()[:-4])
        table = pq.read_table(index)
        pq.write_table(table, index, compression="none")
    with pytest.raises(Damaged, match=name):
        finish(bench, corpus)


def test_shards_come_first(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(8))
    with pytest.raises(BadInput, match="tuwen pack"):
        finish(bench, corpus)
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    (folder(corpus) / "weak" / "00000.tar").unlink()
    with pytest.raises(Damaged, match=r"weak/00000\.tar: missing or altered; run: tuwen pack"):
        finish(bench, corpus)
    assert not (folder(corpus) / "manifest.json").exists()


def test_nothing_kept_is_a_release_too(bench: Any, tmp_path: Path) -> None:
    dropped = [bench.replace(pair, tier="", verdict="too_small", base=False) for pair in bench.plant(3)]
    corpus, made = make(bench, tmp_path, dropped)
    assert (made.counts.kept, made.counts.measured) == (0, 3)
    assert sorted(path.name for path in folder(corpus).iterdir()) == sorted([*made.files, "manifest.json"])


def test_the_date_is_a_day(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(3))
    with pytest.raises(BadInput, match="--date tomorrow"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
        finish(bench, corpus, date="tomorrow")


def test_the_same_with_three_workers(bench: Any, tmp_path: Path, released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, _, planted = released
    again = bench.corpus(tmp_path, planted)
    three = Engine(workers=3)
    pack(again, bench.recipe, "1.0.0", engine=three, packing=Packing(samples_per_shard=10))
    release(again, bench.recipe, "1.0.0", engine=three, agent=AGENT, report=page)
    assert bench.tree(str(folder(again))) == bench.tree(str(folder(corpus)))


def test_the_base_is_a_set_of_datacomps_uids(released: tuple[Any, Manifest, list[Any]]) -> None:
    corpus, made, planted = released
    found = np.load(folder(corpus) / "base" / "uids.npy")
    keys = sorted(pair.key for pair in planted if pair.base)
    assert [f"{high:016x}{low:016x}" for high, low in found.tolist()] == keys
    assert made.files["base/uids.npy"].bytes == (folder(corpus) / "base" / "uids.npy").stat().st_size


def test_packing_again_leaves_the_uids_and_a_lost_file_of_them_comes_back(bench: Any, tmp_path: Path) -> None:
    corpus, _ = make(bench, tmp_path, bench.plant(12))
    path = folder(corpus) / "base" / "uids.npy"
    data = path.read_bytes()
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing(samples_per_shard=10))
    assert path.read_bytes() == data
    path.unlink()
    finish(bench, corpus)
    assert path.read_bytes() == data
