"""What a crawl does at once: some dozens of URLs, of which one ends every millisecond."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class UnderWay:
    """Tasks, and whether to stop. `asyncio.wait` would register with every task anew for each that ends."""

    def __init__(self) -> None:
        self.stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[asyncio.Task[None]] = []
        self._wake: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it go on until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended.append(task)
        self._rouse()

    def stop(self) -> None:
        """Wait for nothing more."""
        self.stopped = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def one_ends(self, seconds: float) -> None:
        """Wait until something has ended, or so long. Raises what it raised."""
        loop = asyncio.get_running_loop()
        if not self._ended and not self.stopped:
            self._wake = loop.create_future()
            timer = loop.call_later(seconds, self._rouse)
            try:
                await self._wake
            finally:
                timer.cancel()
        ended, self._ended = self._ended, []
        for task in ended:
            task.result()

    async def cancel(self) -> None:
        """End all that still goes on."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, *self._ended, return_exceptions=True)
