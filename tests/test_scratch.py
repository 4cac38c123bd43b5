"""Folders for work under way: gone with their block, and with their process, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import scratch

HOLD = """
import sys
from pipelines import scratch
with scratch.folder("p00") as here:
    (here / "crawl").mkdir()
    (here / "crawl" / "state").write_bytes(b"much")
    print(here, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process and those that it starts keep temporary files, and nobody else."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def holder() -> subprocess.Popen[str]:
    """A process that has a folder, says where, and keeps it until its input ends."""
    return subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_folder_is_there_for_its_block_alone(disk: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch.folder("p00") as here:
        (here / "file").touch()
        assert list(disk.iterdir()) == [here]
        raise ZeroDivisionError
    assert not list(disk.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(disk: Path) -> None:
    with holder() as dead, holder() as live:
        assert dead.stdout is not None
        assert live.stdout is not None
        left, held = (Path(one.stdout.readline().strip()) for one in (dead, live))
        dead.kill()
        dead.wait()
        assert (left / "crawl" / "state").exists()
        with scratch.folder("p01") as here:
            assert set(disk.iterdir()) == {held, here}
        live.communicate("")
    assert not list(disk.iterdir())


def test_what_is_not_left_by_us_stays(disk: Path) -> None:
    with scratch.folder("p00") as here:
        ours = here.name.removesuffix(here.name.rpartition("-")[2])
    for other in ("elsewhere", "tuwen-work-another-machine-p00-x"):
        (disk / other).mkdir()
    (disk / f"{ours}file").touch()
    (disk / f"{ours}link").symlink_to(disk / "elsewhere")
    strangers = disk / f"{ours}strangers"
    strangers.mkdir()
    if os.geteuid() == 0:
        os.chown(strangers, 65534, 65534)
    else:
        strangers.chmod(0)
    before = sorted(disk.iterdir())
    with scratch.folder("p00"):
        pass
    assert sorted(disk.iterdir()) == before


def test_many_at_once_take_none_from_each_other(disk: Path) -> None:
    def work(_: int) -> None:
        with scratch.folder("p00") as here:
            (here / "file").touch()
            assert (here / "file").exists()

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(work, range(1000)))) == 1000  # or raises what one of them did
    assert not list(disk.iterdir())
