import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.tdmrep import tdm_file, tdm_header, tdm_meta

SITE = "https://provider.com"
SOURCE = SITE + "/.well-known/tdmrep.json"
# The report's own examples, §6.2.2.
ALL = [{"location": "/", "tdm-reservation": 1}]
GROUPS = [
    {"location": "/directory-a/", "tdm-reservation": 1},
    {
        "location": "/directory-b/html/",
        "tdm-reservation": 1,
        "tdm-policy": "https://provider.com/policies/policy.json",
    },
    {"location": "/directory-b/images/*.jpg", "tdm-reservation": 0},
]


@pytest.mark.parametrize(
    ("rules", "path", "reserved"),
    [
        (ALL, "/", True),
        (ALL, "/anything?x", True),
        (GROUPS, "/directory-a/x.pdf", True),
        (GROUPS, "/directory-a", None),
        (GROUPS, "/directory-b/html/x.html", True),
        (GROUPS, "/directory-b/images/x.jpg", False),
        (GROUPS, "/directory-b/images/x.png", None),
        (GROUPS, "/elsewhere", None),
        ([{"location": "/this/path/exactly$", "tdm-reservation": 1}], "/this/path/exactly", True),
        ([{"location": "/this/path/exactly$", "tdm-reservation": 1}], "/this/path/exactly/not", None),
        ([{"location": "/this/*/then", "tdm-reservation": 1}], "/this/or/that/then/x", True),
        ([{"location": "/path/foo-%24", "tdm-reservation": 1}], "/path/foo-$", True),
        ([{"location": "/Case", "tdm-reservation": 1}], "/case", None),
        # The first in sequence counts, not the longest.
        ([{"location": "/", "tdm-reservation": 0}, {"location": "/a", "tdm-reservation": 1}], "/a", False),
        ([{"location": "/a", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}], "/a", True),
        # Values that are neither 0 nor 1 are as good as none; slips that are frequent are understood.
        ([{"location": "/", "tdm-reservation": 2}], "/", None),
        ([{"location": "/", "tdm-reservation": True}], "/", None),
        ([{"location": "/", "tdm-reservation": "1"}], "/", True),
        ([{"location": "/"}], "/", None),
        ({"location": "/", "tdm-reservation": 1}, "/", True),
        ([{"tdm-reservation": 1}], "/", None),
        ([7, None, {"location": 7, "tdm-reservation": 1}, *ALL], "/", True),
        ([], "/", None),
    ],
)
def test_the_file(rules: object, path: str, reserved: bool | None) -> None:
    for body in (json.dumps(rules).encode(), b"\xef\xbb\xbf" + json.dumps(rules, indent=2).encode()):
        consent = tdm_file(body, SITE + path, SOURCE)
        assert consent.signal == "tdmrep" and consent.allowed is not bool(reserved)
        assert bool(consent.said) is (reserved is not None)
        assert consent.source == (SOURCE if consent.said else "")


def test_a_policy_is_recorded_with_a_reservation_alone() -> None:
    consent = tdm_file(json.dumps(GROUPS).encode(), SITE + "/directory-b/html/x", SOURCE)
    assert consent.said == ("tdm-reservation 1", "tdm-policy https://provider.com/policies/policy.json")
    assert tdm_header(["0"], ["https://a.example/p"]).said == ("tdm-reservation 0",)


@pytest.mark.parametrize(
    ("values", "reserved"),
    [
        (["1"], True),
        ([" 1 "], True),
        (["0"], False),
        (["0", "1"], True),
        (["2"], None),
        ([""], None),
        ([], None),
        (["no"], None),
    ],
)
def test_the_header_and_the_page(values: list[str], reserved: bool | None) -> None:
    for consent in (
        tdm_header(values, []),
        tdm_meta([("viewport", "1"), *(("tdm-reservation", one) for one in values)]),
    ):
        assert consent.allowed is not bool(reserved) and bool(consent.said) is (reserved is not None)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9).map(json.dumps).map(str.encode)
)
def test_what_is_no_such_file_says_nothing(body: bytes) -> None:
    assert tdm_file(body, SITE + "/", SOURCE).said == ()


def test_deep_nesting_ends() -> None:
    assert tdm_file(b"[" * 1_000_000, SITE + "/", SOURCE).allowed
