"""The hosts of a crawl: who may be asked when, one queue each. The clock is passed in.

A host is idle (nothing waits), waiting (until `ready_at`), busy (one of its URLs is out), or parked (ready, but its
address has no room).
"""

from __future__ import annotations

import sqlite3
from collections import Counter, OrderedDict
from typing import Any

from crawlers.fetch import Fetched
from crawlers.job import Job
from crawlers.partition import Partition
from crawlers.shared import Addresses
from crawlers.state import BUSY, IDLE, PARKED, WAITING
from crawlers.urls import host_queue
from schemas.outcome import Outcome

_IN_MEMORY = 20_000  # names with their numbers: some 4 MB


# The states stand as literals in SQL where a partial index holds them: SQLite finds it by the literal alone.


class Hosts:
    """All hosts, in the state. A host that is another partition's has that partition's number, as 0 or less."""

    def __init__(self, db: sqlite3.Connection, partition: Partition, addresses: Addresses) -> None:
        self._db = db
        self._partition = partition
        self._addresses = addresses
        self._at: dict[int, str] = {}  # where each busy host is
        self._parked: Counter[str] = Counter()  # hosts at each address that has no room for them
        self._awake: set[int] = set()  # some of the hosts that are not idle
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._db.execute("UPDATE hosts SET state = ? WHERE state IN (?, ?)", (WAITING, BUSY, PARKED))

    def of(self, url: str) -> int:
        """The number of the host that a URL leads to."""
        name = host_queue(url)
        known = self._numbers.get(name)
        if known is None:
            known = self._numbers[name] = self._number(name)
            if len(self._numbers) > _IN_MEMORY:
                self._numbers.popitem(last=False)
        return known

    def _number(self, name: str) -> int:
        owner = self._partition.at(name)
        if owner != self._partition.number:
            return -owner
        row = self._db.execute("SELECT id FROM hosts WHERE name = ?", (name,)).fetchone()
        return int(row[0] if row else self._db.execute("INSERT INTO hosts (name) VALUES (?)", (name,)).lastrowid or 0)

    def first(self) -> tuple[Any, ...] | None:
        """The host whose turn comes first: id, ready_at, strikes, address, left, left_status, bytes, spent."""
        row: tuple[Any, ...] | None = self._db.execute(
            "SELECT id, ready_at, strikes, address, left, left_status, bytes, spent FROM hosts"
            " WHERE state = 1 ORDER BY ready_at LIMIT 1"
        ).fetchone()
        return row

    def rest(self, host: int, address: str) -> None:
        """Nothing waits there; the place that it had come for is another's."""
        self._awake.discard(host)
        self._set(host, IDLE)
        self._unpark(address)

    def wake(self, host: int) -> None:
        """Something waits there."""
        if host not in self._awake:
            self._db.execute("UPDATE hosts SET state = 1 WHERE id = ? AND state = 0", (host,))
            if len(self._awake) >= _IN_MEMORY:
                self._awake.clear()
            self._awake.add(host)

    def has_room(self, host: int, address: str) -> bool:
        """Whether its address has room for it; else it is parked until another leaves."""
        if self._addresses.has_room(address):
            return True
        self._set(host, PARKED)
        self._parked[address] += 1
        return False

    def call(self, host: int, address: str) -> None:
        """Let it be busy from now on."""
        self._set(host, BUSY)
        self._enter(host, address)

    def settle(self, host: int, address: str, now: float) -> bool:
        """Note at which address a busy host was found; whether it may be asked now, else it waits for its turn."""
        self._db.execute("UPDATE hosts SET address = ? WHERE id = ?", (address, host))
        turn = self._addresses.book(address, now, now)
        if turn <= now and self._addresses.has_room(address):
            self._enter(host, address)
            return True
        state = WAITING if turn > now else PARKED
        if state == PARKED:
            self._parked[address] += 1
        self._at.pop(host, None)
        self._db.execute("UPDATE hosts SET state = ?, ready_at = ? WHERE id = ?", (state, turn, host))
        return False

    def release(self, job: Job, now: float, wait: float, strikes: int, fetched: Fetched | None) -> None:
        """Let a busy host wait so many seconds, or until its address has a turn for it; `fetched`: what it cost."""
        self._leave(job.host)
        if fetched is None:
            self._db.execute(
                "UPDATE hosts SET state = 1, ready_at = ?, strikes = ? WHERE id = ?", (now + wait, strikes, job.host)
            )
            return
        address, spent = fetched.ip or job.address, fetched.seconds + wait
        ready_at = self._addresses.book(address, now + wait, now)
        self._db.execute(
            "UPDATE hosts SET state = 1, ready_at = ?, strikes = ?, address = ?, answers = answers + 1,"
            " bytes = bytes + ?, spent = spent + ?, seconds = ?, wait = ? WHERE id = ?",
            (ready_at, strikes, address, fetched.wire, spent, fetched.seconds, ready_at - now, job.host),
        )

    def leave_alone(self, host: int, outcome: Outcome, status: int) -> None:
        """Ask it for nothing more in this round: what waits there ends in `outcome`."""
        self._db.execute("UPDATE hosts SET left = ?, left_status = ? WHERE id = ?", (str(outcome), status, host))

    def trapped(self, host: int) -> int:
        """Count a URL that a trap made; how many there were."""
        self._db.execute("UPDATE hosts SET traps = traps + 1 WHERE id = ?", (host,))
        return int(self._db.execute("SELECT traps FROM hosts WHERE id = ?", (host,)).fetchone()[0])

    def _set(self, host: int, state: int) -> None:
        self._db.execute("UPDATE hosts SET state = ? WHERE id = ?", (state, host))

    def _enter(self, host: int, address: str) -> None:
        self._addresses.enter(address)
        self._at[host] = address

    def _leave(self, host: int) -> None:
        """Free the host's place at its address, and let one that is parked there have it."""
        address = self._at.pop(host, "")
        if address:
            self._addresses.leave(address)
            self._unpark(address)

    def _unpark(self, address: str) -> None:
        """Let the first of those that are parked at an address try again."""
        if self._parked[address]:
            self._parked[address] -= 1
            self._db.execute(
                "UPDATE hosts SET state = 1 WHERE id ="
                " (SELECT id FROM hosts WHERE state = 3 AND address = ? ORDER BY ready_at LIMIT 1)",
                (address,),
            )
        else:
            del self._parked[address]
