"""The arithmetic of a large corpus: measured costs of one item, times their number, over the workers. Pure.

Sizes are decimal (1 TB is 10^12 bytes), as prices and disks are. Nothing here is measured on a cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

FIGURES = Path(__file__).with_name("figures.toml")
SHARD = 256 * 2**20  # bytes of a raw shard, and of a release's: Settings.segment_bytes and Packing.bytes_per_shard
HOUR = 3600


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured number: in which unit, by which command, and in which of our documents it stands ('' for here)."""

    value: float
    unit: str
    command: str
    stands_in: str = ""
    note: str = ""


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price in US dollars, and where it was read."""

    value: float
    unit: str
    source: str


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that benchmarks/figures.toml holds."""

    region: str
    looked_up: str
    measured: dict[str, Figure]
    prices: dict[str, Price]

    def of(self, name: str) -> float:
        """A measured number. Raises KeyError."""
        return self.measured[name].value


def load(path: Path = FIGURES) -> Figures:
    """Read the figures. Raises msgspec.ValidationError for what is not their shape."""
    return msgspec.toml.decode(path.read_bytes(), type=Figures)


def _assumed(value: float, why: str) -> Any:
    return field(default=value, metadata={"why": why})


@dataclass(frozen=True)
class Assumed:
    """What is assumed, as nobody can measure it for another's web: every field is a flag of `benchmarks.plan`."""

    pairs: int = _assumed(1_000_000_000, "what is planned")
    pairs_per_picture: float = _assumed(3.0, "Zero has 750 M texts of 250 M pictures")
    pictures_per_page: float = _assumed(5.0, "of those that are asked for and come, no icons")
    ok: float = _assumed(0.8, "of the pictures asked for; the rest are gone, refused or no pictures")
    kept: float = _assumed(0.4, "of the pairs, by the recipe: DanQing kept a tenth, the demo keeps four fifths")
    picture_bytes: int = _assumed(160_000, "WuDaoMM's base has 800 GB of 5 M")
    page_bytes: int = _assumed(25_000, "of HTML as it is kept, compressed")
    hosts: int = _assumed(1_000_000, "that the pictures and pages lie at")
    largest_host: int = _assumed(1_000_000, "requests to the host that has most: max_pages of a [[site]] bounds it")
    delay: float = _assumed(1.0, "seconds between two requests to a host: the default of --delay")
    answer: float = _assumed(0.5, "seconds that a host takes to answer")
    at_once: int = _assumed(64, "hosts that a partition asks at once: the crawl's setting")
    partitions: int = _assumed(256, "of the crawl, a process and a core each")
    workers: int = _assumed(256, "of the other verbs, a core each")
    busy: float = _assumed(0.7, "of a worker's time that is CPU time: it waits for the store as well")
    gb_per_worker: float = _assumed(4.0, "memory of a core's worker, as in n2-standard machines")
    disk_gb: float = _assumed(25.0, "of a worker: Dataflow's default where its service shuffles")
    shuffle_passes: float = _assumed(2.0, "what is shuffled is written and read, and paid for each time")
    match_bytes: int = _assumed(2_060, "of a pair: two vectors of 512 halves, as ViT-B-32's, and the scores")
    gpu_pictures: float = _assumed(0.0, "a second, that one GPU scores; 0 is unknown, and match is reckoned on CPUs")


@dataclass(frozen=True)
class Verb:
    """What one verb takes: CPU-seconds, hours on all workers, bytes that cross the network between them."""

    name: str
    cpu: float
    hours: float
    shuffled: float


@dataclass(frozen=True)
class Crawl:
    """What the crawl takes. `hours` is the longest of the three that bound it."""

    requests: float
    cpu: float
    hours_cpu: float
    hours_slots: float
    hours_host: float
    bytes_in: float

    @property
    def hours(self) -> float:
        return max(self.hours_cpu, self.hours_slots, self.hours_host)


PER_PICTURE = {
    "measure, image": "measure_image",
    "measure, match by ViT-B-32": "measure_match",
}
PER_PAIR = {
    "pair": "pair",
    "measure, text": "measure_text",
    "measure, topic": "measure_topic",
    "cluster": "cluster",
    "judge": "judge",
}
AFTER_KEEPS = ("judge", "pack", "release")
ENGINES_KEPT = 1 / 14  # the recipe of benchmarks.engines
PER_KEPT = {"pack": "pack", "release": "release"}
ORDER = ("pair", "measure, text", "measure, image", "measure, match by ViT-B-32", "measure, topic")
ORDER += ("cluster", "judge", "pack", "release")


def pictures(assumed: Assumed) -> float:
    """How many pictures were fetched well."""
    return assumed.pairs / assumed.pairs_per_picture


