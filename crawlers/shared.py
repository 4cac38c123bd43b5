"""Turns at numeric addresses, which many hosts may share. In memory alone; the clock is passed in.

Each host keeps its own pace. Besides, every request books a turn at the address that its host was last seen at: turns
lie a gap apart, so an address of a thousand hosts is asked no more often than one of a few. Booking, entering and
leaving cost the same however many hosts share an address.
"""

from __future__ import annotations

from collections import Counter

_REMEMBERED = 10_000  # addresses with a known next turn, before those whose turn has passed are first forgotten


class Addresses:
    """Who is at which address now, and when the next turn is free there. '' is an address not yet known."""

    def __init__(self, gap: float, at_once: int) -> None:
        """`gap`: seconds between two turns at one address; `at_once`: connections to it at the same time."""
        self._gap = gap
        self._at_once = at_once
        self._free_at: dict[str, float] = {}
        self._most = _REMEMBERED
        self._present: Counter[str] = Counter()

    def book(self, address: str, ready: float, now: float) -> float:
        """When a host that is ready at `ready` has its turn at the address: then, or later.

        A host whose own pace is slower than the address's takes a turn all the same, but does not push the turns of
        the others behind its own.
        """
        if not address or not self._gap:
            return ready
        free = max(self._free_at.get(address, now), now)
        if len(self._free_at) >= self._most:
            self._free_at = {one: at for one, at in self._free_at.items() if at > now}
            self._most = max(_REMEMBERED, 2 * len(self._free_at))  # so that forgetting costs nothing per booking
        self._free_at[address] = free + self._gap
        return max(ready, free)

    def has_room(self, address: str) -> bool:
        """Whether one more connection may be opened there."""
        return not address or self._present[address] < self._at_once

    def enter(self, address: str) -> None:
        """Note that a connection is in use there."""
        if address:
            self._present[address] += 1

    def leave(self, address: str) -> None:
        """Note that it no longer is."""
        if address:
            self._present[address] -= 1
            if not self._present[address]:
                del self._present[address]
