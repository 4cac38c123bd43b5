"""A recipe as one DuckDB query. It must say the very same as pipelines.judge; a test compares them row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.signals import family_of, signal_field

if TYPE_CHECKING:
    from schemas.recipe import Keep, Once, Recipe


def query(recipe: Recipe, corpus: str) -> str:
    """The query; see `schemas.recipe.sql`."""
    steps = [("judged_0", _keeps(recipe))]
    for number, once in enumerate(recipe.once, 1):
        steps.append((f"judged_{number}", _once(once, f"judged_{number - 1}")))
    strong = " AND ".join(_passes(keep) for keep in recipe.strong_keeps) or "false"
    body = ",\n\n".join(f"{name} AS (\n{text}\n)" for name, text in [("measured", _rows(recipe, corpus)), *steps])
    return (
        f"-- The recipe {recipe.name}: one row per pair, as the ledger has it.\n"
        f"WITH {body}\n\n"
        f"SELECT key, verdict, CASE WHEN verdict <> '' THEN '' WHEN {strong} THEN 'strong' ELSE 'weak' END AS tier\n"
        f"FROM {steps[-1][0]}\nORDER BY key;\n"
    )


def _rows(recipe: Recipe, corpus: str) -> str:
    """Every pair with the signals that the recipe names, and a rank for each `top`."""
    families = sorted({family_of(name) for name in recipe.columns()} - {"pairs"})
    columns = ["key", *(_name(name) for name in recipe.columns())]
    columns += [_rank(keep) for keep in (*recipe.keep, *recipe.strong_keeps) if keep.top is not None]
    selected = ",\n         ".join(dict.fromkeys(columns))
    joins = "".join(f"\n  JOIN {_files(corpus, f'signals/{family}')} AS {family} USING (key)" for family in families)
    return f"  SELECT {selected}\n  FROM {_files(corpus, 'pairs')} AS pairs{joins}"


def _files(corpus: str, folder: str) -> str:
    root = corpus.rstrip("/")
    return f"read_parquet({_text(f'{root}/{folder}/*.parquet')})"


def _keeps(recipe: Recipe) -> str:
    cases = "".join(
        f"\n           WHEN ({_passes(keep)}) IS NOT TRUE THEN {_text(keep.verdict)}" for keep in recipe.keep
    )
    verdict = f"CASE{cases}\n           ELSE '' END" if cases else "''"
    return f"  SELECT *, {verdict} AS verdict\n  FROM measured"


def _once(once: Once, before: str) -> str:
    by = ", ".join(["verdict", *map(_name, once.by)])
    best = ", ".join(_order(rank) for rank in (*once.best, "key"))
    return (
        f"  SELECT * REPLACE (\n    CASE WHEN verdict = '' AND row_number() OVER (\n"
        f"           PARTITION BY {by} ORDER BY {best}) > {once.limit}\n"
        f"         THEN {_text(once.verdict)} ELSE verdict END AS verdict)\n  FROM {before}"
    )


def _passes(keep: Keep) -> str:
    """True when the value lies in the range. A bound is compared in the signal's own type, so 0.7 keeps a 0.7."""
    name, kind = _name(keep.signal), signal_field(keep.signal).type
    parts = []
    if pa.types.is_floating(kind):
        parts.append(f"NOT isnan({name})")  # DuckDB holds NaN to be the greatest number
    value = f"{name}::INT" if pa.types.is_boolean(kind) else name
    if keep.min is not None:
        parts.append(f"{value} >= {_number(keep.min, kind)}")
    if keep.max is not None:
        parts.append(f"{value} <= {_number(keep.max, kind)}")
    if keep.one_of:
        parts.append(f"{name} IN ({', '.join(map(_text, keep.one_of))})")
    if keep.top is not None:
        parts.append(f"{_rank_name(keep)} <= floor({keep.top!r}::DOUBLE * {_rank_name(keep, 'count')})")
    if keep.skip is not None:
        parts.append(f"{_rank_name(keep)} > floor({keep.skip!r}::DOUBLE * {_rank_name(keep, 'count')})")
    return " AND ".join(parts)


def _rank(keep: Keep) -> str:
    """The place of each value among the corpus's values, best first, and how many values there are."""
    name, field = _name(keep.signal), signal_field(keep.signal)
    nan = f"isnan({name})" if pa.types.is_floating(field.type) else "false"
    down = "" if (field.metadata or {}).get(b"good") == b"low" else " DESC"
    return (
        f"row_number() OVER (ORDER BY {nan}, {name}{down}, key) AS {_rank_name(keep)},\n"
        f"         count(*) FILTER (NOT {nan}) OVER () AS {_rank_name(keep, 'count')}"
    )


def _rank_name(keep: Keep, what: str = "rank") -> str:
    return _name(f"{what} of {keep.signal}")


def _order(rank: str) -> str:
    """One entry of ORDER BY; NaN comes last either way."""
    name, kind = _name(rank.removeprefix("-")), signal_field(rank.removeprefix("-")).type
    last = f"isnan({name}), " if pa.types.is_floating(kind) else ""
    return f"{last}{name}{' DESC' if rank.startswith('-') else ''}"


def _number(value: float, kind: pa.DataType) -> str:
    return f"{value!r}::{'FLOAT' if pa.types.is_float32(kind) else 'DOUBLE'}"


def _name(name: str) -> str:
    return f'"{name}"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
