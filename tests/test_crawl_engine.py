"""`tuwen crawl` on an engine and into an object store: the same outcomes and pairs as one process on a disk.

The parts on Flink and over S3 run with `make test-flink` and `make test-s3`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from linked import Ended, ended, linked, seeds
from test_flink import command, engine_file, flink, mini, until, worker, workers_of  # noqa: F401 - fixtures
from test_s3 import bucket, cutting, server  # noqa: F401 - fixtures
from web import Web, held_after, loopback

from crawlers.crawl import crawl
from crawlers.partition import Partition
from engines.flink.cluster import Cluster
from pipelines import arguments, cli, files, s3, slice_records
from pipelines.corpus import Corpus

FLINK = pytest.mark.skipif("TUWEN_FLINK" not in os.environ, reason="make test-flink starts Flink and runs these")
S3 = pytest.mark.skipif(not os.environ.get("TUWEN_S3_SERVER"), reason="make test-s3 builds an S3 server and runs these")


@pytest.fixture(scope="module")
def webs() -> Iterator[tuple[list[Web], list[Web]]]:
    """Those that are seeds, and all."""
    with linked(pages=5) as webs:
        yield webs


@pytest.fixture(scope="module")
def alone(webs: tuple[list[Web], list[Web]], tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What one process makes of it."""
    corpus = tmp_path_factory.mktemp("alone")
    crawl(seeds(webs[0]), corpus, loopback())
    return ended(corpus)


@pytest.fixture(autouse=True)
def unasked(webs: tuple[list[Web], list[Web]], alone: Ended) -> None:
    """Forget what was asked before a test."""
    for web in webs[1]:
        web.asked.clear()
        web.delay = 0.0


def tuwen(*words: str) -> int:
    return cli.run(arguments.split(list(words)))


def words(webs: list[Web], out: str, folder: Path, *more: str) -> list[str]:
    """A crawl of the small web in three partitions."""
    toml = "".join(
        f'[[site]]\nurl = "{web.url("/")}"\nstrong = {str(not number).lower()}\n' for number, web in enumerate(webs)
    )
    (folder / "seeds.toml").write_text(toml)
    said = ["crawl", "--seeds", str(folder / "seeds.toml"), "--out", out, "--partitions", "3", *more]
    said += ["--allow-address", "127.0.0.0/8"] + ([] if "--delay" in more else ["--delay", "0"])
    return [*said, "--ignore", "tdmrep=not what is tested", "ai.txt=not what is tested"]


def here(root: str, folder: Path) -> Path:
    """A copy of a corpus on this disk."""
    for name in files.tree(files.join(root, "crawl")):
        path = folder / "crawl" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.read_bytes(files.join(root, "crawl", *name.split("/"))))
    return folder


def asked(webs: tuple[list[Web], list[Web]]) -> int:
    return sum(len(web.asked) for web in webs[1])


def number_of(web: Web) -> int:
    return Partition(0, 3).at(web.url("")[7:])


