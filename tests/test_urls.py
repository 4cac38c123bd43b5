import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.urls import LONGEST, fetchable, host_queue, origin, path_ending, resolve

BASE = "https://www.example.cn/a/b/c.html?d#e"


# Rows of the URL standard's own test data, and what Chinese pages hold.
@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("", "https://www.example.cn/a/b/c.html?d"),
        ("#x", "https://www.example.cn/a/b/c.html?d#x"),
        ("x.jpg", "https://www.example.cn/a/b/x.jpg"),
        ("/x.jpg", "https://www.example.cn/x.jpg"),
        ("//img.example.cn/x.jpg", "https://img.example.cn/x.jpg"),
        ("../../../x", "https://www.example.cn/x"),
        ("./%2e%2e/x", "https://www.example.cn/a/x"),
        ("?q=红", "https://www.example.cn/a/b/c.html?q=%E7%BA%A2"),
        ("/图 片.jpg", "https://www.example.cn/%E5%9B%BE%20%E7%89%87.jpg"),
        ("  /x\n.jpg\t", "https://www.example.cn/x.jpg"),
        ("\\\\img.example.cn\\x", "https://img.example.cn/x"),
        ("HTTP://EXAMPLE.CN:80/x", "http://example.cn/x"),
        ("https:x.jpg", "https://www.example.cn/a/b/x.jpg"),
        ("http://例子.中国/", "http://xn--fsqu00a.xn--fiqs8s/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://[::ffff:7f00:1]/", "http://[::ffff:7f00:1]/"),
        ("mailto:a@b.cn", "mailto:a@b.cn"),
        ("data:image/gif;base64,R0", "data:image/gif;base64,R0"),
        ("http://user:pw@h.cn/", "http://user:pw@h.cn/"),
        ("/a\ud800b", "https://www.example.cn/a%EF%BF%BDb"),
        ("http://中文.CN/路径?词=肉#节", "http://xn--fiq228c.cn/%E8%B7%AF%E5%BE%84?%E8%AF%8D=%E8%82%89#%E8%8A%82"),
        ("http://a。cn/", "http://a.cn/"),
        ("/a%zz%41", "https://www.example.cn/a%zz%41"),
        ("/a'b?c'd", "https://www.example.cn/a'b?c%27d"),
        ("/a|b`d{e}", "https://www.example.cn/a|b%60d%7Be%7D"),
        ("ht\ntps://h.cn/\ta", "https://h.cn/a"),
        ("https:\\\\h.cn\\a", "https://h.cn/a"),
        ("https:////h.cn/a", "https://h.cn/a"),
        ("http://h.cn:0443/", "http://h.cn:443/"),
        ("https://h.cn:443/", "https://h.cn/"),
        ("http://1.2.3.08/", None),
        ("http://h.cn%2fx/", None),
        ("weird:x/../y", "weird:x/../y"),
        ("http://[", None),
        ("http://a b/", None),
        ("http://h.cn:99999/", None),
        ("https://", None),
    ],
)
def test_resolve(reference: str, url: str | None) -> None:
    assert resolve(BASE, reference) == url


def test_resolve_needs_a_base_for_what_is_relative() -> None:
    assert resolve("about:blank", "x.jpg") is None
    assert resolve("not a url", "/x") is None


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("x.jpg#part", "https://www.example.cn/a/b/x.jpg"),
        ("http://user@h.cn/", None),
        ("http://:pw@h.cn/", None),
        ("http://h.cn/a@b?c@d", "http://h.cn/a@b?c@d"),
        ("javascript:void(0)", None),
        ("ftp://h.cn/x", None),
        ("/" + "x" * LONGEST, None),
        ("/" + "图" * (LONGEST // 3), None),
    ],
)
def test_fetchable(reference: str, url: str | None) -> None:
    assert fetchable(BASE, reference) == url


NAMES = st.lists(st.text("ab0x-n.", min_size=1, max_size=8), min_size=1, max_size=3).map(".".join)


ENDS = ["cn", "com", "a1", "1", "cn:8080", "com:80", "cn:65536", "cn:09999"]


@given(NAMES, st.sampled_from(ENDS), st.text("aZ09_~!$&()*+,;=:@/.%-?#'[]|^2e", max_size=20))
def test_what_is_taken_as_it_stands_is_what_the_standard_makes_of_it(name: str, last: str, rest: str) -> None:
    url = f"http://{name}.{last}/{rest}"
    resolved = resolve(BASE, url)
    expected = resolved.partition("#")[0] if resolved and "@" not in resolved.split("/")[2] else None
    assert fetchable(BASE, url) == expected


BYTES = st.sampled_from(["0", "1", "10", "99", "199", "249", "255", "256", "300", "01", "0x1", "a"])


@given(
    st.lists(BYTES, min_size=3, max_size=5),
    st.sampled_from(["", ":80", ":999", ":1000", ":59999", ":65535", ":65536", ":"]),
)
def test_a_numeric_host_is_what_the_standard_makes_of_it(parts: list[str], port: str) -> None:
    url = f"http://{'.'.join(parts)}{port}/a.jpg"
    assert fetchable(BASE, url) == resolve(BASE, url)


@given(st.text(), st.text())
def test_never_raises_and_is_stable(base: str, reference: str) -> None:
    found = fetchable(base, reference) or fetchable(BASE, reference)
    if found is not None:
        assert fetchable(found, "") == found
        assert found.startswith(origin(found)) and "#" not in found


@pytest.mark.parametrize(
    ("url", "where", "queue"),
    [
        ("http://a.cn/x?y", "http://a.cn", "a.cn"),
        ("https://a.cn/", "https://a.cn", "a.cn"),
        ("https://a.cn?x", "https://a.cn", "a.cn"),
        ("http://a.cn:8080/x:443", "http://a.cn:8080", "a.cn:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080", "[::1]:8080"),
        ("http://[2001:db8::443]/", "http://[2001:db8::443]", "[2001:db8::443]"),
        ("http://a.cn:443/", "http://a.cn:443", "a.cn"),
    ],
)
def test_origin_and_queue(url: str, where: str, queue: str) -> None:
    assert (origin(url), host_queue(url)) == (where, queue)


@pytest.mark.parametrize(
    ("url", "ending"),
    [("http://a.cn", ""), ("http://a.cn/x.JPG?a/b.c", "jpg"), ("http://a.cn/x.y/", ""), ("http://a.cn/a.b/c", "")],
)
def test_path_ending(url: str, ending: str) -> None:
    assert path_ending(url) == ending
