"""Shards: every kept pair with its picture, the same bytes however they come to be."""

import hashlib
import io
import json
import random
import resource
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.engine import Engine
from pipelines.pack import LOOKED, Packing, check_counted, pack, sweep
from schemas.errors import BadInput, Damaged, WorkFailed
from schemas.pair import shard_of
from schemas.samples import SAMPLES
from schemas.signals import all_signals

SMALL = Packing(samples_per_shard=10)
LOCAL = Engine()
GOLDEN = Path(__file__).parent / "golden"


def folder(corpus: Any) -> str:
    return str(corpus.release("demo", "1.0.0"))


def samples(path: str, tier: str) -> list[dict[str, Any]]:
    """The rows of every Parquet of a tier, in order."""
    tables = [pq.read_table(file) for file in sorted(Path(path, tier).glob("*.parquet"))]
    return [row for table in tables for row in table.to_pylist()]


def test_every_kept_pair_is_packed_and_no_other(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(40)
    corpus = bench.corpus(tmp_path, planted)
    counts = pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    for tier in ("weak", "strong", "base"):
        rows = samples(folder(corpus), tier)
        wanted = {pair.key: pair for pair in planted if (pair.base if tier == "base" else pair.tier == tier)}
        assert [row["key"] for row in rows] == sorted(wanted)
        assert counts[tier] == len(wanted)
        for row in rows:
            pair = wanted[row["key"]]
            assert (row["caption"], row["url"], row["class"]) == (pair.text, pair.image_url, pair.class_)
            assert row["sha256"] == hashlib.sha256(pair.data).hexdigest()
            assert row["status"] == "success"
            assert row["error_message"] is None
    assert counts["failed"] == 0


def test_a_shard_holds_what_its_parquet_says(bench: Any, tmp_path: Path) -> None:
    planted = {pair.key: pair for pair in bench.plant(40)}
    corpus = bench.corpus(tmp_path, list(planted.values()))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    for tier in ("weak", "strong", "base"):
        paths = sorted(Path(folder(corpus), tier).glob("*.tar"))
        sizes = json.loads(Path(folder(corpus), tier, "sizes.json").read_text())
        assert [path.name for path in paths] == [f"{number:05d}.tar" for number in range(len(paths))] == list(sizes)
        for number, path in enumerate(paths):
            rows = pq.read_table(path.with_suffix(".parquet")).to_pylist()
            assert sizes[path.name] == len(rows)
            with tarfile.open(path) as tar:
                infos = tar.getmembers()
                content = {info.name: tar.extractfile(info).read() for info in infos}  # type: ignore[union-attr]
            assert [info.name.partition(".")[0] for info in infos] == [row["key"] for row in rows for _ in range(3)]
            for row, picture in zip(rows, infos[::3], strict=True):
                assert shard_of(row["key"], len(paths)) == number
                assert row["tar_offset"] == picture.offset
                assert content[f"{row['key']}.txt"].decode() == planted[row["key"]].text
                said = json.loads(content[f"{row['key']}.json"])
                assert list(said) == sorted({*SAMPLES.names, "match_mini_score"} - {"tar_offset"})
                assert said["image_entropy"] is None, "NaN is no JSON"
                image = Image.open(io.BytesIO(content[picture.name]))
                assert image.size == (row["width"], row["height"])
                assert not image.getexif()


def test_rows_say_why_a_picture_was_encoded_again(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(20))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    rows = samples(folder(corpus), "weak") + samples(folder(corpus), "strong")
    for row in rows:
        turned = row["image_orientation"] > 1
        assert row["reencoded"] == ("orientation" if turned else "format" if row["image_format"] == "gif" else "")
    assert {row["reencoded"] for row in rows} == {"", "orientation", "format"}


def test_others_can_filter_again() -> None:
    ours = {"text": "caption", "image_url": "url"}
    assert {ours.get(name, name) for name in all_signals()} <= set(SAMPLES.names)


def test_a_size_encodes_all(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(12))
    packing = Packing(image_size=16, resize_mode="center_crop")
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=packing)
    rows = samples(folder(corpus), "weak")
    assert {(row["width"], row["height"], row["reencoded"]) for row in rows} == {(16, 16, "resize")}
    assert {row["original_width"] for row in rows} == {40, 30}


