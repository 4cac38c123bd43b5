"""The verbs on a real Flink with workers from a pool, as docs/deploy has them: the same bytes as here.

`make test-flink` runs this; it needs Java 17 and Maven.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from crawls import small_crawl
from installed import ROOT, pool

from engines.flink.cluster import Cluster, Ports
from pipelines import arguments, cli

pytestmark = pytest.mark.skipif("TUWEN_FLINK" not in os.environ, reason="make test-flink starts Flink and runs these")

VERBS = (("pair",), ("measure", "--family", "text"))


def test_a_pool_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    small_crawl(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "flink")
    jars = Path(os.environ.get("FLINK_HOME", ROOT / ".flink")).resolve() / "lib"
    cluster = Cluster(tmp_path / "cluster", free_ports(), jars)
    with ExitStack() as stack:
        stack.callback(cluster.down)
        cluster.mini()
        endpoint = stack.enter_context(pool(Path(sys.executable).parent, tmp_path))
        engine = tmp_path / "flink.toml"
        text = engine_file().replace("localhost:8099", f"localhost:{cluster.ports.job}")
        # Beam's cache of workers, which a killed one would spoil: none is killed here, and this is quicker.
        text = text.replace("environment_cache_millis = 0", "environment_cache_millis = 60000")
        engine.write_text(text.replace("localhost:50000", endpoint))
        for verb, *options in VERBS:
            assert cli.run(arguments.split([verb, str(tmp_path / "here"), *options])) == 0
            there = [verb, str(tmp_path / "flink"), *options, "--engine", str(engine)]
            assert cli.run(arguments.split(there)) == 0
    assert "Starting worker" in (tmp_path / "pool.log").read_text()
    assert digests(tmp_path / "flink") == digests(tmp_path / "here")


def engine_file() -> str:
    """The engine's options in the manifest for Kubernetes."""
    parts = yaml.safe_load_all((ROOT / "docs/deploy/flink.yaml").read_text())
    return str(next(one for one in parts if one["kind"] == "ConfigMap")["data"]["flink.toml"])


def free_ports() -> Ports:
    with ExitStack() as stack:
        every = [stack.enter_context(socket.socket()) for _ in range(5)]
        for one in every:
            one.bind(("127.0.0.1", 0))
        return Ports(*(one.getsockname()[1] for one in every))


def digests(root: Path) -> dict[str, str]:
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
