"""The curve of a calibration as one SVG file: precision and recall over the threshold, with their intervals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from pipelines.charts import number
from pipelines.curve import Point, Rate

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, FLOOR = 50, 700, 40, 350
_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = {"precision": "#2f6f67", "recall": "#c2553f"}


def draw(signal: str, curve: Sequence[Point], low_is_good: bool, wanted: float, chosen: Point | None) -> bytes:
    """The picture, in UTF-8; equal bytes for equal curves."""
    first, last = sorted((curve[0].threshold, curve[-1].threshold))
    width = (last - first) or 1.0

    def x(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (value - first) / width, 1)

    shown = sorted(curve, key=lambda at: at.threshold)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(_grid(share / 10) for share in range(0, 11, 2)),
        *_line("precision", shown, x, lambda at: at.precision),
        *_line("recall", shown, x, lambda at: at.recall),
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{_y(wanted)}" y2="{_y(wanted)}" stroke="#706a61" stroke-dasharray="2 4"/>',
    ]
    if chosen:
        at = x(chosen.threshold)
        label = f"{'≤' if low_is_good else '≥'} {number(chosen.threshold)}"
        anchor = "end" if at > WIDTH / 2 else "start"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{TOP}" y2="{FLOOR}" stroke="#211f1c"/>')
        parts.append(f'<text x="{at}" y="{TOP - 6}" text-anchor="{anchor}">{label}</text>')
    for value, anchor in ((first, "start"), ((first + last) / 2, "middle"), (last, "end")):
        parts.append(
            f'<text x="{x(value)}" y="{FLOOR + 16}" text-anchor="{anchor}" fill="#706a61">{number(value)}</text>'
        )
    title = f"{escape(signal)}: what passes at a threshold; 95 % intervals"
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 12}">{title}</text>')
    for place, (name, colour) in enumerate(_COLOURS.items()):
        parts.append(f'<text x="{LEFT + 80 * place}" y="16" fill="{colour}">{name}</text>')
    return ("\n".join([*parts, "</svg>"]) + "\n").encode()


def _y(share: float) -> float:
    return round(FLOOR - (FLOOR - TOP) * share, 1)


def _grid(share: float) -> str:
    line = f'<line x1="{LEFT}" x2="{RIGHT}" y1="{_y(share)}" y2="{_y(share)}" stroke="#e4dfd7"/>'
    return f'{line}<text x="{LEFT - 8}" y="{_y(share) + 4}" text-anchor="end" fill="#706a61">{share:.1f}</text>'


def _line(name: str, shown: Sequence[Point], x: Callable[[float], float], rate: Callable[[Point], Rate]) -> list[str]:
    """The band of a share's intervals, and the share itself on it."""
    colour = _COLOURS[name]
    rates = [(x(at.threshold), rate(at)) for at in shown]
    edge = [f"{place},{_y(one.high)}" for place, one in rates]
    edge += [f"{place},{_y(one.low)}" for place, one in reversed(rates)]
    middle = [f"{place},{_y(one.value)}" for place, one in rates]
    return [
        f'<polygon points="{" ".join(edge)}" fill="{colour}" fill-opacity="0.15"/>',
        f'<polyline points="{" ".join(middle)}" fill="none" stroke="{colour}" stroke-width="2"/>',
    ]
