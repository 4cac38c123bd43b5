import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sitemap import LARGEST, MOST, Listed, candidates, parse
from schemas.pair import Candidate

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


IMAGES = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'


def image(place: str, **said: str) -> str:
    inner = "".join(f"<image:{name}>{words}</image:{name}>" for name, words in {"loc": place, **said}.items())
    return f"<image:image>{inner}</image:image>"


def test_pictures_of_a_page() -> None:
    first = image("/1.jpg", title="红烧肉", caption=" 一盘\n红烧肉 ", license="https://l.example/by") + image("2.jpg")
    body = (
        f"<urlset {IMAGES}><url>{first}<loc>https://a.example/p/1</loc></url>"  # the page may be named last
        f"<url><loc>https://a.example/p/2</loc>{image('https://b.example/3.jpg', title='三')}"
        f"{image('', title='无')}</url>"
        f"<url>{image('/4.jpg', title='四')}</url></urlset>"
    )
    found = parse(body.encode())
    assert found.whole and len(found.pages) == 2
    assert found.pictures == (
        Listed("https://a.example/p/1", "/1.jpg", "红烧肉", "一盘\n红烧肉", "https://l.example/by"),
        Listed("https://a.example/p/1", "2.jpg"),
        Listed("https://a.example/p/2", "https://b.example/3.jpg", "三"),
    )
    licences = ("https://l.example/by",)
    assert list(candidates(found.pictures, "https://a.example/s/sitemap.xml")) == [
        ("https://a.example/p/1", Candidate("https://a.example/1.jpg", "红烧肉", "title", "", licences)),
        ("https://a.example/p/1", Candidate("https://a.example/1.jpg", "一盘 红烧肉", "figcaption", "", licences)),
        ("https://a.example/p/2", Candidate("https://b.example/3.jpg", "三", "title")),
    ]


def test_pictures_are_capped_and_forgotten_as_they_pass() -> None:
    """A picture costs some 150 bytes of text here; were the tree kept, it would take more than twice what it may."""
    one = image("https://a.example/1.jpg")
    body = f"<urlset {IMAGES}><url><loc>https://a.example/</loc>{one * (MOST + 9)}</url></urlset>".encode()
    found = parse(body)
    assert len(found.pictures) <= MOST and not found.whole
    empty = b"<urlset><url>" + b"<x/>" * 200_000 + b"<loc>https://a.example/</loc></url></urlset>"
    tracemalloc.start()
    try:
        assert parse(empty).pages == ("https://a.example/",)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_gzip_of_several_members() -> None:
    first, second = urlset("https://a.example/1", "https://a.example/2").decode().split("<lastmod>", 1)
    assert len(parse(gzip.compress(first.encode()) + gzip.compress(f"<lastmod>{second}".encode())).pages) == 2
    lines = gzip.compress(b"https://a.example/1\n")
    assert parse(lines + b"trailing").pages == ("https://a.example/1",)
    bomb = gzip.compress(b"https://a.example/" + b"x" * (LARGEST // 2)) * 3
    assert not parse(bomb).whole


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
