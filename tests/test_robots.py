import pytest

from crawlers.robots import LARGEST, Robots, Ruling, robots_url, ruling
from schemas.outcome import Outcome

SITE = "https://a.example"


def allows(rules: str, path: str, agent: str = "TuwenBot") -> bool:
    return Robots.parse(rules.encode()).allows(SITE + path, agent)


# RFC 9309: §2.2.1 (groups), §2.2.2 (longest match), §2.2.3 (special characters), §5.1 and §5.2 (examples).
@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("", "/x", True),
        ("User-agent: *\nDisallow: /", "/x", False),
        ("User-agent: *\nDisallow:", "/x", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("user-agent: TUWENBOT\ndisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: tuwenbot\nAllow: /", "/x", True),
        ("User-agent: tuwenbot\nDisallow: /a\n\nUser-agent: tuwenbot\nDisallow: /b", "/b", False),
        ("User-agent: other\nUser-agent: tuwenbot\nDisallow: /x", "/x", False),
        ("User-agent: other\nDisallow: /x", "/x", True),
        ("User-agent: tuwen\nDisallow: /x", "/x", False),  # a shortened name means us
        ("User-agent: wenbot\nDisallow: /x", "/x", True),
        ("User-agent: TuwenBot/0.1\nDisallow: /x", "/x", False),
        ("user-agent : TuwenBot/0.1 (+https://a.example/)\nDisallow: /x", "/x", False),
        ("Useragent:TuwenBot 1 # us\nDisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: /x\n\nUser-agent: TuwenBot/9\nDisallow: /y", "/x", True),
        ("User-agent: other/1.0\nDisallow: /x", "/x", True),
        ("User-agent: TuwenBot (ours)\nDisallow: /x", "/x", False),
        ("User-agent: other TuwenBot\nDisallow: /x", "/x", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Tu Mobile\nAllow: /", "/x", False),  # a name of two words
        ("User-agent: * all\nDisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: /user-agent: a/1", "/user-agent: a/2", True),
        ("User-agent: * \x0cDisallow: /x", "/x", False),
        ("User-agent: TuwenBot/1 \u2028Disallow: /x", "/x", False),
        ("User-agent: *\nAllow: /page/\nDisallow: /page/disallowed.gif", "/page/", True),
        ("User-agent: *\nAllow: /page/\nDisallow: /page/disallowed.gif", "/page/disallowed.gif", False),
        ("User-agent: *\nDisallow: /x\nAllow: /x", "/x", True),
        ("User-agent: *\nDisallow: *.gif$", "/a/b.gif", False),
        ("User-agent: *\nDisallow: *.gif$", "/a/b.gif?c", True),
        ("User-agent: *\nDisallow: /a*b", "/a/x/b", False),
        ("User-agent: *\nDisallow: /图", "/%E5%9B%BE/1.jpg", False),
        ("User-agent: *\nDisallow: /%e5%9b%be", "/%E5%9B%BE/1.jpg", False),
        ("User-agent: *\nCrawl-delay: 1\nDisallow: /x", "/x", False),
        ("Disallow: /x", "/x", True),  # in no group
        ("User-agent: * # all\nDisallow: /x # this", "/x", False),
    ],
)  # fmt: skip
def test_allows(rules: str, path: str, allowed: bool) -> None:
    assert allows(rules, path) is allowed
    assert allows(rules.replace("\n", "\r\n"), path) is allowed
    assert allows(rules.replace("\n", "\r"), path) is allowed
    assert allows("\ufeff" + rules, path) is allowed


