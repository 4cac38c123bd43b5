"""How far each file of a source was taken in, kept in the state that holds what came of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crawlers.logged import log_row
from crawlers.state import State
from crawlers.store import Store
from schemas.errors import BadInput
from schemas.outcome import Outcome, UrlKind


@dataclass
class Taken:
    """One file: `records` (or rows, or lines) were taken in as `options` say; `tally` counts what became of them."""

    name: str
    records: int = 0
    done: bool = False
    tally: Counter[str] = field(default_factory=Counter)
    options: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def load(cls, state: State, name: str, options: Mapping[str, object]) -> Taken:
        """What the state knows of a file that is read as `options`, by their names on the command line, say.

        Raises BadInput where it was taken in with others: its records count as done, so the new ones would do nothing.
        """
        row = state.db.execute("SELECT records, done, tally FROM taken_in WHERE name = ?", (name,)).fetchone()
        if row is None:
            return cls(name, options=options)
        _refuse_others(state, name, options)
        return cls(name, row[0], bool(row[1]), Counter(json.loads(row[2])), options)

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
        state.db.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            (_key(self.name), json.dumps(self.options, ensure_ascii=False, sort_keys=True)),
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


def _refuse_others(state: State, name: str, options: Mapping[str, object]) -> None:
    """Refuse options that are not those a file was taken in with."""
    row = state.db.execute("SELECT value FROM meta WHERE name = ?", (_key(name),)).fetchone()
    if row is None:
        return  # taken in before options were kept
    before = json.loads(row[0])
    differ = [option for option in options if before.get(option) != options[option]]
    if differ:
        said = ", ".join(f"{option} (it was {before.get(option) or 'not given'})" for option in differ)
        raise BadInput(f"{name}: was taken in with another {said}; keep to that, or give another --out")


def _key(name: str) -> str:
    """Where the options of a file are kept in `meta`."""
    return f"options of {name}"
