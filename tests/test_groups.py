import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.groups import parse_groups
from crawlers.robots import Robots

TEXT = """License: /all
User-agent: one
User-agent: *
Content-Usage: / a=1
Sitemap: /s.xml
Content-Signal: b

User-agent: TuwenBot
Disallow: /x
License: /ours # comment
Unknown: x

user-agent : tuwenbot
CONTENT-USAGE : /more c=2
"""


@pytest.mark.parametrize(
    ("agent", "values"),
    [
        ("TuwenBot", ["/all", "/ours", "/more c=2"]),
        ("TUWENBOT", ["/all", "/ours", "/more c=2"]),
        ("one", ["/all", "/ a=1", "b"]),
        ("another", ["/all", "/ a=1", "b"]),
    ],
)
def test_the_lines_for_an_agent(agent: str, values: list[str]) -> None:
    for text in (TEXT, TEXT.replace("\n", "\r\n")):
        assert [value for _, value in parse_groups(text).of(agent)] == values


@pytest.mark.parametrize("name", ["tuwenbot", "TuwenBot", "tuwen", "Tuwen*", "wenbot", "tuwenbot2", "bot", "*", ""])
def test_a_group_means_us_where_its_rules_do(name: str) -> None:
    body = f"User-agent: {name}\nDisallow: /\nLicense: /l\n".encode()
    rules = Robots.parse(body)
    closed = not rules.allows("https://a.example/x", "TuwenBot")
    assert bool(rules.lines("TuwenBot")) is (closed or name == "")  # a line of no group is for all


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    parse_groups(text).of("TuwenBot")


def test_bounded() -> None:
    assert len(parse_groups("License: /l\n" * 5_000).of("TuwenBot")) == 1_000
