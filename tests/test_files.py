"""Files are whole or not at all: also on a full disk, which is met here as a limit on the size of a file."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import files
from schemas.errors import BadInput, Damaged, WorkFailed


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Make the kernel refuse every byte of a file past `size`, as it does when the disk is full."""
    before, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


@pytest.mark.parametrize("old", [None, b"what was there"])
def test_a_full_disk_never_shows_half_a_file(tmp_path: Path, old: bytes | None) -> None:
    path = tmp_path / "00000.tar"
    if old is not None:
        path.write_bytes(old)
    with (
        pytest.raises(WorkFailed, match=r"00000\.tar: cannot be written"),
        files_end_at(4096),
        files.whole(str(path)) as file,
    ):
        for _ in range(100):
            file.write(bytes(1000))
    assert (path.read_bytes() if path.exists() else None) == old
    assert [entry for entry in tmp_path.iterdir() if entry != path] == []


def test_a_table_on_a_full_disk_never_shows_half_a_file(tmp_path: Path) -> None:
    table = pa.table({"key": [f"{number:032x}" for number in range(20_000)]})
    with pytest.raises(WorkFailed), files_end_at(4096):
        files.write_table(str(tmp_path / "a.parquet"), table, "made")
    assert list(tmp_path.iterdir()) == []


def test_a_table_says_what_it_was_made_from(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    files.write_table(path, pa.table({"key": ["a"]}), "here", version="7")
    assert files.metadata(path) == {"made_from": "here", "version": "7", "rows": "1"}
    assert files.made_from(path) == "here"


def test_a_lost_or_cut_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(Damaged, match="missing"):
        files.read_table(str(path))
    files.write_table(str(path), pa.table({"key": ["a"]}), "here")
    path.write_bytes(path.read_bytes()[:-5])
    assert files.made_from(str(path)) == ""
    with pytest.raises(Damaged, match=r"a\.parquet: not a whole Parquet file"):
        files.read_table(str(path))


def test_temporaries_are_never_listed(tmp_path: Path) -> None:
    for name in ("b.parquet", "a.parquet", ".c.parquet.7.tmp", "d.tar"):
        (tmp_path / name).touch()
    assert files.listing(str(tmp_path), ".parquet") == ["a.parquet", "b.parquet"]
    assert files.tree(str(tmp_path)) == ["a.parquet", "b.parquet", "d.tar"]
    assert files.listing(str(tmp_path / "none")) == []


def test_a_footer_is_read_once_where_nothing_is_written(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    files.write_table(path, pa.table({"key": ["a"]}), "first")
    with files.remembering():
        assert files.made_from(path) == "first"
        files.write_table(path, pa.table({"key": ["a"]}), "second")
        with files.remembering():
            assert files.made_from(path) == "first"  # remembered, which is why a block must not write
        assert files.made_from(str(tmp_path / "none.parquet")) == ""
        files.write_table(str(tmp_path / "none.parquet"), pa.table({"key": ["a"]}), "there")
        assert files.made_from(str(tmp_path / "none.parquet")) == "there"  # what was missing is looked for again
    assert files.made_from(path) == "second"


def test_an_endpoint_that_is_no_url_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "127.0.0.1:9000")
    with pytest.raises(BadInput, match=r"AWS_ENDPOINT_URL_S3 .*: give a URL"):
        files.exists("s3://bucket/corpus")
