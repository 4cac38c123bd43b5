"""A list's samples, from a loopback web: what img2dataset 1.47 writes for the same list, and where ours differs."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawls import RawCrawl
from PIL import Image
from web import Web, answer, loopback, serving

from crawlers.crawl import crawl
from crawlers.rows import Wanted
from crawlers.settings import Settings
from pipelines import cli, img2dataset
from pipelines.columns import column_types
from pipelines.corpus import Corpus
from pipelines.crawl_options import CrawlOptions
from pipelines.engine import Engine
from pipelines.list_run import list_run
from pipelines.listed import write_samples
from pipelines.reasons import message
from pipelines.row_shard import RowShards
from schemas.errors import BadInput, Damaged
from schemas.outcome import Outcome
from schemas.seeds import Site


def file(width: int, height: int, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


FILES = {
    "/a.jpg": file(60, 40),
    "/b.png": file(10, 20, "PNG"),
    "/small.jpg": file(3, 3),
    "/long.jpg": file(90, 10),
    "/no.jpg": file(30, 30),
}
PATHS = ["/a.jpg", "/b.png", "/small.jpg", "/long.jpg", "/gone.jpg", "/no.jpg", "/text.jpg", "/closed/c.jpg", "/a.jpg"]


@pytest.fixture
def web() -> Iterator[Web]:
    pictures = {path: answer(data, kind="image/jpeg") for path, data in FILES.items()}
    site = Web(
        {
            **pictures,
            "/no.jpg": answer(FILES["/no.jpg"], kind="image/jpeg", X_Robots_Tag="noai"),
            "/text.jpg": answer("<html>nope", kind="image/jpeg"),
            "/robots.txt": answer("User-agent: *\nDisallow: /closed/\n", kind="text/plain"),
        }
    )
    with serving(site):
        yield site


def write_list(path: Path, web: Web, paths: list[str] = PATHS) -> Path:
    """A Parquet like those of LAION: URL, TEXT and more."""
    numbers = range(len(paths))
    table = {
        "URL": [web.url(one) if one.startswith("/") else one for one in paths],
        "TEXT": [None if number == 3 else f"第{number}张图" for number in numbers],
        "NSFW": ["UNLIKELY"] * len(paths),
        "similarity": [number / 2 for number in numbers],
        "tags": [["x", str(number)] for number in numbers],
        "md5": [hashlib.md5(FILES.get(one, b"")).hexdigest() if n else "0" * 32 for n, one in enumerate(paths)],
    }
    pq.write_table(pa.table(table), path)
    return path


LAION = ("--url_col=URL", "--caption_col=TEXT", "--output_format=webdataset", "--image_size=32")


def run(listed: Path, out: Path, *words: str, **changes: Any) -> None:
    """`tuwen crawl` in this process, where all of loopback is open."""
    wanted = img2dataset.read([f"--url_list={listed}", f"--output_folder={out}", *words], ["out"])
    rest = dict(zip(wanted.rest[::2], wanted.rest[1::2], strict=True))
    options = CrawlOptions(
        out=rest["--out"],
        url_list=rest["--url-list"],
        url_col=rest["--url-col"],
        caption_col=rest.get("--caption-col"),
    )
    own = {field.name: getattr(loopback(), field.name) for field in fields(Settings)}
    list_run(options, replace(wanted, changes={**own, "attempts": 1, **wanted.changes, **changes}))


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def stats(out: Path, name: str = "00000") -> dict[str, Any]:
    return json.loads((out / f"{name}_stats.json").read_text())


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def outputs(out: Path) -> dict[str, bytes]:
    """What a reader sees: all but the corpus."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and "_tuwen" not in path.parts
    }


# What img2dataset wrote for this list and these flags, but for the page that robots.txt closes, which it fetched.
COLUMNS = {
    "NSFW": "string",
    "similarity": "double",
    "tags": "list<element: string>",
    "caption": "string",
    "url": "string",
    "key": "string",
    "status": "string",
    "error_message": "string",
    "width": "int32",
    "height": "int32",
    "original_width": "int32",
    "original_height": "int32",
    "sha256": "string",
}
STATS = ["count", "successes", "failed_to_download", "failed_to_resize", "duration", "start_time", "end_time"]
ENDS = [
    ("000000", "success", None),
    ("000001", "success", None),
    ("000002", "success", None),
    ("000003", "success", None),
    ("000010", "failed_to_download", "HTTP Error 404: Not Found"),
    ("000011", "failed_to_download", "Use of image disallowed by X-Robots-Tag directive"),
    ("000012", "failed_to_resize", "Image decoding error"),
    ("000013", "failed_to_download", "robots: robots.txt says no"),
    ("000020", "success", None),
]


