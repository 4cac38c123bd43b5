import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.fields import tokens


# RFC 9651 §3.2 and §4.2.2
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=b", {"a": "b"}),
        ("a=b, c=d", {"a": "b", "c": "d"}),
        ("a=b\t,\t c=d", {"a": "b", "c": "d"}),
        ("  a=b  ", {"a": "b"}),
        ("*a.b-c_1=x/y:z", {"*a.b-c_1": "x/y:z"}),
        ("a=b;x=1;y, c", {"a": "b"}),
        ('a="b", c=1, d=1.5, e=?1, f=:aGk=:, g=@1659578233, h=%"x", i=(a b);q, j=k', {"j": "k"}),
        ("a=b, a=c", {"a": "c"}),
        ("a=b, a", {}),
        ("", {}),
        ("a=", {}),
        ("a=b,", {}),
        (",a=b", {}),
        ("a=b c=d", {}),
        ("a = b", {}),
        ("A=b", {}),
        ("a=b, 1=c", {}),
        ('a=b, c="open', {}),
        ("a=b; x, =", {}),
    ],
)
def test_dictionaries(text: str, found: dict[str, str]) -> None:
    assert tokens(text) == found


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    tokens(text)


def test_long_text_ends() -> None:
    assert tokens("a=(" + "b " * 100_000) == {}
    assert tokens('a="' + "\\" * 100_000) == {}