def test_a_picture_that_does_not_decode_is_a_row_and_no_sample(bench: Any, tmp_path: Path) -> None:
    good, bad = bench.planted(bench.picture(1), "好"), bench.planted(b"<html>404</html>", "坏")
    corpus = bench.corpus(tmp_path, [good, bad])
    counts = pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    assert (counts["weak"], counts["failed"]) == (1, 1)
    row = next(row for row in samples(folder(corpus), "weak") if row["key"] == bad.key)
    assert (row["status"], row["tar_offset"], row["width"]) == ("failed_to_resize", -1, 0)
    assert "decode" in row["error_message"]
    stats = json.loads(Path(folder(corpus), "weak/00000_stats.json").read_text())
    assert (stats["count"], stats["successes"], stats["failed_to_resize"]) == (2, 1, 1)
    assert json.loads(Path(folder(corpus), "weak/sizes.json").read_text()) == {"00000.tar": 1}


def test_times_are_those_of_the_crawl(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(10))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    stats = json.loads(Path(folder(corpus), "weak/00000_stats.json").read_text())
    assert stats["start_time"] == 1772352000.0
    assert stats["end_time"] - stats["start_time"] == stats["duration"] == 11.0


def test_a_tier_without_pairs_has_no_folder(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, [bench.planted(bench.picture(1), "一")])
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    assert sorted(path.name for path in Path(folder(corpus)).iterdir()) == ["weak"]


def test_raw_shards_do_not_matter(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(40)
    corpus = bench.corpus(tmp_path / "one", planted)
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    spread = [bench.replace(pair, shard=number % 3) for number, pair in enumerate(planted)]
    random.Random(1).shuffle(spread)
    again = bench.corpus(tmp_path / "two", spread)
    Path(corpus.crawl("log", "00000.parquet")).replace(again.crawl("log", "00000.parquet"))
    pack(again, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    assert bench.tree(folder(again)) == bench.tree(folder(corpus))


def test_the_second_time_nothing_is_written(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(30))
    first = pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    times = {path: path.stat().st_mtime_ns for path in Path(folder(corpus)).rglob("*")}
    assert pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL) == first
    assert {path: path.stat().st_mtime_ns for path in Path(folder(corpus)).rglob("*")} == times


def test_whatever_is_deleted_comes_back_the_same(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(12))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    before = bench.tree(folder(corpus))
    for name in ("weak/00000.tar", "weak/00000_stats.json", "weak/00000.parquet", "weak/sizes.json"):
        Path(folder(corpus), name).unlink()
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
        assert bench.tree(folder(corpus)) == before, name


def test_shards_of_an_older_ledger_are_removed(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(40)
    corpus = bench.corpus(tmp_path / "a", planted)
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    weak = [pair for pair in planted if pair.tier == "weak"][:8]
    Path(corpus.pairs("00001")).unlink()
    bench.corpus(tmp_path / "a", weak)
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    fresh = bench.corpus(tmp_path / "b", weak)
    pack(fresh, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    assert bench.tree(folder(corpus)) == bench.tree(folder(fresh))


def test_an_altered_picture_ends_the_work_and_is_named(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(10))
    warc = Path(corpus.crawl("images", "00000.warc"))
    data = bytearray(warc.read_bytes())
    data[100] ^= 1
    warc.write_bytes(data)
    with pytest.raises(Damaged, match=r"images/00000\.warc.*offset"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    assert not list(Path(folder(corpus)).rglob("*.tmp"))
    warc.unlink()
    with pytest.raises(Damaged, match=r"images/00000\.warc: cannot be read"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())


def test_a_ledger_of_other_pairs_is_refused(bench: Any, tmp_path: Path) -> None:
    planted = bench.plant(10)
    corpus = bench.corpus(tmp_path / "a", planted)
    other = bench.corpus(tmp_path / "b", list(reversed(planted)))
    Path(other.ledger("demo", "00000")).replace(corpus.ledger("demo", "00000"))
    with pytest.raises(BadInput, match="older than the signals; run: tuwen judge"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())


def test_a_ledger_of_another_recipe_is_refused(bench: Any, tmp_path: Path) -> None:
    """Two recipes of one name: the release would say that it was judged by one, and was judged by the other."""
    corpus = bench.corpus(tmp_path, bench.plant(10))
    other = msgspec.structs.replace(bench.recipe, keep=bench.recipe.keep[1:])
    with pytest.raises(BadInput, match=r"from another recipe of this name.*--recipe …/demo\.toml"):
        pack(corpus, other, "1.0.0", engine=LOCAL, packing=Packing())


def test_a_ledger_whose_rows_are_not_those_of_its_pairs_is_named(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(10))
    path = corpus.ledger("demo", "00000")
    table = pq.read_table(path)
    pq.write_table(table.take(list(reversed(range(len(table))))).replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(Damaged, match="not the rows of its pairs"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())


@pytest.mark.parametrize("family", ["text", "image", "corpus"])
def test_signals_of_other_pairs_are_refused(bench: Any, tmp_path: Path, family: str) -> None:
    corpus = bench.corpus(tmp_path / "a", bench.plant(10))
    other = bench.corpus(tmp_path / "b", bench.plant(8))
    Path(other.signals(family, "00000")).replace(corpus.signals(family, "00000"))
    with pytest.raises(BadInput, match=f"{family}/00000.parquet: of other pairs than those that are there now; run: "):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../../x"])
def test_a_version_is_three_numbers(bench: Any, tmp_path: Path, version: str) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(2))
    with pytest.raises(BadInput, match="three numbers"):
        pack(corpus, bench.recipe, version, engine=LOCAL, packing=Packing())


def test_what_comes_first_is_said(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(2))
    Path(corpus.ledger("demo", "00000")).unlink()
    with pytest.raises(BadInput, match="tuwen judge"):
        pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())


def test_a_full_disk_leaves_no_half_file(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(40))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (9000, hard)
    )  # less than any tar: a write beyond it fails as on a full disk
    try:
        with pytest.raises(WorkFailed, match=r"\.tar: cannot be written .*; make room"):
            pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=SMALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in Path(folder(corpus)).rglob("*") if path.is_file()] == []


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        kept = [tmp_path / f".00000.tar.{living.pid}.tmp", tmp_path / ".mine.tmp", tmp_path / "00000.tar.1.tmp"]
        gone = [tmp_path / f".00000.tar.{dead.pid}.tmp", tmp_path / f".00001.tar.{10**30}.tmp"]
        for path in (*kept, *gone):
            path.write_bytes(b"half")
        sweep(str(tmp_path), DRY)
        assert sorted(tmp_path.iterdir()) == sorted((*kept, *gone))
        sweep(str(tmp_path), LOCAL)
        assert sorted(tmp_path.iterdir()) == sorted(kept)
        living.communicate(b"\n")


DRY = Engine(
    name="dataflow",
    beam_args=(
        "--dry_run=True",
        "--project=none",
        "--region=us-central1",
        "--temp_location=gs://none/tmp",
        "--staging_location=gs://none/staging",
    ),
)


def test_a_dry_run_touches_nothing(bench: Any, tmp_path: Path) -> None:
    corpus = bench.corpus(tmp_path, bench.plant(12))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing())
    before = bench.tree(folder(corpus))
    pack(corpus, bench.recipe, "1.0.0", engine=DRY, packing=Packing())
    assert bench.tree(folder(corpus)) == before


