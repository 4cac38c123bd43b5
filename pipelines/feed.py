"""Pictures for a model on a GPU: other processes read and prepare them, and the one that owns the device never waits.

The squares come through shared memory, in a fixed number of blocks: that bounds the memory, whatever the shard.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.match import Squares, squares_of
from filters.models.interface import Preprocessing
from pipelines.corpus import Corpus
from pipelines.originals import read_picture
from schemas.errors import WorkFailed

_CHUNK = 32  # pictures of a block: some 5 MB at 224 pixels, so that handing one over costs next to nothing
_BLOCKS = 3  # for each process: one that it fills, one that waits for it, one that is being read


class Place(NamedTuple):
    """Where a picture's bytes lie."""

    image_id: str
    warc: str
    offset: int
    length: int


class Feeders:
    """Processes that prepare pictures, to be used in a `with`. They end with their parent, however it does."""

    def __init__(self, processes: int, ways: Sequence[Preprocessing]) -> None:
        self._ways = tuple(ways)
        self._bytes = _CHUNK * sum(how.size * how.size * 3 for how in ways)
        self._blocks = [SharedMemory(create=True, size=self._bytes) for _ in range(_BLOCKS * processes)]
        self._free: queue.SimpleQueue[SharedMemory] = queue.SimpleQueue()
        for block in self._blocks:
            self._free.put(block)
        spawned = multiprocessing.get_context("spawn")  # a fork of a process that holds a GPU does not work
        self._pool = ProcessPoolExecutor(processes, mp_context=spawned, initializer=_begin)

    def __enter__(self) -> Feeders:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        for block in self._blocks:
            block.close()
            block.unlink()

    def squares(self, corpus: Corpus, places: Sequence[Place]) -> Iterator[Squares]:
        """The squares of the pictures at these places, in their order. Several threads may ask at once.

        Raises Damaged where a WARC does not hold the bytes that its pairs say, WorkFailed when a process dies.
        """
        begun: deque[tuple[Future[npt.NDArray[np.bool_]], SharedMemory]] = deque()
        chunks = deque(places[at : at + _CHUNK] for at in range(0, len(places), _CHUNK))
        try:
            while chunks or begun:
                block = self._block(waiting=not begun) if chunks else None
                if block is not None:
                    begun.append((self._pool.submit(_fill, block.name, corpus, chunks.popleft(), self._ways), block))
                    continue
                future, block = begun[0]
                decodes = future.result()
                arrays = {how: array.copy() for how, array in _views(block, self._ways).items()}
                begun.popleft()
                self._free.put(block)
                for number, whole in enumerate(decodes.tolist()):
                    yield {how: array[number] if whole else None for how, array in arrays.items()}
        except BrokenProcessPool as error:
            way = "run the same command again, with fewer --workers if memory is short"
            raise WorkFailed(
                f"a process that prepared pictures died (out of memory, or ended by hand?); {way}"
            ) from error
        finally:
            for future, block in begun:
                if future.cancel() or wait([future]):  # nobody writes into the block any more
                    self._free.put(block)

    def _block(self, *, waiting: bool) -> SharedMemory | None:
        """A free block; None where there is none and others of ours are on their way, which come back by being read."""
        try:
            return self._free.get(waiting)
        except queue.Empty:
            return None


def _views(block: SharedMemory, ways: Sequence[Preprocessing]) -> dict[Preprocessing, npt.NDArray[np.uint8]]:
    """The arrays of each preparation in a block, one behind the other."""
    found, at = {}, 0
    for how in ways:
        shape = (_CHUNK, how.size, how.size, 3)
        found[how] = np.ndarray(shape, np.uint8, block.buf, at)
        at += found[how].nbytes
    return found


_attached: dict[str, SharedMemory] = {}


def _fill(name: str, corpus: Corpus, places: Sequence[Place], ways: Sequence[Preprocessing]) -> npt.NDArray[np.bool_]:
    """Read and prepare pictures into a block, in a process of its own; which of them decode."""
    if name not in _attached:
        _attached[name] = SharedMemory(name)
    arrays = _views(_attached[name], ways)
    decodes = np.zeros(len(places), np.bool_)
    for number, place in enumerate(places):
        squares = squares_of(read_picture(corpus, *place), ways)
        for how, square in squares.items():
            if square is not None:
                arrays[how][number] = square
                decodes[number] = True
    return decodes


def _begin() -> None:
    """End this process when its parent has gone: nobody else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(3)
