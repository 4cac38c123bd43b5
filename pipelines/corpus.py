"""What lies where in a corpus: one folder on any Beam filesystem, the same names everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines import files
from schemas.errors import BadInput


@dataclass(frozen=True)
class Corpus:
    """A corpus folder. `shard` is the name that a raw shard keeps through every verb: 00042."""

    root: str

    def path(self, *parts: str) -> str:
        """A path inside the corpus."""
        return files.join(self.root, *parts)

    def crawl(self, *parts: str) -> str:
        """A path inside crawl/."""
        return self.path("crawl", *parts)

    def pairs(self, shard: str) -> str:
        """The pairs whose pictures lie in one raw WARC."""
        return self.path("pairs", f"{shard}.parquet")

    def unfetched(self, shard: str) -> str:
        """The pairs whose pictures did not come, with the outcome that says why."""
        return self.path("pairs", "unfetched", f"{shard}.parquet")

    def signals(self, family: str, shard: str) -> str:
        """One family's signals for one shard's pairs, row for row."""
        return self.path("signals", family, f"{shard}.parquet")

    def ledger(self, recipe: str, shard: str) -> str:
        """The verdicts of one recipe on one shard's pairs, row for row."""
        return self.path("ledger", recipe, f"{shard}.parquet")

    def release(self, name: str, version: str) -> str:
        """The folder of one release."""
        return self.path("releases", f"{name}-{version}")

    def shards(self) -> list[str]:
        """The names of the pairs' shards, in order. Raises BadInput where there is none: pair comes first."""
        names = [name.removesuffix(".parquet") for name in files.listing(self.path("pairs"), ".parquet")]
        if not names:
            raise BadInput(f"{self.root}: no pairs here yet; run: tuwen pair {self.root}")
        return names


def shard_name(number: int) -> str:
    """The name of the shard with this number, zero-padded."""
    return f"{number:05d}"
