"""Traps as the web has them, and honest URLs that look a little like one; session ids, and what only looks like one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.traps import cleaned, trap
from crawlers.urls import LONGEST, fetchable

YEAR = 2026
SITE = "http://a.example"

TRAPS = {
    "/news/news/news/news/1.html": "repeated",
    "/css/img/css/img/css/img/logo.html": "css/img is repeated",
    "/a/list/show/list/show/list/show/": "repeated",
    "/list/x/list/y/list/z/list/": "list is there 4 times",
    "/" + "/".join(f"s{n}" for n in range(25)) + "/": "segments deep",
    "/calendar/2031/05/": "year 2031",
    "/calendar.php?year=2029&month=12": "year 2029",
    "/calendar.php?month=3&year=1802": "year 1802",
    "/events/month/2098-11/": "year 2098",
    "/events?date=2030-01-15": "year 2030",
    "/?cal=1&y=1971&m=2": "year 1971",
    "/日历/2055-6.html": "year 2055",
    "/2031/05/17/": "year 2031",
    "/list?tag=cat&tag=cat&tag=cat": "tag=cat is repeated",
    "/list?" + "&".join(f"f{n}={n}" for n in range(31)): "31 parameters",
    "/login?next=%2Flogin%3Fnext%3D%252Flogin%253Fnext%253D%25252Flogin": "again and again",
}

HONEST = [
    "/",
    "/2024/05/01/",
    "/2024/05/01/index.html",
    "/2027/01/01/new-year-plans/",
    "/1949/10/01/today-in-history.html",
    "/museum/1895/07/painting.html",
    "/museum?year=1895",
    "/a/a/",
    "/a/a/a/a/b.html",
    "/news/news/1.html",
    "/en/news/en/",
    "/group1/M00/00/00/00/wKgB.html",
    "/1/1/1/1/index.html",
    "/tiles/12/12/12/12/",
    "/thread/2345/12/",
    "/p/8734/05/12/x.html",
    "/tieba/p/2050-3.html",
    "/product/calendar/2027/",
    "/goods/calendar-2026.html",
    "/calendar/2026/11/",
    "/events/2027-03/",
    "/show.asp?id=2034-01&page=2",
    "/list?tag=a&tag=b&tag=c",
    "/list?id[]=1&id[]=2&id[]=3&id[]=4",
    "/search?q=" + "%E5%9B%BE" * 40,
    "/go?url=http%3A%2F%2Fb.example%2F%3Fx%3D1%2526",
    "/a/b/c/d/e/f/g/h/i/j/k/l.html",
    "/forum/forum.php?mod=viewthread&tid=2031&page=12",
]

SESSIONS = {
    "/show.jsp;jsessionid=0A1B2C3D?id=7": "/show.jsp?id=7",
    "/show.do;JSESSIONID=0A1B2C3D.node1": "/show.do",
    "/a;jsessionid=1/b": "/a/b",
    "/index.php?PHPSESSID=9f8e7d6c&id=3": "/index.php?id=3",
    "/index.php?id=3&PHPSESSID=9f8e7d6c": "/index.php?id=3",
    "/index.php?PHPSESSID=9f8e7d6c": "/index.php",
    "/x.asp?ASPSESSIONIDQQRTABCD=LKJH": "/x.asp",
    "/(S(lit3py55t21z5v55vlm25s55))/page.aspx": "/page.aspx",
    "/x.cfm?CFID=123&CFTOKEN=456&a=1": "/x.cfm?a=1",
    "/shop?osCsid=ab12&p=1": "/shop?p=1",
    "/bbs?sid=a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6&fid=2": "/bbs?fid=2",
}

NO_SESSIONS = [
    "/story?sid=12345",
    "/bbs?sid=x8Q2kD",
    "/search?s=phpsessid",
    "/?s=红烧肉",
    "/a;v=1/b",
    "/wiki/PHPSESSID=1",
    "/(S(short))/x",
    "/x?",
    "/x?a&b=&&c",
]


@pytest.mark.parametrize("path", TRAPS)
def test_a_trap_is_told_with_its_reason(path: str) -> None:
    url = fetchable(SITE, path)
    assert url is not None and TRAPS[path] in trap(url, YEAR)


@pytest.mark.parametrize("path", HONEST)
def test_an_honest_url_is_none(path: str) -> None:
    url = fetchable(SITE, path)
    assert url is not None and trap(url, YEAR) == ""


@pytest.mark.parametrize("path", SESSIONS)
def test_a_session_id_is_left_out(path: str) -> None:
    assert cleaned(SITE + path) == SITE + SESSIONS[path]


@pytest.mark.parametrize("path", NO_SESSIONS)
def test_what_is_no_session_id_stays(path: str) -> None:
    url = fetchable(SITE, path)
    assert url is not None and cleaned(url) == url


@given(st.text(alphabet="abS/;=?&%25()0139-.", max_size=300))
def test_whatever_comes_a_cleaned_url_is_one_of_the_same_host(path: str) -> None:
    url = fetchable(f"{SITE}/{path}", "")
    assert url is not None
    once = cleaned(url)
    assert fetchable(once, "") == once and once.startswith(f"{SITE}/")
    assert trap(once, YEAR) == trap(once, YEAR) and len(once) <= len(url)


@pytest.mark.parametrize(
    "path",
    ["/" * LONGEST, "/a" * (LONGEST // 2), ";sid=" * 800, "?" + "&a" * 2_000, "?s=" + "1a" * 2_000, "/(S(" * 900],
)
def test_the_longest_urls_take_no_time(path: str) -> None:
    url = (SITE + "/" + path)[:LONGEST]
    begun = time.process_time()
    for _ in range(10):
        trap(cleaned(url), YEAR)
    assert time.process_time() - begun < 0.2
