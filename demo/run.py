"""The demo from end to end, as a user meets it: a web is built and served, `tuwen run` makes a release, it is verified.

    python -m demo.run        writes demo/work (the web) and demo/corpus (the corpus with its release)

Run again, it changes nothing. The commands are printed as they are run: each can be typed by hand, while
`python -m demo.serve demo/work` runs in another terminal.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from demo.serve import ADDRESS, base_port, origins, serving
from demo.website import build, seeds
from schemas.errors import BadInput, TuwenError
from schemas.files import whole

HERE = Path(__file__).parent
VERSION = "1.0.0"
DELAY = "0.02"  # seconds between two requests to a host: the hosts are ours, and nobody is disturbed


def main() -> int:
    """Make the demo's release; the exit code of the first command that failed, else 0."""
    work, corpus = (_short(HERE / name) for name in ("work", "corpus"))
    release = corpus / "releases" / f"demo-{VERSION}"
    first = base_port()
    sites = seeds_file(work, corpus, first)
    made = ["run", "--seeds", str(sites), "--out", str(corpus), "--recipe", "demo", "--version", VERSION]
    with serving(build(work), first):
        code = _tuwen(*made, "--allow-address", f"{ADDRESS}/32", "--delay", DELAY)
    code = code or _tuwen("verify", str(release))
    if code:
        print(f"demo: the same command goes on from here; `rm -r {corpus}` and it begins anew", file=sys.stderr)
    else:
        trainer = _short(HERE.parent / "trainers" / "clip.py")
        print(f"train:   make install-all && {_short(Path(sys.executable))} {trainer} {release} --steps 30")
    return code


def seeds_file(work: Path, corpus: Path, first: int) -> Path:
    """The seeds file, written if need be.

    Raises BadInput when the corpus comes from other ports: each of its pictures would come in twice, by two URLs.
    """
    path = work / "seeds.toml"
    gallery, kitchen, _ = origins(first)
    wanted = seeds(gallery, kitchen).encode()
    if path.exists() and path.read_bytes() == wanted:
        return path
    if path.exists() and corpus.exists():
        raise BadInput(f"{corpus} was crawled from other ports, see {path}; give DEMO_PORT as then, or remove {corpus}")
    with whole(path) as file:
        file.write(wanted)
    return path


def _tuwen(*arguments: str) -> int:
    """Run one of our commands as a user would, with the Python that runs us; its exit code."""
    print(f"$ {shlex.join(['tuwen', *arguments])}", flush=True)
    return subprocess.run([Path(sys.executable).with_name("tuwen"), *arguments], check=False).returncode


def _short(path: Path) -> Path:
    """The path from the current folder where it lies below, as a user would type it."""
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except TuwenError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
