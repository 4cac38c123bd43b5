"""How many bytes cross a shuffle: every element that Beam's local runner groups by key, counted as it is encoded.

Beam's own counter of bytes, sampled_byte_size, looks at few elements. What is grouped here is what a cluster would
send: after combiners have been lifted before the shuffle, keys, values, time stamps and windows included. A Reshuffle
is a group-by-key too. Works in one process alone, where the runner's buffers are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from apache_beam.runners.portability.fn_api_runner.execution import GroupingBuffer


@contextmanager
def counting() -> Iterator[list[int]]:
    """A list that gets the bytes of each piece that is grouped while the block runs; their sum is what was shuffled."""
    pieces: list[int] = []
    take = GroupingBuffer.append

    def append(buffer: GroupingBuffer, elements: bytes) -> None:
        pieces.append(len(elements))
        take(buffer, elements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GroupingBuffer, "append", append)
        yield pieces
