"""What a command costs on any engine: seconds, the CPU time of all that worked for it, and its driver's memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engines.flink.cluster import Cluster, Ports
from pipelines.engine_options import load
from schemas.errors import WorkFailed

_TICK = os.sysconf("SC_CLK_TCK")
_LOOK = 0.05  # seconds between two looks at a driver's memory


@dataclass(frozen=True)
class Spent:
    """Seconds, CPU-seconds of all processes, and the most memory that the driver had, in MiB."""

    seconds: float
    cpu: float
    driver: float


def tuwen(words: Sequence[str], cluster: Iterable[int] = ()) -> Spent:
    """Run one command in a process of its own; what it spent, and what the processes of these sessions did meanwhile.

    A local engine's workers are its children. A cluster's are not, and belong to the session of the process that
    started them; what they spent counts when they have ended too, as a child's. Raises WorkFailed where it fails.
    """
    sessions = set(cluster)
    before, begun = sum(map(_cpu, _of(sessions))), time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "pipelines.cli", *words], stdout=subprocess.DEVNULL)
    peak = 0.0
    while True:
        ended, status, used = os.wait4(child.pid, os.WNOHANG)
        if ended:
            break
        peak = max(peak, _most_memory(child.pid))
        time.sleep(_LOOK)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if child.returncode:
        raise WorkFailed(f"tuwen {' '.join(words)}: ended with {child.returncode}; see above")
    cpu = used.ru_utime + used.ru_stime + sum(map(_cpu, _of(sessions))) - before
    return Spent(seconds, cpu, peak)


@dataclass(frozen=True)
class Flink:
    """A Flink cluster of one's own for a benchmark: its options file, and the sessions of its processes."""

    cluster: Cluster
    options: str
    sessions: tuple[int, ...] = field(default=())


@contextmanager
def flink(folder: Path, jars: Path, ports: Ports, settings: str = "", cache_millis: int = 60_000) -> Iterator[Flink]:
    """A cluster that runs while the block does; `settings` are lines for its configuration, which win."""
    cluster = Cluster(folder, ports, jars, settings)
    try:
        cluster.up()
        yield Flink(cluster, str(_options(folder, ports, cache_millis)), tuple(cluster.daemons.pids()))
    finally:
        cluster.down()


def _options(folder: Path, ports: Ports, cache_millis: int) -> Path:
    """The packaged options of Flink for this cluster and the code that runs here."""
    worker = folder / "tuwen-worker"
    worker.write_text(f'#!/bin/sh\nPYTHONPATH={Path.cwd()} exec {sys.executable} -m pipelines.boot "$@"\n')
    worker.chmod(0o755)
    beam = {
        **load("flink").beam,
        "job_endpoint": f"localhost:{ports.job}",
        "environment_config": f'{{{{"command": "{worker}"}}}}',
        "environment_cache_millis": cache_millis,
    }
    lines = [f'page = "http://localhost:{ports.rest}"', "[beam]"]
    lines += [f"{name} = {value}" if isinstance(value, int) else f"{name} = '{value}'" for name, value in beam.items()]
    path = folder / "options.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _of(sessions: set[int]) -> Iterator[Path]:
    """The living processes of these sessions."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(path)
        if fields and int(fields[3]) in sessions:
            yield path


def _cpu(stat: Path) -> float:
    """The CPU-seconds of a process and of its children that have ended; 0 for one that is gone."""
    fields = _fields(stat)
    return sum(map(int, fields[11:15])) / _TICK if fields else 0.0


def _fields(stat: Path) -> list[str]:
    """What follows the name in /proc/PID/stat: state, parent, group, session …; [] for a process that is gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _most_memory(pid: int) -> float:
    """The most memory that a process had so far, in MiB; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
