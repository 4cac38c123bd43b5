"""Train CLIP on a release with open_clip: the shortest way to see that a release is data a model learns from.

    python trainers/clip.py demo/corpus/releases/demo-1.0.0 --steps 30
    python trainers/clip.py RELEASE --tier strong --model ViT-B-32 --batch-size 512 --steps 10000 --workers 8
    python trainers/clip.py RELEASE --steps 1000 -- --grad-checkpointing --seed 7       (the rest goes to open_clip)

It reads the release's tars and sizes.json and nothing else, prints the open_clip command and runs it. A GPU is used
where there is one. Model, logs and checkpoint: logs/<name>/. Exit codes: 0 done, 1 the training failed, 2 bad usage.

The default model is trainers/tiny_clip: 64-pixel pictures in patches of 8, 4 layers for the picture and 3 for the
text, 128 wide, 7.8 M parameters: it learns something in 30 steps on a laptop, and nothing that is of use. Its tokens
are bytes, three for a Chinese character, so a context of 48 holds about 15 characters: most captions whole.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

TINY = Path(__file__).parent / "tiny_clip"


@dataclass(frozen=True)
class Tier:
    """The shards of one tier: weak, strong or base."""

    folder: Path
    shards: int
    pairs: int

    @property
    def pattern(self) -> str:
        """The shards as open_clip and webdataset take them: RELEASE/weak/{00000..00003}.tar."""
        return f"{self.folder}/{{00000..{self.shards - 1:05d}}}.tar"


def read_tier(release: Path, name: str) -> Tier:
    """What a tier's sizes.json says, {"00000.tar": pairs in it, …}; a tier without pairs has no folder.

    Raises ValueError, in one line, when it is not there or does not name the shards 00000 to the last.
    """
    folder = release / name
    if not folder.exists():
        return Tier(folder, 0, 0)
    sizes_file = folder / "sizes.json"
    try:
        sizes: dict[str, int] = json.loads(sizes_file.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{sizes_file}: cannot be read ({error}); `tuwen verify {release}` says more") from None
    if sorted(sizes) != [f"{number:05d}.tar" for number in range(len(sizes))]:
        raise ValueError(
            f"{sizes_file}: names other shards than 00000.tar to the last; `tuwen verify {release}` says more"
        )
    return Tier(folder, len(sizes), sum(sizes.values()))


def command(tiers: Sequence[Tier], options: argparse.Namespace, device: str) -> list[str]:
    """The open_clip command that trains `steps` steps on the tiers, each shard drawn as often as any other."""
    precision = "amp" if device == "cuda" else "fp32"  # open_clip's mixed precision is made for CUDA
    values = {
        "--model": options.model,
        "--train-data": "::".join(tier.pattern for tier in tiers if tier.shards),
        "--train-num-samples": options.steps * options.batch_size,  # what open_clip takes for one epoch
        "--dataset-type": "webdataset",
        "--batch-size": options.batch_size,
        "--epochs": 1,
        "--warmup": max(1, options.steps // 6),  # a sixth of the run, up to the full rate
        "--lr": options.lr,
        "--workers": options.workers,
        "--precision": precision,
        "--device": device,
        "--log-every-n-steps": max(1, options.steps // 30),
        "--logs": options.logs,
        "--name": options.name or free_name(options.logs, f"clip-{options.release.name}"),
    }
    pairs = [text for name, value in values.items() for text in (name, str(value))]
    # With replacement: otherwise open_clip wants at least as many shards as workers, and a small release has one.
    return [sys.executable, "-m", "open_clip_train.main", *pairs, "--dataset-resampled", *options.rest]


def free_name(logs: Path, wanted: str) -> str:
    """The wanted name, or the first of wanted-2, wanted-3 … that no earlier run has: open_clip refuses a used one."""
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(name for name in names if not (logs / name).exists())


def device() -> str:
    """The accelerator to train on: cuda where torch sees one, else cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Our own options; what follows `--` is for open_clip."""
    assert __doc__
    parser = argparse.ArgumentParser(
        prog="clip.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", type=Path, help="the folder of a release")
    parser.add_argument("--tier", nargs="+", choices=["weak", "strong", "base"], default=["weak", "strong"])
    parser.add_argument("--steps", type=_positive, default=300, help="batches to train on (default: 300)")
    parser.add_argument("--batch-size", type=_positive, default=32, help="pairs in a batch (default: 32)")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate (default: 1e-3, right for the tiny one)")
    parser.add_argument("--model", default=f"local-dir:{TINY}", help="an open_clip model (default: trainers/tiny_clip)")
    parser.add_argument("--workers", type=_positive, default=1, help="processes that read shards (default: 1)")
    parser.add_argument("--logs", type=Path, default=Path("logs"), help="where runs are kept (default: logs)")
    parser.add_argument("--name", help="the run's name (default: clip-<release>, with a number if it is used)")
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:cut])
    options.rest = list(arguments[cut + 1 :])
    if not (options.release / "manifest.json").is_file():
        parser.error(f"{options.release}: not a finished release, it has no manifest.json; `make demo` makes one")
    try:
        options.tiers = [read_tier(options.release, name) for name in options.tier]
    except ValueError as error:
        parser.error(str(error))
    if not any(tier.pairs for tier in options.tiers):
        parser.error(f"{options.release}: no pair in {' and '.join(options.tier)}; try another --tier")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def main(arguments: Sequence[str]) -> int:
    """Train; the exit code."""
    options = parse(arguments)
    if importlib.util.find_spec("open_clip_train") is None:
        print(
            "clip.py: open_clip is not installed here; `make install-all`, or pip install 'tuwen[clip]'",
            file=sys.stderr,
        )
        return 2
    words = command(options.tiers, options, device())
    for tier in options.tiers:
        print(f"{tier.folder}: {tier.pairs:,} pairs in {tier.shards} shards")
    print(f"$ {shlex.join(words)}", flush=True)
    return 1 if subprocess.run(words, check=False).returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
