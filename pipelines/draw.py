"""How a base subset is shared out among classes: a floor, a cap, and water between them."""

from __future__ import annotations

from collections.abc import Mapping


def shares(sizes: Mapping[str, int], size: int, floor: int, cap: int | None) -> dict[str, int]:
    """How many of each class to draw, `size` in all where there are as many.

    Each class gets at least `floor` (or all that it has) and at most `cap`; within that, as equal as can be: the level
    to which water fills vessels of those heights. What does not divide goes one each to the first classes by name.
    Where the floors alone are more than `size`, they give way, equally.

    >>> shares({"animal": 10, "flower": 2, "sea": 100}, size=20, floor=4, cap=16)
    {'animal': 9, 'flower': 2, 'sea': 9}
    """
    high = {name: min(count, cap if cap is not None else count) for name, count in sorted(sizes.items())}
    low = {name: min(count, floor) for name, count in high.items()}
    if sum(low.values()) > size:
        low = dict.fromkeys(high, 0)
    target = min(size, sum(high.values()))

    def filled(level: int) -> dict[str, int]:
        return {name: min(max(level, low[name]), high[name]) for name in high}

    below, above = 0, max(high.values(), default=0)
    while below < above:  # the highest level that does not spill over
        middle = (below + above + 1) // 2
        if sum(filled(middle).values()) <= target:
            below = middle
        else:
            above = middle - 1
    drawn = filled(below)
    for name, count in filled(below + 1).items():
        if sum(drawn.values()) < target and count > drawn[name]:
            drawn[name] = count
    return drawn
