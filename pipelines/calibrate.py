"""calibrate: from labels to a threshold: the keep that reaches a wanted precision, and the curve that it lies on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import files, shards
from pipelines.corpus import Corpus
from pipelines.curve import LEAST, Agreement, Point, Rate, agreement, points, reaching
from pipelines.curve_chart import draw
from pipelines.label import is_number
from pipelines.labels import FITS, NOT, UNSURE, Labels
from schemas.errors import BadInput
from schemas.signals import family_of, signal_field


@dataclass(frozen=True)
class Calibration:
    """What labels say of one signal. `chosen` is the threshold that reaches the wanted precision, None where none does.

    `unsure` and `unmeasured` count labels without a say: those of pairs that somebody was unsure of are left out, those
    whose value is NaN never pass.
    """

    signal: str
    low_is_good: bool
    curve: tuple[Point, ...]
    wanted: float
    chosen: Point | None
    sure: int
    unsure: int
    unmeasured: int

    def best(self) -> Point:
        """The point of the highest precision among those that are believed; the loosest where none is."""
        believed = [at for at in self.curve if at.passed >= LEAST]
        return max(believed or self.curve[:1], key=lambda at: at.precision.value)


def calibrate(corpus: Corpus, labels: Labels, signal: str, wanted: float) -> Calibration:
    """Find the loosest threshold on a signal whose precision over the labelled pairs is at least the wanted one.

    Raises BadInput for labels of other pairs, for labels that are all of one kind, and for a signal that is no number.
    """
    if not 0 < wanted <= 1:
        raise BadInput(f"--precision {wanted}: a share above 0 and at most 1, as 0.9")
    if not is_number(signal):
        raise BadInput(f"--signal {signal}: its values are words, and have no threshold; name one that is a number")
    for label in (FITS, NOT):
        if not labels.count(label):
            said = f"none of the {len(labels.by_key)} pairs is labelled {label} ({labels.count(UNSURE)} are {UNSURE})"
            raise BadInput(f"{labels.path}: {said}; a threshold needs both kinds, so label more pairs")
    values = values_of(corpus, labels, signal)
    sure = {key: label == FITS for key, label in labels.by_key.items() if label != UNSURE}
    low = (signal_field(signal).metadata or {}).get(b"good") == b"low"
    measured = [values[key] for key in sure]
    curve = points(measured, list(sure.values()), low)
    if not curve:
        raise BadInput(f"{signal}: NaN for every labelled pair; choose another signal")
    unmeasured = sum(math.isnan(value) for value in measured)
    return Calibration(
        signal, low, tuple(curve), wanted, reaching(curve, wanted), len(sure), labels.count(UNSURE), unmeasured
    )


def values_of(corpus: Corpus, labels: Labels, signal: str) -> dict[str, float]:
    """The signal's value of every labelled pair. Raises BadInput, with the line, for a key that the corpus has not."""
    shards.need(corpus, sorted({family_of(signal)} - {"pairs"}))
    found: dict[str, float] = {}
    wanted = pa.array(list(labels.by_key))
    for shard in corpus.shards():
        table = shards.read(corpus, shard, [signal])
        table = table.filter(pc.is_in(table.column("key"), wanted))
        numbers = table.column(signal).to_numpy().astype(np.float64)
        found.update(zip(table.column("key").to_pylist(), numbers.tolist(), strict=True))
    unknown = [key for key in labels.by_key if key not in found]
    if unknown:
        what = f"{labels.place(unknown[0])}: the pair {unknown[0]} is not in {corpus.root}"
        raise BadInput(
            f"{what} ({len(unknown)} of {len(labels.by_key)} are not); is this the corpus that was labelled?"
        )
    return found


def compare(labels: Labels, other: Labels) -> Agreement:
    """How two people agree on the pairs that both labelled. Raises BadInput where there is none."""
    both = [(label, other.by_key[key]) for key, label in labels.by_key.items() if key in other.by_key]
    if not both:
        raise BadInput(f"{other.path}: none of its pairs is in {labels.path}; both must label the same page")
    return agreement(both)


def write(found: Calibration, labels: Labels) -> list[str]:
    """Write the curve, and the keep where there is one, beside the labels; their paths. An older keep goes."""
    stem = f"{labels.path.removesuffix('.csv')}.{found.signal}"
    with files.whole(f"{stem}.svg") as file:
        file.write(draw(found.signal, found.curve, found.low_is_good, found.wanted, found.chosen))
    if not found.chosen:
        files.remove([f"{stem}.toml"])
        return [f"{stem}.svg"]
    with files.whole(f"{stem}.toml") as file:
        file.write(keep(found, labels).encode())
    return [f"{stem}.svg", f"{stem}.toml"]


def keep(found: Calibration, labels: Labels) -> str:
    """The keep that the chosen threshold makes, as TOML, with its reason."""
    if not found.chosen:
        raise ValueError("no threshold was chosen")
    name = labels.path.rsplit("/", 1)[-1]
    said = hashlib.sha256("".join(f"{key},{label}\n" for key, label in sorted(labels.by_key.items())).encode())
    why = (
        f"precision {words(found.chosen.precision)}, recall {words(found.chosen.recall)} over {found.sure} labelled"
        f" pairs ({name}, {said.hexdigest()[:12]}), wanted {found.wanted:g}; 95 % intervals by Wilson"
    )
    bound = "max" if found.low_is_good else "min"
    lines = ["[[keep]]", f"signal = {_toml(found.signal)}", f"{bound:6} = {number(found)}", f"why    = {_toml(why)}"]
    return "\n".join(lines) + "\n"


def number(found: Calibration, at: Point | None = None) -> str:
    """A threshold with the digits that name it in the signal's own type, and no more."""
    value, kind = (at or found.chosen or found.curve[0]).threshold, signal_field(found.signal).type
    if pa.types.is_float32(kind):
        return repr(float(str(np.float32(value))))
    return repr(value) if pa.types.is_floating(kind) else str(int(value))


def words(rate: Rate) -> str:
    """A share with its interval: 0.91 (0.85 to 0.95)."""
    return f"{rate.value:.2f} ({rate.low:.2f} to {rate.high:.2f})"


def some(curve: Sequence[Point], count: int) -> list[Point]:
    """At most `count` points, evenly spread from the loosest to the strictest.

    >>> some(list("abcdefg"), 3)
    ['a', 'd', 'g']
    """
    places = np.unique(np.linspace(0, len(curve) - 1, min(count, len(curve))).round().astype(int))
    return [curve[at] for at in places]


def _toml(text: str) -> str:
    """A basic string of TOML, which is one of JSON but for DEL."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
