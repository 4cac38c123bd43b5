from collections.abc import Iterable

import pytest
from counting import work
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.hostile_pages import HOSTILE
from crawlers.charset import decode
from crawlers.extract import LONGEST_TEXT, MOST_PICTURES, candidates, clean, read_page
from crawlers.finds import MOST_TEXT
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
                "data-lazyload", "data-croporisrc", "zoomfile", "file", "real_src", "imgsrc", "data-echo", "lay-src",
                "data-lazy-img",
            )
            for stand_in in ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "/img/none.gif", "blank.gif", "1x1.png", "")
        ],
        (img("data-src=real.jpg"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-src=blank.gif"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-src='{{url}}'"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-lazy=true"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg original=1"), "https://www.example.cn/a/real.jpg"),
        (img("src=real.jpg data-src='U2FsdGVkX1+kz/Zx0=='"), "https://www.example.cn/a/real.jpg"),  # encrypted
        (img("src=/empty.e2b8122a.png data-src=real.jpg"), "https://www.example.cn/a/real.jpg"),
        (img("data-src=real.jpg srcset='data:image/gif;base64,R0 1w'"), "https://www.example.cn/a/real.jpg"),
        (img("src=blank.gif", after="<noscript><img src=real.jpg></noscript>"), "https://www.example.cn/a/real.jpg"),
        ("<noscript>" + img("src=real.jpg") + "</noscript>", "https://www.example.cn/a/real.jpg"),
        # other elements that show a picture
        ("<input type=Image src=real.jpg alt=x>", "https://www.example.cn/a/real.jpg"),
        ("<amp-img src=real.jpg alt=x></amp-img>", "https://www.example.cn/a/real.jpg"),
        ("<video poster=real.jpg title=x>", "https://www.example.cn/a/real.jpg"),
        ("<object type='image/png' data=real.jpg title=x></object>", "https://www.example.cn/a/real.jpg"),
        # a thumbnail gives way to what it links to
        ("<a href=real.jpg>" + img("src=small.jpg") + "</a>", "https://www.example.cn/a/real.jpg"),
        ("<a href=real.JPEG?x=1><span>" + img("src=data:,") + "</span></a>", "https://www.example.cn/a/real.JPEG?x=1"),
        ("<a href=/wiki/File:b.jpg>" + img("src=real.jpg") + "</a>", "https://www.example.cn/a/real.jpg"),
        ("<a href='ftp://b.cn/b.jpg'>" + img("src=real.jpg") + "</a>", "https://www.example.cn/a/real.jpg"),
        ("<a href=real.jpg>查看大图</a>", "https://www.example.cn/a/real.jpg"),
        # backgrounds
        ("<div title=x style='background: #fff url(real.jpg) no-repeat'></div>", "https://www.example.cn/a/real.jpg"),
        ("<div title=x data-bg=real.jpg></div>", "https://www.example.cn/a/real.jpg"),
        ("<div title=x data-bg='url(real.jpg)'></div>", "https://www.example.cn/a/real.jpg"),
        ("<div title=x style='background-image:url(blank.gif)' data-background=real.jpg></div>",
         "https://www.example.cn/a/real.jpg"),
        ("<title>x</title><link rel=image_src href=real.jpg>", "https://www.example.cn/a/real.jpg"),
        ("<title>x</title><meta itemprop=image content=real.jpg>", "https://www.example.cn/a/real.jpg"),
        (img("src=blank.gif"), "https://www.example.cn/a/blank.gif"),  # nothing better: it is what the page shows
    ],
)  # fmt: skip
def test_which_picture(page: str, url: str) -> None:
    assert urls(page) == [url]


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        "src=''",
        "src=track.php width=1 height=1",
        "src=track.php width=0 height=0",
        "src='data:image/png;base64,AA'",
        "src=javascript:x",
        "src=ftp://a/b",
        "src=http://u:p@a/",
    ],
)
def test_no_picture(attributes: str) -> None:
    assert urls(img(attributes)) == []


