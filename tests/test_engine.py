"""Pipelines run to their end, or end with one line; and no process outlives a run."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import S3Options

from pipelines.engine import Engine, check, failure, run
from schemas.errors import BadInput, Damaged, WorkFailed

ROOT = Path(__file__).parents[1]
LOCAL, TWO = Engine(), Engine(workers=2)
SOON = 45.0  # seconds: far more than an end takes on a busy machine, less than the minute that DoFns sleep


class Note(beam.DoFn):
    """Leaves a file named like its process, and counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = Metrics.counter("tuwen", "seen")
        self.even = Metrics.counter("tuwen", "even")

    def process(self, number: int) -> Iterator[int]:
        self.seen.inc()
        self.even.inc(1 - number % 2)
        endpoint = FileSystems._pipeline_options.view_as(S3Options).s3_endpoint_url
        (self.folder / str(os.getpid())).write_text(str(endpoint))
        yield number


class Say(beam.DoFn):
    def process(self, number: int) -> None:
        print("printed", number)
        logging.getLogger("apache_beam.say").info("logged")


class Fail(beam.DoFn):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def process(self, number: int) -> None:
        if number == 13:
            raise self.error


WAITING: dict[str, threading.Event] = {}


class WaitForWatch(beam.DoFn):
    def process(self, number: int) -> None:
        assert WAITING["watch"].wait(SOON)


class KillOne(beam.DoFn):
    """The first process to come here dies at once; the others would sleep a minute."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def process(self, number: int) -> None:
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.glob("[0-9]*"))) < 2:
            time.sleep(0.01)
        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)


def feed(*steps: beam.DoFn) -> Callable[[beam.Pipeline], None]:
    """A pipeline of 30 numbers, spread over the workers, through each of `steps`."""

    def build(p: beam.Pipeline) -> None:
        numbers = p | beam.Create(range(30)) | beam.Reshuffle()
        for index, step in enumerate(steps):
            _ = numbers | f"Step{index}" >> beam.ParDo(step)

    return build


def pids(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def gone(processes: set[int]) -> bool:
    """Whether all of `processes` end soon."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if not any(map(alive, processes)):
            return True
        time.sleep(0.02)
    return False


def test_one_worker_is_this_process_and_counters_of_one_name_are_summed(tmp_path: Path) -> None:
    assert run(feed(Note(tmp_path), Note(tmp_path)), job="try", engine=LOCAL) == {"even": 30, "seen": 60}
    assert pids(tmp_path) == {os.getpid()}


def test_three_workers_are_three_processes_that_see_the_options_and_end(tmp_path: Path) -> None:
    engine = Engine(workers=3, beam_args=("--s3_endpoint_url=http://127.0.0.1:9",))
    assert run(feed(Note(tmp_path)), job="try", engine=engine) == {"even": 15, "seen": 30}
    assert len(pids(tmp_path)) == 3
    assert os.getpid() not in pids(tmp_path)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"http://127.0.0.1:9"}
    assert not any(map(alive, pids(tmp_path)))


def test_one_worker_sees_the_options(tmp_path: Path) -> None:
    run(feed(Note(tmp_path)), job="try", engine=Engine(beam_args=("--s3_endpoint_url=http://127.0.0.1:9",)))
    assert (tmp_path / str(os.getpid())).read_text() == "http://127.0.0.1:9"


@pytest.mark.parametrize("engine", [LOCAL, TWO], ids=["one", "two"])
def test_our_own_error_comes_out_of_a_dofn_as_it_went_in(engine: Engine) -> None:
    message = "shard 00042.parquet: cut at byte 17; delete it and run again"
    with pytest.raises(Damaged) as caught:
        run(feed(Fail(Damaged(message))), job="try", engine=engine)
    assert type(caught.value) is Damaged
    assert str(caught.value) == message