# RFC 9309 §5.1, to the letter.
SIMPLE = """User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "allowed", "closed"),
    [
        ("TuwenBot", ["/", "/publications/x", "/x.gif?y"], ["/x.gif", "/example/", "/example/page.html"]),
        ("foobot", ["/example/page.html", "/example/allowed.gif"], ["/", "/publications/", "/example/", "/x.gif"]),
        ("FooBot", ["/example/page.html"], ["/"]),
        ("barbot", ["/", "/x.gif", "/example/"], ["/example/page.html"]),
        ("bazbot", ["/", "/x.gif", "/example/"], ["/example/page.html"]),
        ("quxbot", ["/", "/x.gif", "/example/page.html"], []),
    ],
)
def test_the_simple_example(agent: str, allowed: list[str], closed: list[str]) -> None:
    assert [path for path in allowed if not allows(SIMPLE, path, agent)] == []
    assert [path for path in closed if allows(SIMPLE, path, agent)] == []


def test_the_longest_match_example() -> None:
    rules = "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif"
    assert not allows(rules, "/example/page/disallowed.gif", "foobot")
    assert allows(rules, "/example/page/", "foobot")


# RFC 9309 §2.2.2: a path in robots.txt, and the URI's.
@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"),
        ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
    ],
)
def test_percent_encoding(written: str, path: str) -> None:
    assert not allows(f"User-agent: *\nDisallow: {written}", path)
    assert allows(f"User-agent: *\nDisallow: {written}", "/foo/other")


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_forbids_too(coding: str) -> None:
    body = "User-agent: *\nDisallow: /x\n".encode(coding)
    assert not Robots.parse(body).allows(f"{SITE}/x", "TuwenBot") and Robots.parse(body).allows(SITE, "TuwenBot")


def test_comments_in_gbk_do_no_harm() -> None:
    body = "# 禁止抓取\nUser-agent: *\nDisallow: /closed/ # 不要\n".encode("gbk")
    assert not Robots.parse(body).allows(f"{SITE}/closed/x", "TuwenBot")
    assert Robots.parse(body).allows(f"{SITE}/x", "TuwenBot")


def test_a_cut_last_line_is_dropped() -> None:
    head = b"User-agent: *\nDisallow: /closed\n"
    line = b"Disallow: /a-long-path-that-is-cut\n"
    body = head + b"#" * (LARGEST - len(head) - 16) + b"\n" + line
    assert len(body) > LARGEST and body[:LARGEST].endswith(b"Disallow: /a-lo")
    rules = Robots.parse(body)
    assert rules.allows(f"{SITE}/a-lower-path", "TuwenBot")
    assert not rules.allows(f"{SITE}/closed", "TuwenBot")
    whole = Robots.parse(head + line)
    assert not whole.allows(f"{SITE}/a-long-path-that-is-cut", "TuwenBot")


def test_html_and_noise_forbid_nothing() -> None:
    for body in (b"<!doctype html><p>404", b"\0\0\xff", b"User-agent", b":\n:::\n" * 100):
        assert Robots.parse(body).allows(f"{SITE}/x", "TuwenBot")


@pytest.mark.parametrize(
    ("rules", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 9\n\nUser-agent: TuwenBot\nCrawl-delay: 3", 3.0),
        ("User-agent: *\nCrawl-delay: soon", None),
        ("User-agent: other\nCrawl-delay: 2", None),
        ("", None),
    ],
)
def test_delay(rules: str, delay: float | None) -> None:
    assert Robots.parse(rules.encode()).delay("TuwenBot") == delay


def test_sitemaps_stand_outside_groups() -> None:
    body = b"Sitemap: https://a.example/s.xml\nUser-agent: *\nDisallow: /\nsitemap: /t.xml"
    assert Robots.parse(body).sitemaps == ["https://a.example/s.xml", "/t.xml"]


@pytest.mark.parametrize(
    ("outcome", "status", "follows"),
    [
        (Outcome.OK, 200, Ruling.RULES),
        *[(Outcome.HTTP_ERROR, status, Ruling.OPEN) for status in (400, 404, 410, 418, 451)],
        *[(Outcome.HTTP_ERROR, status, Ruling.CLOSED) for status in (401, 403, 429, 500, 502, 503, 599, 302, 0)],
        (Outcome.THROTTLED, 429, Ruling.CLOSED),
        *[
            (outcome, 0, Ruling.CLOSED)
            for outcome in (Outcome.TIMEOUT, Outcome.CONNECT, Outcome.TLS, Outcome.DNS, Outcome.BLOCKED_ADDRESS)
        ],
        (Outcome.TRUNCATED, 200, Ruling.CLOSED),
        (Outcome.BAD_ENCODING, 200, Ruling.CLOSED),
        (Outcome.TOO_MANY_REDIRECTS, 302, Ruling.CLOSED),
    ],
)
def test_what_follows_from_asking(outcome: Outcome, status: int, follows: Ruling) -> None:
    assert ruling(outcome, status) is follows


def test_where_they_stand() -> None:
    assert robots_url("http://a.example:8080/x?y") == "http://a.example:8080/robots.txt"
