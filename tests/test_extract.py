import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.extract import LONGEST_TEXT, MOST_PICTURES, candidates, clean, read_page
from crawlers.tame import tame

URL = "https://www.example.cn/a/page.html"


def urls(page: str) -> list[str]:
    """The pictures' URLs of a page, in order; each <img> needs a text."""
    return list(dict.fromkeys(one.image_url for one in candidates(page, URL)))


def texts(page: str, source: str) -> list[str]:
    return [one.text for one in candidates(page, URL) if one.source == source]


def img(attributes: str, before: str = "", after: str = "") -> str:
    return f"{before}<img alt=x {attributes}>{after}"


@pytest.mark.parametrize(
    ("page", "url"),
    [
        (img("src=b.jpg"), "https://www.example.cn/a/b.jpg"),
        (img("src=/b.jpg#c"), "https://www.example.cn/b.jpg"),
        (img("src='//img.example.cn/图.jpg'"), "https://img.example.cn/%E5%9B%BE.jpg"),
        (img("src=b.jpg", "<base href='https://cdn.example.cn/x/'>"), "https://cdn.example.cn/x/b.jpg"),
        (img("src=b.jpg", "<base target=_top><base href=/x/><base href=/y/>"), "https://www.example.cn/x/b.jpg"),
        (img("src=b.jpg", "<base href='data:,x'>"), "https://www.example.cn/a/b.jpg"),
        # srcset: the largest, by width, else by density
        (img("src=s.jpg srcset='m.jpg 640w, l.jpg 1280w, s.jpg 320w'"), "https://www.example.cn/a/l.jpg"),
        (img("src=s.jpg srcset='s.jpg, l.jpg 2x'"), "https://www.example.cn/a/l.jpg"),
        (img("src=s.jpg srcset='m.jpg 1x'"), "https://www.example.cn/a/m.jpg"),
        (img("src=s.jpg srcset='m.jpg 0.5x'"), "https://www.example.cn/a/s.jpg"),
        (img("src=s.jpg srcset=m.jpg"), "https://www.example.cn/a/m.jpg"),
        (img("srcset='m.jpg 0.5x'"), "https://www.example.cn/a/m.jpg"),
        (img("src=blank.gif srcset=m.jpg"), "https://www.example.cn/a/m.jpg"),
        (img("data-srcset='m.jpg 640w, l.jpg 1280w' src=s.jpg"), "https://www.example.cn/a/l.jpg"),
        (
            "<picture><source srcset='a.webp 400w, b.webp 900w'><source srcset='c.jpg 800w'>"
            + img("src=s.jpg")
            + "</picture>",
            "https://www.example.cn/a/b.webp",
        ),
        # lazy loading: the stand-in gives way
        *[
            (img(f"src='{stand_in}' {name}='real.jpg'"), "https://www.example.cn/a/real.jpg")
            for name in (
                "data-src", "data-original", "data-actualsrc", "data-lazy-src", "data-ks-lazyload", "original", "_src",
                "data-lazyload", "data-croporisrc", "zoomfile", "file", "real_src", "imgsrc",
            )
            for stand_in in ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "/img/none.gif", "blank.gif", "1x1.png", "")
        ],
        (img("data-src=real.jpg"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-src=blank.gif"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-src='{{url}}'"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-lazy=true"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg original=1"), "https://www.example.cn/a/real.jpg"),
        (img("src=blank.gif"), "https://www.example.cn/a/blank.gif"),  # nothing better: it is what the page shows
    ],
)  # fmt: skip
def test_which_picture(page: str, url: str) -> None:
    assert urls(page) == [url]


@pytest.mark.parametrize(
    "attributes",
    ["", "src=''", "src='data:image/png;base64,AA'", "src=javascript:x", "src=ftp://a/b", "src=http://u:p@a/"],
)
def test_no_picture(attributes: str) -> None:
    assert urls(img(attributes)) == []


def test_texts_are_kept_apart() -> None:
    page = """<title> 家常 菜 </title><meta property="article:section" content="荤菜">
    <p>先切肉。</p><figure><a href=x title="链接标题" aria-label="链接标签">
    <img src=a.jpg alt="红烧肉" title="一盘 红烧肉" aria-label="标签" aria-labelledby="one two"
    aria-describedby="none"></a>
    <figcaption>图一：<b>红烧</b>肉</figcaption></figure><i id=one>甲</i><i id=two>乙</i>"""
    found = {(one.source, one.text) for one in candidates(page, URL)}
    assert found == {
        ("alt", "红烧肉"),
        ("title", "一盘 红烧肉"),
        ("title", "链接标题"),
        ("aria", "标签"),
        ("aria", "链接标签"),
        ("aria", "甲 乙"),
        ("figcaption", "图一：红烧肉"),
        ("page_title", "家常 菜"),
        ("nearby", "先切肉。"),
    }
    assert {one.section for one in candidates(page, URL)} == {"荤菜"}


