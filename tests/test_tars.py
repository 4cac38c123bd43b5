"""The bytes of a tar depend on its members alone."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tars import Hashed, Writer, members

KEYS = st.lists(st.binary(max_size=2000), max_size=5)


def written(contents: list[bytes]) -> tuple[bytes, list[int], Hashed]:
    """A tar with one sample for each content."""
    buffer = io.BytesIO()
    hashed = Hashed(buffer)
    tar = Writer(hashed)
    offsets = [tar.add(f"{number:032x}", {"jpg": data, "txt": b"text"}) for number, data in enumerate(contents)]
    tar.close()
    return buffer.getvalue(), offsets, hashed


@given(KEYS)
def test_what_is_written_is_read_again(contents: list[bytes]) -> None:
    data, offsets, hashed = written(contents)
    read = list(members(io.BytesIO(data)))
    assert [content for name, _, content in read if name.endswith(".jpg")] == contents
    assert [offset for name, offset, _ in read if name.endswith(".jpg")] == offsets
    assert hashed.bytes == len(data)
    assert data == written(contents)[0]


def test_headers_tell_nothing_of_who_wrote_them() -> None:
    data, offsets, _ = written([b"one", b"two"])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        infos = tar.getmembers()
    for info in infos:
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o444)
    header = data[offsets[1] : offsets[1] + 512]
    assert header.startswith(b"%032x.jpg\0" % 1)
    assert header[257:265] == b"ustar\x0000"


def test_reading_hashes_every_byte() -> None:
    data, _, was = written([b"x" * 100_000])
    hashed = Hashed(io.BytesIO(data))
    assert len(list(members(hashed))) == 2
    hashed.drain()
    assert (hashed.bytes, hashed.sha256) == (len(data), was.sha256)


def test_a_cut_tar_is_an_error() -> None:
    data, _, _ = written([b"x" * 5000])
    with pytest.raises(tarfile.TarError):
        list(members(io.BytesIO(data[:3000])))
