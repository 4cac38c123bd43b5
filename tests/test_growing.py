"""A file that grows: what was appended is there, wherever direct I/O works and wherever it does not."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers import growing
from crawlers.growing import Growing

SIZES = st.sampled_from([0, 1, 100, 4095, 4096, 4097, 120_000, 1 << 20, (1 << 20) + 1, 3_000_000])


def part(size: int, seed: int) -> bytes:
    """Bytes that differ from place to place, so that none can stand for another."""
    return b"".join(number.to_bytes(4, "big") for number in range(seed, seed + size // 4 + 1))[:size]


def flags(file: Growing) -> int:
    return fcntl.fcntl(file._file, fcntl.F_GETFL)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.lists(SIZES, min_size=1, max_size=3) | st.none(), max_size=8), reopened=st.booleans())
def test_what_was_appended_is_there_after_each_sync(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[int] | None], reopened: bool
) -> None:
    """None is a sync, maybe followed by a kill: the file is opened anew at the length that was noted."""
    path = tmp_path_factory.mktemp("growing") / "file"
    file, expected = Growing(path), b""
    for step in [*steps, None]:
        if step is not None:
            parts = [part(size, len(expected) + place) for place, size in enumerate(step)]
            assert file.append(*parts) == len(expected)
            expected += b"".join(parts)
            continue
        file.sync()
        assert path.read_bytes() == expected and file.length == len(expected)
        if reopened:
            file.append(part(5_000, 7))  # nobody was told of these
            file.close()
            file = Growing(path, len(expected))
    file.close()
    assert path.read_bytes()[: len(expected)] == expected


def test_what_came_after_the_last_sync_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = Growing(path)
    file.append(b"one")
    file.sync()
    file.append(b"x" * (2 << 20))
    file.close()
    assert path.stat().st_size > 1 << 20
    file = Growing(path, 3)
    assert path.read_bytes() == b"one"
    assert file.append(b"two") == 3
    file.sync()
    file.close()
    assert path.read_bytes() == b"onetwo"


def test_a_sync_with_nothing_new_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Growing(tmp_path / "file")
    file.append(b"one")
    file.sync()
    monkeypatch.setattr(growing.os, "pwrite", pytest.fail)
    file.sync()
    file.close()


def test_a_sync_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(growing.os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    file = Growing(tmp_path / "file")
    file.append(b"one")
    file.sync()
    file.close()
    assert synced == [3]


def test_an_empty_file_is_made(tmp_path: Path) -> None:
    file = Growing(tmp_path / "file")
    file.sync()
    file.close()
    assert (tmp_path / "file").read_bytes() == b""


def _refusing(real: Callable[..., int], times: int) -> Callable[..., int]:
    """A system call that takes no direct I/O the first times."""
    left = [times]

    def call(*given: object) -> int:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(*given)

    return call


@pytest.mark.parametrize("name", ["open", "pwrite"])
@pytest.mark.skipif(not growing._DIRECT, reason="no direct I/O on this system")
def test_a_file_system_without_direct_io_is_written_through_the_cache(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing.os, name, _refusing(getattr(os, name), 1))
    file = Growing(tmp_path / "file")
    whole = part(2_500_000, 0)
    file.append(whole)
    file.sync()
    assert not flags(file) & growing._DIRECT
    file.close()
    assert (tmp_path / "file").read_bytes() == whole


def test_a_system_without_direct_io_writes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "_DIRECT", 0)
    file = Growing(tmp_path / "file")
    whole = part(1_500_001, 0)
    file.append(whole)
    file.sync()
    file.close()
    assert (tmp_path / "file").read_bytes() == whole


def test_another_fault_of_a_write_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = Growing(tmp_path / "file")
    file.append(b"one")
    monkeypatch.setattr(growing.os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.sync()
    file.close()


@pytest.mark.parametrize("limit", [1 << 20, 1_300_000, 4_000])
def test_a_limit_of_size_is_told_and_what_was_synced_stays(limit: int, tmp_path: Path) -> None:
    """A real limit, in a process of its own: writes come out short, at whole blocks and elsewhere."""
    program = f"""
        import resource, sys
        from pathlib import Path
        from crawlers.growing import Growing
        file = Growing(Path(sys.argv[1]))
        file.append(b"one")
        file.sync()
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            for _ in range(3):
                file.append(b"x" * 1_000_000)
            file.sync()
        except OSError as error:
            print(error.strerror)
    """
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    path = tmp_path / "file"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "File too large\n", done.stderr
    file = Growing(path, 3)
    file.close()
    assert path.read_bytes() == b"one"


@pytest.mark.skipif(not growing._DIRECT, reason="no direct I/O on this system")
def test_the_cache_is_passed_by_where_the_file_system_lets_us(tmp_path: Path) -> None:
    try:
        os.close(os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError:
        pytest.skip("this file system has no direct I/O")
    file = Growing(tmp_path / "file")
    file.append(part(5_000, 0))
    file.sync()
    assert flags(file) & os.O_DIRECT
    file.close()


def test_a_file_that_cannot_be_cut_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = set(Path("/dev/fd").iterdir())
    monkeypatch.setattr(growing.os, "ftruncate", refuse)
    with pytest.raises(OSError, match="Input/output"):
        Growing(tmp_path / "file")
    assert set(Path("/dev/fd").iterdir()) == before


def test_a_cut_is_durable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one and more")
    synced: list[int] = []
    monkeypatch.setattr(growing.os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    file = Growing(path, 3)
    file.sync()
    file.close()
    assert synced == [3] and path.read_bytes() == b"one"
