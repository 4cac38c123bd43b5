import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.aipref import content_signal, content_usage, robots_signal, robots_usage
from crawlers.groups import parse_groups

SITE = "https://a.example"

# draft-ietf-aipref-vocab §6 (examples and the processing of §6.5), and the labels of earlier drafts.
USAGE = [
    ("train-ai=n", False),
    ("train-ai=y", True),
    ("train-ai=y, search=n", True),
    ("search=y, train-ai=n", False),
    ("train-ai=n;exception=1", False),
    ("train-ai;allow=n, train-ai=y", True),
    ('train-ai;has;parameters="?"', True),
    ('train-ai=y, train-ai, search=n, search="n"', True),  # the last of a key counts, and a boolean is no preference
    ("train-ai=n, train-ai=y", True),
    ("train-ai=y, train-ai=n", False),
    ('train-ai="n"', True),
    ("train-ai=?0", True),
    ("train-ai=no", True),
    ("Train-AI=n", True),  # keys are lower case: it is no dictionary, so nothing is known
    ("train-ai=n,", True),
    ("train-ai=n search=y", True),
    ("", True),
    ("ai-use=n", True),  # use as an input is not training
    ("bots=n", False),
    ("bots=n, train-ai=y", True),  # the narrower label overrides
    ("train-genai=n", False),
    ("tdm=n", False),
    ("search=n", True),
    ("new-label=(a b);x, train-ai=n", False),
]


@pytest.mark.parametrize(("value", "allowed"), USAGE)
def test_content_usage(value: str, allowed: bool) -> None:
    assert content_usage([value] if value else []).allowed is allowed
    assert robots_usage([("content-usage", f"/ {value}")], SITE + "/x", "r").allowed is allowed


def test_several_headers_are_one_dictionary() -> None:
    assert not content_usage(["search=y", "train-ai=n"]).allowed
    assert content_usage(["train-ai=n", "train-ai=y"]).allowed


# draft-ietf-aipref-attach §3.4: its example, and the table of what follows.
EXAMPLE = """
User-Agent: *
Allow: /
Disallow: /never/
Content-Usage: / train-ai=n
Content-Usage: /ai-ok/ train-ai=y

User-Agent: ExampleBot
Allow: /
Content-Usage: / train-ai=y
"""


@pytest.mark.parametrize(
    ("agent", "path", "allowed"),
    [
        ("TuwenBot", "/test", False),
        ("TuwenBot", "/ai-ok/test", True),
        ("ExampleBot", "/test", True),
        ("examplebot", "/test", True),
    ],
)
def test_the_drafts_example(agent: str, path: str, allowed: bool) -> None:
    consent = robots_usage(parse_groups(EXAMPLE).of(agent), SITE + path, SITE + "/robots.txt")
    assert consent.allowed is allowed and consent.source == SITE + "/robots.txt"


@pytest.mark.parametrize(
    ("lines", "path", "allowed"),
    [
        (["/a train-ai=n", "/a train-ai=y"], "/a", False),  # equal paths apply each, the most restrictive wins
        (["/a train-ai=y", "/a train-ai=n"], "/a", False),
        (["/a*b$ train-ai=n", "/ train-ai=y"], "/axb", False),
        (["/a*b$ train-ai=n", "/ train-ai=y"], "/axbc", True),
        (["/a\ttrain-ai=n"], "/a", False),
        (["/%E5%9B%BE train-ai=n"], "/%e5%9b%be/1.jpg", False),
        (["train-ai=n"], "/a", False),  # without a path, as early drafts had it
        (["/b train-ai=n"], "/a", True),
        (["/a"], "/a", True),
        ([], "/a", True),
    ],
)
def test_rules_by_path(lines: list[str], path: str, allowed: bool) -> None:
    consent = robots_usage([("content-usage", line) for line in lines], SITE + path, "r")
    assert consent.allowed is allowed


# https://contentsignals.org/
@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("search=yes, ai-train=no", False),
        ("search=yes,ai-train=no", False),
        ("ai-train=no", False),
        ("AI-Train = No", False),
        ("search=yes, ai-train=yes", True),
        ("search=yes", True),
        ("search=no, ai-input=no", True),
        ("ai-train=", True),
        ("", True),
    ],
)
def test_content_signal(value: str, allowed: bool) -> None:
    assert content_signal([value] if value else []).allowed is allowed
    for path, url in (("", "/x"), ("/a/ ", "/a/x")):
        text = f"# Content-Signal: ai-train=no\nUser-Agent: *\nContent-signal: {path}{value} # this\nAllow: /"
        assert robots_signal(parse_groups(text).of("TuwenBot"), SITE + url, "r").allowed is allowed
    assert robots_signal([("content-signal", f"/b {value}")], SITE + "/a", "r").said == ()


@given(st.lists(st.text(max_size=60), max_size=3))
def test_whatever_is_sent_is_a_value(values: list[str]) -> None:
    for consent in (content_usage(values), content_signal(values)):
        assert consent.allowed or "=n" in consent.decided
        assert sum(map(len, consent.said)) <= 4_096
