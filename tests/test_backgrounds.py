import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.backgrounds import references


@pytest.mark.parametrize(
    ("style", "found"),
    [
        ("background:url(a.jpg)", [("a.jpg",)]),
        ("BACKGROUND-IMAGE : URL( 'a b.jpg' )", [("a b.jpg",)]),
        ('color:red;background:#fff url("a.jpg") 0 0/cover', [("a.jpg",)]),
        ("background:url(a.jpg), linear-gradient(red, blue), url(b.jpg)", [("a.jpg",), ("b.jpg",)]),
        ("background:linear-gradient(rgba(0,0,0,.5), red), url(a.jpg)", [("a.jpg",)]),
        ("background:image-set('s.png' 1x, url(l.png) 2x)", [("l.png", "s.png")]),
        ("background:-webkit-image-set(url(l.png) 3x, url(s.png) 1x)", [("l.png", "s.png")]),
        ("background:image-set('a.avif' type('image/avif'), 'a.jpg' type('image/jpeg'))", [("a.avif", "a.jpg")]),
        (r"background:url(a\(1\).jpg)", [("a(1).jpg",)]),
        (r"background:url(a\28 1\29.jpg)", [("a(1).jpg",)]),
        ("background:/* url(no.jpg) */url(a.jpg)", [("a.jpg",)]),
        ("background:url(a.jpg;x)", [("a.jpg;x",)]),
        ("background:url(a.jpg", [("a.jpg",)]),
        ("background:url('a.jpg", [("a.jpg",)]),
        ("background:url()", []),
        ("list-style:url(a.jpg);cursor:url(b.cur)", []),
        ("--x:url(a.jpg)", []),
        ("content:'background:url(a.jpg)'", []),
        ("background:red 'a.jpg'", []),
        ("", []),
    ],
)
def test_references(style: str, found: list[tuple[str, ...]]) -> None:
    assert references(style) == found


@given(st.text(alphabet="background:url('\")(;,image-set1x/* \\"))
def test_any_style(style: str) -> None:
    for start in ("", "background:", "background:image-set("):
        assert all(all(one) for one in references(start + style))


def test_bounded() -> None:
    assert len(references("background:" + ",".join(f"url({number})" for number in range(100)))) == 16
    assert references("background:" + "(" * 1_000_000) == []
