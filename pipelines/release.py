"""release: what makes packed shards a release: the index, the cards, the report, and last the manifest.

A release that is out is never altered: a second run restores what was deleted, and refuses where anything would differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date as day
from datetime import datetime, timezone
from importlib.metadata import version as installed

import apache_beam as beam
import msgspec

from filters import FAMILIES as MEASURED
from pipelines import card, croissant, files, ledgers, tally, uids
from pipelines.corpus import Corpus
from pipelines.engine import Engine, run
from pipelines.index import INDEXED, Index, index_name, index_path, remove_beyond
from pipelines.matched import models_of
from pipelines.outputs import progress
from pipelines.pack import TIERS, check_counted, check_version, clock, packed, published, sweep
from pipelines.sample import out_already
from schemas import manifest
from schemas.errors import BadInput, Damaged
from schemas.manifest import Counts, File, Manifest
from schemas.recipe import Recipe, canonical, option
from schemas.signals import FAMILIES

_AT_ONCE = 8  # files hashed at a time: enough to hide the waiting for an object store


def release(
    corpus: Corpus,
    recipe: Recipe,
    version: str,
    *,
    engine: Engine,
    agent: str,
    date: str | None = None,
    report: Callable[[Manifest], bytes] | None = None,
    overrides: tuple[str, ...] = (),
) -> Manifest:
    """Finish releases/<recipe>-<version>/ from its shards, and return its manifest.

    `agent` is how the crawler named itself, `overrides` the consent signals that were overridden; `date` is
    YYYY-MM-DD, by default that of the last fetch; `report` makes report.html from the manifest so far.
    Raises BadInput where the shards are not those of this ledger, or the version is out and this would alter it.
    """
    check_version(version)
    date = check_date(date)
    with files.remembering():
        ledgers.need(corpus, recipe)
    folder = corpus.release(recipe.name, version)
    sweep(folder, engine)
    shards = {tier: packed(folder, tier) for tier in TIERS}
    said = {name: _said(corpus, folder, name, recipe) for names in shards.values() for name in names}
    out, counted = published(folder), _work(corpus, recipe, folder, shards, said, engine)
    check_counted(counted, len(corpus.shards()), "release")
    _check_ledger(corpus, recipe, counted)
    with files.remembering():
        made = _manifest(corpus, recipe, version, said, counted)
    made = msgspec.structs.replace(made, agent=agent, overrides=list(overrides), date=_date(corpus, date, out))
    if out:  # a newer tuwen that makes the same release leaves it as it is
        made = msgspec.structs.replace(made, software=out.software)
    if not counted:  # a dry run: there is nothing to write of
        return made
    made = msgspec.structs.replace(made, files=_hashed(folder, said, shards))
    facts = card.Facts(made, tally.group(counted, "distinct"), tally.groups(counted))
    pages: dict[str, Callable[[], bytes]] = {
        "croissant.json": lambda: croissant.render(made),
        "CARD.md": lambda: card.render(facts, "CARD.md.j2"),
        "CARD.zh.md": lambda: card.render(facts, "CARD.zh.md.j2"),
    }
    if shards["base"]:
        pages[f"base/{uids.NAME}"] = lambda: uids.npy(folder, shards["base"])
    if report or (out and "report.html" in out.files):
        pages["report.html"] = lambda: _report(report, made, folder)
    written = {name: _write_page(folder, name, make, out) for name, make in pages.items()}
    kept = {name: file for name, file in written.items() if file}
    complete = msgspec.structs.replace(made, files=dict(sorted({**made.files, **kept}.items())))
    _seal(folder, complete, out)
    return complete


def _said(corpus: Corpus, folder: str, name: str, recipe: Recipe) -> dict[str, str]:
    """What a shard's Parquet says of it, when the tar and the statistics beside it are there too."""
    said = files.metadata(files.join(folder, f"{name}.parquet"))
    beside = {".tar": said["tar_bytes"], "_stats.json": said["stats_bytes"]}
    for ending, size in beside.items():
        path = files.join(folder, f"{name}{ending}")
        if not files.exists(path) or str(files.size(path)) != size:
            raise Damaged(f"{path}: missing or altered; run: tuwen pack {corpus.root} {option(recipe)} …")
    return said


def _work(
    corpus: Corpus,
    recipe: Recipe,
    folder: str,
    shards: dict[str, list[str]],
    said: dict[str, dict[str, str]],
    engine: Engine,
) -> dict[str, int]:
    """Write the index, remove what an earlier packing left of it, and count."""
    names = [name for tier in INDEXED for name in shards[tier]]
    paths = [files.join(folder, f"{name}.parquet") for name in names]

    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | "tally" >> tally.Tally(corpus, recipe.name, paths)
        _ = pipeline | "write index" >> Index(folder, names)

    with progress("release", [index_path(folder, number) for number in range(len(names))], engine):
        counted = run(build, job="release", engine=engine)
    if not engine.dry:
        remove_beyond(folder, len(names))
    return counted


def _check_ledger(corpus: Corpus, recipe: Recipe, counted: dict[str, int]) -> None:
    fold = tally.group(counted, "fold")
    if fold.get("ledger") != fold.get("packed"):
        what = "the shards are not those of this ledger" if fold.get("packed") else "nothing is packed yet"
        way = f"run: tuwen pack {corpus.root} {option(recipe)} …"
        raise BadInput(f"{corpus.root}: {what}; {way}")


