import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.consent import Consent, deciding, meta_robots, x_robots

REFUSALS = ["noindex", "none", "noimageindex", "noai", "noimageai", "noml"]


@pytest.mark.parametrize("word", REFUSALS)
@pytest.mark.parametrize(
    "form", ["{}", " {} ", "nofollow, {}", "tuwenbot: {}", "TuwenBot:{}", "*: {}", "max-snippet:5, {}"]
)
def test_a_header_refuses(word: str, form: str) -> None:
    consent = x_robots([form.format(word.upper())], "TuwenBot")
    assert not consent.allowed and consent.decided == word and consent.signal == "x-robots-tag"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "all",
        "nofollow",
        "noarchive, nosnippet",
        "otherbot: noai",
        "otherbot: nofollow, noai",  # the prefix holds to the end of the header
        "unavailable_after: 25 Jun 2030 15:00:00 PST",
        "max-image-preview: large",
        "max-snippet:-1, max-image-preview:large, max-video-preview:-1",
        "noaiming",
    ],
)
def test_a_header_does_not_refuse(value: str) -> None:
    assert x_robots([value], "TuwenBot").allowed


def test_valued_directives_are_no_bots() -> None:
    consent = x_robots(["max-image-preview: large, noimageai"], "TuwenBot")
    assert consent.said == ("max-image-preview: large", "noimageai") and not consent.allowed
    assert not x_robots(["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], "TuwenBot").allowed


def test_each_header_begins_anew_and_the_most_restrictive_wins() -> None:
    assert not x_robots(["otherbot: all", "noai"], "TuwenBot").allowed
    assert not x_robots(["tuwenbot: all", "noai"], "TuwenBot").allowed
    assert not x_robots(["otherbot: noindex, tuwenbot: noai"], "TuwenBot").allowed


@pytest.mark.parametrize("word", REFUSALS)
@pytest.mark.parametrize("name", ["robots", "ROBOTS", "tuwenbot", " TuwenBot "])
def test_a_meta_refuses(word: str, name: str) -> None:
    assert meta_robots([("viewport", "x"), (name, f"nofollow,{word}")], "TuwenBot").decided == word


@pytest.mark.parametrize(
    "meta", [("robots", "index,follow"), ("googlebot", "noindex"), ("keywords", "noai"), ("robots", "")]
)
def test_a_meta_does_not_refuse(meta: tuple[str, str]) -> None:
    assert meta_robots([meta], "TuwenBot").allowed


def test_links() -> None:
    assert not meta_robots([("robots", "nofollow")], "TuwenBot").follow
    assert not x_robots(["none"], "TuwenBot").follow
    assert x_robots(["noindex"], "TuwenBot").follow


NOW = 1_300_000_000.0  # 13 March 2011


@pytest.mark.parametrize(
    ("date", "passed"),
    [
        ("25 Jun 2010 15:00:00 PST", True),
        ("25 Jun 2030 15:00:00 PST", False),
        ("Friday, 25-Aug-2010 15:00:00 EST", True),
        ("Fri, 25 Jun 2010 15:00:00 GMT", True),
        ("Fri, 25 Jun 2030 15:00:00 GMT", False),
        ("2010-09-21", True),
        ("2030-09-21", False),
        ("2010-09-21T10:00:00Z", True),
        ("2010-09-21T10:00:00+08:00", True),
        ("soon", False),
        ("", False),
        ("9999-99-99", False),
    ],
)
def test_an_expiry_refuses_once_it_has_passed(date: str, passed: bool) -> None:
    for consent in (
        x_robots([f"unavailable_after: {date}"], "TuwenBot", NOW),
        x_robots([f"TuwenBot: unavailable_after: {date}"], "TuwenBot", NOW),
        meta_robots([("robots", f"index, unavailable_after: {date}")], "TuwenBot", NOW),
    ):
        assert consent.allowed is not passed and consent.decided == (consent.said[-1] if passed else "")
    assert x_robots([f"unavailable_after: {date}"], "TuwenBot").allowed
    later = x_robots([f"unavailable_after: {date}, noarchive"], "TuwenBot", NOW)
    assert later.said[-1] == "noarchive" and later.allowed is not passed


def test_the_date_of_another_bot_is_not_ours() -> None:
    assert x_robots(["otherbot: unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai"], "TuwenBot", NOW).allowed


def test_the_most_restrictive_decides_unless_it_is_ignored() -> None:
    yes, no, also = Consent("rsl", ("permits all",)), Consent("tdmrep", ("1",), "1"), Consent("rsl", ("x",), "x")
    assert deciding([yes, no, also], {}) is no and deciding([yes], {}) is None
    assert deciding([yes, no, also], {"tdmrep": "ours"}) is also
    assert deciding([yes, no, also], {"tdmrep": "ours", "rsl": "ours"}) is None


@given(st.lists(st.text(max_size=40), max_size=4))
def test_what_was_said_is_kept(values: list[str]) -> None:
    consent = x_robots(values, "TuwenBot")
    assert consent.allowed == (not set(consent.said) & set(REFUSALS))