def test_what_img2datasets_users_read(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out"
    listed = write_list(tmp_path / "laion.parquet", web)
    columns = '--save_additional_columns=["NSFW","similarity","tags"]'
    run(listed, out, *LAION, columns, "--number_sample_per_shard=4")
    names = [f"0000{number}{ending}" for number in range(3) for ending in (".parquet", ".tar", "_stats.json")]
    assert sorted(path.name for path in out.iterdir()) == [*names, "_tuwen"]
    for path in sorted(out.glob("*.parquet")):
        assert {one.name: str(one.type) for one in pq.read_schema(path)} == COLUMNS
    written = rows(out)
    assert [(row["key"], row["status"], row["error_message"]) for row in written] == ENDS
    assert [row["url"] for row in written] == [web.url(path) for path in PATHS]
    assert [row["caption"] for row in written] == [None if n == 3 else f"第{n}张图" for n in range(9)]
    assert [row["similarity"] for row in written] == [number / 2 for number in range(9)]
    sizes = [(row["width"], row["height"], row["original_width"], row["original_height"]) for row in written[:4]]
    assert sizes == [(32, 32, *one) for one in ((60, 40), (10, 20), (3, 3), (90, 10))]
    assert {row["width"] for row in written[4:8]} == {row["sha256"] for row in written[4:8]} == {None}
    assert written[0]["sha256"] == hashlib.sha256(FILES["/a.jpg"]).hexdigest()
    assert set(stats(out)) == {*STATS, "status_dict"}
    second = stats(out, "00001")
    assert [second[name] for name in STATS[:4]] == [4, 0, 3, 1]
    assert second["status_dict"] == {error: 1 for _, _, error in ENDS[4:8]}
    inside = members(out / "00000.tar")
    assert list(inside) == [f"00000{n}.{ending}" for n in range(4) for ending in ("jpg", "json", "txt")]
    assert inside["000000.txt"].decode() == "第0张图" and inside["000003.txt"] == b""
    assert Image.open(io.BytesIO(inside["000001.jpg"])).size == (32, 32)
    assert json.loads(inside["000002.json"]) == written[2]
    assert members(out / "00001.tar") == {}
    assert all(int(path.name.split("_")[0]) >= 0 for path in out.glob("*.json"))  # as img2dataset's resume reads them


def test_refused_sizes_and_hashes(web: Web, tmp_path: Path) -> None:
    """As img2dataset, row for row; the row that robots.txt closes is ours."""
    out = tmp_path / "out"
    flags = ["--min_image_size=5", "--max_aspect_ratio=3", "--max_image_area=1000", "--resize_mode=keep_ratio"]
    run(write_list(tmp_path / "a.parquet", web), out, *LAION, *flags, "--compute_hash=md5", "--verify_hash=[md5,md5]")
    schema = pq.read_schema(out / "00000.parquet")
    assert schema.names == ["caption", "md5", "url", *list(COLUMNS)[5:-1]]
    assert [(row["key"], row["error_message"]) for row in rows(out)] == [
        ("000000000", "hash mismatch"),
        ("000000001", None),
        ("000000002", "image too small"),
        ("000000003", "aspect ratio too large"),
        ("000000004", "HTTP Error 404: Not Found"),
        ("000000005", "Use of image disallowed by X-Robots-Tag directive"),
        ("000000006", "Image decoding error"),
        ("000000007", "robots: robots.txt says no"),
        ("000000008", "image area too large"),
    ]
    good = rows(out)[1]
    assert (good["width"], good["height"], good["md5"]) == (32, 64, hashlib.md5(FILES["/b.png"]).hexdigest())
    assert rows(out)[0]["status"] == "failed_to_download" and rows(out)[0]["md5"] is None
    assert list(members(out / "00000.tar")) == ["000000001.jpg", "000000001.json", "000000001.txt"]


def test_files_of_a_csv(web: Web, tmp_path: Path) -> None:
    """img2dataset's default format: a folder of files for each shard; numbers of a csv are numbers."""
    out, listed = tmp_path / "out", tmp_path / "a.csv"
    with listed.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["URL", "TEXT", "n", "x", "m", "yes", "word"])
        for n, path in enumerate(PATHS):
            table.writerow([web.url(path), f't "{n}"', n, n / 2, "" if n % 2 else 7, n % 2 == 0, "7" if n else "q"])
    run(
        listed,
        out,
        "--url_col=URL",
        "--caption_col=TEXT",
        "--save_additional_columns=[n,x,m,yes,word]",
        "--resize_mode=no",
        "--compute_hash=None",
    )
    types = [str(one.type) for one in pq.read_schema(out / "00000.parquet")]
    assert types[:7] == ["int64", "double", "int64", "bool", "string", "string", "string"]
    assert "sha256" not in rows(out)[0]
    assert [row["m"] for row in rows(out)[:3]] == [7, None, 7]
    names = [f"00000000{n}.{ending}" for n in (0, 1, 2, 3, 8) for ending in ("jpg", "json", "txt")]
    assert sorted(path.name for path in (out / "00000").iterdir()) == names
    assert (out / "00000" / "000000008.txt").read_text() == 't "8"'
    assert json.loads((out / "00000" / "000000001.json").read_text())["x"] == 0.5
    assert not list(out.glob("*.tar"))