def _manifest(
    corpus: Corpus, recipe: Recipe, version: str, said: dict[str, dict[str, str]], counted: dict[str, int]
) -> Manifest:
    """The manifest as far as the corpus decides it; agent, date and files come after."""
    verdicts, distinct = tally.group(counted, "verdict"), tally.group(counted, "distinct")
    fetched = sum(int(files.metadata(corpus.pairs(shard))["rows"]) for shard in corpus.shards())
    place = corpus.path("pairs", "unfetched")
    missed = sum(int(files.metadata(files.join(place, name))["rows"]) for name in files.listing(place, ".parquet"))
    samples = {
        tier: sum(int(one["samples"]) for name, one in said.items() if name.startswith(f"{tier}/")) for tier in TIERS
    }
    counts = Counts(
        found=fetched + missed,
        fetched=fetched,
        measured=sum(verdicts.values()),
        kept=verdicts.get("", 0),
        failed=verdicts.get("", 0) - samples["weak"] - samples["strong"],
        **samples,
        **{name: distinct.get(name, 0) for name in ("images", "phashes", "texts", "sites")},
    )
    text = canonical(recipe)
    return Manifest(
        name=recipe.name,
        version=version,
        date="",
        recipe=text,
        recipe_sha256=hashlib.sha256(text.encode()).hexdigest(),
        software=f"tuwen {installed('tuwen')}",
        families={family: _family(corpus, family) for family in FAMILIES},
        agent="",
        overrides=[],
        options=json.loads(next(iter(said.values()))["options"]) if said else {},
        counts=counts,
        verdicts={**dict.fromkeys(["", *recipe.verdicts()], 0), **verdicts},
        outcomes=tally.group(counted, "outcome"),
        files={},
        models=models_of(corpus),
    )


def _family(corpus: Corpus, family: str) -> str:
    """A family's version, and the digests of what its numbers come from."""
    written = files.metadata(corpus.signals(family, corpus.shards()[0]))
    version = written["version"]
    if "digests" in written:  # of what a command line chose, which only the file knows
        return f"version {version}, {written['digests']}"
    digests = MEASURED[family].digests() if family in MEASURED else {}
    return ", ".join([f"version {version}", *(f"{name} {digest}" for name, digest in sorted(digests.items()))])


def check_date(date: str | None) -> str | None:
    """A day as YYYY-MM-DD. Raises BadInput for what is none."""
    try:
        return None if date is None else day.fromisoformat(date).isoformat()
    except ValueError:
        raise BadInput(f"--date {date}: not a day; write it as 2026-03-01") from None


def _date(corpus: Corpus, date: str | None, out: Manifest | None) -> str:
    """The day that is asked for, else the one that the release is out with, else the last fetch's."""
    if date is not None:
        return date
    return out.date if out else datetime.fromtimestamp(clock(corpus)[1], timezone.utc).date().isoformat()


def _hashed(folder: str, said: dict[str, dict[str, str]], shards: dict[str, list[str]]) -> dict[str, File]:
    """Every file of shards and index. A tar's digest was taken when it was written; `verify` takes it again."""
    found = {
        f"{name}.tar": File(int(one["tar_bytes"]), one["tar_sha256"], int(one["samples"])) for name, one in said.items()
    }
    rest = {f"{name}.parquet": int(one["rows"]) for name, one in said.items()}
    indexed = [name for tier in INDEXED for name in shards[tier]]
    rest |= {index_name(number): int(said[name]["samples"]) for number, name in enumerate(indexed)}
    plain: dict[str, int | None] = {**rest, **{f"{name}_stats.json": None for name in said}}
    plain |= {f"{tier}/sizes.json": None for tier, names in shards.items() if names}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        digests = pool.map(lambda name: digest_of(files.join(folder, name)), plain)
        for (name, rows), (size, digest) in zip(plain.items(), digests, strict=True):
            found[name] = File(size, digest, rows)
    return dict(sorted(found.items()))


def digest_of(path: str) -> tuple[int, str]:
    """(size in bytes, sha256) of a file, streamed. Raises Damaged when it is missing."""
    size, sha256 = 0, hashlib.sha256()
    for chunk in _chunks(path):
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()


def _chunks(path: str) -> Iterator[bytes]:
    try:
        with files.open_read(path) as file:
            while chunk := file.read(1 << 20):
                yield chunk
    except FileNotFoundError:
        raise Damaged(f"{path}: missing; run the verb that writes it again") from None


def _write_page(folder: str, name: str, make: Callable[[], bytes], out: Manifest | None) -> File | None:
    """Write one page where it is missing or differs. A release that is out gets back what it had, and nothing new."""
    path = files.join(folder, name)
    if out and name not in out.files:
        return None
    if out and files.exists(path):
        return File(*digest_of(path))
    data = make()
    if not files.exists(path) or files.read_bytes(path) != data:
        with files.whole(path) as file:
            file.write(data)
    return File(len(data), hashlib.sha256(data).hexdigest())


def _report(report: Callable[[Manifest], bytes] | None, made: Manifest, folder: str) -> bytes:
    if not report:
        raise Damaged(f"{folder}/report.html: missing, though the release is out with it; run: tuwen release")
    return report(made)


def _seal(folder: str, made: Manifest, out: Manifest | None) -> None:
    """Write the manifest, unless the release is out: then it must be the same, file by file."""
    if not out:
        files.claim(files.join(folder, "manifest.json"), manifest.encode(made))
        return
    differ = [name for name in sorted({*made.files, *out.files}) if made.files.get(name) != out.files.get(name)]
    if msgspec.structs.replace(made, files={}) != msgspec.structs.replace(out, files={}):
        raise out_already(folder)
    if differ:
        path = files.join(folder, differ[0])
        raise Damaged(f"{path}: missing, or not as the manifest has it; delete it, then pack and release again")
