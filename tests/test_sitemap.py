import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sitemap import LARGEST, MOST, parse

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls: str) -> bytes:
    inner = "".join(f"<url><loc>{url}</loc><lastmod>2026-01-01</lastmod></url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {NAMESPACE}>{inner}</urlset>'.encode()


def test_urlset_and_index() -> None:
    assert parse(urlset("https://a.example/1", " https://a.example/2\n")).pages == (
        "https://a.example/1",
        "https://a.example/2",
    )
    index = f"<sitemapindex {NAMESPACE}><sitemap><loc>https://a.example/s.xml.gz</loc></sitemap></sitemapindex>"
    found = parse(index.encode())
    assert found.sitemaps == ("https://a.example/s.xml.gz",) and not found.pages and found.whole


def test_forms_that_occur() -> None:
    body = urlset("https://a.example/?a=1&amp;b=2")
    assert parse(body).pages == ("https://a.example/?a=1&b=2",)
    assert parse(gzip.compress(body)).pages == parse(body).pages
    assert parse(b"\n \n" + body).pages == parse(body).pages
    assert parse(b"\xef\xbb\xbf" + body).pages == parse(body).pages
    assert parse(body.decode().replace("UTF-8", "UTF-16").encode("utf-16")).pages == parse(body).pages
    assert parse(body.replace(NAMESPACE.encode(), b"")).pages == parse(body).pages
    assert parse("https://a.example/1\r\n# no\r\nhttps://a.example/图\n".encode()).pages == (
        "https://a.example/1",
        "https://a.example/图",
    )


def test_an_image_is_no_page() -> None:
    body = (
        '<urlset xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>https://a.example/1</loc>'
        "<image:image><image:loc>https://a.example/1.jpg</image:loc></image:image></url></urlset>"
    )
    assert parse(body.encode()).pages == ("https://a.example/1",)


def test_a_broken_end_loses_only_itself() -> None:
    found = parse(urlset("https://a.example/1", "https://a.example/2")[:-60])
    assert found.pages == ("https://a.example/1",) and not found.whole
    packed = gzip.compress(urlset(*(f"https://a.example/{number}" for number in range(1000))))
    cut = parse(packed[: len(packed) // 2])
    assert 0 < len(cut.pages) < 1000 and not cut.whole


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "https://a.example/1">]><urlset><url><loc>&a;</loc></url></urlset>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>',
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
    ],
)
def test_no_entities(body: bytes) -> None:
    found = parse(body)
    assert found.pages == () and not found.whole


def test_caps() -> None:
    found = parse(urlset(*(f"https://a.example/{number}" for number in range(MOST + 5))))
    assert len(found.pages) == MOST and not found.whole
    lines = parse(b"https://a.example/x\n" * (MOST + 5))
    assert len(lines.pages) == MOST and not lines.whole
    bomb = parse(gzip.compress(b"https://a.example/" + b"x" * (LARGEST + 10)))
    assert not bomb.whole


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    for start in (b"", b"<urlset><url><loc>", b"\x1f\x8b\x08\0"):
        parse(start + body)