def test_texts_are_kept_apart() -> None:
    page = """<title> 家常 菜 </title><meta property="article:section" content="荤菜">
    <meta name=Keywords content="红烧肉,做法"><p>先切肉。</p><figure><a href=x title="链接标题" aria-label="链接标签">
    <img src=a.jpg alt="红烧肉" title="一盘 红烧肉" aria-label="标签" aria-labelledby="one two"
    aria-describedby="none"><script>no</script> 看图</a>
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
        ("keywords", "红烧肉,做法"),
        ("link", "看图"),
        ("nearby", "先切肉。"),
    }
    assert {one.section for one in candidates(page, URL)} == {"荤菜"}


def test_og() -> None:
    page = """<meta property=og:image content=/cover.jpg><meta property=og:title content=标题>
    <meta property=og:description content=描述><meta property=og:title content=其他><title>页</title>"""
    assert urls(page) == ["https://www.example.cn/cover.jpg"]
    assert texts(page, "og") == ["标题", "描述"]


def test_several_pictures_of_a_card() -> None:
    page = """<meta property=og:title content=标题><meta property=og:image content=/1.jpg>
    <meta property=og:image:secure_url content=https://s.example.cn/1.jpg><meta property=og:image:alt content=甲>
    <meta property=og:image content=/2.jpg><meta property=og:image:alt content=乙>"""
    assert [(one.image_url[-5:], one.text) for one in candidates(page, URL)] == [
        ("1.jpg", "甲"), ("1.jpg", "标题"), ("2.jpg", "乙"), ("2.jpg", "标题"),
    ]  # fmt: skip
    assert candidates(page, URL)[0].others == ("https://s.example.cn/1.jpg",)


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("<meta name=twitter:image content=/t.jpg>", "https://www.example.cn/t.jpg"),
        ("<meta name=twitter:image:src content=/t.jpg>", "https://www.example.cn/t.jpg"),
        ("", "https://www.example.cn/o.jpg"),  # Twitter then shows the og:image
    ],
)
def test_twitter(image: str, url: str) -> None:
    page = f"""<meta property=og:image content=/o.jpg>{image}<meta name=twitter:image:alt content=图>
    <meta name=twitter:title content=标题><meta name=twitter:description content=描述>"""
    found = [(one.image_url, one.text) for one in candidates(page, URL) if one.source == "twitter"]
    assert found == [(url, text) for text in (("图", "标题", "描述") if image else ("标题", "描述"))]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<a href=/1><img src=a>红烧<b>肉</b></a>", "红烧肉"),
        ("<a href=/1><img src=a></a><h3><a href=/1> 红烧肉 </a></h3><a href=/1>12 评论</a>", "红烧肉"),
        ("<a href=/1>更早</a><a href=/1><img src=a></a>", "更早"),
        ("<a href=/1><img src=a></a><a href=/2>鱼</a>", None),
        ("<a href='#'><img src=a></a><a href='#'>返回</a>", None),
        ("<a href='javascript:;'><img src=a></a><a href='javascript:;'>更多</a>", None),
        ("<a href=/1><img src=a><style>x</style><!-- 注 --></a>", None),
    ],
)
def test_link_texts(page: str, text: str | None) -> None:
    assert texts(page, "link") == ([text] if text else [])


@pytest.mark.parametrize(
    ("page", "others"),
    [
        (img("src=s.jpg srcset='m.jpg 640w, l.jpg 1280w, s.jpg 320w'"), ["m.jpg", "s.jpg"]),
        (img("src=s.jpg data-src=l.jpg"), ["s.jpg"]),
        (img("src=blank.gif data-src=l.jpg"), []),
        (img("src=l.jpg"), []),
        ("<a href=l.jpg>" + img("src=s.jpg") + "</a>", ["s.jpg"]),
        ("<picture><source srcset='l.jpg 9w, m.jpg 4w'>" + img("src=s.jpg") + "</picture>", ["m.jpg", "s.jpg"]),
        (img("srcset='" + ",".join(f"{n}.jpg {n}w" for n in range(1, 99)) + ", l.jpg 999w'"),
         [f"{n}.jpg" for n in range(1, 33)]),
    ],
)  # fmt: skip
def test_every_size_is_recorded(page: str, others: list[str]) -> None:
    (found,) = candidates(page, URL)
    assert found.image_url == "https://www.example.cn/a/l.jpg"
    assert found.others == tuple(f"https://www.example.cn/a/{other}" for other in others)


def test_the_text_of_a_background_is_what_stands_on_it() -> None:
    assert texts("<p>前</p><div style='background:url(a)'><h3>红烧肉</h3></div>", "nearby") == ["红烧肉"]
    assert texts("<p>前</p><div style='background:url(a)'></div>", "nearby") == ["前"]
    assert texts(f"<p>前</p><div style='background:url(a)'>{'长' * 600}</div>", "nearby") == []  # a part of the page
    assert urls("<img alt=x src=a.jpg style='background:url(wait.gif)'>") == ["https://www.example.cn/a/a.jpg"]


def test_licences() -> None:
    page = """<link rel=license href=/page><figure><img src=a.jpg alt=甲><figcaption>图
    <a rel="nofollow License" href="https://l.example/by">CC BY</a></figcaption></figure><img src=b.jpg alt=乙>
    <script type="application/ld+json">{"@type": "ImageObject", "contentUrl": "c.jpg", "name": "丙",
    "license": "CC0", "acquireLicensePage": "/buy"}</script><a rel=license href=/foot>许可</a>
    <script type="application/ld+json">{"@type": "Article", "license": {"@id": "https://l.example/article"}}</script>"""
    found = read_page(page, URL)
    of_page = ("https://l.example/article", "https://www.example.cn/foot", "https://www.example.cn/page")
    assert found.licences == of_page
    assert {one.image_url[-5:]: one.licences for one in found.candidates} == {
        "a.jpg": ("https://l.example/by",),
        "b.jpg": of_page,
        "c.jpg": ("CC0", "https://www.example.cn/buy"),
    }


def test_link_elements_are_handed_on() -> None:
    page = "<link REL='License  Alternate' TYPE=application/RSL+xml href=' rsl.xml '><link rel=x><link href=y>"
    assert read_page(page, URL).rels == (("license alternate", "application/rsl+xml", "rsl.xml"),)


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
<title> <table><td> <!-- --> <svg> <noscript> <template> 文字 < \0 \ud800 <link_rel=license_href=l>
<div_style="background:url(a)"> <script_type=application/ld+json> {"@type":"ImageObject","url":"x","name":["n"]}
</script> <meta_property=og:image_content=o> <meta_name=twitter:title_content=t> <video_poster=v> [{}] \\
<img_srcset="a_1w,b_2w"_title=t> <a_rel=license_href=x.jpg> <meta_name=keywords_content=k>
"""
TAGS = st.sampled_from([part.replace("_", " ") for part in PARTS.split()])


