"""The hosts of a crawl: who may be asked when, one queue each. The clock is passed in.

A host is idle (nothing waits), waiting (until `ready_at`), busy (one of its URLs is out), or parked (ready, but its
address has no room). Those whose turn comes soon are in memory and are written before each commit; in the state they
are `LOADED`, so that its indexes hold the others alone.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from crawlers.fetch import Fetched
from crawlers.job import Job
from crawlers.partition import Partition
from crawlers.shared import Addresses
from crawlers.state import BUSY, IDLE, LOADED, PARKED, WAITING, State
from crawlers.urls import host_queue
from schemas.outcome import Outcome

AT_HAND = 20_000  # hosts with their numbers, names and turns: some 12 MB
_BATCH = 500  # hosts that are loaded at once, when there is room for as many
_COLUMNS = "id, ready_at, strikes, address, left, left_status, answers, bytes, spent, seconds, wait"
_SAVE = (
    "UPDATE hosts SET ready_at = ?, strikes = ?, address = ?, left = ?, left_status = ?, answers = ?, bytes = ?,"
    " spent = ?, seconds = ?, wait = ?, state = ? WHERE id = ?"
)


@dataclass(slots=True)
class Host:
    """One host whose turn comes soon, or is. `left` is the outcome of what waits there once it is left alone."""

    number: int
    ready_at: float
    strikes: int
    address: str
    left: str
    left_status: int
    answers: int
    bytes: int
    spent: float
    seconds: float
    wait: float
    state: int

    def row(self, state: int) -> tuple[object, ...]:
        """What `_SAVE` takes."""
        return (
            *(self.ready_at, self.strikes, self.address, self.left, self.left_status, self.answers, self.bytes),
            *(self.spent, self.seconds, self.wait, state, self.number),
        )


# The states stand as literals in SQL where a partial index holds them: SQLite finds it by the literal alone.


class Hosts:
    """All hosts, in the state. A host that is another partition's has that partition's number, as 0 or less."""

    def __init__(self, state: State, partition: Partition, addresses: Addresses, most: int = AT_HAND) -> None:
        """`most`: hosts in memory, beyond those that are busy."""
        self._db = state.db
        self._partition = partition
        self._addresses = addresses
        self._most = most
        self._here: dict[int, Host] = {}
        self._changed: set[int] = set()  # of these, what the state does not know
        self._turns: list[tuple[float, int]] = []  # a heap; an entry counts while the host waits until then
        self._stored_from: float | None = None  # when the first of those that are not here is ready; None: look
        self._at: dict[int, str] = {}  # where each busy host is
        self._parked: dict[str, deque[int]] = {}  # hosts here, at each address that has no room for them
        self._parked_away: Counter[str] = Counter()  # as many are not here
        self._awake: set[int] = set()  # some of the hosts that are not idle
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._db.execute("UPDATE hosts SET state = ? WHERE state IN (?, ?)", (WAITING, LOADED, PARKED))
        state.before_commit(self._save)

    def of(self, url: str) -> int:
        """The number of the host that a URL leads to."""
        name = host_queue(url)
        known = self._numbers.get(name)
        if known is None:
            known = self._numbers[name] = self._number(name)
            if len(self._numbers) > self._most:
                self._numbers.popitem(last=False)
        return known

    def _number(self, name: str) -> int:
        owner = self._partition.at(name)
        if owner != self._partition.number:
            return -owner
        row = self._db.execute("SELECT id FROM hosts WHERE name = ?", (name,)).fetchone()
        return int(row[0] if row else self._db.execute("INSERT INTO hosts (name) VALUES (?)", (name,)).lastrowid or 0)

    def first(self) -> Host | None:
        """The waiting host whose turn comes first."""
        while True:
            while self._turns:
                ready_at, number = self._turns[0]
                host = self._here.get(number)
                if host is not None and host.state == WAITING and host.ready_at == ready_at:
                    break
                heapq.heappop(self._turns)
            if not self._load(self._turns[0][0] if self._turns else math.inf):
                return self._here[self._turns[0][1]] if self._turns else None

    def _load(self, until: float) -> bool:
        """Bring those into memory whose turn comes before `until`, or the first of them; whether there were any."""
        if self._stored_from is None:
            row = self._db.execute("SELECT ready_at FROM hosts WHERE state = 1 ORDER BY ready_at LIMIT 1").fetchone()
            self._stored_from = row[0] if row else math.inf
        if self._stored_from >= until:
            return False
        if len(self._here) >= self._most:
            self._make_room()
        rows = self._db.execute(
            f"SELECT {_COLUMNS}, state FROM hosts WHERE state = 1 ORDER BY ready_at LIMIT ?", (min(_BATCH, self._most),)
        ).fetchall()
        for row in rows:
            self._here[row[0]] = Host(*row)
            heapq.heappush(self._turns, (row[1], row[0]))
        self._db.executemany("UPDATE hosts SET state = 2 WHERE id = ?", [row[:1] for row in rows])
        self._stored_from = None
        return True

    def rest(self, host: Host) -> None:
        """Nothing waits there; the place that it had come for is another's."""
        self._awake.discard(host.number)
        self._turn(host, IDLE)
        self._unpark(host.address)

    def wake(self, number: int) -> None:
        """Something waits there."""
        host = self._here.get(number)
        if host is not None:
            if host.state == IDLE:
                self._wait(host, host.ready_at)
        elif number not in self._awake:
            self._db.execute("UPDATE hosts SET state = 1 WHERE id = ? AND state = 0", (number,))
            self._stored_from = None
            if len(self._awake) >= self._most:
                self._awake.clear()
            self._awake.add(number)

    def has_room(self, host: Host) -> bool:
        """Whether its address has room for it; else it is parked until another leaves."""
        if self._addresses.has_room(host.address):
            return True
        self._park(host)
        return False

    def call(self, host: Host) -> None:
        """Let it be busy from now on."""
        self._turn(host, BUSY)
        self._enter(host.number, host.address)

    def settle(self, number: int, address: str, now: float) -> bool:
        """Note at which address a busy host was found; whether it may be asked now, else it waits for its turn."""
        host = self._here[number]
        host.address = address
        turn = self._addresses.book(address, now, now)
        if turn <= now and self._addresses.has_room(address):
            self._changed.add(number)
            self._enter(number, address)
            return True
        self._at.pop(number, None)
        if turn > now:
            self._wait(host, turn)
        else:
            host.ready_at = turn
            self._park(host)
        return False

    def release(self, job: Job, now: float, wait: float, strikes: int, fetched: Fetched | None) -> None:
        """Let a busy host wait so many seconds, or until its address has a turn for it; `fetched`: what it cost."""
        self._leave(job.host)
        host = self._here[job.host]
        host.strikes = strikes
        if fetched is None:
            self._wait(host, now + wait)
            return
        host.address = fetched.ip or job.address
        self._wait(host, self._addresses.book(host.address, now + wait, now))
        host.answers += 1
        host.bytes += fetched.wire
        host.spent += fetched.seconds + wait
        host.seconds, host.wait = fetched.seconds, host.ready_at - now

    def leave_alone(self, number: int, outcome: Outcome, status: int) -> None:
        """Ask a busy host for nothing more in this round: what waits there ends in `outcome`."""
        host = self._here[number]
        host.left, host.left_status = str(outcome), status
        self._changed.add(number)

    def trapped(self, number: int) -> int:
        """Count a URL that a trap made; how many there were."""
        self._db.execute("UPDATE hosts SET traps = traps + 1 WHERE id = ?", (number,))
        return int(self._db.execute("SELECT traps FROM hosts WHERE id = ?", (number,)).fetchone()[0])

    def put_away(self) -> None:
        """Have none in memory but the busy: the state alone says what is so of the others, and may be changed."""
        self._forget([host for host in self._here.values() if host.state != BUSY])

    def _make_room(self) -> None:
        """Put away those whose turn comes last, and those that are parked, until half of the room is free."""
        free = [host for host in self._here.values() if host.state in (WAITING, PARKED)]
        free.sort(key=lambda host: (host.state == WAITING, -host.ready_at))
        self._forget(free[: self._most // 2])

    def _forget(self, hosts: Sequence[Host]) -> None:
        """Write hosts with the state that they are in, and have them no more."""
        self._db.executemany(_SAVE, [host.row(host.state) for host in hosts])
        for host in hosts:
            del self._here[host.number]
        self._changed &= self._here.keys()
        parked = Counter(host.address for host in hosts if host.state == PARKED)
        for address in parked:
            self._parked[address] = deque(number for number in self._parked[address] if number in self._here)
        self._parked_away += parked
        self._turns = [(host.ready_at, host.number) for host in self._here.values() if host.state == WAITING]
        heapq.heapify(self._turns)
        self._stored_from = None

    def _save(self) -> None:
        """Write what has changed; those in whose queue nothing waits need not be here any longer."""
        changed = [self._here[number] for number in sorted(self._changed)]
        self._db.executemany(_SAVE, [host.row(IDLE if host.state == IDLE else LOADED) for host in changed])
        for host in changed:
            if host.state == IDLE:
                del self._here[host.number]
        self._changed.clear()

    def _turn(self, host: Host, state: int) -> None:
        host.state = state
        self._changed.add(host.number)

    def _wait(self, host: Host, ready_at: float) -> None:
        host.ready_at = ready_at
        self._turn(host, WAITING)
        heapq.heappush(self._turns, (ready_at, host.number))

    def _park(self, host: Host) -> None:
        self._turn(host, PARKED)
        self._parked.setdefault(host.address, deque()).append(host.number)

    def _enter(self, number: int, address: str) -> None:
        self._addresses.enter(address)
        self._at[number] = address

    def _leave(self, number: int) -> None:
        """Free the host's place at its address, and let one that is parked there have it."""
        address = self._at.pop(number, "")
        if address:
            self._addresses.leave(address)
            self._unpark(address)

    def _unpark(self, address: str) -> None:
        """Let the first of those that are parked at an address try again."""
        if parked := self._parked.get(address):
            host = self._here[parked.popleft()]
            self._wait(host, host.ready_at)
            if not parked:
                del self._parked[address]
        elif self._parked_away[address]:
            self._parked_away[address] -= 1
            self._db.execute(
                "UPDATE hosts SET state = 1 WHERE id ="
                " (SELECT id FROM hosts WHERE state = 3 AND address = ? ORDER BY ready_at LIMIT 1)",
                (address,),
            )
            self._stored_from = None
