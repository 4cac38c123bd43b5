"""verify: hash every file of a release again, open every tar, and compare all with the manifest, Parquet and index."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa

from filters.picture import decode
from pipelines import files
from pipelines.engine import Engine, run
from pipelines.index import INDEXED, index_name, index_of, index_path
from pipelines.pack import LOOKED, TIERS, check_counted, published
from pipelines.release import digest_of
from pipelines.resize import ENDING
from pipelines.sample import sample_json
from pipelines.tars import Hashed, members
from schemas.errors import BadInput, Damaged
from schemas.manifest import Manifest

TOLD = 20  # damages told of one shard: a tar that is cut short has one for each sample after the cut
_MANIFEST = "manifest.json"


def verify(path: str, *, engine: Engine) -> list[str]:
    """What is damaged in a release: one line each, that begins with the file's path; [] when all is sound.

    Raises BadInput where there is no finished release, Damaged where its manifest cannot be read.
    """
    made = published(path)
    if made is None:
        raise BadInput(f"{path}: no manifest.json, so this is not a complete release; run: tuwen release")
    tars = [name.removesuffix(".tar") for name in made.files if name.endswith(".tar")]
    shards = {f"{tier}/": [name for name in sorted(tars) if name.startswith(f"{tier}/")] for tier in TIERS}
    indexed = [name for tier in INDEXED for name in shards[f"{tier}/"]]
    places = {name: number for number, name in enumerate(indexed)}
    opened = {name: _files_of(name, places.get(name)) for name in sorted(tars)}
    seen = {file for names in opened.values() for file in names}
    others = sorted(set(made.files) - seen)
    work = [(name, places.get(name, -1), {file: made.files.get(file) for file in opened[name]}) for name in opened]

    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | "plain files" >> Told(others, lambda name: plain_faults(path, name, made))
        _ = pipeline | "shards" >> Told(work, lambda shard: shard_faults(path, *shard))

    counted = run(build, job="verify", engine=engine)
    if engine.dry:
        return []
    check_counted(counted or {"": 0}, len(others) + len(work), "verify")
    found = {line.removeprefix(_LINE) for line in counted if line.startswith(_LINE)}
    found |= {f"{name}: not in the manifest" for name in set(files.tree(path)) - set(made.files) - {_MANIFEST}}
    return sorted(found | set(_manifest_faults(made)))


_LINE = "damage\t"


class Told(beam.PTransform):
    """Items -> a counter for each line that `faults` says of them: what an engine brings back is counters."""

    def __init__(self, items: list[Any], faults: Callable[[Any], Iterator[str]]) -> None:
        super().__init__()
        self.items, self.faults = items, faults

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        return pbegin | "items" >> beam.Create(self.items, reshuffle=True) | "tell" >> beam.Map(tell, self.faults)


def tell(item: Any, faults: Callable[[Any], Iterator[str]]) -> None:
    """Count every fault of one item."""
    beam.metrics.Metrics.counter("verify", LOOKED).inc()
    for line in faults(item):
        beam.metrics.Metrics.counter("verify", f"{_LINE}{line}").inc()


def plain_faults(folder: str, name: str, made: Manifest) -> Iterator[str]:
    """What is wrong with one file that is no part of a shard: its presence, size and digest; sizes.json's numbers."""
    fault = _file_fault(folder, name, made.files[name])
    if fault:
        yield fault
    elif name.endswith("/sizes.json"):
        tier = name.removesuffix("sizes.json")
        wanted = {
            tar.removeprefix(tier): file.rows
            for tar, file in made.files.items()
            if tar.startswith(tier) and tar.endswith(".tar")
        }
        if files.read_bytes(files.join(folder, *name.split("/"))) != files.json_bytes(wanted):
            yield f"{name}: not the numbers of samples in the manifest"


