from hypothesis import given
from hypothesis import strategies as st

from crawlers.recent import Recent


def test_the_one_not_used_for_the_longest_time_goes() -> None:
    recent: Recent[int] = Recent(2, 100)
    recent.put("a", 1, 1)
    recent.put("b", 2, 1)
    assert recent.get("a") == 1
    recent.put("c", 3, 1)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
    recent.drop("a")
    assert recent.get("a") is None


def test_a_heavy_one_stands_alone() -> None:
    recent: Recent[str] = Recent(9, 10)
    recent.put("a", "x", 4)
    recent.put("b", "y", 5)
    recent.put("c", "z", 99)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (None, None, "z")
    recent.put("c", "w", 4)
    recent.put("a", "x", 6)
    assert (recent.get("a"), recent.get("c")) == ("x", "w")


@given(st.lists(st.tuples(st.text("abcd", min_size=1, max_size=1), st.integers(0, 9))))
def test_the_bounds_hold(puts: list[tuple[str, int]]) -> None:
    recent: Recent[int] = Recent(3, 12)
    weights: dict[str, int] = {}
    for name, weight in puts:
        recent.put(name, weight, weight)
        weights[name] = weight
        kept = [weights[one] for one in weights if recent.get(one) is not None]
        assert len(kept) <= 3 and sum(kept) <= 12 and recent.get(name) == weight
