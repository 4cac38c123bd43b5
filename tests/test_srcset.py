import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.srcset import parse


# After the web platform tests' parse-a-srcset-attribute table.
@pytest.mark.parametrize(
    ("value", "candidates"),
    [
        ("", []),
        (",", []),
        (",,,", []),
        ("a", [("a", "")]),
        (" a ", [("a", "")]),
        ("a,", [("a", "")]),
        ("a,,", [("a", "")]),
        ("a ,b", [("a", ""), ("b", "")]),
        ("a, b", [("a", ""), ("b", "")]),
        ("a,b", [("a,b", "")]),
        ("data:,a", [("data:,a", "")]),
        ("data:,a 1x", [("data:,a", "1x")]),
        ("a 1x,b 2x", [("a", "1x"), ("b", "2x")]),
        ("a 1x, b 1.5x", [("a", "1x"), ("b", "1.5x")]),
        ("a\t100w\n,\fb 200w", [("a", "100w"), ("b", "200w")]),
        ("a 100w 50h", [("a", "100w")]),
        ("a 50h 100w", [("a", "100w")]),
        ("a 50h", []),
        ("a 1w 1w", []),
        ("a 1x 1x", []),
        ("a 1w 1x", []),
        ("a 1x 1h", []),
        ("a 0w", []),
        ("a -1w", []),
        ("a 1.0w", []),
        ("a 1e2w", []),
        ("a 0x", [("a", "0x")]),
        ("a -1x", []),
        ("a -0x", [("a", "-0x")]),
        ("a 1e1x", [("a", "1e1x")]),
        ("a +1x", []),
        ("a Infinityx", []),
        ("a NaNx", []),
        ("a .5x", [("a", ".5x")]),
        ("a 1.x", []),
        ("a 1X", []),
        ("a x", []),
        ("a foo", []),
        ("a foo(1, 2) 1x, b", [("b", "")]),
        ("a (1,2), b 2x", [("b", "2x")]),
        ("a 1x (", []),
        ("data:image/gif;base64,R0lG,b 2x", [("data:image/gif;base64,R0lG,b", "2x")]),
        ("a 1w 2h 3h", []),
        ("a 2h 1w 1x", []),
        ("a 1e-1x", [("a", "1e-1x")]),
        ("a 01w", [("a", "01w")]),
        ("a 1\u00a0w", []),
        ("a ((1x), b)), c", [("b))", ""), ("c", "")]),
        ("a\u3000b 1x", [("a\u3000b", "1x")]),
        ("/图 片.jpg 1x, b", [("b", "")]),
        ("a )1x, b", [("b", "")]),
    ],
)
def test_parse(value: str, candidates: list[tuple[str, str]]) -> None:
    assert parse(value) == candidates


@given(st.text(alphabet="a1x2w ,.()\t"))
def test_any_text_has_candidates_without_space(value: str) -> None:
    for url, descriptor in parse(value):
        assert url and not url.endswith(",") and not set(url) & set(" \t")
        assert descriptor == "" or float(descriptor[:-1]) >= 0


def test_linear_in_its_length() -> None:
    assert parse("(" * 1_000_000) == [("(" * 1_000_000, "")]
    assert parse("a (" * 300_000) == []
    assert len(parse("a 1x," * 200_000)) == 200_000
