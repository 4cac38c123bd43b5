"""img2dataset's command line as ours: the same flags with the same meanings, and a message where they differ.

Pure: words in, what is to be done out. docs/url-lists.md is the table of it for users.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawlers.settings import Settings
from pipelines import flags
from pipelines.files import is_remote, join
from pipelines.fit import Fit
from pipelines.list_flags import FIT, KNOWN, SAMPLES
from pipelines.row_shard import HASHES, OUTCOME, RowShards
from schemas.errors import BadInput

CORPUS = "_tuwen"  # in the output folder: img2dataset's readers look at its numbered files only
RESERVED = frozenset(("url", "caption", "exif", *HASHES, *(one.name for one in OUTCOME)))
REFUSED = ("noai", "noimageai", "noindex", "noimageindex")  # img2dataset's, all of them among ours

_FORMATS = {
    "parquet": "--output_format=webdataset has the same rows in a Parquet beside each tar",
    "tfrecord": "the nearest is --output_format=webdataset, which every framework reads",
    "dummy": "to fetch without writing samples, give --out CORPUS instead of --output_folder",
}
_KEPT = tuple(name for name in FIT if name != "disable_all_reencoding")
"""What has nothing to do where every picture stays as it came: no picture is even decoded."""
_MODES = {
    "overwrite": "nothing that was fetched is removed by a flag: remove the folder yourself, or give another",
    "extend": "rows that are added at the end of a list are taken in by the same command; give another list a folder"
    " of its own",
}


@dataclass(frozen=True)
class ListRun:
    """What img2dataset's flags ask for beside the crawl. `samples` is None where only a corpus is wanted.

    `rest` are the words that `tuwen crawl` reads itself, `changes` what differs from its settings then, and `notes`
    are for the user's eye.
    """

    rest: tuple[str, ...] = ()
    input_format: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    samples: RowShards | None = None
    engine: str = ""
    workers: int = 1
    notes: tuple[str, ...] = ()


def read(words: Sequence[str], ours: Collection[str] = ()) -> ListRun:
    """Read the words after `crawl`, whose own options are `ours`, with underscores.

    Raises BadInput with the way out for what is unknown, wrong or not done here.

    >>> read(["--url_list=x.parquet", "--output_folder=out", "--image_size=224"], ["out"]).rest
    ('--url-list', 'x.parquet', '--url-col', 'url', '--out', 'out/_tuwen')
    """
    given, rest = flags.parse(words, KNOWN, ours)
    if not given.get("url_list"):
        raise BadInput("--url_list: missing; give a file or a folder of csv, tsv, json, jsonl, parquet or txt")
    _check_differences(given)
    named = any(word.partition("=")[0] == "--out" for word in rest)
    folder = given.get("output_folder") or ("" if named else "images")  # img2dataset's default
    lost = sorted(given.keys() & SAMPLES.keys())
    if lost and not folder:
        raise BadInput(
            f"--{lost[0]}: a corpus keeps pictures as they came, and of a list its URLs and texts;"
            " give --output_folder, or for a release see: tuwen pack --help"
        )
    if is_remote(folder) and not named:
        raise BadInput(
            f"--output_folder {folder}: samples are made from a crawl in a local folder; give --out CORPUS, too"
        )
    rest += ["--url-list", given["url_list"], "--url-col", given.get("url_col") or "url"]
    rest += ["--caption-col", given["caption_col"]] if given.get("caption_col") else []
    rest += ["--agent", given["user_agent_token"]] if given.get("user_agent_token") else []
    rest += [] if named else ["--out", join(folder, CORPUS)]
    return ListRun(
        rest=tuple(rest),
        input_format=given.get("input_format") or "",
        changes=_changes(given),
        samples=_samples(given, folder) if folder else None,
        engine=given.get("engine") or "",
        workers=given.get("workers") or given.get("processes_count") or 1,
        notes=tuple(_notes(given, folder)),
    )


def _check_differences(given: dict[str, Any]) -> None:
    """Refuse what would not mean the same here."""
    output = given.get("output_format", "files")
    if output not in ("webdataset", "files"):
        way = _FORMATS.get(str(output)) or "use webdataset or files"
        raise BadInput(f"--output_format {output}: not written here; {way}")
    mode = given.get("incremental_mode", "incremental")
    if mode != "incremental":
        way = _MODES.get(str(mode)) or "leave it out: the same command goes on where it stopped"
        raise BadInput(f"--incremental_mode {mode}: not done here; {way}")
    if given.get("distributor", "multiprocessing") != "multiprocessing":
        raise BadInput(
            f"--distributor {given['distributor']}: Beam distributes the work here; leave it out for --workers on this"
            " machine, or see --engine flink and --engine dataflow"
        )
    if given.get("extract_exif"):
        raise BadInput(
            "--extract_exif: EXIF tells where and by whom a picture was taken, and is in no sample of ours; leave it"
            " out, and read it from the originals in the corpus (crawl/images) where you have a right to"
        )
    directives = given.get("disallowed_header_directives", REFUSED)
    if not directives:
        raise BadInput(
            "--disallowed_header_directives: it can only add to the opt-outs that are honoured, and cannot empty them;"
            " leave it out (docs/crawling.md tells which those are)"
        )
    useless = [name for name in _KEPT if given.get(name) not in (None, False)]
    if useless and given.get("disable_all_reencoding"):
        raise BadInput(
            f"--{useless[0]} with --disable_all_reencoding: pictures stay as they came and are not looked at; leave out"
            " one of the two"
        )
    if given.get("encode_format") == "png" and given.get("encode_quality") is None:
        raise BadInput(
            "--encode_format png: give --encode_quality too, from 0 to 9: of a png it is the compression, and the"
            " default is a JPEG's"
        )
    if given.get("bbox_col") and given.get("disable_all_reencoding"):
        raise BadInput("--bbox_col: nothing can be blurred with --disable_all_reencoding; leave out one of the two")


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """How the crawl behaves otherwise than it would."""
    changes: dict[str, Any] = {}
    if (seconds := given.get("timeout")) is not None:
        _at_least("timeout", seconds, 0.001)
        seconds = float(seconds)
        changes |= {"connect_timeout": seconds, "read_timeout": seconds, "deadline": max(seconds, Settings.deadline)}
    if (retries := given.get("retries")) is not None:
        _at_least("retries", retries, 0)
        changes["attempts"] = retries + 1
    if (threads := given.get("thread_count")) is not None:
        _at_least("thread_count", threads, 1)
        changes["hosts"] = threads
    if directives := given.get("disallowed_header_directives"):
        changes["refused"] = tuple(sorted({one.strip().lower() for one in directives}))
    return changes


def _samples(given: dict[str, Any], folder: str) -> RowShards:
    """How the samples are written. A flag that was set to None has its default."""
    columns = tuple(given.get("save_additional_columns") or ())
    taken = sorted(RESERVED & set(columns))
    if taken:
        raise BadInput(
            f"--save_additional_columns {', '.join(taken)}: a column of that name is written already; rename the list's"
        )
    kind = given.get("compute_hash", "sha256")
    if kind not in (None, *HASHES):
        raise BadInput(f"--compute_hash {kind}: use one of {', '.join(HASHES)}, or None")
    verify = given.get("verify_hash")
    if verify is not None and (len(verify) != 2 or verify[1] != kind):
        raise BadInput(f"--verify_hash {verify}: give [COLUMN, KIND] with the kind that --compute_hash names ({kind})")
    per_shard, digits = given.get("number_sample_per_shard"), given.get("oom_shard_count")
    shards = RowShards(
        folder=folder,
        url_col=given.get("url_col") or "url",
        caption_col=given.get("caption_col"),
        columns=columns,
        bbox_col=given.get("bbox_col"),
        compute_hash=kind,
        verify_hash_col=verify[0] if verify else None,
        fit=Fit(**{name: given[name] for name in FIT if given.get(name) is not None}),
        per_shard=RowShards.per_shard if per_shard is None else per_shard,
        digits=RowShards.digits if digits is None else digits,
        loose=given.get("output_format", "files") == "files",
    )
    _at_least("number_sample_per_shard", shards.per_shard, 1)
    _at_least("oom_shard_count", shards.digits, 1)
    return shards


def _notes(given: dict[str, Any], folder: str) -> list[str]:
    """What is accepted and does nothing, or something else."""
    notes = []
    if folder and not given.get("output_folder"):
        notes.append(f"--output_folder: not given; the samples and the crawl go to {folder}/")
    if given.get("enable_wandb"):
        notes.append("--enable_wandb: nothing is sent anywhere; each shard's numbers are in its _stats.json")
    if given.get("user_agent_token"):
        notes.append("--user_agent_token: robots.txt is read for this name, too, and no browser is imitated")
    narrower = set(REFUSED) - set(given.get("disallowed_header_directives") or REFUSED)
    if narrower:
        notes.append(
            f"--disallowed_header_directives: {', '.join(sorted(narrower))} and the other opt-outs are honoured as well"
        )
    return notes


def _at_least(flag: str, value: float, least: float) -> None:
    if not value >= least:
        raise BadInput(f"--{flag} {value}: use {least:g} or more")
