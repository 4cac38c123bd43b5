"""Links that lead nowhere: URLs that a site makes without end, told by their looks.

Pure, and linear in the URL, whose length is capped before (`urls.LONGEST`). Each rule is as narrow as the traps that
were seen allow: a page that is lost to one is worse than a page read for nothing, since every site has a budget.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

_DEEPEST = 20  # path segments: Heritrix's limit; honest paths have a dozen at most
_IN_A_ROW = 3  # a link relative to the wrong base adds the same segments again and again: Heritrix's limit
_IN_ALL = 4  # the same, where others stand between
_PARAMETERS = 30  # of a query: a form with every field filled has about twenty
_SAME_PARAMETERS = 3  # the same name and value: filters that are added to themselves
_NESTED = "%2525"  # a URL in a URL in a URL: a log-in page that returns to a log-in page
_FIRST_YEAR = 1990  # a calendar has events since there is a web
_YEARS_AHEAD = 1  # and those that are planned
_LAST_YEAR = 2199  # in a folder; beyond it is rather a number

_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?;]*", re.IGNORECASE)
_ASP_PATH = re.compile(r"/\([A-Za-z]\([A-Za-z0-9_-]{20,}\)\)(?=/)")  # /(S(24 characters))/ of ASP.NET without cookies
_NAMES = """
phpsessid jsessionid sessionid session_id session-id sessid cfid cftoken cfsid oscsid zenid xtcsid ssid osadminid
"""
_SESSION_NAMES = frozenset(_NAMES.split())
_MAYBE_SESSION = frozenset(("sid", "s", "session", "token", "ses"))
_SESSION_VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{24,128}")  # what a generator draws, not an id

_CALENDAR = re.compile(
    r"calendar|(?<![a-z])(?:cal|events?|agenda|diary|schedule|day|week|month|date|rili|wannianli)(?![a-z])|日历|%E6%97%A5%E5%8E%86",
    re.IGNORECASE,
)
_YEAR_MONTH = re.compile(r"(?<![0-9])([0-9]{4})[-/_.](0?[1-9]|1[0-2])(?![0-9])")
_DAY_FOLDER = re.compile(r"/([0-9]{4})/(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])(?=/|$)")
_YEAR_FIELD = re.compile(r"(?:^|&)(?:year|yr|y|cal_?year)=([0-9]{4})(?=&|$)", re.IGNORECASE)
_MONTH_FIELD = re.compile(r"(?:^|&)(?:month|mon|m|cal_?month)=(?:0?[1-9]|1[0-2])(?=&|$)", re.IGNORECASE)


def cleaned(url: str) -> str:
    """A normalised URL without the session id that a site put into it for want of cookies.

    >>> cleaned("http://a.example/show.jsp;jsessionid=0A1B?id=7&PHPSESSID=9f8e")
    'http://a.example/show.jsp?id=7'
    """
    head, mark, query = url.partition("?")
    head = _ASP_PATH.sub("", _SESSION_PATH.sub("", head))
    if mark:
        kept = [field for field in query.split("&") if not _is_session(field)]
        query = "&".join(kept)
        mark = "?" if kept else ""
    return head + mark + query


def _is_session(field: str) -> bool:
    name, _, value = field.partition("=")
    name = name.lower()
    if name in _SESSION_NAMES or name.startswith("aspsessionid"):
        return True
    return name in _MAYBE_SESSION and _SESSION_VALUE.fullmatch(value) is not None


def trap(url: str, year: int) -> str:
    """Why a normalised URL looks like one of a trap, in words; '' for one that does not. `year` is the present one.

    >>> trap("http://a.example/news/2024/05/01/", 2026), trap("http://a.example/img/css/img/css/img/css/x", 2026)
    ('', 'img/css is repeated')
    """
    head, _, query = url.partition("?")
    path = "/" + head.partition("//")[2].partition("/")[2]
    return _path(path) or _query(query) or _calendar(path, query, year)


def _path(path: str) -> str:
    segments = path.split("/")[1:-1]  # the last is the page's own name
    if len(segments) > _DEEPEST:
        return f"{len(segments)} segments deep"
    for length in range(1, len(segments) // _IN_A_ROW + 1):
        for start in range(len(segments) - length * _IN_A_ROW + 1):
            group = segments[start : start + length]
            if any(map(_speaks, group)) and segments[start : start + length * _IN_A_ROW] == group * _IN_A_ROW:
                return f"{'/'.join(group)} is repeated"
    name, times = max(Counter(filter(_speaks, segments)).items(), key=lambda one: one[1], default=("", 0))
    return f"{name} is there {times} times" if times >= _IN_ALL else ""


def _speaks(segment: str) -> bool:
    """Whether a segment is a name: numbers and pairs of hex digits repeat in honest paths, as in M00/00/00/."""
    return len(segment) > 2 and not segment.isdigit()


def _query(query: str) -> str:
    fields = [field for field in query.split("&") if field]
    if len(fields) > _PARAMETERS:
        return f"{len(fields)} parameters"
    for field, same in groupby(sorted(fields)):
        if len(list(same)) >= _SAME_PARAMETERS:
            return f"{field[:40]} is repeated"
    if _NESTED in query:
        return "a URL escaped in a URL, again and again"
    return ""


def _calendar(path: str, query: str, year: int) -> str:
    """A year that no calendar has entries for: in one that says what it is, or in a folder of a day to come."""
    years = [int(found[1]) for found in _DAY_FOLDER.finditer(path)]
    runs_off = [one for one in years if one > year + _YEARS_AHEAD and one <= _LAST_YEAR]
    if _CALENDAR.search(path) or _CALENDAR.search(query):
        said = [int(found[1]) for found in (*_YEAR_MONTH.finditer(path), *_YEAR_MONTH.finditer(query))]
        if _MONTH_FIELD.search(query):
            said += [int(found[1]) for found in _YEAR_FIELD.finditer(query)]
        runs_off += [one for one in said if not _FIRST_YEAR <= one <= year + _YEARS_AHEAD]
    return f"a calendar at the year {runs_off[0]}" if runs_off else ""
