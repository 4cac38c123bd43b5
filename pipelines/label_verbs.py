"""The commands that find a threshold: label and calibrate."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.signature import command
from pipelines.verb_options import CorpusFolder

Signal = Annotated[str, typer.Option(help="a signal, as match_score", metavar="S")]

app = typer.Typer()


@command(app, epilog="Example: tuwen label corpus --n 300 --signal match_score --out labels.html")
def label(
    corpus: CorpusFolder,
    n: Annotated[int, typer.Option("--n", help="pairs to label", min=1)] = 300,
    signal: Annotated[str, typer.Option(help="show as many pairs of each tenth of this signal", metavar="S")] = "",
    recipe: Annotated[str, typer.Option(help="show only pairs that this ledger keeps", metavar="NAME")] = "",
    out: Annotated[str, typer.Option(help="the page to write", metavar="FILE")] = "label.html",
) -> None:
    """Write one page that asks of some pairs whether text and picture fit, and saves the answers as CSV."""
    from pipelines import finish, scores
    from pipelines.corpus import Corpus
    from pipelines.label import label as verb

    folder = Corpus(corpus)
    judged = finish.judged_by(folder, recipe) if recipe else None
    count = verb(folder, n, out, recipe=judged, signal=scores.signal_of(folder, signal) if signal else "")
    print(f"label: {count} pairs in {out}; open it in a browser, and save the labels from there")


@command(app, epilog="Example: tuwen calibrate corpus --labels labels.csv --signal match_score --precision 0.9")
def calibrate(
    corpus: CorpusFolder,
    labels: Annotated[str, typer.Option(help="what the page of `tuwen label` saved", metavar="CSV")],
    signal: Signal = "",
    precision: Annotated[float, typer.Option(help="the share of fitting pairs that is wanted")] = 0.9,
    agreement: Annotated[str, typer.Option(help="another person's labels: print Cohen's kappa", metavar="CSV")] = "",
) -> None:
    """Say what labels make of a threshold on a signal, and write the keep that reaches a precision."""
    from pipelines import labels as files
    from pipelines import scores
    from pipelines.calibrate import calibrate as verb
    from pipelines.calibrate import compare, write
    from pipelines.corpus import Corpus
    from pipelines.shown import show_agreement, show_calibration
    from schemas.errors import BadInput

    if not signal and not agreement:
        raise BadInput("calibrate: nothing to do; name a signal with --signal, or another's labels with --agreement")
    given = files.read(labels)
    if agreement:
        show_agreement(compare(given, files.read(agreement)))
    if signal:
        folder = Corpus(corpus)
        found = verb(folder, given, scores.signal_of(folder, signal), precision)
        show_calibration(found, write(found, given))
