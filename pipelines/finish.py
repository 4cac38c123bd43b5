"""What ends on a screen: the funnel of a release, the report's path, and what two releases differ in."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table

from pipelines import files, ledgers
from pipelines.base import drawn_by_class, short_of_floor
from pipelines.corpus import Corpus
from pipelines.crawl import agent_of, overrides_of
from pipelines.diff import diff
from pipelines.engine import Engine
from pipelines.funnel import funnel, rows
from pipelines.pack import published
from pipelines.progress import printable
from pipelines.release import release
from pipelines.report import report
from pipelines.scores import as_judged
from schemas.errors import BadInput, Damaged
from schemas.manifest import Manifest
from schemas.recipe import Recipe, load, of_canonical


def finish(corpus: Corpus, recipe: Recipe, version: str, date: str | None, engine: Engine) -> None:
    """Finish a release with its report, and print the funnel and where the two lie."""
    with files.remembering():
        counted = funnel(corpus, recipe)
    made = release(
        corpus,
        recipe,
        version,
        engine=engine,
        agent=agent_of(corpus),
        overrides=overrides_of(corpus),
        date=date,
        report=lambda made: report(corpus, recipe, counted.packed(made.counts)),
    )
    if engine.dry:
        return
    folder = corpus.release(recipe.name, version)
    _table(f"{recipe.name} {version}", rows(made.counts, counted.verdicts))
    if not made.counts.packed:
        print("release: it holds no pair; the funnel and the report say where they were lost", file=sys.stderr)
    print(f"release: {folder}\nreport:  {files.join(folder, 'report.html')}")


def show_report(path: str, recipe: str | None) -> None:
    """Print the funnel of a corpus or a release; write the page of a corpus, name that of a release.

    Raises BadInput for a folder that is neither, and for a corpus with several ledgers when no recipe is named.
    """
    if (made := published(path)) is not None:
        _table(f"{made.name} {made.version}", rows(made.counts, _drops(path, made)))
        print(f"report:  {files.join(path, 'report.html')}")
        return
    corpus = Corpus(path)
    loaded = judged_by(corpus, recipe)
    counted = funnel(corpus, loaded)
    page = corpus.path("ledger", loaded.name, "report.html")
    with files.whole(page) as file:
        file.write(report(corpus, loaded, counted))
    _table(loaded.name, rows(counted, counted.verdicts))
    say_short(corpus, loaded)
    print(f"report:  {page}")


def _drops(release: str, made: Manifest) -> dict[str, int]:
    """How many pairs each verdict took, in the order of the recipe. Raises Damaged where the manifest has none."""
    try:
        order = of_canonical(made.recipe).verdicts()
    except ValueError as error:
        raise Damaged(
            f"{files.join(release, 'manifest.json')}: its recipe cannot be read ({error}); restore it"
        ) from None
    drops = dict.fromkeys(order, 0) | made.verdicts
    return {name: count for name, count in drops.items() if name}


def say_short(corpus: Corpus, recipe: Recipe) -> None:
    """Say on standard error which classes are short of the base's floor, and by how much."""
    if not recipe.base or not recipe.base.floor:
        return
    drawn, floor = drawn_by_class(corpus, recipe), recipe.base.floor
    for name, count in short_of_floor(drawn, floor).items():
        line = f"base: class {name} is {count:,} short of the floor of {floor:,}: it has {drawn[name]:,}"
        print(printable(line), file=sys.stderr)


def show_diff(old: str, new: str, as_json: bool) -> None:
    """Print what two releases differ in, and the version that follows from it."""
    found = diff(old, new)
    if as_json:
        print(json.dumps(found.to_json(), indent=2, sort_keys=True))  # ASCII: a terminal obeys some of the rest
        return
    _table(f"{old} → {new}", found.rows())


def judged_by(corpus: Corpus, recipe: str | None) -> Recipe:
    """The recipe of a ledger: of the one that is named, by its own file too, else of the only one that is there."""
    names = ledgers.names(corpus)
    if recipe is not None and recipe not in names:
        loaded = load(recipe)
        return as_judged(loaded, ledgers.recipe_of(corpus, loaded.name)) if loaded.name in names else loaded
    if recipe is None and not names:
        raise BadInput(
            f"{corpus.root}: neither a judged corpus nor a complete release, which has a manifest.json;"
            " run: tuwen judge CORPUS --recipe …, or tuwen release"
        )
    if recipe is None and len(names) > 1:
        raise BadInput(f"{corpus.root}: ledgers here: {', '.join(names)}; say whose with --recipe")
    return ledgers.recipe_of(corpus, recipe or names[0])


def _table(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print rows of (what, number, share or remark) on standard output, numbers to the right."""
    table = Table(title=printable(title), box=None, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(justify="right")
    for row in rows:
        table.add_row(*map(printable, row))
    Console(markup=False, highlight=False).print(table)
