"""Batches of one fixed size: the last is filled up, so that a vector is the same in whatever company it is computed."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from filters.models.interface import Tokens, Vectors
from schemas.errors import WorkFailed

Run = Callable[[Tokens], Callable[[], Vectors]]
"""Begins one batch, and gives a function that waits for its vectors."""


class OutOfMemory(Exception):
    """The device has no room for a batch of this size."""


@dataclass
class Batches:
    """A tower that is run on batches of exactly `size`; `ahead` more are begun before one is waited for.

    Where the device has no room, the batch is halved, for good, and one line says so: on a GPU a vector may then
    differ in its last digits from one of a larger batch.
    """

    run: Run
    size: int
    ahead: int = 0

    def __call__(self, arrays: Tokens) -> Vectors:
        """The vectors of all rows, in their order. Raises WorkFailed when not even one row has room."""
        rows = len(next(iter(arrays.values())))
        done: list[Vectors] = []
        while sum(map(len, done)) < rows:
            self._fill(done, arrays, rows)
        return np.concatenate(done) if done else np.zeros((0, 0), np.float32)

    def _fill(self, done: list[Vectors], arrays: Tokens, rows: int) -> None:
        """Go on from what is done, to the end or to where memory is out; then the batch is halved."""
        try:
            done.extend(self._stream(arrays, sum(map(len, done)), rows))  # keeps what came before an error
        except OutOfMemory as error:
            self._halve(error)

    def _stream(self, arrays: Tokens, start: int, rows: int) -> Iterator[Vectors]:
        """The vectors from row `start` on, batch by batch."""
        begun: deque[tuple[Callable[[], Vectors], int]] = deque()
        for at in range(start, rows, self.size):
            count = min(self.size, rows - at)
            batch = {name: _filled(array[at : at + count], self.size) for name, array in arrays.items()}
            begun.append((self.run(batch), count))
            if len(begun) > self.ahead:
                wait, count = begun.popleft()
                yield wait()[:count]
        for wait, count in begun:
            yield wait()[:count]

    def _halve(self, error: OutOfMemory) -> None:
        if self.size == 1:
            raise WorkFailed(f"the device has no room for a single row ({error}); use --device cpu") from error
        self.size //= 2
        print(f"tuwen: the device is out of memory: going on with batches of {self.size}", file=sys.stderr)


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """The rows, and the first of them again until there are `size`."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array
