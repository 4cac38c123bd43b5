"""The verbs on a real Flink: the same bytes, and what is left when a worker, a TaskManager or a user ends something.

`make test-flink` runs this; it needs Java 17 and Maven.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from building import VERBS, build, crawl_of_many, digests, pairs_of, tuwen
from crawls import RawCrawl, photo, small_crawl

from benchmarks import skew
from engines.flink import rest
from engines.flink.cluster import Cluster, Ports
from pipelines.corpus import Corpus
from schemas.recipe import load

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif("TUWEN_FLINK" not in os.environ, reason="make test-flink starts Flink and runs these")


def free_ports() -> Ports:
    with socket.socket() as a, socket.socket() as b, socket.socket() as c, socket.socket() as d, socket.socket() as e:
        every = (a, b, c, d, e)
        for one in every:
            one.bind(("127.0.0.1", 0))
        return Ports(*(one.getsockname()[1] for one in every))


def started(kind: str, folder: Path) -> Iterator[Cluster]:
    jars = Path(os.environ.get("FLINK_HOME", ROOT / ".flink")).resolve() / "lib"
    cluster = Cluster(folder, free_ports(), jars)
    try:
        cluster.up() if kind == "up" else cluster.mini()
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from started("mini", tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from started("up", tmp_path_factory.mktemp("flink"))


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tuwen-worker` is, with the code that is tested."""
    script = tmp_path_factory.mktemp("bin") / "tuwen-worker"
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m pipelines.boot "$@"\n')
    script.chmod(0o755)
    return script


def engine_file(cluster: Cluster, worker: Path, cache_millis: int = 0) -> str:
    """The packaged options of Flink, for this cluster and this code."""
    text = (ROOT / "engines/flink/options.toml").read_text()
    text = text.replace("localhost:8099", f"localhost:{cluster.ports.job}").replace("{worker}", str(worker))
    text = text.replace("http://localhost:8081", cluster.page)
    text = text.replace("environment_cache_millis = 0", f"environment_cache_millis = {cache_millis}")
    path = cluster.home / f"options-{cache_millis}.toml"
    path.write_text(text)
    return str(path)


