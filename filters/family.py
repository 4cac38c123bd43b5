"""A family is the signals that are computed together and stored in one file; measuring one gives its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from filters.interface import Sample, Signal, model_of
from schemas.signals import family_schema


@dataclass(frozen=True)
class Family:
    """Signals with what their numbers depend on.

    `version` is raised by hand whenever a number may change, `digests` names the models and tables behind them: when
    either differs from what a file carries, that family alone is measured again. `of` is what the signals look at:
    those of a picture are measured once for all pairs in a row that share the Picture object. `batch` is how many
    samples a signal sees at a time, always the same in file order, so that no value depends on who asked.
    """

    name: str
    signals: tuple[Signal, ...]
    version: str
    batch: int
    of: Literal["pair", "picture"] = "pair"
    digests: Callable[[], Mapping[str, str]] = dict


def measure(families: Sequence[Family], samples: Iterable[Sample]) -> dict[str, pa.Table]:
    """Measure every sample in one pass, and give each family's table: the key first, rows in the order of samples.

    `samples` may be a generator that decodes as it goes: at most one batch of samples is held per family, and of
    pictures the image family holds one. A picture that several pairs in a row share is measured once when they
    share the Picture object. A table has exactly the schema of schemas.signals.family_schema, nulls never.
    Raises ValueError when a signal of ours breaks its contract.
    """
    drafts = [Draft(family) for family in families]
    for sample in samples:
        for draft in drafts:
            draft.add(sample)
    return {draft.family.name: draft.table() for draft in drafts}


def measure_signal(signal: Signal, batch: Sequence[Sample]) -> dict[str, pa.Array]:
    """Measure one batch with one signal, and hold it to its contract: its columns and types, a value per sample."""
    values = signal.measure(batch, model_of(signal))
    if set(values) != set(signal.columns):
        raise ValueError(f"{signal!r} gave the columns {sorted(values)} and declares {sorted(signal.columns)}")
    arrays = {name: pa.array(values[name], kind) for name, kind in signal.columns.items()}
    for name, array in arrays.items():
        if len(array) != len(batch) or array.null_count:
            found = f"{len(array)} values, {array.null_count} null, for {len(batch)} samples"
            raise ValueError(f"{signal!r} gave {found} in {name}")
    return arrays


@dataclass
class Draft:
    """The table of one family while it grows: `add` every sample in order, then take the `table`."""

    family: Family
    keys: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    waiting: list[Sample] = field(default_factory=list)
    measured: list[pa.Table] = field(default_factory=list)
    last: Any = None

    def add(self, sample: Sample) -> None:
        """Take the next sample; it has the row before when it shows the very picture of the one before."""
        shared = self.family.of == "picture" and sample.picture is not None and sample.picture is self.last
        self.keys.append(sample.key)
        self.last = sample.picture
        if shared:
            self.rows.append(self.rows[-1])
            return
        self.rows.append(self.rows[-1] + 1 if self.rows else 0)
        self.waiting.append(sample)
        if len(self.waiting) == self.family.batch:
            self.flush()

    def flush(self) -> None:
        """Measure the samples that wait."""
        columns: dict[str, pa.Array] = {}
        for signal in self.family.signals:
            columns.update(measure_signal(signal, self.waiting))
        schema = pa.schema(list(family_schema(self.family.name))[1:])
        self.measured.append(pa.table(columns, schema=schema))
        self.waiting = []

    def table(self) -> pa.Table:
        """Measure what still waits, and give the whole."""
        if self.waiting or not self.measured:
            self.flush()
        schema = family_schema(self.family.name)
        distinct = pa.concat_tables(self.measured).combine_chunks()
        columns = [pa.array(self.keys, pa.string()), *distinct.take(pa.array(self.rows, pa.int64())).columns]
        return pa.table(columns, schema=schema)