def test_og() -> None:
    page = """<meta property=og:image content=/cover.jpg><meta property=og:title content=标题>
    <meta property=og:description content=描述><meta property=og:title content=其他><title>页</title>"""
    assert urls(page) == ["https://www.example.cn/cover.jpg"]
    assert texts(page, "og") == ["标题", "描述"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>前</p><img src=a><p>后</p>", "前"),
        ("<p>远</p><p>近</p><div><a><img src=a></a></div>", "近"),
        ("<p>图中：<b>红烧</b>肉 <img src=a> 很好吃</p>", "图中：红烧肉"),
        ("<p>前</p><p><img src=a>同段</p>", "前"),
        ("<div><img src=a></div><p>后</p>", "后"),
        ("<p><img src=a>同<i>段</i></p><p>后</p>", "同段"),
        ("<h2>标题</h2><script>var x=1</script><style>p{}</style><!-- 注 --><img src=a>", "标题"),
        ("<ul><li>一</li><li>二</li></ul><img src=a>", "二"),
        ("<table><tr><td>名</td><td><img src=a></td></tr></table>", "名"),
        ("一<br>二<br><img src=a>", "二"),
        ("<p>说明</p><img src=b><img src=a>", "说明"),
        ("<p> \n</p><img src=a>", None),
        ("<title>题</title><img src=a>", None),
        ("<p>远</p>" + "<hr>" * 100 + "<img src=a>" + "<hr>" * 100 + "<p>远</p>", None),
    ],
)
def test_nearby(page: str, text: str | None) -> None:
    found = {one.text for one in candidates(page, URL) if one.source == "nearby" and one.image_url.endswith("/a")}
    assert found == ({text} if text else set())


def test_links() -> None:
    page = """<a href=b.html>1</a><a href="b.html#part">2</a><a href=#top>3</a><a href=mailto:x@y.cn>4</a>
    <a rel="Nofollow ugc" href=c.html>5</a><a>6</a><a href="//other.cn/">7</a><map><area href=d.html></map>
    <a href="javascript:void(0)">8</a><a href="">9</a>"""
    assert read_page(page, URL).links == (
        "https://www.example.cn/a/b.html",
        "https://other.cn/",
        "https://www.example.cn/a/page.html",
    )


def test_metas_are_handed_on() -> None:
    page = read_page(
        "<meta name=ROBOTS content='noai, nofollow'><meta name=tuwenbot content=noindex><meta name=x>", URL
    )
    assert page.metas == (("robots", "noai, nofollow"), ("tuwenbot", "noindex"))


def test_none_twice() -> None:
    page = "<title>页</title>" + "<p>文</p><img src=a.jpg alt=文 title=文>" * 5
    found = candidates(page, URL)
    assert len(found) == len(set(found)) == 4  # alt, title, nearby, page_title


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" 红\u3000烧\xa0\r\n肉 ", "红 烧 肉"),
        ("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("a\ud800b", "a\ufffdb"),
        ("\ufeff红", "红"),
        ("👨\u200d🍳", "👨\u200d🍳"),  # a joiner is part of the sign
        ("红" * 5000, "红" * LONGEST_TEXT),
        ("\x00 \x01", ""),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text())
def test_clean_is_stable(text: str) -> None:
    once = clean(text)
    assert clean(once) == once and once == once.strip()
    once.encode()  # no lone surrogate is left


PARTS = """
<img_src=a_alt=b> <figure> </figure> <figcaption>文 <p> <a_href=x> </a> <picture> <base_href=/y/> <source_srcset=q>
<title> <table><td> <!-- --> <svg> <noscript> <template> 文字 < \0 \ud800
"""
TAGS = st.sampled_from([part.replace("_", " ") for part in PARTS.split()])


@given(st.lists(TAGS, max_size=40))
def test_any_page_is_read(parts: Iterable[str]) -> None:
    for one in candidates("".join(parts), URL):
        assert one.image_url.startswith("https://") and one.text == clean(one.text) != ""


HOSTILE = {
    "open divs": "<div>" * (5 * 2**20 // 5),
    "open spans": "<span>" * (5 * 2**20 // 6),
    "open divs, closed otherwise": "<div>" * 500_000 + "</p>" * 500_000,
    "formatting and paragraphs": "".join(f"<font a={number}><p>" for number in range(300_000)),
    "nested tables": "<table><tr><td>" * 300_000,
    "nested lists": "<ul><li>" * 500_000,
    "figures": "<figure><img src=x>" * 200_000 + "<figcaption>x",
    "labels": "<img src=x aria-labelledby='a b c d'>" * 100_000,
    "pictures": "<img src=x alt=y>" * (5 * 2**20 // 17),
    "nothing but <": "<" * 5_000_000,
    "one long tag": "<img " + "a=1 " * 1_000_000,
    "comments": "<!--" * 1_000_000,
    "svg": "<svg>" * 600_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_no_time(name: str) -> None:
    begun = time.process_time()
    page = read_page(HOSTILE[name], URL)
    assert time.process_time() - begun < 3  # about 0.5 on an idle core; twenty minutes without `tame`
    assert len({one.image_url for one in page.candidates}) <= MOST_PICTURES


def test_taming_loses_no_picture() -> None:
    deep = "<div><p>文</p><img src=a.jpg alt=甲><a href=b.html>" * 20_000
    page = read_page(deep, URL)
    assert ("https://www.example.cn/a/a.jpg", "甲") in {(one.image_url, one.text) for one in page.candidates}
    assert page.links == ("https://www.example.cn/a/b.html",)
    honest = "<div><ul>" + "<li><b>一</b><p>二<br>" * 30_000 + "</ul></div>"
    assert tame(honest) == honest