def test_the_same_bytes_on_every_engine(
    mini: Cluster, flink: Cluster, worker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crawl_of_many(tmp_path / "crawl")
    fast = {cluster: engine_file(cluster, worker, 60_000) for cluster in (mini, flink)}
    engines = {
        "local 1": ("--workers", "1"),
        "local 3": ("--workers", "3"),
        "mini 1": ("--engine", fast[mini], "--workers", "1"),
        "mini 4": ("--engine", fast[mini], "--workers", "4"),
        "cluster 4": ("--engine", fast[flink], "--workers", "4"),
    }
    made, told, said = {}, {}, {}
    for name, engine in engines.items():
        shutil.copytree(tmp_path / "crawl", tmp_path / name)
        build(str(tmp_path / name), *engine)
        made[name] = digests(tmp_path / name)
        out, said[name] = capsys.readouterr()
        told[name] = out.replace(str(tmp_path / name), "CORPUS")
    assert len(made["local 1"]) > 20 and "kept" in told["local 1"]
    for name in engines:
        assert made[name] == made["local 1"], name
        assert told[name] == told["local 1"], name  # the funnel in the end, and every count before
        assert last_counts(said[name]) == last_counts(said["local 1"]), name
    assert set(last_counts(said["local 1"])) == {*(verb for verb, *_ in VERBS), "topic"}
    for name, cluster in {"mini 4": mini, "cluster 4": flink}.items():
        assert said[name].count(f"jobs: {cluster.page}\n") == len(VERBS)
    sent = shuffled(flink)
    assert set(sent) == {*(verb for verb, *_ in VERBS), "topic"}
    assert {verb: count for verb, count in sent.items() if count > SMALL_ROW * pairs_of(tmp_path / "local 1")} == {}


def last_counts(said: str) -> dict[str, str]:
    """How far each verb came by its own account: its last line of progress."""
    return dict(re.findall(r"^(\w+): (\d+/\d+)$", said, re.MULTILINE))


SMALL_ROW = 2048  # bytes of a pair that a verb may send through its shuffles: a picture is a hundred times more


def shuffled(cluster: Cluster) -> dict[str, int]:
    """The bytes that each verb's jobs have sent through shuffles so far, as Flink counted them."""
    counted: dict[str, int] = {}
    for job, name in rest.names(cluster.page).items():
        verb = name.split("-")[1]
        counted[verb] = counted.get(verb, 0) + rest.shuffled(cluster.page, job)
    return counted


def test_a_hot_caption_and_a_hot_picture(flink: Cluster, worker: Path, tmp_path: Path) -> None:
    """On heaps of 0.6 GB; `benchmarks.skew` does the same with two million rows on heaps of 1 GB."""
    recipe = tmp_path / "skew.toml"
    recipe.write_text(skew.RECIPE, encoding="utf-8")
    made = {}
    for name, engine in {"here": (), "there": ("--engine", engine_file(flink, worker, 60_000))}.items():
        corpus = skew.make(Corpus(str(tmp_path / name)), 40_000, 10_000)
        for verb, *options in (("cluster",), ("judge", "--recipe", str(recipe))):
            assert tuwen(verb, corpus.root, *options, *engine, "--workers", "2") == 0
        assert skew.wrong_in_cluster(corpus) == 0 == skew.wrong_in_ledger(corpus, load(str(recipe)))
        made[name] = digests(tmp_path / name)
    assert made["here"] == made["there"]


def slow_crawl(root: Path) -> None:
    """Eight raw shards whose pictures take some seconds each to measure."""
    crawl = RawCrawl(root)
    crawl.warcs = [bytearray(b"WARC\n") for _ in range(8)]
    big = photo(1, 4000, 3000)
    for number in range(64):
        url = f"http://i.example/{number}.jpg"
        crawl.fetch(url, big + f"tail {number}".encode(), warc=number % 8)
        crawl.see(url, f"第{number}道菜 水煮牛肉")
    crawl.write()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus measured here, undisturbed."""
    root = tmp_path_factory.mktemp("slow") / "here"
    slow_crawl(root)
    for verb, *options in VERBS[:2]:
        assert tuwen(verb, str(root), *options) == 0
    return root


def command(*words: str) -> subprocess.Popen[str]:
    """A command in a process of its own, as a user's; also where the tests run in the background, deaf to Ctrl-C."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    line = [sys.executable, "-c", f"{hearing}; from pipelines.cli import main; main()", *words]
    return subprocess.Popen(line, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT)


def workers_of(process: int) -> list[int]:
    """The Python workers below a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(words[3]) == process and b"pipelines.boot" in line:  # of its session
            found.append(int(path.parent.name))
    return found


def until(condition: Any, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def begun(folder: Path) -> bool:
    return any(folder.rglob("*.parquet"))


def pristine(measured: Path, root: Path) -> None:
    for name in ("crawl", "pairs"):
        shutil.copytree(measured / name, root / name)


def test_a_worker_is_killed_in_mid_measure(flink: Cluster, worker: Path, measured: Path, tmp_path: Path) -> None:
    pristine(measured, tmp_path)
    child = command("measure", str(tmp_path), "--engine", engine_file(flink, worker))
    until(lambda: begun(tmp_path / "signals/image"))
    for name in ("taskmanager1", "taskmanager2"):
        for one in workers_of(flink.daemons.pid(name))[:1]:
            os.kill(one, signal.SIGKILL)
    _, errors = child.communicate(timeout=600)
    assert child.returncode == 0, errors
    assert digests(tmp_path / "signals") == digests(measured / "signals")


def test_a_task_manager_is_killed_in_mid_pack(flink: Cluster, worker: Path, measured: Path, tmp_path: Path) -> None:
    for verb, *options in VERBS[2:5]:
        assert tuwen(verb, str(measured), *options) == 0
    for name in ("crawl", "pairs", "signals", "ledger"):
        shutil.copytree(measured / name, tmp_path / name)
    try:
        child = command("pack", str(tmp_path), *VERBS[4][1:], "--engine", engine_file(flink, worker))
        until(lambda: len(running(flink)) > 0)
        time.sleep(2)
        os.kill(flink.daemons.pid("taskmanager1"), signal.SIGKILL)
        _, errors = child.communicate(timeout=600)
        assert child.returncode == 0, errors
        assert digests(tmp_path / "releases") == digests(measured / "releases")
    finally:
        flink.up()


def running(cluster: Cluster) -> list[str]:
    return [job for job, state in rest.jobs(cluster.page).items() if state == "RUNNING"]


def test_ctrl_c_cancels_the_job_on_the_cluster(flink: Cluster, worker: Path, measured: Path, tmp_path: Path) -> None:
    pristine(measured, tmp_path)
    child = command("measure", str(tmp_path), "--family", "image", "--engine", engine_file(flink, worker))
    until(lambda: running(flink))
    (job,) = running(flink)
    until(lambda: any(workers_of(flink.daemons.pid(name)) for name in ("taskmanager1", "taskmanager2")))
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=180)
    assert (
        child.returncode == 130 and errors.splitlines()[-1] == "tuwen: interrupted; the same command goes on from here"
    )
    until(lambda: rest.jobs(flink.page)[job] == "CANCELED")


def test_what_a_worker_raises_is_said_here(
    mini: Cluster, worker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_crawl(tmp_path)
    assert tuwen("pair", str(tmp_path)) == 0
    path = tmp_path / "crawl/images/r0000-p00-00001.warc"
    path.write_bytes(bytes(path.stat().st_size))
    capsys.readouterr()
    code = tuwen("measure", str(tmp_path), "--family", "image", "--engine", engine_file(mini, worker))
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 1 and said.startswith(f"tuwen: {path}: the ") and "are not the picture that was fetched" in said


def test_no_cluster_is_one_line(worker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_crawl(tmp_path / "corpus")
    nowhere = Cluster(tmp_path, free_ports(), tmp_path)
    words = ("--engine", engine_file(nowhere, worker), "--", "--job_server_timeout=1")
    assert tuwen("pair", str(tmp_path / "corpus"), *words) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("tuwen: pair: ") and "make flink-up" in said
