"""Command lines as img2dataset's users write them: the shape of values, and the commands of its own examples."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from crawlers.consent import x_robots
from crawlers.settings import Settings
from pipelines import cli, img2dataset
from pipelines.fit import Fit
from pipelines.flags import NUMBER, SWITCH, TEXT, WHOLE, WORDS, literal, parse
from pipelines.row_shard import RowShards
from schemas.errors import BadInput

KINDS = {"size": WHOLE, "ratio": NUMBER, "skip_reencode": SWITCH, "columns": WORDS, "url_col": TEXT}
OURS = ["out", "allow_address", "max_images", "delay", "agent", "contact", "url_list", "url_col", "caption_col"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--size=7", {"size": 7}),
        ("--size 7", {"size": 7}),
        ("--size 7 --size=8", {"size": 8}),
        ("--size None", {"size": None}),
        ("--skip_reencode", {"skip_reencode": True}),
        ("--skip-reencode", {"skip_reencode": True}),
        ("--skip_reencode=True", {"skip_reencode": True}),
        ("--skip_reencode False", {"skip_reencode": False}),
        ("--skip_reencode=false", {"skip_reencode": False}),
        ("--noskip_reencode", {"skip_reencode": False}),
        ("--ratio=3", {"ratio": 3}),
        ("--ratio 2.5", {"ratio": 2.5}),
        ("--ratio -1", {"ratio": -1}),
        ("--ratio inf", {"ratio": float("inf")}),
        ("""--columns='["NSFW","similarity"]'""", {"columns": ["NSFW", "similarity"]}),
        ("--columns='[a,b]'", {"columns": ["a", "b"]}),
        ("--columns a,b", {"columns": ["a", "b"]}),
        ("--columns a", {"columns": ["a"]}),
        ("--columns '[]'", {"columns": []}),
        ("--columns '[1, x]'", {"columns": ["1", "x"]}),
        ('--url-col "TEXT"', {"url_col": "TEXT"}),
        ("""--url_col '"TEXT"'""", {"url_col": "TEXT"}),
        ("--url_col 7", {"url_col": "7"}),
        ("--url_col 'image url'", {"url_col": "image url"}),
        ("--url_col a-b", {"url_col": "a-b"}),
    ],
)
def test_values_as_fire_reads_them(line: str, expected: dict[str, Any]) -> None:
    assert parse(shlex.split(line), KINDS) == (expected, [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--siez 7", "did you mean --size"),
        ("--qqqqq", "docs/url-lists.md"),
        ("--size=big", "whole number"),
        ("--size 1.5", "whole number"),
        ("--size True", "whole number"),
        ("--size", "a value is missing"),
        ("--size --skip_reencode", "a value is missing"),
        ("--skip_reencode=maybe", "True or False"),
        ("--ratio wide", "number"),
        ("--columns 7", "list"),
        ("--nosize", "no such flag"),
    ],
)
def test_mistakes_name_the_flag(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(shlex.split(line), KINDS)


@given(st.text())
def test_any_text_is_a_value(text: str) -> None:
    literal(text)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), max_size=5))
def test_a_list_of_quoted_words_comes_back(words: list[str]) -> None:
    assert parse([f"--columns={words!r}"], KINDS)[0]["columns"] == words


# The commands of img2dataset's README and dataset_examples, and of those who use it.
COMMANDS = [
    (
        "--url_list=myimglist.txt --output_folder=output_folder --thread_count=64 --image_size=256",
        {"folder": "output_folder", "loose": True, "per_shard": 10_000, "digits": 5, "compute_hash": "sha256"},
        {"image_size": 256, "resize_mode": "border", "encode_quality": 95, "encode_format": "jpg"},
        {"hosts": 64},
    ),
    (  # LAION-400M
        """--url_list laion400m-meta --input_format "parquet" --url_col "URL" --caption_col "TEXT"
        --output_format webdataset --output_folder laion400m-data --processes_count 16 --thread_count 128
        --image_size 256 --save_additional_columns '["NSFW","similarity","LICENSE"]' --enable_wandb True""",
        {"columns": ("NSFW", "similarity", "LICENSE"), "loose": False, "url_col": "URL", "caption_col": "TEXT"},
        {"image_size": 256},
        {"hosts": 128},
    ),
    (  # LAION-5B, high resolution
        """--url_list laion-high-resolution --input_format "parquet" --url_col "URL" --caption_col "TEXT"
        --output_format webdataset --output_folder laion-high-resolution-output --processes_count 16 --thread_count 64
        --image_size 1024 --resize_only_if_bigger=True --resize_mode="keep_ratio" --skip_reencode=True
        --save_additional_columns '["similarity","hash","punsafe","pwatermark","LANGUAGE"]' --enable_wandb True""",
        {"columns": ("similarity", "hash", "punsafe", "pwatermark", "LANGUAGE")},
        {"image_size": 1024, "resize_only_if_bigger": True, "resize_mode": "keep_ratio", "skip_reencode": True},
        {"hosts": 64},
    ),
    (  # CC3M
        """--url_list cc3m.tsv --input_format "tsv" --url_col "url" --caption_col "caption"
        --output_format webdataset --output_folder cc3m --processes_count 16 --thread_count 64 --image_size 256
        --enable_wandb True""",
        {"folder": "cc3m", "caption_col": "caption", "columns": ()},
        {"image_size": 256},
        {"hosts": 64},
    ),
    (  # COYO-700M
        """--url_list coyo-700m --input_format "parquet" --url_col "url" --caption_col "text"
        --output_format webdataset --output_folder coyo-700m-webdataset --processes_count 16 --thread_count 64
        --image_size 384 --resize_only_if_bigger=True --resize_mode="keep_ratio" --skip_reencode=True
        --save_additional_columns '["clip_similarity_vitb32","aesthetic_score_laion_v2"]' --enable_wandb False""",
        {"caption_col": "text", "columns": ("clip_similarity_vitb32", "aesthetic_score_laion_v2")},
        {"image_size": 384, "skip_reencode": True},
        {"hosts": 64},
    ),
    (  # MSCOCO
        """--url_list mscoco.parquet --input_format "parquet" --url_col "URL" --caption_col "TEXT"
        --output_format webdataset --output_folder mscoco --processes_count 16 --thread_count 64 --image_size 256""",
        {"folder": "mscoco"},
        {},
        {"hosts": 64},
    ),
    (  # SBU captions
        """--url_list sbu-captions-all.json --input_format "json" --url_col "image_urls" --caption_col "captions"
        --output_format webdataset --output_folder sbucaptions --processes_count 16 --thread_count 64 --image_size 256
        """,
        {"url_col": "image_urls", "caption_col": "captions"},
        {},
        {"hosts": 64},
    ),
    (  # DataComp, as its downloader calls it
        """--url_list metadata --output_folder shards --input_format parquet --output_format webdataset --url_col url
        --caption_col text --bbox_col face_bboxes --save_additional_columns '["uid"]' --number_sample_per_shard 10000
        --oom_shard_count 8 --processes_count 16 --thread_count 128 --image_size 512 --resize_mode keep_ratio_largest
        --resize_only_if_bigger True --encode_format jpg --encode_quality 95 --skip_reencode True --retries 2
        --compute_hash sha256 --verify_hash '["sha256","sha256"]' --enable_wandb False --timeout 10""",
        {"bbox_col": "face_bboxes", "digits": 8, "compute_hash": "sha256", "verify_hash_col": "sha256"},
        {"resize_mode": "keep_ratio_largest", "image_size": 512},
        {"hosts": 128, "attempts": 3, "connect_timeout": 10.0, "read_timeout": 10.0, "deadline": 60.0},
    ),
    (  # Wukong
        """--url_list wukong_release --input_format csv --url_col url --caption_col caption --output_format webdataset
        --output_folder wukong --processes_count 16 --thread_count 256 --resize_mode no --min_image_size=200
        --max_aspect_ratio=3 --max_image_area 1e8 --compute_hash=None --timeout 90""",
        {"compute_hash": None},
        {"resize_mode": "no", "min_image_size": 200, "max_aspect_ratio": 3, "max_image_area": 1e8},
        {"hosts": 256, "connect_timeout": 90.0, "read_timeout": 90.0, "deadline": 90.0},
    ),
]


@pytest.mark.parametrize("dashes", [False, True], ids=["underscores", "dashes"])
@pytest.mark.parametrize(("line", "samples", "fit", "changes"), COMMANDS, ids=[one[0].split()[0] for one in COMMANDS])
def test_a_command_of_img2dataset(
    line: str, samples: dict[str, Any], fit: dict[str, Any], changes: dict[str, Any], dashes: bool
) -> None:
    words = shlex.split(line)
    if dashes:
        words = [word.replace("_", "-") if word.startswith("--") and "=" not in word else word for word in words]
    run = img2dataset.read(words, OURS)
    assert run.samples is not None
    assert {name: getattr(run.samples, name) for name in samples} == samples
    assert {name: getattr(run.samples.fit, name) for name in fit} == fit
    assert run.changes == changes
    assert run.workers == (16 if "processes_count 16" in line else 1)
    assert bool(run.notes) == ("enable_wandb True" in line)
    assert run.rest[-2:] == ("--out", f"{run.samples.folder}/_tuwen")


def test_the_defaults_are_img2datasets() -> None:
    run = img2dataset.read(["--url_list", "urls.txt"], OURS)
    assert run.samples == RowShards(folder="images", loose=True)
    assert run.rest == ("--url-list", "urls.txt", "--url-col", "url", "--out", "images/_tuwen")
    assert not run.changes and run.notes == ("--output_folder: not given; the samples and the crawl go to images/",)
    assert {one.name for one in fields(Fit)} == set(img2dataset.FIT)


def test_our_own_flags_go_with_theirs() -> None:
    words = "--url_list a.csv --output_folder o --out c --allow_address 10.0.0.0/8 --delay=2 --user_agent_token MyBot"
    run = img2dataset.read(words.split(), OURS)
    assert run.rest[:5] == ("--out", "c", "--allow-address", "10.0.0.0/8", "--delay=2")
    assert run.rest[-2:] == ("--agent", "MyBot") and run.samples is not None


def test_with_only_a_corpus_no_samples_are_written() -> None:
    run = img2dataset.read(["--url-list", "a.csv", "--caption-col", "text", "--out", "c", "--timeout", "5"], OURS)
    assert run.samples is None
    assert run.rest == ("--out", "c", "--url-list", "a.csv", "--url-col", "url", "--caption-col", "text")
    with pytest.raises(BadInput, match=r"--image_size.*--output_folder"):
        img2dataset.read(["--url-list", "a.csv", "--out", "c", "--image-size", "256"], OURS)


def test_directives_are_added() -> None:
    """What is named refuses besides our own; what is left out refuses as well, and that is said."""
    run = img2dataset.read(["--url_list=a.txt", "--disallowed_header_directives=[noai, NoSnippet]"], OURS)
    assert run.changes == {"refused": ("noai", "nosnippet")}
    assert "noimageai, noimageindex, noindex" in run.notes[-1]
    assert all(x_robots([one], "TuwenBot").decided == one for one in img2dataset.REFUSED)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--output_format=tfrecord", "nearest is --output_format=webdataset"),
        ("--output_format=parquet", "Parquet beside each tar"),
        ("--output_format=dummy", "--out CORPUS"),
        ("--output_format=arrayrecord", "use webdataset or files"),
        ("--distributor=pyspark", "--engine flink"),
        ("--distributor=ray", "--engine"),
        ("--incremental_mode=overwrite", "remove the folder yourself"),
        ("--incremental_mode=extend", "a folder of its own"),
        ("--incremental", "did you mean --incremental_mode"),
        ("--extract_exif=True", "where and by whom"),
        ("--disallowed_header_directives '[]'", "can only add"),
        ("--disallowed_header_directives=None", "can only add"),
        ("--bbox_col=faces --disable_all_reencoding", "blurred"),
        ("--disable_all_reencoding --min_image_size=200", "--min_image_size with --disable_all_reencoding"),
        ("--disable_all_reencoding=True --skip_reencode", "leave out one of the two"),
        ("--max_aspect_ratio=0.3", "1 or more"),
        ("--encode_format png --skip_reencode", "give --encode_quality too"),
        ("--save_additional_columns '[key,width]'", "key, width"),
        ("--compute_hash crc32", "md5, sha256, sha512"),
        ("--verify_hash '[md5,md5]'", "--compute_hash names"),
        ("--verify_hash md5", "COLUMN, KIND"),
        ("--resize_mode squash", "center_crop"),
        ("--encode_format gif", "jpg, png, webp"),
        ("--encode_format png", "from 0 to 9"),
        ("--upscale_interpolation blurry", "lanczos"),
        ("--image_size 0", "1 or more"),
        ("--number_sample_per_shard 0", "1 or more"),
        ("--oom_shard_count 0", "1 or more"),
        ("--retries=-1", "0 or more"),
        ("--thread_count 0", "1 or more"),
        ("--timeout 0", "or more"),
        ("--imagesize 256", "did you mean --image_size"),
        ("--count 100", "no such flag"),
        ("--output_folder s3://bucket/x", "--out CORPUS"),
    ],
)
def test_what_is_not_done_names_the_way_out(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        img2dataset.read(["--url_list", "a.csv", *shlex.split(line)], OURS)


def test_what_is_switched_off_contradicts_nothing() -> None:
    line = "--url_list a --disable_all_reencoding=False --image_size 9 --encode_format png --encode_quality 6"
    assert img2dataset.read(shlex.split(line), OURS).samples
    off = "--url_list a --disable_all_reencoding --skip_reencode=False --image_size=None"
    samples = img2dataset.read(shlex.split(off), OURS).samples
    assert samples and samples.fit.disable_all_reencoding


def test_a_list_is_needed() -> None:
    with pytest.raises(BadInput, match="--url_list: missing"):
        img2dataset.read(["--output_folder", "x"], OURS)


def test_settings_take_the_changes() -> None:
    """The names are those of the crawl's settings, or `replace` would fail."""
    changes = img2dataset.read(["--url_list=a", "--timeout=9", "--retries=0", "--thread_count=8"], OURS).changes
    assert Settings(**changes).attempts == 1


def test_every_flag_stands_in_the_help() -> None:
    crawl = cli.commands()["crawl"]
    said = crawl.get_help(typer.Context(crawl))
    assert [name for name in img2dataset.KNOWN if f"--{name}" not in said.replace(",", " ").split()] == []
    assert "docs/url-lists.md" in said


def test_every_flag_stands_in_the_documentation() -> None:
    page = (Path(__file__).parent.parent / "docs" / "url-lists.md").read_text("utf-8")
    for name in img2dataset.KNOWN:
        assert f"`{name}`" in page or f"`--{name}`" in page, name
