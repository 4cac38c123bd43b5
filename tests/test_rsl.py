import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.extract import read_page
from crawlers.rsl import licence, link_licences, page_licences, robots_licences

SITE = "https://a.example"


def rsl(*contents: tuple[str, str], namespace: bool = True) -> bytes:
    space = ' xmlns="https://rslstandard.org/rsl"' if namespace else ""
    inside = "".join(f'<content url="{url}">{terms}</content>' for url, terms in contents)
    return f'<?xml version="1.0"?><!-- terms --><rsl{space}>{inside}</rsl>'.encode()


def terms(inside: str) -> str:
    return f"<license>{inside}</license>"


NO = terms('<prohibits type="usage">ai-train</prohibits>')
YES = terms('<permits type="usage">ai-train search</permits>')


@pytest.mark.parametrize(
    ("contents", "path", "allowed"),
    [
        ([("/", NO)], "/x", False),
        ([("/", terms('<prohibits type="usage">ai-all</prohibits>'))], "/x", False),
        ([("/", terms('<prohibits type="usage">search,all</prohibits>'))], "/x", False),
        ([("/", terms("<prohibits>AI-Train</prohibits>"))], "/x", False),
        ([("/", terms('<prohibits type="usage">search ai-input</prohibits>'))], "/x", True),
        ([("/", terms('<prohibits type="geo">all</prohibits>'))], "/x", True),
        ([("/", YES)], "/x", True),
        ([("/", terms('<permits type="usage">all</permits>'))], "/x", True),
        ([("/", terms('<permits type="usage">search</permits>'))], "/x", False),
        ([("/", terms('<permits type="user">education</permits>'))], "/x", True),
        ([("/", terms('<permits type="usage">search</permits>') + YES)], "/x", True),  # one of two licences lets us
        ([("/", YES + NO)], "/x", False),  # a prohibition counts, whatever stands beside it
        ([("/", terms('<payment type="purchase"/>'))], "/x", True),
        ([("/", YES), ("/shut/*", NO)], "/x", True),
        ([("/", YES), ("/shut/*", NO)], "/shut/x", False),
        ([("/", NO), ("/open/", YES)], "/open/x", False),  # no prohibition that covers is lost
        ([("/", terms('<permits type="usage">search</permits>')), ("/open/", YES)], "/open/x", True),
        ([("/*.jpg$", NO)], "/a.jpg", False),
        ([("/*.jpg$", NO)], "/a.jpg?x", True),
        ([(SITE + "/a/", NO)], "/a/x", False),
        ([(SITE, NO)], "/a/x", False),
        ([("https://b.example/", NO)], "/x", True),
        ([("", NO)], "/x", True),
        ([("/", "")], "/x", True),
        ([], "/x", True),
    ],
)
def test_a_licence(contents: list[tuple[str, str]], path: str, allowed: bool) -> None:
    for namespace in (True, False):
        consent = licence(rsl(*contents, namespace=namespace), SITE + path, SITE + "/l.xml")
        assert consent.allowed is allowed and consent.signal == "rsl" and consent.source == SITE + "/l.xml"


def test_its_terms_are_recorded() -> None:
    inside = '<permits type="usage">search</permits><prohibits>ai-all</prohibits><payment type="crawl"/><payment/>'
    consent = licence(rsl(("/", terms(inside))), SITE + "/", "l")
    assert consent.said == ("permits search", "prohibits ai-all", "payment crawl", "payment free")
    assert consent.decided == "prohibits ai-all"


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><rsl><content url="/">&b;</content></rsl>'
OUTSIDE = b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rsl>&a;</rsl>'


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", BOMB, OUTSIDE, b"<rsl>" * 9, b'<?xml version="1.0" encoding="no"?><rsl/>']
)
def test_what_is_no_licence_is_recorded_as_unread(body: bytes) -> None:
    consent = licence(body, SITE + "/", "l")
    assert consent.said == ("unread",) and consent.allowed


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value(body: bytes) -> None:
    assert licence(body, SITE + "/", "l").allowed


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ('<https://a.example/l.xml>; rel="license"; type="application/rsl+xml"', ["https://a.example/l.xml"]),
        ("</l.xml>;rel=license;type=application/rsl+xml", ["https://a.example/l.xml"]),
        ('</l.xml>; type="application/RSL+xml"; rel="nofollow LICENSE"', ["https://a.example/l.xml"]),
        (
            '</x>; rel=next, </l.xml>; rel="license"; type="application/rsl+xml"; title="a, b"',
            ["https://a.example/l.xml"],
        ),
        ("</cc>; rel=license", []),
        ('</cc>; rel="license"; type="text/html"', []),
        ("</l.xml>; type=application/rsl+xml", []),
        ("<ftp://a.example/l.xml>; rel=license; type=application/rsl+xml", []),
        ("l.xml; rel=license", []),
        ("<" * 9_999, []),
    ],
)
def test_links_in_headers(value: str, urls: list[str]) -> None:
    assert list(link_licences([value], SITE + "/a/")) == urls


def test_links_in_robots_and_pages() -> None:
    lines = [
        ("license", "https://a.example/1.xml"),
        ("license", "/2.xml"),
        ("license", "/2.xml"),
        ("content-usage", "/"),
    ]
    assert robots_licences(lines, SITE + "/robots.txt") == (SITE + "/1.xml", SITE + "/2.xml")
    assert len(robots_licences([("license", f"/{number}") for number in range(99)], SITE + "/")) == 8
    page = (
        "<link rel=license type=application/rsl+xml href=l.xml><link rel=license href=cc><link rel=stylesheet href=s>"
    )
    read = read_page(page, SITE + "/a/b")
    assert page_licences(read.rels, read.base) == (SITE + "/a/l.xml",)
