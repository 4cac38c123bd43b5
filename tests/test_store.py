import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from warcio.archiveiterator import ArchiveIterator as WarcioIterator
from web import loopback

from crawlers import growing
from crawlers import store as store_module
from crawlers.fetch import Fetched
from crawlers.logged import log_row
from crawlers.state import State
from crawlers.store import IMAGES, PAGES, Store
from schemas.errors import Damaged
from schemas.outcome import Outcome, UrlKind
from schemas.tables import FOUND, LOG

SETTINGS = loopback(segment_bytes=20_000)


class Crawl:
    """An open crawl folder."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder / "state" / "part-00.sqlite")
        self.state.open()
        try:
            self.store = Store(folder, self.state, SETTINGS)
        except BaseException:
            self.state.close()
            raise

    def killed(self) -> None:
        """Nothing is flushed by hand: what is buffered is as good as lost."""
        self.store.close()
        self.state.close()


def fetched(url: str, body: bytes, **changes: Any) -> Fetched:
    return replace(
        Fetched(url, Outcome.OK, 1_767_225_600.25),
        **{
            "status": 200,
            "reason": "好".encode().decode("latin-1"),
            "headers": (
                ("Content-Type", "image/jpeg"),
                ("Content-Encoding", "gzip"),
                ("X-Name", "值".encode().decode("latin-1")),
            ),
            "request_headers": (("Host", "a.cn"), ("User-Agent", "TuwenBot/0.1")),
            "body": body,
            "ip": "127.0.0.1",
            **changes,
        },
    )


def row(url: str) -> dict[str, Any]:
    return log_row(url, UrlKind.IMAGE, Outcome.OK, 0, 1_767_225_600.25) | {"redirects": ("http://a.cn/第一",)}


def found(number: int) -> tuple[Any, ...]:
    strong = number % 2 == 0
    return (f"http://a.cn/{number}.jpg", f"第{number}", "alt", "http://a.cn/", "http://a.cn", strong, "", number, 0)


@pytest.fixture
def crawl(tmp_path: Path) -> Iterator[Crawl]:
    crawl = Crawl(tmp_path)
    yield crawl
    crawl.killed()


def records(path: Path) -> list[Any]:
    with path.open("rb") as file:
        read = []
        for record in ArchiveIterator(file, parse_http=True):
            body = b"" if record.record_type == WarcRecordType.revisit else record.reader.read()
            read.append((record.record_type, dict(record.headers), record.http_headers, body))
        return read


def test_a_picture_lies_in_the_warc_as_it_came(crawl: Crawl, tmp_path: Path) -> None:
    bodies = [b"\xff\xd8\xff" + bytes([number]) * 1000 for number in range(5)]
    places = [
        crawl.store.keep(fetched(f"http://a.cn/{n}.jpg?%E5%9B%BE", body), IMAGES) for n, body in enumerate(bodies)
    ]
    crawl.store.seal()
    path = tmp_path / places[0].warc
    assert places[0].warc == "images/r0000-p00-00000.warc"
    with path.open("rb") as file:
        for place, body in zip(places, bodies, strict=True):
            file.seek(place.body_offset)
            assert file.read(len(body)) == body and hashlib.sha256(body).hexdigest() == place.sha256
            file.seek(place.offset)
            assert file.read(place.length).startswith(b"WARC/1.1\r\n")
    assert "\r\nX-Name: 值\r\n".encode() in path.read_bytes() and "HTTP/1.1 200 好\r\n".encode() in path.read_bytes()
    read = records(path)
    assert [one[0] for one in read] == [WarcRecordType.response, WarcRecordType.request] * 5
    _, headers, http, body = read[0]
    assert body == bodies[0] and http.status_code == 200
    assert headers["WARC-Target-URI"] == "http://a.cn/0.jpg?%E5%9B%BE" and headers["WARC-IP-Address"] == "127.0.0.1"
    assert headers["WARC-Date"] == "2026-01-01T00:00:00.250000Z"
    assert http.get("X-Crawl-Content-Encoding") == "gzip" and http.get("Content-Length") == str(len(body))
    assert "Content-Encoding" not in dict(http)
    request = read[1]
    assert request[1]["WARC-Concurrent-To"] == headers["WARC-Record-ID"]
    assert dict(request[2])["User-Agent"] == "TuwenBot/0.1"


def test_digests_hold(crawl: Crawl, tmp_path: Path) -> None:
    crawl.store.keep(fetched("http://a.cn/1.jpg", b"\xff\xd8\xff1"), IMAGES)
    crawl.store.keep(fetched("http://a.cn/", b"<p>" * 100), PAGES)
    crawl.store.seal()
    for name in ("images/r0000-p00-00000.warc", "pages/r0000-p00-00000.warc.gz"):
        with (tmp_path / name).open("rb") as file:
            checked = [
                record.verify_payload_digest() if record.record_type == WarcRecordType.response else None
                for record in ArchiveIterator(file, parse_http=True)
            ]
        assert checked == [True, None]
        with (tmp_path / name).open("rb") as file:
            blocks = [record.verify_block_digest() for record in ArchiveIterator(file, parse_http=False)]
        assert blocks[1] is True


def test_warcio_reads_what_fastwarc_reads(crawl: Crawl, tmp_path: Path) -> None:
    body = b"\xff\xd8\xff" + b"x" * 3000
    crawl.store.keep(fetched("http://a.cn/1.jpg", body), IMAGES)
    crawl.store.keep(fetched("http://b.cn/2.jpg", body), IMAGES)
    crawl.store.keep(fetched("http://a.cn/", b"<p>" * 100, headers=(("X-Split", "a\r\nWARC/1.1"),)), PAGES)
    crawl.store.seal()
    for name, kinds in (
        ("images/r0000-p00-00000.warc", ["response", "request", "revisit", "request"]),
        ("pages/r0000-p00-00000.warc.gz", ["response", "request"]),
    ):
        with (tmp_path / name).open("rb") as file:
            read = [(one.rec_type, one.raw_stream.read()) for one in WarcioIterator(file, check_digests="raise")]
        assert [kind for kind, _ in read] == kinds
        with (tmp_path / name).open("rb") as file:
            assert [one.headers["WARC-Type"] for one in ArchiveIterator(file, strict_mode=True)] == kinds


def test_pages_are_gzipped_record_by_record(crawl: Crawl, tmp_path: Path) -> None:
    places = [crawl.store.keep(fetched(f"http://a.cn/{n}", b"<p>%d" % n * 50), PAGES) for n in range(4)]
    crawl.store.seal()
    assert {place.body_offset for place in places} == {-1}
    data = (tmp_path / places[3].warc).read_bytes()
    for number, place in enumerate(places):
        one = io.BytesIO(data[place.offset : place.offset + place.length])
        assert [record.reader.read() for record in ArchiveIterator(one)] == [b"<p>%d" % number * 50]


def test_the_same_picture_is_stored_once(crawl: Crawl, tmp_path: Path) -> None:
    body = b"\xff\xd8\xff" + b"x" * 3000
    first = crawl.store.keep(fetched("http://a.cn/1.jpg", body), IMAGES)
    crawl.store.seal()
    second = crawl.store.keep(fetched("http://b.cn/2.jpg", body, started=1_767_225_700.0), IMAGES)
    crawl.store.seal()
    assert second == first
    read = records(tmp_path / "images/r0000-p00-00001.warc")
    assert [one[0] for one in read] == [WarcRecordType.revisit, WarcRecordType.request]
    headers = read[0][1]
    assert headers["WARC-Target-URI"] == "http://b.cn/2.jpg"
    assert headers["WARC-Refers-To-Target-URI"] == "http://a.cn/1.jpg"
    assert headers["WARC-Refers-To-Date"] == "2026-01-01T00:00:00.250000Z"
    assert headers["WARC-Payload-Digest"] == f"sha256:{first.sha256}"


def test_the_tables_are_exactly_those_of_the_schemas(crawl: Crawl, tmp_path: Path) -> None:
    for number in (2, 0, 1):
        crawl.store.log(row(f"http://a.cn/{number}.jpg"))
        crawl.store.found([found(number)])
    crawl.store.seal()
    log = pq.read_table(tmp_path / "log/r0000-p00-00000.parquet")
    assert [(one.name, one.nullable, one.metadata) for one in log.schema] == [
        (one.name, one.nullable, one.metadata) for one in LOG
    ]
    assert log.cast(LOG).schema == LOG  # Parquet has its own name for what is in a list
    assert log.column("url").to_pylist() == [f"http://a.cn/{number}.jpg" for number in range(3)]
    assert log.column("redirects").to_pylist()[0] == ["http://a.cn/第一"]
    assert log.column("started").to_pylist()[0].isoformat() == "2026-01-01T00:00:00.250000+00:00"
    seen = pq.read_table(tmp_path / "found/r0000-p00-00000.parquet")
    assert [(one.name, one.nullable, one.metadata) for one in seen.schema] == [
        (one.name, one.nullable, one.metadata) for one in FOUND
    ]
    assert seen.column("licences").to_pylist() == seen.column("others").to_pylist() == [[], [], []]
    assert [tuple(one.values()) for one in seen.to_pylist()] == [(*found(number), [], []) for number in range(3)]


def test_a_segment_fills(crawl: Crawl) -> None:
    crawl.store.keep(fetched("http://a.cn/", b"x" * 10_000), IMAGES)
    assert not crawl.store.full()
    for number in range(12):
        crawl.store.keep(fetched(f"http://a.cn/{number}.jpg", bytes([number]) * 1000), IMAGES)
    assert crawl.store.full()
    crawl.store.seal()
    assert crawl.store.name == "r0000-p00-00001" and not crawl.store.full()
    crawl.store.seal()
    assert crawl.store.name == "r0000-p00-00001"  # nothing was in it


def work(crawl: Crawl, first: int, last: int) -> None:
    for number in range(first, last):
        crawl.store.keep(fetched(f"http://a.cn/{number}.jpg", bytes([number]) * 500), IMAGES)
        crawl.store.keep(fetched(f"http://a.cn/{number}", b"<p>%d" % number), PAGES)
        crawl.store.log(row(f"http://a.cn/{number}.jpg"))
        crawl.store.found([found(number)])
        crawl.state.put("done", number + 1)


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent != folder / "state"
    }


def test_a_kill_between_checkpoints_forgets_what_came_after_the_last(tmp_path: Path) -> None:
    for name, cut in (("undisturbed", None), ("killed", 7)):
        folder = tmp_path / name
        crawl = Crawl(folder)
        work(crawl, 0, 5)
        crawl.store.checkpoint()
        if cut is not None:
            work(crawl, 5, cut)
            for file in crawl.store._files.values():
                file.append(bytes(2 << 20))  # so much that the disk has bytes that the state knows nothing of
            crawl.killed()
            crawl = Crawl(folder)
            assert crawl.state.get("done") == 5
        work(crawl, 5, 9)
        crawl.store.seal()
        crawl.killed()
    assert snapshot(tmp_path / "killed") == snapshot(tmp_path / "undisturbed")


class _Killed(BaseException):
    pass


def test_a_kill_at_any_step_of_a_seal_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crawled(folder: Path) -> None:
        """From wherever it stands: ten rounds of work, sealed after each five."""
        crawl = Crawl(folder)
        try:
            while (done := crawl.state.get("done")) < 10:
                work(crawl, done, done + 5)
                crawl.store.seal()
        finally:
            crawl.killed()

    crawled(tmp_path / "undisturbed")
    whole = snapshot(tmp_path / "undisturbed")
    assert len(whole) == 8 and not [name for name in whole if "/." in name]

    steps: list[str] = []
    dies_at = -1  # the step that a kill prevents

    def mortal(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            steps.append(name)
            if len(steps) - 1 == dies_at:
                raise _Killed
            return real(*given, **named)

        return step

    monkeypatch.setattr(State, "commit", mortal("commit", State.commit))
    monkeypatch.setattr(Path, "replace", mortal("rename", Path.replace))
    monkeypatch.setattr(store_module, "write_groups", mortal("parquet", store_module.write_groups))
    monkeypatch.setattr(growing.os, "pwrite", mortal("write", os.pwrite))
    monkeypatch.setattr(growing.os, "ftruncate", mortal("cut", os.ftruncate))
    monkeypatch.setattr(growing.os, "fsync", mortal("sync", os.fsync))
    monkeypatch.setattr(store_module, "sync_folder", mortal("sync folder", store_module.sync_folder))
    crawled(tmp_path / "counted")
    many = len(steps)
    assert many > 20 and set(steps) == {"commit", "rename", "parquet", "write", "cut", "sync", "sync folder"}
    for last in range(many):
        steps.clear()
        dies_at = last
        folder = tmp_path / f"killed at {last}"
        with pytest.raises(_Killed):
            crawled(folder)
        dies_at = -1
        crawled(folder)
        assert snapshot(folder) == whole


@pytest.mark.parametrize(
    "name", ["images/r0000-p00-00000.warc", "pages/r0000-p00-00000.warc.gz", "log/r0000-p00-00000.parquet"]
)
@pytest.mark.parametrize("fault", ["removed", "cut"])
def test_a_file_that_was_altered_is_named(tmp_path: Path, name: str, fault: str) -> None:
    crawl = Crawl(tmp_path)
    work(crawl, 0, 3)
    crawl.store.seal()
    crawl.killed()
    path = tmp_path / name
    if fault == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match=name):
        Crawl(tmp_path)


def test_an_open_file_that_was_cut_is_named(tmp_path: Path) -> None:
    crawl = Crawl(tmp_path)
    work(crawl, 0, 3)
    crawl.store.checkpoint()
    crawl.killed()
    part = tmp_path / "images/.r0000-p00-00000.warc.part"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(Damaged, match="r0000-p00-00000"):
        Crawl(tmp_path)


def test_evidence_is_json() -> None:
    assert json.loads(row("http://a.cn/")["evidence"]) == {}