@given(st.lists(TAGS, max_size=40))
def test_any_page_is_read(parts: Iterable[str]) -> None:
    found = candidates("".join(parts), URL)
    for one in found:
        assert one.image_url.startswith("https://") and one.text == clean(one.text) != ""
        assert all(other.startswith("https://") and other != one.image_url for other in one.others)
        assert list(one.licences) == sorted(set(one.licences))
    assert len({(one.image_url, one.text, one.source) for one in found}) == len(found)


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"<img src=a alt=", b"<script type=application/ld+json>[", b"<a "])
)
def test_any_bytes_are_a_page(body: bytes, start: bytes) -> None:
    read_page(decode(start + body), URL)


TAGS_OF_A_HOSTILE_PAGE = 15_000  # more than the honest pages that are parsed as they come


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_of_twice_the_size_is_no_more_than_twice_the_work(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted: the calls of functions, and the tree that the parser is made to build.

    The parser walks its open elements at most tags, and a tag's attributes at each of them: so where neither grows, its
    work is that of the tree. Seconds are in benchmarks/extract_speed.py.
    """
    once, twice = (work(HOSTILE[name](TAGS_OF_A_HOSTILE_PAGE * times), monkeypatch) for times in (1, 2))
    assert twice.calls <= 2.1 * once.calls + 100
    assert twice.nodes <= 2.1 * once.nodes + 100
    assert twice.deepest <= max(once.deepest, 600)
    assert twice.attributes <= 512
    assert len({one.image_url for one in twice.page.candidates}) <= MOST_PICTURES


def test_texts_of_a_page_are_bounded() -> None:
    """Each picture repeats what the page says of all: 5,000 times 4,096 characters would be made of 40,000."""
    page = f"<title>{'题' * 5000}</title>" + "".join(f"<img src={number} alt=x>" for number in range(5000))
    assert sum(len(one.text) for one in candidates(page, URL)) <= MOST_TEXT


def test_taming_loses_no_picture() -> None:
    deep = "<div><p>文</p><img src=a.jpg alt=甲><a href=b.html>" * 20_000
    page = read_page(deep, URL)
    assert ("https://www.example.cn/a/a.jpg", "甲") in {(one.image_url, one.text) for one in page.candidates}
    assert page.links == ("https://www.example.cn/a/b.html",)
    honest = "<div><ul>" + "<li><b>一</b><p>二<br>" * 30_000 + "</ul></div>"
    assert tame(honest) == honest