def crawl(assumed: Assumed, figures: Figures) -> Crawl:
    """The crawl: bound by its cores, by the hosts that it asks at once, or by the host that has most."""
    asked = pictures(assumed) / assumed.ok
    pages = pictures(assumed) / assumed.pictures_per_page
    requests = asked + pages
    cpu = requests / 1000 * figures.of("fetch") + pages / 1000 * figures.of("extract")
    pause = max(assumed.delay, 2 * assumed.answer)  # Settings.slowness
    return Crawl(
        requests=requests,
        cpu=cpu,
        hours_cpu=cpu / assumed.partitions / assumed.busy / HOUR,
        hours_slots=requests * assumed.answer / assumed.partitions / assumed.at_once / HOUR,
        hours_host=assumed.largest_host * (pause + assumed.answer) / HOUR,
        bytes_in=pictures(assumed) * assumed.picture_bytes + pages * assumed.page_bytes,
    )


def verbs(assumed: Assumed, figures: Figures) -> list[Verb]:
    """The verbs after the crawl, in order."""
    pairs, kept = assumed.pairs, assumed.pairs * assumed.kept
    items = {
        **dict.fromkeys(PER_PICTURE, pictures(assumed)),
        **dict.fromkeys(PER_PAIR, pairs),
        **dict.fromkeys(PER_KEPT, kept),
    }
    figure = PER_PICTURE | PER_PAIR | PER_KEPT
    return [_verb(name, items[name], figure[name], assumed, figures) for name in ORDER]


def _verb(name: str, items: float, figure: str, assumed: Assumed, figures: Figures) -> Verb:
    cpu = items / 1000 * figures.of(figure)
    shuffled = figures.measured.get(f"{figure}_shuffled")
    # Of judge, pack and release only pairs that the keeps let through cross: in what was measured one in fourteen.
    measured = assumed.pairs * (assumed.kept / ENGINES_KEPT if name in AFTER_KEEPS else 1)
    crossing = shuffled.value * measured if shuffled else 0.0
    return Verb(name, cpu, cpu / assumed.workers / assumed.busy / HOUR, crossing)


def storage(assumed: Assumed, figures: Figures) -> dict[str, float]:
    """Bytes that lie in each part of a corpus when all is done, the release included."""
    images = pictures(assumed) * assumed.picture_bytes
    pages = pictures(assumed) / assumed.pictures_per_page * assumed.page_bytes
    rows = sum(figures.of(name) for name in ("bytes_pairs", "bytes_ledger", "bytes_log", "bytes_found"))
    signals = sum(figures.of(f"bytes_{family}") for family in ("text", "image", "topic", "corpus"))
    return {
        "pictures as they came (crawl/images)": images,
        "pages (crawl/pages)": pages,
        "state of the crawl, on the partitions' disks": crawl(assumed, figures).requests * figures.of("bytes_state"),
        "log, found, pairs, ledger": rows * assumed.pairs,
        "signals, embeddings included": (signals + assumed.match_bytes) * assumed.pairs,
        "release: a picture for each kept pair": assumed.pairs * assumed.kept * assumed.picture_bytes,
    }


def shards(assumed: Assumed) -> tuple[int, int]:
    """How many raw shards and how many of the release."""
    raw = pictures(assumed) * assumed.picture_bytes / SHARD
    return math.ceil(raw), math.ceil(assumed.pairs * assumed.kept * assumed.picture_bytes / SHARD)


@dataclass(frozen=True)
class Cost:
    """US dollars for one verb, by what is paid for."""

    vcpu: float
    memory: float
    disk: float
    shuffle: float

    @property
    def total(self) -> float:
        return self.vcpu + self.memory + self.disk + self.shuffle


def cost(verb: Verb, assumed: Assumed, prices: dict[str, float]) -> Cost:
    """What Dataflow would ask for a verb: worker hours by their parts, and the bytes that its service shuffles."""
    hours = verb.hours * assumed.workers
    return Cost(
        vcpu=hours * prices["vcpu_hour"],
        memory=hours * assumed.gb_per_worker * prices["gb_hour"],
        disk=hours * assumed.disk_gb * prices["disk_gb_hour"],
        shuffle=verb.shuffled / 1e9 * assumed.shuffle_passes * prices["shuffle_gb"],
    )


def on_gpu(assumed: Assumed, prices: dict[str, float]) -> tuple[float, float]:
    """Hours of machines with one L4, and their dollars, for the family match: a g2-standard-8 has 8 vCPUs and 32 GB."""
    hours = pictures(assumed) / assumed.gpu_pictures / HOUR
    return hours, hours * (prices["gpu_hour"] + 8 * prices["vcpu_hour"] + 32 * prices["gb_hour"])