def test_bytes_do_not_depend_on_workers_and_twice_changes_nothing(web: Web, tmp_path: Path) -> None:
    listed = write_list(tmp_path / "a.parquet", web, PATHS * 3)
    one, many = tmp_path / "one", tmp_path / "many"
    words = [*LAION, "--number_sample_per_shard=5", "--save_additional_columns=[tags]"]
    run(listed, one, *words, "--out", str(tmp_path / "corpus"))
    asked, written = len(web.asked), outputs(one)
    times = {path: path.stat().st_mtime_ns for path in one.iterdir()}
    run(listed, one, *words, "--out", str(tmp_path / "corpus"))
    assert len(web.asked) == asked and outputs(one) == written
    assert {path: path.stat().st_mtime_ns for path in one.iterdir()} == times
    (tmp_path / "corpus" / "rows.json").unlink()
    run(listed, many, *words, "--out", str(tmp_path / "corpus"), "--processes_count=2")
    assert outputs(many) == written and len(web.asked) == asked
    assert len(written) == 6 * 3


def test_what_is_missing_is_written_again(web: Web, tmp_path: Path) -> None:
    listed, out = write_list(tmp_path / "a.parquet", web), tmp_path / "out"
    run(listed, out, *LAION, "--number_sample_per_shard=4")
    written = outputs(out)
    (out / "_tuwen" / "rows" / "done").mkdir(parents=True)  # as a kill leaves it
    (out / "_tuwen" / "rows" / "7.parquet").write_text("cut")
    (out / "00001.tar").unlink()
    (out / "00002_stats.json").write_text("{}")
    kept = (out / "00000.tar").stat().st_mtime_ns
    run(listed, out, *LAION, "--number_sample_per_shard=4")
    assert outputs(out) == written
    assert (out / "00000.tar").stat().st_mtime_ns == kept
    assert not (out / "_tuwen" / "rows").exists()


