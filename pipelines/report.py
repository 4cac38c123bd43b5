"""report: one HTML file to look at: the funnel, what was dropped and why, what was kept, how the signals are spread.

It needs nothing but itself: no script, no other file, no font from elsewhere. Whatever a page of the web put into a
text is shown as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import pyarrow as pa
from jinja2 import Environment, StrictUndefined, Template

from pipelines import charts
from pipelines.base import drawn_by_class, short_of_floor
from pipelines.corpus import Corpus
from pipelines.examples import Example, examples, printable
from pipelines.funnel import Funnel, percent
from pipelines.histograms import histograms
from pipelines.scored import scored
from schemas.recipe import Keep, Once, Recipe
from schemas.signals import signal_field

CLASSES = 20  # rows of the table of classes: WuDaoMM's nineteen, and other
TOP = 12  # rows of a table of names: the head of a long tail, and the rest in one row


@dataclass(frozen=True)
class Drop:
    """One step of the recipe, with what it dropped."""

    name: str
    rule: str
    why: str
    count: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Step:
    """One bar of the funnel; `lost` says what went since the step before."""

    name: str
    count: int
    lost: str
    part: bool  # of the kept pairs, and no step of its own


@dataclass(frozen=True)
class Names:
    """A table of names with counts, the largest first; `rest` stands for (how many more names, their count)."""

    title: str
    what: str
    rows: tuple[tuple[str, int], ...]
    rest: tuple[int, int]
    total: int


def report(corpus: Corpus, recipe: Recipe, funnel: Funnel) -> bytes:
    """The report on a judged corpus as one HTML page in UTF-8; equal bytes for equal corpora.

    Raises Damaged where a file that it shows something of is not as it was written.
    """
    shown = examples(corpus, recipe)
    page = _template().render(
        recipe=recipe,
        funnel=funnel,
        steps=_steps(funnel),
        drops=_drops(recipe, funnel, shown),
        kept=[(name, getattr(funnel, name), shown[f"+{name}"]) for name in ("strong", "weak", "base")],
        short=_short(corpus, recipe),
        strong_rules=[(_range(keep), keep.why) for keep in recipe.strong_keeps],
        charts=[charts.chart(histogram) for histogram in histograms(corpus, recipe)],
        scores=scored(corpus, recipe),
        classes=_classes(funnel),
        names=_tables(funnel),
        svg=charts,
    )
    return (page.rstrip() + "\n").encode()


def _short(corpus: Corpus, recipe: Recipe) -> list[tuple[str, int, int]]:
    """(class, pairs in the base, pairs that it is short of the floor) for each class that is."""
    if not recipe.base or not recipe.base.floor:
        return []
    drawn = drawn_by_class(corpus, recipe)
    return [(printable(name), drawn[name], count) for name, count in short_of_floor(drawn, recipe.base.floor).items()]


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(n=lambda count: f"{count:,}", number=charts.number, printable=printable)
    environment.globals.update(percent=percent)
    source = resources.files("pipelines") / "templates" / "report.html.j2"
    return environment.from_string(source.read_text("utf-8"))


def _steps(funnel: Funnel) -> list[Step]:
    steps, before = [], funnel.found
    for name, count in funnel.steps():
        part = name in ("weak", "strong", "base")
        lost = "" if part or before == count else f"−{before - count:,}"
        steps.append(Step(name, count, lost, part))
        before = count
    return steps


def _drops(recipe: Recipe, funnel: Funnel, shown: dict[str, list[Example]]) -> list[Drop]:
    rules = [(keep.verdict, _range(keep), keep.why) for keep in recipe.keep]
    rules += [(once.verdict, _repeats(once), once.why) for once in recipe.once]
    return [Drop(name, rule, why, funnel.verdicts[name], tuple(shown[name])) for name, rule, why in rules]


def _range(keep: Keep) -> str:
    """What a keep lets pass, as one reads it."""
    name = keep.signal
    if keep.one_of:
        return f"{name} is {' or '.join(keep.one_of)}"
    if keep.top is not None:
        skipped = f", without the best {_share(keep.skip)}" if keep.skip else ""
        return f"{name} in the best {_share(keep.top)}{skipped}"
    if pa.types.is_boolean(signal_field(name).type):
        return f"{name} is {'true' if keep.min is not None and keep.min > 0 else 'false'}"
    low, high = (None if bound is None else charts.number(bound) for bound in (keep.min, keep.max))
    if low is not None and high is not None:
        return f"{low} ≤ {name} ≤ {high}"
    return f"{name} ≥ {low}" if low is not None else f"{name} ≤ {high}"


def _share(fraction: float) -> str:
    return percent(round(fraction * 10_000), 10_000)


def _repeats(once: Once) -> str:
    best = ", ".join(f"most {rank[1:]}" if rank.startswith("-") else f"least {rank}" for rank in once.best)
    return f"at most {once.limit} for each {' and '.join(once.by)}, by {best}"


def _tables(funnel: Funnel) -> list[Names]:
    return [
        _names("Text sources", "kept pairs", funnel.sources),
        _names("Top sites", "kept pairs", funnel.sites),
        _names("Pictures", "URLs, by outcome", funnel.outcomes),
        _names("Pages", "URLs, by outcome", funnel.pages),
    ]


def _classes(funnel: Funnel) -> list[tuple[str, int, int, int]]:
    """(class, its pairs, those kept, those in the base), and in the last row all that have no row of their own."""
    rows = [(printable(name), pairs, kept, base) for name, (pairs, kept, base) in funnel.classes.items()]
    head, tail = rows[:CLASSES], rows[CLASSES:]
    if not tail:
        return head
    pairs, kept, base = sum(row[1] for row in tail), sum(row[2] for row in tail), sum(row[3] for row in tail)
    return [*head, (f"{len(tail):,} more", pairs, kept, base)]


def _names(title: str, what: str, counts: dict[str, int]) -> Names:
    rows = [(printable(name), count) for name, count in counts.items()]
    head, tail = rows[:TOP], rows[TOP:]
    return Names(title, what, tuple(head), (len(tail), sum(count for _, count in tail)), sum(counts.values()))
