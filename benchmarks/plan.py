"""A large corpus on paper: workers, partitions, storage, shuffles, hours and dollars, for a number of pairs.

    python -m benchmarks.plan --pairs 1_000_000_000
    python -m benchmarks.plan --pairs 1_000_000_000 --workers 1000 --vcpu-hour 0.04

Measured costs of one item (benchmarks/figures.toml, each with its command) times their number. What is assumed stands
in `benchmarks.planned.Assumed`; every assumption and price is a flag. docs/deploy/plan.md is what it prints without.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields

from benchmarks import planned
from benchmarks.planned import HOUR, Assumed, Figures

HEAD = """\
# {count} pairs, on paper

<!-- Written by: python -m benchmarks.plan{said} -->

Measured costs of one item times their number; nothing of this size has been run. The figures are of one core of a
shared machine, and swing by a fifth. What is assumed, and each price, is a flag of `python -m benchmarks.plan`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan in Markdown."""
    figures = planned.load()
    words = sys.argv[1:] if argv is None else list(argv)
    given = vars(_parser(figures).parse_args(words))
    prices = {name: given.pop(f"price_{name}") for name in figures.prices}
    print("\n".join(plan(Assumed(**given), figures, prices, "".join(f" {word}" for word in words))))
    return 0


def plan(assumed: Assumed, figures: Figures, prices: dict[str, float], said: str = "") -> Iterator[str]:
    """The lines of the plan."""
    yield HEAD.format(count=count(assumed.pairs), said=said)
    yield from _machines(assumed)
    yield from _crawl(assumed, figures)
    yield from _verbs(assumed, figures)
    yield from _storage(assumed, figures)
    yield from _costs(assumed, figures, prices)
    yield from _assumed(assumed)
    yield from _figures(figures)


def _machines(assumed: Assumed) -> Iterator[str]:
    raw, released = planned.shards(assumed)
    yield "## What it takes\n"
    yield from table(
        ("what", "how many"),
        [
            ("pictures", count(planned.pictures(assumed))),
            ("partitions of the crawl, a process and a core each", count(assumed.partitions)),
            ("workers of the other verbs, a core each", count(assumed.workers)),
            ("memory of all workers", size(assumed.workers * assumed.gb_per_worker * 1e9)),
            ("raw shards of 256 MiB, the unit of retry", count(raw)),
            ("shards of the release", count(released)),
        ],
    )


def _crawl(assumed: Assumed, figures: Figures) -> Iterator[str]:
    crawl = planned.crawl(assumed, figures)
    bounds = {
        "its CPU time": crawl.hours_cpu,
        f"{assumed.at_once} hosts asked at once by a partition": crawl.hours_slots,
        f"the one host with {count(assumed.largest_host)} requests": crawl.hours_host,
    }
    last = max(bounds, key=lambda name: bounds[name])
    yield "## The crawl\n"
    yield f"{count(crawl.requests)} requests, {size(crawl.bytes_in)} in. It lasts as long as the slowest of:\n"
    yield from table(("bound by", "hours"), [(name, number(hours)) for name, hours in bounds.items()])
    rate = crawl.bytes_in / (crawl.hours * HOUR)
    yield f"So {number(crawl.hours / 24)} days, for {last}; {size(rate)} a second come in, and each of"
    yield f"{count(assumed.hosts)} hosts is asked {number(crawl.requests / assumed.hosts)} times in the mean.\n"


def _verbs(assumed: Assumed, figures: Figures) -> Iterator[str]:
    verbs = planned.verbs(assumed, figures)
    yield "## The other verbs\n"
    rows = [(verb.name, number(verb.cpu / HOUR), number(verb.hours), size(verb.shuffled)) for verb in verbs]
    whole = (sum(verb.cpu for verb in verbs) / HOUR, sum(verb.hours for verb in verbs))
    rows.append(("all", *map(number, whole), size(sum(verb.shuffled for verb in verbs))))
    yield from table(("verb", "CPU-hours", f"hours on {count(assumed.workers)} workers", "shuffled"), rows)


def _storage(assumed: Assumed, figures: Figures) -> Iterator[str]:
    kept = planned.storage(assumed, figures)
    yield "## Storage\n"
    yield from table(
        ("what", "size"), [*((name, size(taken)) for name, taken in kept.items()), ("all", size(sum(kept.values())))]
    )


def _costs(assumed: Assumed, figures: Figures, prices: dict[str, float]) -> Iterator[str]:
    yield "## What Dataflow asks for it\n"
    yield f"US dollars, without discounts, in {figures.region}; the prices were looked up on {figures.looked_up}, and"
    yield "are below. Workers are paid while they wait, too.\n"
    million = assumed.pairs / 1e6
    costs = [(verb.name, planned.cost(verb, assumed, prices)) for verb in planned.verbs(assumed, figures)]
    rows = [
        (name, *map(number, (one.vcpu, one.memory, one.disk, one.shuffle, one.total)), number(one.total / million))
        for name, one in costs
    ]
    total = sum(one.total for _, one in costs)
    rows.append(("all", "", "", "", "", number(total), number(total / million)))
    yield from table(("verb", "vCPU", "memory", "disk", "shuffle", "all", "a million pairs"), rows)
    stored = sum(planned.storage(assumed, figures).values()) / 1e9 * prices["storage_gb_month"]
    if assumed.gpu_pictures:
        hours, dollars = planned.on_gpu(assumed, prices)
        yield f"On machines with an L4, match takes {number(hours)} hours, and {number(dollars)} instead.\n"
    else:
        yield "We have no figure of a GPU: with yours, `--gpu-pictures` tells what match costs on g2-standard-8.\n"
    yield f"Storage is another {number(stored)} a month. The crawl's machines are not in it.\n"
    yield from table(
        ("price", "US dollars", "flag", "read in"),
        [
            (
                price.unit,
                f"{prices[name]:g}",
                f"`{_flag(name)}`",
                price.source if price.value == prices[name] else "you",
            )
            for name, price in figures.prices.items()
        ],
    )


def _assumed(assumed: Assumed) -> Iterator[str]:
    yield "## What is assumed\n"
    yield from table(
        ("flag", "value", "why"),
        [
            (f"`{_flag(field.name)}`", f"{getattr(assumed, field.name):,}", field.metadata["why"])
            for field in fields(assumed)
        ],
    )


def _figures(figures: Figures) -> Iterator[str]:
    yield "## What was measured\n"
    yield from table(
        ("figure", "value", "by"),
        [
            (
                f"{_words(name)}, {figure.unit}" + (f" ({figure.note})" if figure.note else ""),
                f"{figure.value:g}",
                f"`{figure.command}`",
            )
            for name, figure in figures.measured.items()
        ],
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table, an empty one after it."""
    yield "| " + " | ".join(heads) + " |"
    numbers = [cell[:1].isdigit() for cell in rows[0]]
    yield "| " + " | ".join("---:" if one else "---" for one in numbers) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def count(value: float) -> str:
    """A number of things that a reader takes in.

    >>> count(1e9), count(2_500_000), count(256), count(596_047)
    ('1 G', '2.5 M', '256', '600 k')
    """
    return _short(value, {"G": 1e9, "M": 1e6, "k": 1e3}) if value >= 1e4 else f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in decimal units.

    >>> size(0), size(53_333e9), size(1.4e9)
    ('none', '53 TB', '1.4 GB')
    """
    return _short(value, {"PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}) if value else "none"


def _short(value: float, units: dict[str, float]) -> str:
    """The value to two digits in the largest unit of which it is one, else in the smallest."""
    unit = next((name for name, of in units.items() if value >= of), list(units)[-1])
    return f"{number(value / units[unit])} {unit}"


def number(value: float) -> str:
    """A number to two digits, which is as much as the figures bear.

    >>> number(1234.5), number(0.123), number(20.6)
    ('1,200', '0.12', '21')
    """
    return f"{float(f'{value:.2g}'):,.10g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _whole(text: str) -> int:
    value = int(text.replace("_", ""))
    if value < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("give more than 0")
    return value


def _parser(figures: Figures) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Assumed):
        kind = _whole if isinstance(field.default, int) else _positive if field.default else float
        why = field.metadata["why"].replace("%", "%%")
        parser.add_argument(_flag(field.name), type=kind, default=field.default, metavar="N", help=why)
    for name, price in figures.prices.items():
        flag = {"type": float, "default": price.value, "metavar": "USD", "dest": f"price_{name}"}
        parser.add_argument(_flag(name), help=price.unit, **flag)
    return parser


if __name__ == "__main__":
    sys.exit(main())