@pytest.mark.parametrize("engine", [LOCAL, TWO], ids=["one", "two"])
def test_another_error_becomes_one_line_and_its_cause_is_whole(engine: Engine) -> None:
    with pytest.raises(WorkFailed) as caught:
        run(feed(Fail(ValueError("row 13\nis bad"))), job="measure", engine=engine)
    assert str(caught.value).startswith("measure, step Step0: ValueError: row 13 is bad;")
    assert "\n" not in str(caught.value)
    cause = caught.value.__cause__
    assert cause is not None
    assert "test_engine.py" in "".join(traceback.format_exception(cause))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError(5), "KeyError: 5;"),
        (OSError(28, "No space left on device", "x.tar"), "OSError: [Errno 28] No space left on device: 'x.tar';"),
        (MemoryError(), "MemoryError;"),
        (RuntimeError("cuda: out of memory"), "RuntimeError: cuda: out of memory;"),
    ],
)
def test_an_error_to_whose_message_beam_cannot_add_keeps_its_name(error: Exception, said: str) -> None:
    with pytest.raises(WorkFailed) as caught:
        run(feed(Fail(error)), job="try", engine=LOCAL)
    assert str(caught.value).startswith(f"try, step Step0: {said}")


def test_a_worker_that_is_killed_ends_the_run_and_the_others(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(WorkFailed, match=r"^worker process \d+ was killed by signal 9") as caught:
        run(feed(KillOne(tmp_path)), job="try", engine=TWO)
    assert time.monotonic() - begin < SOON
    assert "\n" not in str(caught.value)
    assert len(pids(tmp_path)) == 2
    assert not any(map(alive, pids(tmp_path)))


def test_workers_that_cannot_start_end_the_run_with_what_they_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such library >&2\nexit 7\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(WorkFailed, match=r"^worker process \d+ ended with exit code 7") as caught:
        run(feed(Note(tmp_path)), job="try", engine=TWO)
    assert "no such library" in str(caught.value.__cause__)


SCRIPT = """
import logging, os, pathlib, sys, time, warnings
import apache_beam as beam
from pipelines.engine import Engine, run

class Stay(beam.DoFn):
    def process(self, number):
        print("printed", number)
        logging.getLogger("apache_beam.x").error("logged")
        pathlib.Path(sys_argv[1], str(os.getpid())).touch()
        time.sleep(float(sys_argv[2]))

sys_argv = sys.argv
def build(p):
    p | beam.Create(range(6)) | beam.Reshuffle() | beam.ParDo(Stay())

if __name__ == "__main__":
    run(build, job="try", engine=Engine(workers=int(sys.argv[3])))
"""


def start(folder: Path, sleep: float, workers: int, **env: str) -> subprocess.Popen[str]:
    """A run in a program of its own, whose DoFn is defined in its main module."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    noted = folder / "noted"
    noted.mkdir()
    return subprocess.Popen(
        [sys.executable, str(script), str(noted), str(sleep), str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        start_new_session=True,
    )


def busy(folder: Path, workers: int) -> set[int]:
    """The workers, once all of them are inside a DoFn."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if len(found := pids(folder / "noted")) == workers:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{len(found)} of {workers} workers came")


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_the_run_and_its_workers(tmp_path: Path, workers: int) -> None:
    with start(tmp_path, 60, workers) as program:
        workers_seen = busy(tmp_path, workers)
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does it: to the whole group
        _, said = program.communicate(timeout=SOON)
    assert program.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert gone(workers_seen)


