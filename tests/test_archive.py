import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.archive import Archived, Cut, Passed, read
from crawlers.chunked import unchunked
from crawlers.extract import read_page
from crawlers.wat import described
from schemas.outcome import Outcome

CAP = 100_000
HTML = ("Content-Type", "text/html; charset=utf-8")
Record = dict[str, Any]


def response(url: str, body: bytes, *headers: tuple[str, str], status: str = "200 OK", **warc: str) -> Record:
    return {"url": url, "body": body, "headers": headers or (HTML,), "status": status, "warc": warc}


def warc(records: Iterable[Record], *, per_record: bool = True) -> bytes:
    """A file as crawlers write it: an information record, then for each page the request and the response."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=per_record)
    writer.write_record(writer.create_warcinfo_record("a.warc.gz", {"software": "test"}))
    for record in records:
        if "json" in record:
            given = {"warc_content_type": "application/json", "payload": io.BytesIO(record["json"])}
            writer.write_record(writer.create_warc_record(record["url"], "metadata", **given))
            continue
        asked = StatusAndHeaders("GET / HTTP/1.1", [("Host", "a.example")], is_http_request=True)
        writer.write_record(writer.create_warc_record(record["url"], "request", http_headers=asked))
        head = StatusAndHeaders(record["status"], list(record["headers"]), protocol="HTTP/1.1")
        named = {name.replace("_", "-"): value for name, value in record["warc"].items()}
        writer.write_record(
            writer.create_warc_record(
                record["url"],
                named.pop("WARC-Type", "response"),
                payload=io.BytesIO(record["body"]),
                http_headers=head,
                warc_headers_dict={"WARC-Date": "2026-02-03T04:05:06Z", **named},
            )
        )
    return out.getvalue()


def pages(data: bytes, cap: int = CAP) -> list[Archived]:
    return [one for one in read(io.BytesIO(data), cap) if isinstance(one, Archived)]


def chunks(body: bytes, size: int = 7) -> bytes:
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


PAGE = "<!doctype html><title>菜</title><img src=1.jpg alt=红烧肉>".encode()


@pytest.mark.parametrize("form", ["a member for each record", "one gzip", "plain"])
def test_pages_are_read_from_all_three_forms(form: str) -> None:
    records = [response(f"http://a.example/{number}", PAGE + b" " * number) for number in range(20)]
    data = warc(records, per_record=form == "a member for each record")
    data = gzip.compress(data) if form == "one gzip" else data
    found = pages(data)
    assert [(one.url, one.body, one.outcome) for one in found] == [(one["url"], one["body"], "ok") for one in records]
    assert found[0].date == "2026-02-03T04:05:06Z" and found[0].headers == (HTML,) and found[0].status == 200
    for one in found if form != "one gzip" else ():
        member = data[one.offset :]
        plain = gzip.decompress(member) if form != "plain" else member
        assert plain.startswith(b"WARC/1.0") and f"WARC-Target-URI: {one.url}\r\n".encode() in plain[:400]


READINGS: dict[str, tuple[Record, Outcome | str]] = {
    "gzip": (response("http://a/", gzip.compress(PAGE), HTML, ("Content-Encoding", "gzip")), Outcome.OK),
    "chunked": (response("http://a/", chunks(PAGE), HTML, ("Transfer-Encoding", "chunked")), Outcome.OK),
    "codings undone": (
        response("http://a/", PAGE, HTML, ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")),
        Outcome.OK,
    ),
    "both": (
        response(
            "http://a/",
            chunks(gzip.compress(PAGE)),
            HTML,
            ("Content-Encoding", "gzip"),
            ("Transfer-Encoding", "chunked"),
        ),
        Outcome.OK,
    ),
    "broken gzip": (response("http://a/", b"\x1f\x8bno", HTML, ("Content-Encoding", "gzip")), Outcome.BAD_ENCODING),
    "a bomb": (
        response("http://a/", gzip.compress(b"<p>" * CAP), HTML, ("Content-Encoding", "gzip")),
        Outcome.TOO_LARGE,
    ),
    "too large": (response("http://a/", PAGE + b" " * CAP), Outcome.TOO_LARGE),
    "far too large": (response("http://a/", PAGE + b" " * 3 * CAP), Outcome.TOO_LARGE),
    "cut by the archive": (response("http://a/", PAGE, WARC_Truncated="length"), Outcome.TRUNCATED),
    "no type": (response("http://a/", PAGE, ("X", "y")), Outcome.OK),
    "a picture": (response("http://a/", b"\xff\xd8\xff\xe0", HTML), "no page"),
    "text": (response("http://a/", b"hello", ("Content-Type", "text/plain")), "no page"),
    "404": (response("http://a/", PAGE, status="404 Not Found"), "not 2xx"),
    "no status": (response("http://a/", PAGE, status="OK"), "not 2xx"),
    "ftp": (response("ftp://a/", PAGE), "bad_url"),
    "credentials": (response("http://me:secret@a/", PAGE), "bad_url"),
    "a resource": (response("http://a/", PAGE, WARC_Type="resource"), "no response"),
    "JSON of something else": ({"url": "http://a/", "json": b'{"a": [1]}'}, "no response"),
    "broken JSON": ({"url": "http://a/", "json": b'{"a": [1'}, "broken JSON"),
    "deep JSON": ({"url": "http://a/", "json": b"[" * 200_000}, "broken JSON"),
}


@pytest.mark.parametrize("name", READINGS)
def test_what_a_record_comes_to(name: str) -> None:
    record, expected = READINGS[name]
    *_, last = read(io.BytesIO(warc([record])), CAP)
    if isinstance(expected, Outcome):
        assert isinstance(last, Archived) and last.outcome is expected
        assert last.body == (PAGE if expected is Outcome.OK else b"")
    else:
        assert last == Passed(expected)


RECORDS = [response(f"http://a.example/{number}", PAGE * (number % 3 + 1)) for number in range(6)]


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_gives_what_came_before_and_says_where(per_record: bool, part: float) -> None:
    whole = warc(RECORDS, per_record=per_record)
    data, found, cut = whole[: int(len(whole) * part)], [], None
    try:
        found.extend(read(io.BytesIO(data), CAP))
    except Cut as error:
        cut = error
    every = list(read(io.BytesIO(whole), CAP))
    assert found == every[: len(found)]
    starts = {one.offset for one in every if isinstance(one, Archived)}
    if cut is None:  # between two records, or in the empty lines after one
        assert gzip.decompress(data) is not None if per_record else _rest(whole, data)[:4] in (b"WARC", b"")
    else:
        assert cut.offset <= len(data) and f"{cut.offset:,}" in str(cut)
        assert cut.offset == 0 or cut.offset in starts or whole[cut.offset :][:2] in (b"\x1f\x8b", b"WA")


@pytest.mark.parametrize("ending", [b"Content-Length", b"Content-Length:", b"Content-Length: "])
def test_a_record_that_ends_before_its_length_is_cut(ending: bytes) -> None:
    whole = warc(RECORDS, per_record=False)
    data = whole[: whole.rindex(ending) + len(ending)]
    with pytest.raises(Cut, match="ends within a record") as cut:
        list(read(io.BytesIO(data), CAP))
    assert cut.value.offset == whole.rindex(b"WARC/1.0")


def _rest(whole: bytes, data: bytes) -> bytes:
    """What follows the last line of `data` that holds anything."""
    return whole[len(data.rstrip(b"\r\n")) :].lstrip(b"\r\n")


@pytest.mark.parametrize("per_record", [True, False])
def test_broken_bytes_are_told_from_missing_ones(per_record: bool) -> None:
    data = bytearray(warc(RECORDS, per_record=per_record))
    third = pages(bytes(data))[2].offset
    data[third : third + 40] = b"\x55" * 40
    found = []
    with pytest.raises(Cut) as cut:
        found.extend(read(io.BytesIO(bytes(data)), CAP))
    assert cut.value.outcome is (Outcome.BAD_ENCODING if per_record else Outcome.BAD_TYPE)


@pytest.mark.parametrize(
    "data", [b"hello " * 99, gzip.compress(PAGE), b"PK\x03\x04" + bytes(99)], ids=["text", "gzip", "zip"]
)
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(Cut, match="no WARC record"):
        list(read(io.BytesIO(data), CAP))


@given(st.binary(max_size=200), st.integers(1, 50))
def test_chunks_are_undone(body: bytes, size: int) -> None:
    assert unchunked(chunks(body, size)) == body
    assert unchunked(chunks(body, size)[:-6]) is None


@given(st.binary(max_size=60))
def test_chunks_of_anything_raise_nothing(body: bytes) -> None:
    unchunked(body)


def wat(url: str, links: list[dict[str, Any]], head: dict[str, Any] | None = None, **headers: Any) -> dict[str, Any]:
    """A record as Common Crawl writes it, without what nobody reads."""
    answered = {
        "Response-Message": {"Status": "200", "Version": "HTTP/1.1", "Reason": "OK"},
        "Headers": {"Content-Type": "text/html; charset=gbk", **headers},
        "HTML-Metadata": {"Head": head or {}, "Links": links},
    }
    about = {"WARC-Type": "response", "WARC-Target-URI": url, "WARC-Date": "2026-02-03T04:05:06Z"}
    payload = {"Payload-Metadata": {"HTTP-Response-Metadata": answered}}
    return {"Container": {"Offset": "9"}, "Envelope": {"WARC-Header-Metadata": about, **payload}}


def test_a_wat_gives_alts_and_nothing_else() -> None:
    links = [
        {"path": "IMG@/src", "url": "a.jpg", "alt": '红烧肉 "大" <b>'},
        {"path": "IMG@/src", "url": "/b.jpg"},
        {"path": "A@/href", "url": "c.html", "text": "下一页"},
        {"path": "IMG@/src", "url": "//i.example/d.jpg?x=1&y=2", "alt": "清蒸鱼"},
        {"path": "IMG@/src", "url": "blank.gif", "alt": 7},
    ]
    head = {
        "Title": "菜谱",
        "Base": "http://base.example/x/",
        "Metas": [{"name": "robots", "content": "nofollow"}, {"property": "og:image", "content": "o.jpg"}, {"a": 1}],
    }
    found = described(wat("http://a.example/", links, head, **{"X-Robots-Tag": ["noai", "noindex"]}))
    assert not isinstance(found, str)
    page = read_page(found.body.decode(), found.url)
    assert [(one.image_url, one.text, one.source) for one in page.candidates] == [
        ("http://base.example/x/a.jpg", '红烧肉 "大" <b>', "alt"),
        ("http://i.example/d.jpg?x=1&y=2", "清蒸鱼", "alt"),
        ("http://base.example/x/blank.gif", "7", "alt"),
    ]
    assert page.metas == (("robots", "nofollow"),)
    assert found.headers[:2] == (("X-Robots-Tag", "noai"), ("X-Robots-Tag", "noindex"))
    assert (found.url, found.date, found.status) == ("http://a.example/", "2026-02-03T04:05:06Z", 200)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Head", "Links", "Metas", "a"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_json_where_a_wat_is_expected(inner: Any, outer: Any) -> None:
    record = wat("http://a.example/", [])
    record["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]["HTML-Metadata"] = inner
    for value in (record, outer, {"Envelope": outer}, {"Envelope": {"Payload-Metadata": outer}}):
        json.loads(json.dumps(value))
        found = described(value)
        assert isinstance(found, str) or read_page(found.body.decode(), found.url).candidates == ()


def test_only_one_record_is_held(tmp_path: Path) -> None:
    """A file that is read to its end in pieces: nothing asks for more than a quarter of a megabyte at once."""
    asked: Counter[int] = Counter()

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked[size or -1] += 1
            return super().read(size)

        def seek(self, *_: Any) -> int:
            raise AssertionError("a remote file is read as a stream")

    data = warc([response(f"http://a.example/{number}", PAGE * 500) for number in range(40)])
    assert len([one for one in read(Stream(data), CAP) if isinstance(one, Archived)]) == 40
    assert max(asked) <= 262_144 and min(asked) > 0
