"""A Tuwen that is installed: what its commands print, and that its worker works, started as docs/deploy starts it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
import pytest
import yaml
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.environments import ExternalEnvironment

from filters.text import simplify

ROOT = Path(__file__).parent.parent
_PATIENCE = 60.0  # seconds for a pool to listen: Beam's import takes two, on a busy machine more


def run(*words: str | Path, cwd: Path, patience: float = 120.0) -> str:
    """What a command prints; fails with what it said when it fails."""
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=cwd, env=_bare(), capture_output=True, text=True, timeout=patience)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def check_worker(programs: Path, cwd: Path) -> None:
    """Let a worker of the installation in `programs` do a job of this process, with code of ours and its word lists."""
    with pool(programs, cwd) as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getfqdn", lambda: "localhost")  # where Beam's runner tells workers to call
        environment = ExternalEnvironment(endpoint)
        with beam.Pipeline(runner=FnApiRunner(default_environment=environment)) as pipeline:
            assert_that(pipeline | beam.Create(["紅燒肉"]) | beam.Map(simplify), equal_to(["红烧肉"]))


@contextmanager
def pool(programs: Path, cwd: Path) -> Iterator[str]:
    """The pool of workers of docs/deploy/flink.yaml, started from `programs`; its address."""
    manifest = yaml.safe_load_all((ROOT / "docs/deploy/flink.yaml").read_text())
    flink = next(one for one in manifest if one["kind"] == "FlinkDeployment")
    (worker,) = flink["spec"]["taskManager"]["podTemplate"]["spec"]["initContainers"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*worker["command"], *worker["args"]]
    line = [re.sub("50000", str(port), word.replace("/usr/local/bin", str(programs))) for word in words]
    with (cwd / "pool.log").open("wb") as log:
        process = subprocess.Popen(line, cwd=cwd, env=_bare(), stdout=log, stderr=log)
    try:
        _wait(port, process)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait()


def _bare() -> dict[str, str]:
    """Our environment, without a path on which a checkout would be found before what is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"no pool of workers: exit code {process.poll()}")
