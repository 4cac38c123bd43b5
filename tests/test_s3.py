"""Corpora and releases in S3, against a real server on loopback: `make test-s3` builds versitygw and runs this."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from building import build, tuwen
from crawls import small_crawl

from engines.versitygw import KEYS, serving
from pipelines import arguments, files, s3
from schemas.errors import BadInput, Damaged, WorkFailed

SERVER = os.environ.get("TUWEN_S3_SERVER", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="make test-s3 builds an S3 server and runs these")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an S3 server."""
    with serving(SERVER, tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A fresh folder in the bucket, with the variables that lead to it."""
    for name, value in {**KEYS, s3.ENDPOINT: server, "AWS_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    if "corpora" not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket="corpora")
    return f"s3://corpora/{request.node.name}"


def put(path: str, data: bytes) -> None:
    with files.whole(path) as file:
        file.write(data)


NAMES = ["a.parquet", "图文 1+2%20.parquet", "x=1&y.parquet", "deep/er/b.parquet", "deep/c.txt", ".hidden.tmp"]


def test_files_are_as_on_a_disk(bucket: str, tmp_path: Path) -> None:
    for root in (bucket, str(tmp_path)):
        for number, name in enumerate(NAMES):
            put(files.join(root, *name.split("/")), bytes([number]) * (number + 1))
    assert files.tree(bucket) == files.tree(str(tmp_path))
    assert files.listing(bucket, ".parquet") == files.listing(str(tmp_path), ".parquet")
    assert files.listing(files.join(bucket, "deep")) == ["c.txt"]
    for number, name in enumerate(NAMES):
        path = files.join(bucket, *name.split("/"))
        assert files.read_bytes(path) == bytes([number]) * (number + 1)
        assert files.size(path) == number + 1 and files.exists(path)
    gone = files.join(bucket, "a.parquet")
    files.remove([gone, gone, files.join(bucket, "never")])
    assert not files.exists(gone) and not files.exists(files.join(bucket, "deep"))
    assert files.listing(files.join(bucket, "nothing")) == [] == files.tree(files.join(bucket, "nothing"))


def test_parts_are_read_where_they_lie(bucket: str) -> None:
    data = os.urandom(9_000_000)
    path = files.join(bucket, "a.warc")
    put(path, data)
    assert files.read_range(path, 5_000_000, 100_000) == data[5_000_000:5_100_000]
    with files.open_read(path) as file:
        for place in (8_999_990, 0, 4_194_300, 4_500_000):
            file.seek(place)
            assert file.read(16) == data[place : place + 16]
    assert files.sha256(path) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("length", [1, 1000, 5_000_000, 9_000_000, 20_000_000])
def test_an_object_is_read_from_its_end(bucket: str, length: int) -> None:
    data = os.urandom(9_000_000)
    path = files.join(bucket, "a.parquet")
    put(path, data)
    with s3.open_end(path, length) as file:
        assert file.seek(0, os.SEEK_END) == len(data)
        for place in (8_999_990, 0, len(data) - min(length, len(data)), 3_999_999, 8_000_000):
            file.seek(place)
            assert file.read(1_500_000) == data[place : place + 1_500_000]


def test_a_table_is_read_by_one_request_and_an_empty_object_is_damaged(
    bucket: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, table = files.join(bucket, "a.parquet"), pa.table({"key": ["a", "b"]})
    files.write_table(path, table, "made")
    asked: list[str] = []
    monkeypatch.setattr(s3, "read_range", lambda path, *_: asked.append(path))  # what any further request would be
    assert files.read_table(path).equals(table) and files.metadata(path)["rows"] == "2" and asked == []
    put(path, b"")
    with pytest.raises(Damaged, match=r"a\.parquet: not a whole Parquet file"):
        files.metadata(path)
    monkeypatch.undo()
    for name, value in {**KEYS, s3.ENDPOINT: server}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match="shorter"):
        s3.read_range(path, 10, 5)
    assert files.made_from(path) == "" == files.made_from(files.join(bucket, "none.parquet"))


def test_a_large_file_goes_up_in_parts(bucket: str) -> None:
    path = files.join(bucket, "large.tar")
    with files.whole(path) as file:
        for number in range(70):
            file.write(bytes([number]) * (1 << 20))
    assert files.size(path) == 70 << 20
    assert files.read_range(path, (64 << 20) - 2, 4) == bytes([63, 63, 64, 64])


def test_an_error_while_writing_leaves_nothing(bucket: str) -> None:
    path = files.join(bucket, "half.parquet")
    with pytest.raises(ZeroDivisionError), files.whole(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not files.exists(path)


def test_of_two_writers_one_wins(bucket: str) -> None:
    path = files.join(bucket, "manifest.json")
    ended: list[object] = []

    def write(data: bytes) -> None:
        try:
            ended.append(files.claim(path, data))
        except WorkFailed as error:
            ended.append(str(error))

    writers = [threading.Thread(target=write, args=(f"{number}".encode(),)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert ended.count(None) == 1
    assert {one for one in ended if one} == {f"{path}: another writer was first; run the same command again to compare"}
    files.claim(path, files.read_bytes(path))  # the same upload once more, as a retry makes it


@contextmanager
def cutting(url: str, after: int) -> Iterator[str]:
    """A way to the server that hangs up, both ways, when so many bytes of one connection have gone up."""
    host, port = url.removeprefix("http://").split(":")
    gate = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket, limit: float) -> None:
        carried = 0
        try:
            while (data := source.recv(65536)) and carried < limit:
                carried += len(data)
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            one.close()

    def serve() -> None:
        while True:
            try:
                theirs, _ = gate.accept()
            except OSError:
                return
            ours = socket.create_connection((host, int(port)))
            threading.Thread(target=carry, args=(theirs, ours, after), daemon=True).start()
            threading.Thread(target=carry, args=(ours, theirs, float("inf")), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{gate.getsockname()[1]}"
    finally:
        gate.close()


@pytest.mark.parametrize("size", [3 << 20, 70 << 20], ids=["in one piece", "in parts"])
def test_a_cut_upload_leaves_nothing_and_is_one_error(
    bucket: str, server: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = files.join(bucket, f"{size}.tar")
    with cutting(server, 1 << 20) as way:
        monkeypatch.setenv(s3.ENDPOINT, way)
        with pytest.raises(WorkFailed, match=r"s3://corpora/.*\.tar: "):
            put(path, bytes(size))
    monkeypatch.setenv(s3.ENDPOINT, server)
    assert not files.exists(path) and files.tree(bucket) == []
    put(path, bytes(size))
    assert files.size(path) == size


def test_a_release_is_the_same_bytes_as_on_a_disk(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_crawl(tmp_path / "here")
    for name in files.tree(str(tmp_path / "here")):
        put(files.join(bucket, name), (tmp_path / "here" / name).read_bytes())
    here, there = build(str(tmp_path / "here")), build(bucket)
    assert files.tree(here) == files.tree(there)
    for name in files.tree(here):
        assert files.sha256(files.join(here, name)) == files.sha256(files.join(there, name)), name
    before = sorted(s3.below(bucket))
    build(bucket)
    assert sorted(s3.below(bucket)) == before
    assert tuwen("verify", there) == 0
    capsys.readouterr()
    assert tuwen("diff", here, there, "--json") == 0 and '"added": 0' in capsys.readouterr().out
    shard = next(name for name in files.tree(there) if name.endswith(".tar"))
    put(files.join(there, shard), files.read_bytes(files.join(there, shard))[:-1] + b"x")
    assert tuwen("verify", there) == 1


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = tuwen(*words)
    return code, capsys.readouterr().err.strip().splitlines()[-1]


def test_what_is_wrong_is_said_in_one_line(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = failure(capsys, "measure", bucket)
    assert code == 2 and said == f"tuwen: {bucket}: no pairs here yet; run: tuwen pair {bucket}"
    for verb in ("measure", "verify", "report"):
        code, said = failure(capsys, verb, "s3://no-such-bucket/corpus")
        assert code == 2 and "there is no such bucket" in said
    code, said = failure(capsys, "measure", "s3:///corpus")
    assert code == 2 and "names no bucket" in said
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3._client.cache_clear()
    code, said = failure(capsys, "measure", bucket)
    s3._client.cache_clear()
    assert code == 1 and "SignatureDoesNotMatch" in said


def test_the_endpoint_can_be_an_option(bucket: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(s3.ENDPOINT)
    assert arguments.split(["pair", "c", f"--s3-endpoint={server}"]).s3_endpoint == server
    assert tuwen("measure", bucket, "--s3-endpoint", server) == 2  # it was reached: there are no pairs
    for words in (["pair", "c", "--s3-endpoint"], ["pair", "--s3-endpoint=", "c"]):
        with pytest.raises(BadInput, match="--s3-endpoint: give a value"):
            arguments.split(words)
    with pytest.raises(BadInput, match="--s3-endpoint 127"):
        s3.use("127.0.0.1:9000")
