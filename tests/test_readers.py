"""The libraries that users train with read packed shards: every key, text and picture, each exactly once."""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported: nothing beyond loopback is asked

import pyarrow.parquet as pq
import pytest
from PIL import Image

from demo.website import build, served_pages
from pipelines.engine import Engine
from pipelines.pack import Packing, pack
from trainers import clip


def library(name: str) -> Any:
    """A library of the extra `clip`. Without it these tests are skipped, for it weighs gigabytes and few want it.

    In CI they fail: that it is installed there is what makes them count.
    """
    return importlib.import_module(name) if os.environ.get("CI") else pytest.importorskip(name)


webdataset, datasets, open_clip = (library(name) for name in ("webdataset", "datasets", "open_clip"))
training_data, training_options = (library(f"open_clip_train.{name}") for name in ("data", "params"))

pytestmark = pytest.mark.clip

TIERS = ("weak", "strong")
TINY = f"local-dir:{clip.TINY}"


@pytest.fixture(scope="module")
def release(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of several shards in each tier, with pictures of every format that is packed."""
    corpus = bench.corpus(tmp_path_factory.mktemp("readers"), bench.plant(60))
    pack(corpus, bench.recipe, "1.0.0", engine=Engine(), packing=Packing(samples_per_shard=10))
    return Path(corpus.release("demo", "1.0.0"))


@pytest.fixture(scope="module")
def photographs(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the demo site's photographs, made small, each with the name of its dish."""
    work = Path(__file__).parent.parent / "demo" / "work"
    build(work)
    planted = [
        bench.planted(small(work / "package" / picture), page.dish, url=f"https://pictures.example.cn/{picture}")
        for page in served_pages(work / "package")
        for picture in sorted(set(page.pictures))
    ]
    corpus = bench.corpus(tmp_path_factory.mktemp("photographs"), planted)
    pack(corpus, bench.recipe, "1.0.0", engine=Engine(), packing=Packing(samples_per_shard=60))
    folder = Path(corpus.release("demo", "1.0.0"))
    (folder / "manifest.json").write_text("{}")  # the trainer looks whether it is there
    return folder


def small(path: Path) -> bytes:
    """A photograph at 96 pixels, somewhat more than the tiny model looks at."""
    file = io.BytesIO()
    with Image.open(path) as image:
        image.draft("RGB", (96, 96))
        upright = image.convert("RGB")
    upright.thumbnail((96, 96))
    upright.save(file, "JPEG", quality=90)
    return file.getvalue()


def expected(release: Path, tier: str) -> dict[str, tuple[str, bytes]]:
    """Key to text and picture bytes: texts from the Parquet, pictures by their place in the tar."""
    rows: dict[str, tuple[str, bytes]] = {}
    for path in sorted((release / tier).glob("*.parquet")):
        tar = path.with_suffix(".tar").read_bytes()
        for row in pq.read_table(path, columns=["key", "caption", "tar_offset"]).to_pylist():
            header = tarfile.TarInfo.frombuf(tar[row["tar_offset"] :][:512], "utf-8", "strict")
            rows[row["key"]] = (row["caption"], tar[row["tar_offset"] + 512 :][: header.size])
    assert len(rows) > 20
    return rows


def pattern(release: Path, tier: str) -> str:
    return clip.read_tier(release, tier).pattern


@pytest.mark.parametrize("tier", TIERS)
def test_webdataset_reads_the_bytes(release: Path, tier: str) -> None:
    samples = list(webdataset.WebDataset(pattern(release, tier), shardshuffle=False))
    wanted = expected(release, tier)
    assert [sample["__key__"] for sample in samples] == sorted(wanted)
    for sample in samples:
        assert set(sample) == {"__key__", "__url__", "jpg", "txt", "json"}
        assert (sample["txt"].decode(), sample["jpg"]) == wanted[sample["__key__"]]


@pytest.mark.parametrize("tier", TIERS)
def test_webdataset_decodes_pictures(release: Path, tier: str) -> None:
    samples = list(webdataset.WebDataset(pattern(release, tier), shardshuffle=False).decode("pil"))
    wanted = expected(release, tier)
    assert Counter(sample["__key__"] for sample in samples) == dict.fromkeys(wanted, 1)
    for sample in samples:
        text, data = wanted[sample["__key__"]]
        assert sample["txt"] == sample["json"]["caption"] == text
        assert sample["jpg"].tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()
        assert sample["jpg"].size == (sample["json"]["width"], sample["json"]["height"])


def test_datasets_reads_every_tier(release: Path, tmp_path: Path) -> None:
    """It takes the members of the first samples for those of all: so every picture has to have the same ending."""
    data_files = {tier: [str(path) for path in sorted((release / tier).glob("*.tar"))] for tier in TIERS}
    loaded = datasets.load_dataset("webdataset", data_files=data_files, cache_dir=str(tmp_path))
    for tier in TIERS:
        wanted = expected(release, tier)
        raw = loaded[tier].cast_column("jpg", datasets.Image(decode=False))
        assert [row["__key__"] for row in raw] == sorted(wanted)
        assert {row["__key__"]: (row["txt"], row["jpg"]["bytes"]) for row in raw} == wanted
        assert {row["json"]["caption"] for row in raw} == {text for text, _ in wanted.values()}
        assert all(row["jpg"].size[0] == row["json"]["width"] for row in loaded[tier])


def test_datasets_streams(release: Path) -> None:
    files = [str(path) for path in sorted((release / "strong").glob("*.tar"))]
    rows = datasets.load_dataset("webdataset", data_files={"strong": files}, split="strong", streaming=True)
    assert [row["__key__"] for row in rows] == sorted(expected(release, "strong"))


def open_clip_data(*arguments: str) -> tuple[dict[str, Any], Any, Any]:
    """open_clip_train's loaders for a command line, with the preprocessing and the tokenizer of the tiny model."""
    options = training_options.parse_args(
        ["--model", TINY, "--dataset-type", "webdataset", "--workers", "0", *arguments]
    )
    options.distributed, options.rank, options.world_size = False, 0, 1
    _, train, evaluate = open_clip.create_model_and_transforms(TINY)
    tokenizer = open_clip.get_tokenizer(TINY)
    return training_data.get_data(options, (train, evaluate), tokenizer=tokenizer), evaluate, tokenizer


def test_open_clip_evaluates_on_every_pair_once(release: Path) -> None:
    loaders, preprocess, tokenizer = open_clip_data("--val-data", pattern(release, "weak"), "--batch-size", "8")
    found = Counter(
        fingerprint(picture, tokens)
        for pictures, texts in loaders["val"].dataloader
        for picture, tokens in zip(pictures, texts, strict=True)
    )
    wanted = Counter(
        fingerprint(preprocess(Image.open(io.BytesIO(data)).convert("RGB")), tokenizer(text)[0])
        for text, data in expected(release, "weak").values()
    )
    assert found == wanted


def fingerprint(picture: Any, tokens: Any) -> str:
    return hashlib.sha256(picture.numpy().tobytes() + tokens.numpy().tobytes()).hexdigest()


def test_open_clip_trains_on_every_pair_once_an_epoch(release: Path) -> None:
    """The number of pairs comes from sizes.json; a batch of two, for training drops what does not fill a batch."""
    loaders, _, tokenizer = open_clip_data("--train-data", pattern(release, "strong"), "--batch-size", "2")
    loader = loaders["train"].dataloader
    wanted = expected(release, "strong")
    assert loader.num_samples == len(wanted)
    assert len(wanted) % 2 == 0
    found = Counter(tokens.numpy().tobytes() for _, texts in loader for tokens in texts)
    assert found == Counter(tokenizer(text)[0].numpy().tobytes() for text, _ in wanted.values())


def train(release: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the trainer as a user does, on one thread: two that share a busy core mostly wait for each other."""
    command = [sys.executable, str(clip.TINY.with_name("clip.py")), str(release), *arguments]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=alone)


def test_clip_learns(photographs: Path, tmp_path: Path) -> None:
    """Thirty steps of the tiny model on real photographs with the names of their dishes: the loss goes down."""
    done = train(photographs, "--steps", "30", "--logs", str(tmp_path), "--name", "test")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{photographs}/weak: 164 pairs in 3 shards" in done.stdout
    losses = [float(loss) for loss in re.findall(r"\bLoss: ([\d.]+)", (tmp_path / "test" / "out.log").read_text())]
    assert len(losses) == 30
    assert sum(losses[-5:]) / 5 < sum(losses[:5]) / 5 - 0.1
    assert (tmp_path / "test" / "checkpoints" / "epoch_1.pt").exists()


def test_a_failed_training_is_said(photographs: Path, tmp_path: Path) -> None:
    """What follows `--` goes to open_clip, whose failure is ours."""
    done = train(photographs, "--steps", "1", "--logs", str(tmp_path), "--", "--no-such-option")
    assert done.returncode == 1
    assert "no-such-option" in done.stderr
