"""kill -9 at any point of a verb, then the same command again: nothing lost, nothing twice, the same final bytes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crawls import small_crawl

KILLS = 6  # of each verb, spread over the time that it takes undisturbed
RECIPE = ("--recipe", "demo")
VERSION = (*RECIPE, "--version", "1.0.0")
VERBS = {  # each with its options, and what to remove so that it has work again
    "pair": ((), "pairs"),
    "measure": ((), "signals"),
    "cluster": ((), "signals/corpus"),
    "judge": (RECIPE, "ledger"),
    "pack": (VERSION, "releases"),
    "release": (VERSION, "releases/demo-1.0.0/manifest.json"),
}

Tuwen = Callable[..., int]


@pytest.fixture(scope="module")
def tuwen() -> Iterator[Tuwen]:
    """Run one command; `after` seconds it is killed. Returns its exit code, -9 when the kill hit."""
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        assert zygote.stdin and zygote.stdout

        def run(*words: str, after: float | None = None) -> int:
            print(json.dumps(words), file=zygote.stdin, flush=True)
            child = int(zygote.stdout.readline())
            if after is not None:
                time.sleep(after)
                os.kill(child, signal.SIGKILL)
            print(file=zygote.stdin, flush=True)
            return int(zygote.stdout.readline())

        yield run
        zygote.stdin.close()


def snapshot(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_every_verb_survives_kills(tuwen: Tuwen, tmp_path: Path) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    small_crawl(calm)
    shutil.copytree(calm, wild)
    chance, hit = random.Random(7), 0
    for verb, (options, output) in VERBS.items():
        started = time.monotonic()
        assert tuwen(verb, str(calm), *options) == 0
        took = time.monotonic() - started
        for point in range(KILLS):
            code = tuwen(verb, str(wild), *options, after=took * (point + chance.random()) / KILLS)
            if code == -signal.SIGKILL:
                hit += 1
            elif point < KILLS - 1:  # it was through before the kill
                remove(wild / output)
        assert tuwen(verb, str(wild), *options) == 0
        assert snapshot(wild) == snapshot(calm), verb
    assert hit >= len(VERBS) * 3, "too few kills met a running verb to mean anything"
    assert not list(wild.glob("releases/**/.*.tmp")), "a finished release keeps no temporary"
