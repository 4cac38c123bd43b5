"""The commands that look at what is there: verify, diff and report."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.signature import command
from pipelines.verb_options import EngineOptions

app = typer.Typer()


@command(app, epilog="Example: tuwen verify corpus/releases/wukong-1.0.0")
def verify(
    path: Annotated[str, typer.Argument(metavar="RELEASE", help="the folder of a release")],
    *,
    engine: EngineOptions,
) -> None:
    """Hash every file of a release again and compare it with its manifest and index."""
    from pipelines.progress import printable
    from pipelines.verify import verify as verb
    from schemas.errors import Damaged

    running = engine.running()
    damage = verb(path, engine=running)
    if running.dry:
        return
    for line in damage:
        print(printable(line))  # it may name members of a stranger's tar
    if damage:
        found = f"{len(damage)} fault{'s' if len(damage) > 1 else ''}"
        raise Damaged(f"{path}: {found}; restore the files named above, or pack the release again")
    print(f"{path}: sound")


@command(app, epilog="Example: tuwen diff corpus/releases/wukong-1.0.0 corpus/releases/wukong-1.1.0 --json")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="the folder of the older release")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the folder of the newer release")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Tell which pairs and shards two releases differ in, and which version that makes."""
    from pipelines import finish

    finish.show_diff(old, new, as_json)


@command(app, epilog="Example: tuwen report corpus")
def report(
    path: Annotated[str, typer.Argument(metavar="CORPUS|RELEASE", help="a judged corpus, or a release")],
    recipe: Annotated[str | None, typer.Option(help="whose ledger; the corpus's only one without")] = None,
) -> None:
    """Print the funnel of a corpus or a release, and write or name the page that shows it."""
    from pipelines import finish

    finish.show_report(path, recipe)
