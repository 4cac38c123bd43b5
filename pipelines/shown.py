"""What calibrate prints: how two people agree, and what a threshold is worth."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from pipelines.calibrate import Calibration, number, some, words
from pipelines.curve import LEAST, Agreement
from pipelines.funnel import percent
from pipelines.progress import printable
from schemas.errors import WorkFailed


def show_agreement(found: Agreement) -> None:
    """Print how two people's labels agree."""
    alike = percent(round(found.alike * found.count), found.count)
    print(f"agreement: {found.count} pairs labelled by both, {alike} alike")
    if math.isnan(found.kappa):
        print("kappa: not defined, since both gave one and the same label alone")
    else:
        print(f"kappa: {found.kappa:.2f} ({found.low:.2f} to {found.high:.2f})")


def show_calibration(found: Calibration, written: list[str]) -> None:
    """Print the curve as a table, and the files. Raises WorkFailed where no threshold reaches the wanted precision."""
    table = Table(title=printable(found.signal), box=None, title_justify="left")
    for name in ("at most" if found.low_is_good else "at least", "passed", "precision", "recall"):
        table.add_column(name, justify="right")
    shown = sorted({*some(found.curve, 12), *([found.chosen] if found.chosen else [])}, key=lambda at: -at.passed)
    for at in shown:
        mark = "→ " if at == found.chosen else ""
        table.add_row(f"{mark}{number(found, at)}", f"{at.passed:,}", words(at.precision), words(at.recall))
    Console(markup=False, highlight=False).print(table)
    print(f"calibrate: {found.sure} labels, {found.unsure} unsure left out, {found.unmeasured} without a value")
    print("\n".join(f"written: {printable(path)}" for path in written))
    if not found.chosen:
        best = found.best()
        said = f"at best {words(best.precision)}, of {best.passed} pairs; fewer than {LEAST} are not believed"
        way = "label more pairs, or ask for less with --precision"
        raise WorkFailed(f"no threshold on {found.signal} reaches a precision of {found.wanted:g}: {said}; {way}")
