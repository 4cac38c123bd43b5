"""An S3 server of one's own on loopback, for tests and benchmarks: versitygw, which `make test-s3` builds."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1"}
"""The variables that let a client in."""


@contextmanager
def serving(program: str, folder: Path, log: Path | None = None) -> Iterator[str]:
    """The URL of a server that runs while the block does; its objects lie in `folder`, each request is a line of `log`.

    It has no bucket yet. Raises RuntimeError where it ends before it answers.
    """
    data, beside = folder / "data", folder / "sidecar"  # metadata beside: not every file system has attributes for it
    for path in (data, beside):
        path.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [program, "--port", f"127.0.0.1:{port}", "--quiet"]
    command += ["--access-log", str(log)] if log else []
    keys = {"ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}
    with subprocess.Popen(
        [*command, "posix", "--sidecar", str(beside), str(data)], env={**os.environ, **keys}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not _answers(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{program} ended with {process.returncode}")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # it would wait for idle connections


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
