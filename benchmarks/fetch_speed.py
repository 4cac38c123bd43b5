"""What fetching, and resizing, costs: CPU seconds per 1,000 pictures, ours and img2dataset's on the same list.

    python -m benchmarks.fetch_speed --img2dataset /path/to/other/venv/bin/python

The pictures come from many hosts on loopback, served by another process whose time is not counted. A run of one
picture is taken off each figure: starting Python and importing libraries costs the same for any list.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.pictures_server import certificate

_HERE = Path(__file__).parent
_STARTS = 3  # runs of one picture, of which the cheapest counts: others have waited for the disk or a busy core


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds of CPU (user and system) and of the clock, the largest memory in bytes."""

    cpu: float
    wall: float
    memory: int


@contextmanager
def serving(hosts: int, size: int, pem: Path | None) -> Iterator[list[str]]:
    """The loopback web; yields the origins of its hosts."""
    command = [sys.executable, str(_HERE / "pictures_server.py"), "--hosts", str(hosts), "--bytes", str(size)]
    if pem is not None:
        command += ["--certificate", str(pem)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None and server.stdout is not None
    try:
        yield json.loads(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait()


def cost(command: list[str], environment: dict[str, str], errors: Path) -> Cost:
    """Run a command to its end. Raises RuntimeError, with the end of what it said, when it fails."""
    begun = time.perf_counter()
    with errors.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        _, status, used = os.wait4(process.pid, 0)  # its own children included, once it has waited for them
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{errors.read_text()[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begun, used.ru_maxrss * 1024)


def ours(urls: list[str], folder: Path, environment: dict[str, str], name: str, size: int) -> Cost:
    """Fetch a list with `tuwen crawl`: robots, consent, log and WARC as ever, only without a pause.

    `size` 0 makes a corpus and no more; another writes img2dataset's shards as well, of pictures made that size.
    """
    listed, corpus = folder / f"{name}.txt", folder / name
    listed.write_text("".join(f"{url}\n" for url in urls))
    command = [sys.executable, "-m", "pipelines.cli", "crawl", "--url-list", str(listed), "--out", str(corpus)]
    command += ["--delay", "0", "--allow-address", "127.0.0.0/8"]
    shards = folder / f"{name}-shards"
    if size:
        command += ["--output-folder", str(shards), "--output-format", "webdataset", "--image-size", str(size)]
    taken = cost(command, environment | {"PYTHONPATH": str(_HERE.parent)}, folder / f"{name}.err")
    log = pq.read_table(corpus / "crawl" / "log", columns=["kind", "outcome"]).to_pylist()
    fetched = sum(row == {"kind": "image", "outcome": "ok"} for row in log)
    if fetched != len(urls):
        raise RuntimeError(f"{name}: {fetched} of {len(urls)} pictures came; see {corpus}")
    if size:
        _check(shards, len(urls))
    return taken


def theirs(python: str, urls: list[str], folder: Path, environment: dict[str, str], name: str, size: int) -> Cost:
    """Fetch a list with img2dataset, in one process with 64 threads; `size` 0 keeps the originals."""
    listed, out = folder / f"{name}.txt", folder / name
    listed.write_text("".join(f"{url}\n" for url in urls))
    call = {"url_list": str(listed), "output_folder": str(out), "output_format": "webdataset", "input_format": "txt"}
    call |= {"processes_count": 1, "thread_count": 64, "compute_hash": "sha256", "retries": 0, "timeout": 60}
    call |= {"image_size": size} if size else {"resize_mode": "no", "disable_all_reencoding": True}
    program = f"from img2dataset import download\nif __name__ == '__main__': download(**{call!r})"
    script = folder / f"{name}.py"
    script.write_text(program)
    taken = cost([python, str(script)], environment | {"NO_ALBUMENTATIONS_UPDATE": "1"}, folder / f"{name}.err")
    _check(out, len(urls))
    return taken


def _check(shards: Path, count: int) -> None:
    """Raise RuntimeError unless so many pictures are in the shards."""
    written = sum(json.loads(path.read_text())["successes"] for path in shards.glob("*_stats.json"))
    if written != count:
        raise RuntimeError(f"{shards}: {written} of {count} pictures are there")


def line(name: str, run: Cost, start: Cost, count: int) -> str:
    """One row of the table."""
    per_thousand = (run.cpu - start.cpu) / count * 1000
    return f"{name:36} {per_thousand:10.2f} {run.cpu:8.2f} {start.cpu:8.2f} {run.wall:8.1f} {run.memory / 2**20:8.0f}"


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--img2dataset", metavar="PYTHON", help="a Python (3.12 or later) that has img2dataset")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=120_000)
    parser.add_argument("--schemes", nargs="+", default=["https", "http"], choices=["https", "http"])
    parser.add_argument("--sizes", type=int, nargs="*", default=[0, 256], help="what to resize to; 0: as it came")
    options = parser.parse_args()
    print(
        f"{options.count} pictures of {options.bytes} bytes from {options.hosts} hosts, Python {sys.version.split()[0]}"
    )
    print(f"{'':36} {'CPU s/1000':>10} {'CPU s':>8} {'start':>8} {'wall s':>8} {'RSS MiB':>8}")
    for scheme in options.schemes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pem = certificate(folder) if scheme == "https" else None
            environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"SSL_CERT_FILE": str(pem)} if pem else {})
            with serving(options.hosts, options.bytes, pem) as origins:
                urls = [f"{origins[number % len(origins)]}/{number}.jpg" for number in range(options.count)]
                for size in options.sizes:
                    what = f"{f'resized to {size}' if size else 'originals'}, {scheme}"
                    starts = [ours(urls[:1], folder, environment, f"o{size}-{turn}", size) for turn in range(_STARTS)]
                    run = ours(urls, folder, environment, f"o{size}", size)
                    print(line(f"tuwen crawl, {what}", run, _least(starts), len(urls)), flush=True)
                    if python := options.img2dataset:
                        starts = [
                            theirs(python, urls[:1], folder, environment, f"t{size}-{turn}", size)
                            for turn in range(_STARTS)
                        ]
                        run = theirs(python, urls, folder, environment, f"t{size}", size)
                        print(line(f"img2dataset, {what}", run, _least(starts), len(urls)), flush=True)


def _least(runs: list[Cost]) -> Cost:
    return min(runs, key=lambda one: one.cpu)


if __name__ == "__main__":
    main()