def shard_faults(folder: str, name: str, number: int, listed: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one shard: its files, its tar against its Parquet and its index; `number` is -1 for base."""
    faults = {file: _file_fault(folder, file, said) for file, said in listed.items() if not _is_tar(file)}
    yield from filter(None, faults.values())
    parquet, tar, index = f"{name}.parquet", f"{name}.tar", index_name(number)
    samples = None if faults[parquet] else files.read_table(files.join(folder, *parquet.split("/")))
    yield from _some(_tar_faults(folder, name, listed[tar], samples), tar)
    if samples is None:
        return
    if listed[parquet].rows != len(samples):
        yield f"{parquet}: {len(samples)} rows, where the manifest has {listed[parquet].rows}"
    if number >= 0 and not faults[index]:
        rows = files.read_table(index_path(folder, number))
        if not rows.equals(index_of(name, samples)):
            yield f"{index}: not the rows of {parquet}"
        elif listed[index].rows != len(rows):
            yield f"{index}: {len(rows)} rows, where the manifest has {listed[index].rows}"


def _tar_faults(folder: str, name: str, said: Any, samples: pa.Table | None) -> Iterator[str]:
    """Read a tar once: digest and members together. Without its Parquet only the digest can be told."""
    path, tar = files.join(folder, *f"{name}.tar".split("/")), f"{name}.tar"
    if not files.exists(path):
        yield f"{tar}: missing"
        return
    with files.open_read(path) as file:
        hashed, count = Hashed(file), 0
        if samples is not None:
            rows = iter([row for row in samples.to_pylist() if row["status"] == "success"])
            try:
                for sample in _samples(hashed):
                    count += 1
                    row = next(rows, None)
                    yield from (f"{tar}: {fault}" for fault in _sample_faults(sample, row))
            except (tarfile.TarError, OSError, ValueError) as error:
                yield f"{tar}: cannot be read to its end ({error})"
            if next(rows, None) is not None:
                yield f"{tar}: fewer samples than {name}.parquet has"
            elif count != said.rows:
                yield f"{tar}: {count} samples, where the manifest has {said.rows}"
        hashed.drain()
    if hashed.bytes != said.bytes:
        yield f"{tar}: {hashed.bytes} bytes, where the manifest has {said.bytes}"
    elif hashed.sha256 != said.sha256:
        yield f"{tar}: altered: its sha256 is not the manifest's"


Member = tuple[str, int, bytes]


def _samples(file: Hashed) -> Iterator[list[Member]]:
    """The members of a tar in runs of three, as they were written: picture, text, row."""
    run_: list[Member] = []
    for member in members(file):
        run_.append(member)
        if len(run_) == 3:
            yield run_
            run_ = []
    if run_:
        yield run_


def _sample_faults(sample: list[Member], row: dict[str, Any] | None) -> Iterator[str]:
    names = [name for name, _, _ in sample]
    if row is None:
        yield f"{names[0]} is not in the Parquet"
        return
    key = row["key"]
    if names != [f"{key}.{ending}" for ending in (ENDING, "txt", "json")]:
        yield f"{', '.join(names)} stand where the sample {key} should"
        return
    (picture, offset, data), (_, _, text), (_, _, said) = sample
    if offset != row["tar_offset"]:
        yield f"{picture} begins at {offset}, where the Parquet has {row['tar_offset']}"
    if text != row["caption"].encode():
        yield f"{key}.txt is not the caption in the Parquet"
    if said != sample_json(row):
        yield f"{key}.json is not the row of the Parquet"
    shown = decode(data)
    if not shown.decodes:
        yield f"{picture} does not decode ({shown.reason})"
    elif (shown.width, shown.height) != (row["width"], row["height"]):
        yield f"{picture} is {shown.width} x {shown.height}, where the Parquet has {row['width']} x {row['height']}"


def _manifest_faults(made: Manifest) -> Iterator[str]:
    """What the manifest says that cannot be true."""
    counts = made.counts
    for tier in TIERS:
        rows = sum(file.rows or 0 for name, file in made.files.items() if name.startswith(f"{tier}/") and _is_tar(name))
        if rows != getattr(counts, tier):
            yield f"{_MANIFEST}: {getattr(counts, tier)} samples in {tier}, where its tars have {rows}"
    if hashlib.sha256(made.recipe.encode()).hexdigest() != made.recipe_sha256:
        yield f"{_MANIFEST}: recipe_sha256 is not its recipe's"
    if sum(made.verdicts.values()) != counts.measured or made.verdicts.get("", 0) != counts.kept:
        yield f"{_MANIFEST}: the verdicts do not add up to the pairs measured and kept"


def _is_tar(name: str) -> bool:
    return name.endswith(".tar")


def _files_of(name: str, number: int | None) -> list[str]:
    own = [f"{name}.tar", f"{name}.parquet", f"{name}_stats.json"]
    return own if number is None else [*own, index_name(number)]


def _file_fault(folder: str, name: str, said: Any) -> str:
    """What is wrong with one file by the manifest; '' when nothing is."""
    if said is None:
        return f"{name}: not in the manifest, though a tar belongs to it"
    try:
        size, digest = digest_of(files.join(folder, *name.split("/")))
    except Damaged:
        return f"{name}: missing"
    if size != said.bytes:
        return f"{name}: {size} bytes, where the manifest has {said.bytes}"
    return f"{name}: altered: its sha256 is not the manifest's" if digest != said.sha256 else ""


def _some(faults: Iterator[str], name: str) -> Iterator[str]:
    """The first of many faults, and how many more there are."""
    more = 0
    for number, fault in enumerate(faults):
        if number < TOLD:
            yield fault
        more = max(0, number + 1 - TOLD)
    if more:
        yield f"{name}: and {more} faults more"