def test_a_list_that_grows_and_shrinks(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out"
    listed = write_list(tmp_path / "a.parquet", web, PATHS[:5])
    run(listed, out, *LAION, "--number_sample_per_shard=4")
    first = outputs(out)
    write_list(listed, web)
    run(listed, out, *LAION, "--number_sample_per_shard=4")
    assert [row["error_message"] for row in rows(out)] == [error for _, _, error in ENDS]
    assert outputs(out)["00000.tar"] == first["00000.tar"]
    assert web.paths().count("/a.jpg") == 1
    run(listed, out, *LAION, "--number_sample_per_shard=9")
    assert sorted(outputs(out)) == ["00000.parquet", "00000.tar", "00000_stats.json"]
    assert len(rows(out)) == 9


def test_another_format_leaves_nothing_of_the_one_before(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, out = write_list(tmp_path / "a.parquet", web, ["/a.jpg", "/b.png"]), tmp_path / "out"
    run(listed, out, *LAION)
    (out / "my.tar").write_bytes(b"another's")
    run(listed, out, *LAION, "--output_format=files")
    assert {path.name for path in out.glob("*.tar")} == {"my.tar"} and len(list((out / "00000").iterdir())) == 6
    assert f"samples: removed what the other --output_format had left in {out}; files: 1" in capsys.readouterr().err
    run(listed, out, *LAION)
    assert (out / "00000.tar").exists() and not list(out.glob("00000/*"))
    assert "; files: 6" in capsys.readouterr().err


def test_another_column_needs_another_folder(web: Web, tmp_path: Path) -> None:
    listed = tmp_path / "two.csv"
    listed.write_text(f"a,b\n{web.url('/a.jpg')},{web.url('/b.png')}\n")
    run(listed, tmp_path / "out", "--url_col=a")
    with pytest.raises(BadInput, match=r"two\.csv: was taken in with another --url-col \(it was a\)"):
        run(listed, tmp_path / "out", "--url_col=b")


def test_a_url_in_many_rows_is_fetched_once(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(write_list(tmp_path / "a.parquet", web, ["/a.jpg"] * 50), out, *LAION, "--number_sample_per_shard=20")
    assert web.paths() == ["/robots.txt", "/a.jpg"]
    assert [row["key"] for row in rows(out)] == [f"{s:05d}{n:02d}" for s in range(3) for n in range(20)][:50]
    assert len({row["caption"] for row in rows(out)}) == 50


def test_rows_that_are_no_urls_have_their_row(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = ["no url", "", "ftp://a.example/1.jpg", "http://user:word@a.example/1.jpg", f"{web.url('/a.jpg')} "]
    run(write_list(tmp_path / "a.parquet", web, paths), out, *LAION)
    assert [row["error_message"] for row in rows(out)] == ["bad_url: not a URL that can be fetched"] * 4 + [None]
    assert [row["url"] for row in rows(out)] == paths


def test_a_folder_of_lists_begins_a_shard_with_each_file(web: Web, tmp_path: Path) -> None:
    folder, out = tmp_path / "lists", tmp_path / "out"
    folder.mkdir()
    for name, paths in (("b", ["/a.jpg"]), ("a", ["/b.png", "/a.jpg", "/gone.jpg"])):
        (folder / f"{name}.txt.gz").write_bytes(gzip.compress("\n".join(map(web.url, paths)).encode()))
    (folder / "readme.md").write_text("of no interest")
    run(folder, out, "--input_format=txt.gz", "--number_sample_per_shard=2", "--oom_shard_count=3")
    assert [row["key"] for row in rows(out)] == ["0000", "0001", "0010", "0020"]
    assert [row["url"] for row in rows(out)] == [web.url(one) for one in ("/b.png", "/a.jpg", "/gone.jpg", "/a.jpg")]
    assert "caption" not in rows(out)[0] and not list((out / "000").glob("*.txt"))


def test_the_json_of_sbu(web: Web, tmp_path: Path) -> None:
    """An object of columns, as SBU captions come, and as pandas writes a table."""
    urls = [web.url("/a.jpg"), web.url("/b.png")]
    (tmp_path / "a.json").write_text(json.dumps({"image_urls": urls, "captions": ["一", "二\ud800"], "n": [1, 2.5]}))
    table = {"image_urls": dict(enumerate(urls)), "captions": {"0": "一", "1": None}, "n": {"0": True, "1": "x"}}
    (tmp_path / "b.json").write_text(json.dumps(table))
    for name, captions, numbers in (("a", ["一", "二?"], [1.0, 2.5]), ("b", ["一", None], ["True", "x"])):
        out = tmp_path / name
        words = ["--url_col=image_urls", "--caption_col=captions", "--save_additional_columns=n"]
        run(tmp_path / f"{name}.json", out, "--input_format=json", "--output_format=webdataset", *words)
        assert [row["caption"] for row in rows(out)] == captions
        assert [row["n"] for row in rows(out)] == numbers


def test_types_of_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(
        "u\ti\tf\tb\ts\tempty\tbig\nx\t1\t1\ttrue\t1\t\t1\ny\tNULL\t2.5\tFalse\ta\t\t" + "9" * 30
    )
    wanted = [Wanted("--c", name) for name in ("u", "i", "f", "b", "s", "empty", "big")]
    types = column_types(tmp_path / "a.tsv", wanted, "tsv")
    assert list(map(str, types)) == ["string", "int64", "double", "bool", "string", "string", "double"]
    (tmp_path / "a.jsonl").write_text('{"u": "x", "i": 1, "d": {"k": [1]}}\n{"u": "y", "i": 2.5, "d": null}\n')
    types = column_types(tmp_path / "a.jsonl", [Wanted("--c", name) for name in ("u", "i", "d")], "jsonl")
    assert list(map(str, types)) == ["string", "double", "struct<k: list<item: int64>>"]


def test_more_directives_refuse(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = answer(FILES["/a.jpg"], kind="image/jpeg", X_Robots_Tag="NoSnippet")
    listed = write_list(tmp_path / "a.parquet", web, ["/a.jpg", "/no.jpg"])
    run(listed, tmp_path / "plain", *LAION)
    run(listed, tmp_path / "strict", *LAION, "--disallowed_header_directives=[nosnippet]")
    assert [row["status"] for row in rows(tmp_path / "plain")] == ["success", "failed_to_download"]
    assert [row["status"] for row in rows(tmp_path / "strict")] == ["failed_to_download"] * 2


def test_faces_are_blurred_and_boxes_that_cannot_be_read_show_nothing(web: Web, tmp_path: Path) -> None:
    boxes = [[[0.2, 0.2, 0.8, 0.8]], [], None, [[0.1]], [[0.0, 0.0, float("nan"), 1.0]]]
    table = {"url": [web.url("/a.jpg")] * 5, "face_bboxes": boxes}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    out = tmp_path / "out"
    run(tmp_path / "a.parquet", out, "--bbox_col=face_bboxes", "--output_format=webdataset", "--resize_mode=no")
    inside = members(out / "00000.tar")
    assert inside["000000000.jpg"] != inside["000000001.jpg"] == inside["000000002.jpg"]
    assert [row["status"] for row in rows(out)] == ["success"] * 3 + ["failed_to_resize"] * 2
    assert rows(out)[0]["face_bboxes"] == boxes[0]


def test_another_tools_shards_are_left_alone(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    pq.write_table(pa.table({"key": ["000000000"]}), out / "00000.parquet")
    with pytest.raises(BadInput, match="none of ours"):
        run(write_list(tmp_path / "a.parquet", web), out, *LAION)
    assert pq.read_table(out / "00000.parquet").num_rows == 1


def test_the_last_good_fetch_counts(tmp_path: Path) -> None:
    """Of the rounds of a crawl, as `pair` has it: whatever came once is there. Any path will do."""
    raw = RawCrawl(tmp_path / "it's [a] *?")
    urls = [f"http://i.example/{number}.png" for number in range(3)]
    raw.fetch(urls[0], None, "timeout", round_=2)
    raw.fetch(urls[0], FILES["/a.jpg"], round_=1)
    raw.fetch(urls[0], FILES["/b.png"], round_=0)
    raw.fetch(urls[1], None, "timeout", round_=0)
    raw.fetch(urls[1], FILES["/b.png"], round_=1, warc=1)
    raw.fetch(urls[2], None, "dns", round_=1)
    raw.fetch(urls[2], None, "timeout", round_=0)
    corpus, listed = raw.write(), tmp_path / "a.txt"
    listed.write_text("\n".join(urls))
    write_samples(str(listed), "", corpus, RowShards(folder=str(tmp_path / "out")), Engine())
    written = rows(tmp_path / "out")
    assert [row["original_width"] for row in written] == [60, 10, None]
    assert written[2]["error_message"] == "dns: the name has no address"


@pytest.mark.clip
def test_webdataset_reads_the_tars(web: Web, tmp_path: Path) -> None:
    name = "webdataset"
    webdataset: Any = importlib.import_module(name) if os.environ.get("CI") else pytest.importorskip(name)
    out = tmp_path / "out"
    run(write_list(tmp_path / "a.parquet", web), out, *LAION, "--number_sample_per_shard=4")
    tars = [str(path) for path in sorted(out.glob("*.tar"))]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pil"))
    good = [row for row in rows(out) if row["status"] == "success"]
    assert [sample["__key__"] for sample in samples] == [row["key"] for row in good]
    assert [sample["json"] for sample in samples] == good
    assert [sample["txt"] for sample in samples] == [row["caption"] or "" for row in good]
    assert {sample["jpg"].size for sample in samples} == {(32, 32)}


def test_a_corpus_of_seeds_takes_a_list_in(web: Web, tmp_path: Path) -> None:
    """A URL of the list that the crawl met as a page is no picture."""
    web.answers["/"] = answer('<img src="/a.jpg" alt="一">')
    crawl([Site(web.url("/"))], tmp_path / "corpus", loopback())
    listed = write_list(tmp_path / "a.parquet", web, ["/", "/a.jpg", "/b.png"])
    run(listed, tmp_path / "out", *LAION, "--out", str(tmp_path / "corpus"))
    assert [row["error_message"] for row in rows(tmp_path / "out")] == ["Image decoding error", None, None]


def test_a_log_that_is_lost_is_damage(web: Web, tmp_path: Path) -> None:
    listed, out = write_list(tmp_path / "a.parquet", web), tmp_path / "out"
    run(listed, out, *LAION)
    log = next((out / "_tuwen" / "crawl" / "log").glob("*.parquet"))
    table = pq.read_table(log)
    pq.write_table(table.slice(0, table.num_rows - 3), log)
    wanted = img2dataset.read(["--url_list", str(listed), "--output_folder", str(out), *LAION])
    assert wanted.samples is not None
    with pytest.raises(Damaged, match="no outcome in crawl/log"):
        write_samples(str(listed), "", Corpus(str(out / "_tuwen")), wanted.samples, Engine())


def test_altered_pictures_are_damage(web: Web, tmp_path: Path) -> None:
    listed, out = write_list(tmp_path / "a.parquet", web), tmp_path / "out"
    run(listed, out, *LAION)
    (out / "00000.tar").unlink()
    warc = next((out / "_tuwen" / "crawl" / "images").glob("*.warc"))
    warc.write_bytes(warc.read_bytes().replace(FILES["/a.jpg"], bytes(len(FILES["/a.jpg"]))))
    with pytest.raises(Damaged, match="not the picture that was fetched"):
        run(listed, out, *LAION)
    assert not (out / "00000.tar").exists() and not list(out.glob(".*"))


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in (Outcome.OK, Outcome.NOT_MODIFIED)])
def test_every_outcome_has_words(outcome: Outcome) -> None:
    said = message(str(outcome), 503, "{}")
    assert said and said != str(outcome)


def test_opt_outs_name_their_signal() -> None:
    evidence = json.dumps({"consent": [{"signal": "tdmrep", "said": ["1"], "decided": "1"}]})
    assert message("opted_out", 200, evidence) == "opted_out: tdmrep says no"


def tuwen(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """The command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["tuwen", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_command_itself(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole line as typed, with a note and a result; and without an output folder, a corpus alone."""
    monkeypatch.chdir(tmp_path)
    listed = str(write_list(tmp_path / "a.parquet", web))
    line = [*LAION[:3], "--image_size", "32", "--enable_wandb", "True", "--thread_count", "8", "--delay=0"]
    line += ["--allow_address", "127.0.0.1/32", "--url_list", listed, "--output_folder", "out", "--retries=0"]
    assert tuwen(monkeypatch, "crawl", *line) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "samples: success 5, failed_to_download 3, failed_to_resize 1"
    assert "--enable_wandb: nothing is sent anywhere" in said.err
    assert len(rows(tmp_path / "out")) == 9
    ours = ["--url-list", listed, "--url-col", "URL", "--caption-col", "TEXT", "--out", "corpus", "--delay", "0"]
    assert tuwen(monkeypatch, "crawl", *ours, "--allow-address", "127.0.0.1/32") == 0
    assert "samples" not in capsys.readouterr().out and (tmp_path / "corpus" / "crawl" / "found").exists()


def test_a_wrong_flag_is_one_line_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["crawl", "--url_list", "a.csv", "--output_folder", str(tmp_path / "out")]
    for flag, said in (
        ("--imagesize=7", "--imagesize: no such flag; did you mean --image_size?"),
        ("--max_imges=7", "--max_imges: no such flag; did you mean --max_images?"),
    ):
        assert tuwen(monkeypatch, *words, flag) == 2
        assert capsys.readouterr() == ("", f"tuwen: {said}\n")
    assert tuwen(monkeypatch, *words, "stray") == 2
    assert not (tmp_path / "out").exists()


def test_a_slip_in_a_list_run_shows_before_anything_is_fetched(web: Web, tmp_path: Path) -> None:
    listed = write_list(tmp_path / "a.parquet", web)
    with pytest.raises(BadInput, match=r"--save_additional_columns nope: .* has no such column; it has "):
        run(listed, tmp_path / "out", *LAION, '--save_additional_columns=["nope"]')
    assert not web.asked