def test_numbers_of_a_retried_count_are_not_trusted() -> None:
    check_counted({LOOKED: 3}, 3, "pack")
    with pytest.raises(WorkFailed, match="counted 4 items of 3"):
        check_counted({LOOKED: 4}, 3, "pack")


def golden_pairs(bench: Any) -> list[Any]:
    """The committed pictures as pairs: one strong and one weak text for each."""
    return [
        bench.planted(
            path.read_bytes(),
            f"{text}：{path.stem}",
            tier=tier,
            class_=path.suffix,
            base=tier == "strong",
            url=f"https://pictures.example.cn/{path.name}",
            shard=number % 2,
        )
        for number, path in enumerate(sorted((GOLDEN / "pack_pictures").iterdir()))
        for text, tier in (("红烧肉", "weak"), ("清蒸鱼", "strong"))
    ]


def test_golden(bench: Any, tmp_path: Path) -> None:
    """The bytes of shards stay what they are: with one worker and with three, for any order of rows, for years.

    They are those of the pinned Pillow and its codecs. Parquet's own bytes name the pyarrow that wrote them, so of
    those the rows are held against the digests.
    """
    pairs, packing = golden_pairs(bench), Packing(samples_per_shard=6)
    corpus = bench.corpus(tmp_path / "one", pairs)
    pack(corpus, bench.recipe, "1.0.0", engine=Engine(workers=1), packing=packing)
    tree = bench.tree(folder(corpus))
    found = {name: hashlib.sha256(rows_or_bytes(name, data)).hexdigest() for name, data in tree.items()}
    assert found == json.loads((GOLDEN / "pack_digests.json").read_text())
    permuted = bench.corpus(tmp_path / "three", sorted(pairs, key=lambda pair: pair.key))
    pack(permuted, bench.recipe, "1.0.0", engine=Engine(workers=3), packing=packing)
    assert bench.tree(folder(permuted)) == tree


def rows_or_bytes(name: str, data: bytes) -> bytes:
    """The rows of a Parquet file as JSON; the bytes of any other."""
    if not name.endswith(".parquet"):
        return data
    table = pq.read_table(io.BytesIO(data))
    return json.dumps([table.schema.names, table.to_pylist()], sort_keys=True).encode()
