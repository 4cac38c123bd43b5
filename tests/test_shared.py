"""Turns at an address that many hosts share: a gap apart, so many at once, none pushed back by another's wait."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from crawlers.shared import Addresses


def test_turns_lie_a_gap_apart() -> None:
    addresses = Addresses(0.5, 2)
    assert [addresses.book("10.0.0.1", 7.0, 7.0) for _ in range(4)] == [7.0, 7.5, 8.0, 8.5]
    assert addresses.book("10.0.0.2", 7.0, 7.0) == 7.0
    assert addresses.book("", 7.0, 7.0) == 7.0
    assert addresses.book("10.0.0.1", 20.0, 20.0) == 20.0  # nobody has been there since


def test_a_host_that_must_wait_long_does_not_hold_up_the_others() -> None:
    addresses = Addresses(0.5, 2)
    assert addresses.book("10.0.0.1", 300.0, 0.0) == 300.0
    assert addresses.book("10.0.0.1", 0.0, 0.0) == 0.5


def test_so_many_at_once() -> None:
    addresses = Addresses(0.0, 2)
    for _ in range(2):
        assert addresses.has_room("10.0.0.1")
        addresses.enter("10.0.0.1")
    assert not addresses.has_room("10.0.0.1") and addresses.has_room("10.0.0.2") and addresses.has_room("")
    addresses.leave("10.0.0.1")
    assert addresses.has_room("10.0.0.1")


@given(st.integers(2, 300), st.floats(0.01, 2.0))
def test_an_address_of_many_hosts_is_asked_no_more_often_than_its_gap_allows(hosts: int, gap: float) -> None:
    """Each host is asked as soon as its turn comes, ten times, and asks for no pause of its own."""
    addresses = Addresses(gap, 8)
    turns = [addresses.book("10.0.0.1", 0.0, 0.0) for _ in range(hosts)]
    asked = []
    for _ in range(10 * hosts):
        now = min(turns)
        asked.append(now)
        turns[turns.index(now)] = addresses.book("10.0.0.1", now, now)
    assert all(later - earlier >= gap * 0.999 for earlier, later in pairwise(asked))


def test_many_addresses_are_forgotten_when_their_turn_has_passed() -> None:
    addresses = Addresses(1.0, 1)
    for number in range(100_000):
        addresses.book(f"10.{number}", number * 0.01, number * 0.01)
    assert len(addresses._free_at) <= 10_000
    assert addresses.book("10.99999", 999.99, 999.99) > 1000.0  # what is still to come is known