def where(corpus: str, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Which host is in which partition, as the status tells."""
    capsys.readouterr()
    assert tuwen("crawl", "--status", corpus, "--hosts", "--json") == 0
    return {one["host"]: one["partition"] for one in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_local_engine_ends_in_the_same_as_one_process(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path, workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words(webs[0], str(tmp_path / "c"), tmp_path, "--engine", "local", "--workers", workers)
    assert tuwen(*line) == 0
    summary = capsys.readouterr().out
    assert summary.startswith("crawl: ") and "image/ok" in summary
    before = asked(webs)
    assert tuwen(*line) == 0
    assert capsys.readouterr().out == summary and asked(webs) == before
    assert ended(tmp_path / "c") == alone
    status = tuwen("crawl", "--status", str(tmp_path / "c"), "--json"), json.loads(capsys.readouterr().out)
    assert status[0] == 0 and status[1]["finished"] and list(status[1]["parts"]) == ["p00", "p01", "p02"]
    assert sum(part["ended"] for part in status[1]["parts"].values()) == sum(status[1]["ended"].values())
    assert where(str(tmp_path / "c"), capsys) == {web.url("")[7:]: number_of(web) for web in webs[1]}


def test_allowances_of_the_whole_crawl_hold_over_partitions(
    webs: tuple[list[Web], list[Web]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--engine", "local", "--workers", "1", "--max-pages", "7", "--max-images", "5")
    assert tuwen(*words(webs[0], str(tmp_path / "c"), tmp_path, *more)) == 0
    known = slice_records.records(Corpus(str(tmp_path / "c"))).values()
    assert sum(one.taken["page"] for one in known) == 7 and 1 <= sum(one.taken["image"] for one in known) <= 5
    log = pq.read_table(tmp_path / "c/crawl/log").to_pylist()
    came = [row["kind"] for row in log if row["outcome"] == "ok"]  # one that was redirected counts in two partitions
    assert 4 <= came.count("page") <= 7 and came.count("image") <= 5


def test_what_cannot_be_is_refused(
    webs: tuple[list[Web], list[Web]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words(webs[0], str(tmp_path / "c"), tmp_path, "--engine", "local", "--workers", "1")
    assert tuwen(*line) == 0
    capsys.readouterr()
    line[line.index("--partitions") + 1] = "2"
    assert tuwen(*line) == 2
    assert "goes in 3 partitions, not 2; say --partitions 3" in capsys.readouterr().err
    assert tuwen(*words(webs[0], str(tmp_path / "dry"), tmp_path, "--engine", "local", "--dry-run")) == 0
    assert "crawl: dry run; " in capsys.readouterr().out and not (tmp_path / "dry").exists()
    pictures = "".join(f"{webs[1][-1].url(f'/{one}.png')},图\n" for one in range(5))
    (tmp_path / "list.csv").write_bytes(f"url,caption\n{pictures * 300}".encode() + b"\xff" * 100_000)
    wanted = ["--url-list", str(tmp_path / "list.csv"), "--caption-col", "caption", "--out", str(tmp_path / "list")]
    assert tuwen("crawl", *wanted, "--engine", "local", "--allow-address", "127.0.0.0/8", "--delay", "0") == 2
    assert "the rows before it count" in capsys.readouterr().err
    assert len(pq.read_table(tmp_path / "list/crawl/found")) > 100


def test_ctrl_c_ends_the_crawl_and_the_same_command_goes_on(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path
) -> None:
    line = words(webs[0], str(tmp_path / "c"), tmp_path, "--engine", "local", "--workers", "1")
    with held_after(12, *webs[1]):
        child = command(*line)
        until(lambda: asked(webs) > 12)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert errors.splitlines()[-1] == "tuwen: interrupted; the same command goes on from here"
    assert tuwen(*line) == 0
    assert ended(tmp_path / "c") == alone


@S3
def test_a_crawl_into_an_object_store(
    webs: tuple[list[Web], list[Web]],
    alone: Ended,
    bucket: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = words(webs[0], bucket, tmp_path, "--workers", "1", "--slice-seconds", "0.3")
    assert tuwen(*line) == 0
    before = sorted(s3.below(bucket)), asked(webs)
    assert tuwen(*line) == 0
    assert (sorted(s3.below(bucket)), asked(webs)) == before
    assert ended(here(bucket, tmp_path / "copy")) == alone
    capsys.readouterr()
    assert tuwen("crawl", "--status", bucket, "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert status["finished"] and status["partitions"] == 3 and status["letters"] == 0
    assert tuwen("crawl", "--status", bucket) == 0 and "p02" in capsys.readouterr().out
    assert where(bucket, capsys) == {web.url("")[7:]: number_of(web) for web in webs[1]}
    assert tuwen("run", *line[1:], "--recipe", "demo") == 0
    assert sorted(s3.below(f"{bucket}/crawl/"))[: len(before[0])] == before[0] and asked(webs) == before[1]
    assert tuwen("verify", f"{bucket}/releases/demo-1.0.0") == 0


@S3
def test_what_is_cut_on_its_way_up_to_a_store_counts_for_nothing(
    webs: tuple[list[Web], list[Web]],
    alone: Ended,
    bucket: str,  # noqa: F811
    server: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The way up hangs up ever later: before the first file, amid them, before the state, after it."""
    line = words(webs[0], bucket, tmp_path, "--workers", "1")
    failed = 0
    for after in (2_000, 20_000, 60_000, 120_000, 200_000):
        with cutting(server, after) as way:
            monkeypatch.setenv(s3.ENDPOINT, way)
            failed += tuwen(*line) == 1
        monkeypatch.setenv(s3.ENDPOINT, server)
        known = {
            name for name in files.tree(files.join(bucket, "crawl")) if name.startswith(("log", "found", "images"))
        }
        assert not known or files.listing(files.join(bucket, "crawl", "state")), "files without a state that knows them"
    assert failed >= 2
    assert tuwen(*line) == 0
    assert ended(here(bucket, tmp_path / "copy")) == alone
    assert not files.tree(files.join(bucket, "crawl", "attempts"))


@S3
def test_of_two_crawls_into_one_store_nothing_is_doubled(
    webs: tuple[list[Web], list[Web]],
    alone: Ended,
    bucket: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    line = words(webs[0], bucket, tmp_path, "--workers", "1")
    with held_after(0, *webs[1]):
        children = [command(*line) for _ in range(2)]
        until(lambda: any(web.paths().count("/robots.txt") == 2 for web in webs[1]))
    said = [child.communicate(timeout=120)[1] for child in children]
    codes = sorted(child.returncode for child in children)
    assert codes in ([0, 1], [1, 1]), said
    assert any("another worker was first with this slice" in one for one in said)
    assert tuwen(*line) == 0
    assert ended(here(bucket, tmp_path / "copy")) == alone


@FLINK
def test_flink_ends_in_the_same_as_one_process(
    webs: tuple[list[Web], list[Web]],
    alone: Ended,
    mini: Cluster,  # noqa: F811
    worker: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    line = words(webs[0], str(tmp_path / "c"), tmp_path, "--engine", engine_file(mini, worker, 60_000))
    assert tuwen(*line) == 0
    assert ended(tmp_path / "c") == alone


@FLINK
def test_a_worker_is_killed_in_mid_slice_on_flink(
    webs: tuple[list[Web], list[Web]],
    alone: Ended,
    flink: Cluster,  # noqa: F811
    worker: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    with held_after(12, *webs[1]):
        child = command(*words(webs[0], str(tmp_path / "c"), tmp_path, "--engine", engine_file(flink, worker)))
        until(lambda: asked(webs) > 12)
        killed = [one for name in ("taskmanager1", "taskmanager2") for one in workers_of(flink.daemons.pid(name))]
        for one in killed:
            os.kill(one, signal.SIGKILL)
    _, errors = child.communicate(timeout=240)
    assert killed and child.returncode == 0, errors
    assert ended(tmp_path / "c") == alone
