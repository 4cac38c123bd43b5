"""How far each file of a source was taken in, kept in the state that holds what came of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from crawlers.logged import log_row
from crawlers.state import State
from crawlers.store import Store
from schemas.outcome import Outcome, UrlKind


@dataclass
class Taken:
    """One file: `records` (or rows, or lines) were taken in; `tally` counts what became of them."""

    name: str
    records: int = 0
    done: bool = False
    tally: Counter[str] = field(default_factory=Counter)

    @classmethod
    def load(cls, state: State, name: str) -> Taken:
        """What the state knows of a file."""
        row = state.db.execute("SELECT records, done, tally FROM taken_in WHERE name = ?", (name,)).fetchone()
        return cls(name) if row is None else cls(name, row[0], bool(row[1]), Counter(json.loads(row[2])))

    def add(self, what: str) -> None:
        """Count one more record, and what became of it."""
        self.records += 1
        self.tally[what] += 1

    def save(self, state: State) -> None:
        """Keep it, in the transaction that holds what came of its records."""
        state.db.execute(
            "INSERT OR REPLACE INTO taken_in VALUES (?, ?, ?, ?)",
            (self.name, self.records, int(self.done), json.dumps(self.tally, ensure_ascii=False, sort_keys=True)),
        )

    def log(self, state: State, store: Store, now: float, outcome: Outcome = Outcome.OK, error: str = "") -> None:
        """Write the file's own row of the log: of kind list, with what became of its records. One in a round."""
        number = state.get("round")
        logged = f"logged in round {number}: {self.name}"
        if state.get(logged):
            return
        state.put(logged, 1)
        evidence: dict[str, Any] = {"records": self.records, "taken_in": dict(self.tally)}
        if error:
            evidence["error"] = error
        name = self.name if store.partition.of == 1 else f"{self.name}#{store.partition.name}"
        row = log_row(name, UrlKind.LIST, outcome, number, now)
        store.log(row | {"evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True)})
