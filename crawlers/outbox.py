"""What one partition found for another: written whole when a round ends, taken in once when the other begins.

A file is named by its round, its sender, its number and its receiver. A kill between any two steps does no harm: what
was written twice is the same, and the receiver remembers in its state what it took in before it removes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawlers.frontier import Frontier
from crawlers.letter import Letter
from crawlers.partition import Partition
from crawlers.state import State
from schemas.errors import Damaged
from schemas.files import whole
from schemas.tables import OUTBOX

_ROWS = 50_000  # in memory at a time
_AWAY = """
SELECT url, coalesce(target, url), redirects, kind, coalesce(origin, ''), depth FROM urls
LEFT JOIN sites ON sites.id = site WHERE outcome = 'away' AND host = ? ORDER BY urls.id
"""  # the host of what is away says whose it is, see Frontier


class Outbox:
    """The letters of one partition, to and from the others; none where there is one partition alone."""

    def __init__(self, state: State, partition: Partition) -> None:
        self._folder = state.path.parent.parent / "outbox"
        self._state = state
        self._partition = partition

    def write(self, number: int) -> None:
        """Write what crawl round `number` found for others so far. The caller commits the state after it."""
        sent = self._state.get("letters")
        for receiver in range(self._partition.of):
            found = self._state.db.execute(_AWAY, (-receiver,))
            rows = found.fetchmany(_ROWS)
            if not rows:
                continue
            own, other = self._partition.name, Partition(receiver, self._partition.of).name
            name = f"r{number:04}-{own}-{sent:05}-to-{other}.parquet"
            self._state.put("letters", sent + 1)
            with whole(self._folder / name) as file, pq.ParquetWriter(file, OUTBOX, compression="zstd") as writer:
                while rows:
                    writer.write_table(_table(rows))
                    rows = found.fetchmany(_ROWS)
        self._state.db.execute("UPDATE urls SET outcome = 'sent' WHERE outcome = 'away'")

    def take_in(self, frontier: Frontier) -> bool:
        """Let all wait that others found for this partition; whether there was anything."""
        paths = sorted(self._folder.glob(f"r*-to-{self._partition.name}.parquet"))
        new = [path for path in paths if not self._state.get(f"taken {path.name}")]
        for path in new:
            frontier.open_round()
            for row in _rows(path):
                frontier.receive(Letter(**row))
            self._state.put(f"taken {path.name}", 1)
        self._state.commit()
        for path in paths:
            path.unlink()
        return bool(new)


def undelivered(folder: Path) -> int:
    """How many letters wait in a crawl folder for their receivers."""
    return len(list((folder / "outbox").glob("r*.parquet")))


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = dict(zip(OUTBOX.names, zip(*rows, strict=True), strict=True))
    columns["redirects"] = tuple(map(json.loads, columns["redirects"]))
    return pa.table(columns, OUTBOX)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise Damaged(f"{path}: cannot be read ({error}); restore it, or crawl again into a new folder") from None
