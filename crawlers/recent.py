"""What was used last, kept at hand within bounds of number and weight."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class Recent(Generic[Value]):
    """The values used last, by a name: at most `most` of them, and of at most `heaviest` together, but for one."""

    most: int
    heaviest: int
    _kept: OrderedDict[str, tuple[Value, int]] = field(default_factory=OrderedDict)
    _weight: int = 0

    def get(self, name: str) -> Value | None:
        """The value of a name, which is the one used last from now on; None when it is not kept."""
        if name not in self._kept:
            return None
        self._kept.move_to_end(name)
        return self._kept[name][0]

    def put(self, name: str, value: Value, weight: int) -> None:
        """Keep a value, and let go of those that were not used for the longest time."""
        self.drop(name)
        self._kept[name] = value, weight
        self._weight += weight
        while len(self._kept) > self.most or (self._weight > self.heaviest and len(self._kept) > 1):
            self.drop(next(iter(self._kept)))

    def drop(self, name: str) -> None:
        """Forget a value, if it is kept."""
        if name in self._kept:
            self._weight -= self._kept.pop(name)[1]
