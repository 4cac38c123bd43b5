"""Answers of HTTP/1.1 taken apart: one reading for all ways in which their bytes may come, and a strict one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.http1 import Answer, Broken, Malformed

OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {  # bytes, body, whether the connection stays, what is left over
    "a length": (OK + b"Content-Length: 3\r\n\r\nabc", b"abc", True, b""),
    "a length said twice": (OK + b"Content-Length: 3, 3\r\nContent-Length: 3\r\n\r\nabc", b"abc", True, b""),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, b""),
    "not modified": (b"HTTP/1.1 304 \r\nContent-Length: 99\r\n\r\n", b"", True, b""),
    "no reason": (b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", b"", True, b""),
    "closing": (OK + b"Connection: x, Close\r\nContent-Length: 1\r\n\r\na", b"a", False, b""),
    "an old one": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", b"a", False, b""),
    "an old one that stays": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
        b"a",
        True,
        b"",
    ),
    "chunks": (
        OK + b'transfer-encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n',
        b"abc0123456789",
        True,
        b"",
    ),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", b"a", True, b""),
    "chunks and a length": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"a",
        False,
        b"",
    ),
    "bare line ends": (b"HTTP/1.1 200 OK\nContent-Length: 1\n\na", b"a", True, b""),
    "an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a", True, b""),
    "more than it says": (OK + b"Content-Length: 1\r\n\r\nabc", b"a", False, b"bc"),
    "more after chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP", b"", False, b"HTTP"),
    "two answers": (OK + b"Content-Length: 0\r\n\r\n" + OK, b"", False, OK),
}


@pytest.mark.parametrize("name", ANSWERS)
@given(data=st.data())
def test_the_same_however_it_comes(name: str, data: st.DataObject) -> None:
    sent, body, keeps, left = ANSWERS[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=9)))
    answer, read, surplus = Answer(), b"", b""
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        if answer.over:
            surplus += sent[begin:end]  # the connection's matter: it ends there
        else:
            read += answer.feed(sent[begin:end])
    assert (read, answer.over, answer.surplus + surplus) == (body, True, left)
    assert answer.keeps == keeps or (left and not answer.surplus)


def test_until_the_end_of_the_connection() -> None:
    answer = Answer()
    assert answer.feed(OK + b"\r\nab") + answer.feed(b"c") == b"abc"
    assert not answer.over and answer.end() and answer.over and not answer.keeps


def test_headers_keep_their_bytes_and_their_order() -> None:
    answer = Answer()
    answer.feed("HTTP/1.1 200 好\r\nX: 值\r\nx:  a \r\nSet-Cookie: a\r\n\tb\r\n\r\n".encode())
    assert answer.head is not None
    assert answer.head.reason.encode("latin-1").decode() == "好"
    assert answer.head.values("x") == ["值".encode().decode("latin-1"), "a"]
    assert answer.head.headers[-1] == ("Set-Cookie", "a b")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"\r\n" + OK,
        OK + b"A B: c\r\n\r\n",
        OK + b"A : c\r\n\r\n",
        OK + b" a: b\r\n\r\n",
        OK + b"A\r\n\r\n",
        OK + b"A: b\0\r\n\r\n",
        OK + b"A: b\rc\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: 0x1\r\n\r\n",
        OK + b"Content-Length:\r\n\r\n",
        OK + b"Content-Length: \xb2\r\n\r\n",
        OK + b"Content-Length: 9999999999999999999\r\n\r\n",
        b"<html>",
        b"HTTP/1.1 101 X\r\n\r\n",
        b"HTTP/1.1 100 X\r\n\r\n" * 9 + OK + b"\r\n",
        OK + b"A: b\r\n" * 129 + b"\r\n",
        OK + b"A: " + b"b" * 16_400 + b"\r\n\r\n",
        OK + b"A: b\r\n" * 99_999,
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(Malformed):
        Answer().feed(sent)


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"\r\n",
        b"1\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n",
        b"1" * 16 + b"\r\n",
        b"1\r\na\r\n" * 1_100,
        b"0\r\n" + b"A: b\r\n" * 200,
        b"1;" + b"x" * 20_000,
    ],
)
def test_chunks_that_are_broken_are_refused(body: bytes) -> None:
    answer = Answer()
    answer.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(Broken):
        answer.feed(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(data: bytes) -> None:
    for start in (b"", b"HTTP/1.1 ", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        answer = Answer()
        try:
            read = answer.feed(start + data)
        except (Malformed, Broken):
            continue
        assert len(read) <= len(data)
