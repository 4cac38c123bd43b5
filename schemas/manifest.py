"""What a finished release says about itself. It is written last: its presence means 'complete'."""

from __future__ import annotations

import msgspec

from schemas.models import Measured


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the release, by the path relative to the release's folder."""

    bytes: int
    sha256: str
    rows: int | None = None  # samples in a tar, rows in a Parquet file; none for a page or a JSON


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The funnel in numbers of pairs, and what COYO's card counts of those kept."""

    found: int  # distinct pairs that pages showed
    fetched: int  # those whose picture came
    measured: int
    kept: int
    failed: int  # kept pairs whose picture could not be packed: kept = failed + weak + strong
    weak: int
    strong: int
    base: int
    images: int  # distinct pictures, by sha256, among the kept
    phashes: int  # distinct perceptual hashes among the kept
    texts: int  # distinct texts among the kept
    sites: int  # distinct sites among the kept

    @property
    def packed(self) -> int:
        """The pairs that the release holds."""
        return self.weak + self.strong


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest of one release: manifest.json, sorted keys."""

    name: str
    version: str
    date: str  # YYYY-MM-DD: --date, else the day of the last fetch
    recipe: str  # the recipe's TOML made canonical, so that its digest can be checked
    recipe_sha256: str
    software: str  # "tuwen 0.1.0"
    families: dict[str, str]  # each family's version and its models' digests
    agent: str  # how the crawler named itself
    overrides: list[str]  # consent signals that were overridden, each with its reason
    options: dict[str, str]  # how pictures were packed
    counts: Counts
    verdicts: dict[str, int]  # every measured pair has one; '' is kept
    outcomes: dict[str, int]  # of every picture URL that was asked for
    files: dict[str, File]
    models: dict[str, Measured] = {}  # whose scores the pairs have, by name; a demo model's warning is to be heeded


def encode(manifest: Manifest) -> bytes:
    """The manifest as indented JSON with sorted keys and one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def decode(data: bytes) -> Manifest:
    """Read a manifest. Raises ValueError for one that is not ours: msgspec's errors are such."""
    return msgspec.json.decode(data, type=Manifest)