def children(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def test_workers_notice_that_their_parent_was_killed_while_they_work(tmp_path: Path) -> None:
    with start(tmp_path, 60, 2) as program:
        workers_seen = busy(tmp_path, 2)
        program.kill()
    assert gone(workers_seen)


def test_workers_notice_that_their_parent_was_killed_while_they_start(tmp_path: Path) -> None:
    end = time.monotonic() + SOON
    with start(tmp_path, 60, 2) as program:
        while len(started := children(program.pid)) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        program.kill()
    assert gone(started)
    assert pids(tmp_path / "noted") == set()


def test_a_run_says_nothing_unless_asked(tmp_path: Path) -> None:
    with start(tmp_path, 0, 2) as program:
        out, said = program.communicate(timeout=SOON)
    assert (program.returncode, out, said) == (0, "", "")


def test_debugging_shows_what_workers_say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TUWEN_DEBUG", "1")
    run(feed(Say()), job="try", engine=TWO)
    out, said = capfd.readouterr()
    assert out == ""
    assert "printed 29" in said
    assert "logged" in said


def test_watch_is_called_while_the_job_runs_and_once_at_its_end() -> None:
    calls: list[bool] = []
    twice = threading.Event()

    def watch() -> None:
        calls.append(twice.is_set())
        if len(calls) == 2:
            twice.set()

    def build(p: beam.Pipeline) -> None:
        WAITING["watch"] = twice  # by name: an event cannot be pickled, and one worker is this process
        _ = p | beam.Create([1]) | beam.ParDo(WaitForWatch())

    run(build, job="try", engine=LOCAL, watch=watch)
    assert calls[:2] == [False, False]
    assert calls[-1]


def test_what_watch_raises_is_raised() -> None:
    def watch() -> None:
        raise Damaged("gone")

    with pytest.raises(Damaged, match=r"^gone$"):
        run(feed(), job="try", engine=LOCAL, watch=watch)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Engine(beam_args=("--paralelism=8",)), r"--paralelism=8 .*did you mean --parallelism\?"),
        (Engine(beam_args=("word",)), "word after `--` is unknown"),
        (Engine(beam_args=("--num_workers=many",)), "num_workers.*many"),
        (Engine(beam_args=("--direct_num_workers=2",)), "use --workers"),
        (Engine(beam_args=("--runner=NoSuchRunner",)), "NoSuchRunner"),
        (Engine(name="spark"), "local, flink, dataflow"),
        (Engine(workers=0), "use 1 or more"),
        (Engine(beam_args=("--runner=FlinkRunner",)), "--job_endpoint=HOST:PORT"),
        (Engine(name="dataflow"), "project"),
    ],
)
def test_what_cannot_be_used_is_refused_before_any_work(engine: Engine, message: str) -> None:
    def build(p: beam.Pipeline) -> None:
        raise AssertionError("built")

    with pytest.raises(BadInput, match=message) as caught:
        run(build, job="try", engine=engine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "engine",
    [Engine(name="dataflow"), Engine(name="local", beam_args=("--runner=DataflowRunner",))],
    ids=["by name", "by Beam's option"],
)
def test_dataflow_dry_run_is_offline_and_carries_the_pipeline(engine: Engine, tmp_path: Path) -> None:
    seen: list[Any] = []

    def build(p: beam.Pipeline) -> None:
        seen.append(p)
        feed(Note(tmp_path))(p)

    options = (
        "--dry_run=True",
        "--project=my-project",
        "--region=us-central1",
        "--temp_location=gs://bucket/t",
        "--staging_location=gs://bucket/s",
        "--sdk_container_image=example/worker:1",
    )
    assert run(build, job="try", engine=Engine(engine.name, 4, engine.beam_args + options)) == {}
    proto = seen[0].runner.job.proto_pipeline.components
    assert "Step0" in {transform.unique_name for transform in proto.transforms.values()}
    assert [e.urn for e in proto.environments.values()] == ["beam:env:docker:v1"]
    assert pids(tmp_path) == set()


def test_a_cluster_that_is_not_there_ends_in_one_line() -> None:
    options = ("--job_endpoint=127.0.0.1:9", "--environment_type=LOOPBACK", "--job_server_timeout=1")
    with pytest.raises(WorkFailed) as caught:
        run(feed(), job="try", engine=Engine("flink", 2, options))
    assert "\n" not in str(caught.value)


def test_a_clusters_text_gives_the_python_message() -> None:
    text = (
        "java.lang.RuntimeException: Error received from SDK harness for instruction 5: "
        "Traceback (most recent call last):\n"
        '  File "x.py", line 1, in process\n    f()\n'
        "ValueError: row 77 breaks the job [while running 'risky/Parse-ptransform-12']\n"
        "\n\tat org.apache.beam.Some.method(Some.java:180)\n"
    )
    said = str(failure(RuntimeError(text), "judge"))
    assert said.startswith("judge, step risky/Parse-ptransform-12: ValueError: row 77 breaks the job;")
    assert "org.apache" not in said


@pytest.mark.parametrize("folder", ["gs://BUCKET/temp", "gs://a/temp", "gs://"])
def test_a_bucket_that_cannot_be_is_refused_before_beam_looks_for_it(folder: str) -> None:
    with pytest.raises(BadInput, match="no bucket can have that name"):
        check(Engine(beam_args=("--runner=DataflowRunner", f"--temp_location={folder}")))
    check(Engine(beam_args=("--runner=DataflowRunner", "--temp_location=gs://a-bucket/temp")))
