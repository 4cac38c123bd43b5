import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.paths import covers, path_of

SITE = "https://a.example"


# RFC 9309 §2.2.2 and §2.2.3; https://developers.google.com/search/docs/crawling-indexing/robots/robots_txt#url-matching
@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("/", ["/", "/any", "/?x"], []),
        ("/*", ["/", "/any"], []),
        ("/$", ["/"], ["/any"]),
        ("/fish", ["/fish", "/fish.html", "/fish/salmon.html", "/fish.php?id=any"], ["/Fish.asp", "/catfish"]),
        ("/fish*", ["/fish", "/fishheads/yummy.html"], ["/Fish.asp", "/desert/fish"]),
        ("/fish/", ["/fish/", "/fish/?id=anything", "/fish/salmon.htm"], ["/fish", "/fish.html", "/animals/fish/"]),
        ("/*.php", ["/index.php", "/folder/any.php.file.html", "/x.php?p"], ["/", "/windows.PHP"]),
        ("/*.php$", ["/filename.php", "/folder/filename.php"], ["/filename.php?p", "/filename.php/", "/filename.php5"]),
        ("/fish*.php", ["/fish.php", "/fishheads/catfish.php?parameters"], ["/Fish.PHP"]),
        ("/foo/bar?baz=quz", ["/foo/bar?baz=quz"], ["/foo/bar"]),
        ("/foo/bar/ツ", ["/foo/bar/%E3%83%84"], ["/foo/bar/%E3%83%85"]),
        ("/foo/bar/%E3%83%84", ["/foo/bar/%e3%83%84"], []),
        ("/foo/bar/%62%61%7A", ["/foo/bar/baz"], []),
        ("/path/file-with-a-%2A.html", ["/path/file-with-a-*.html"], ["/path/file-with-a-b.html"]),
        ("/path/foo-%24", ["/path/foo-$", "/path/foo-$x"], ["/path/foo-"]),
        ("/a%2Fb", ["/a%2fb"], ["/a/b"]),
        ("*.gif$", ["/a/b.gif"], ["/a/b.gif?c"]),
        ("/a**b", ["/axb", "/ab"], ["/a"]),
        ("/ab*b$", ["/abb", "/ab-b"], ["/ab"]),
        ("fish", [], ["/fish"]),
        ("", [], ["/", "/x"]),
    ],
)  # fmt: skip
def test_patterns(pattern: str, matches: list[str], others: list[str]) -> None:
    assert [path for path in matches if covers(pattern, SITE + path) < 0] == []
    assert [path for path in others if covers(pattern, SITE + path) >= 0] == []


def test_longer_patterns_are_longer() -> None:
    url = SITE + "/page/x.htm"
    lengths = [covers(pattern, url) for pattern in ("/", "/p", "/*.ht", "/page/", "/page/x", "/page/x.htm$")]
    assert lengths == sorted(lengths) and len(set(lengths)) > 4


@pytest.mark.parametrize(
    ("url", "path"),
    [(SITE, "/"), (SITE + "?q", "/?q"), (SITE + "/a?b#c", "/a?b"), ("http://a.example:80/x", "/x")],
)
def test_path_of(url: str, path: str) -> None:
    assert path_of(url) == path


@given(st.text(max_size=30), st.text("/a*$%2Fx", max_size=30))
def test_any_pattern_is_read(pattern: str, path: str) -> None:
    assert covers(pattern, f"{SITE}/{path}") >= -1


@given(st.text("ab图*", max_size=30), st.text("ab/", max_size=9))
def test_a_star_stands_for_anything(pattern: str, anything: str) -> None:
    assert covers("/" + pattern, SITE + "/" + pattern.replace("*", anything)) > 0
    assert covers("/" + pattern + "$", SITE + "/" + pattern.replace("*", anything)) > 0


def test_many_stars_take_no_time() -> None:
    begun = time.perf_counter()
    assert covers("/" + "*a" * 20_000 + "$", SITE + "/" + "a" * 19_999 + "b" * 20_000) == -1
    assert time.perf_counter() - begun < 2
