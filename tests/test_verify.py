"""Every damage to a release is told, in one line that names the file."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.engine import Engine
from pipelines.pack import Packing, pack
from pipelines.release import digest_of, release
from pipelines.verify import TOLD, verify
from schemas import manifest
from schemas.errors import BadInput, Damaged

LOCAL = Engine()


@pytest.fixture(scope="module")
def sound(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound release, only to be copied."""
    corpus = bench.corpus(tmp_path_factory.mktemp("sound"), bench.plant(40))
    pack(corpus, bench.recipe, "1.0.0", engine=LOCAL, packing=Packing(samples_per_shard=10))
    release(corpus, bench.recipe, "1.0.0", engine=LOCAL, agent="TuwenBot/0.1")
    return Path(corpus.release("demo", "1.0.0"))


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A release to damage."""
    return Path(shutil.copytree(sound, tmp_path / "release"))


def test_a_sound_release_has_no_damage(sound: Path) -> None:
    assert verify(str(sound), engine=LOCAL) == []
    assert verify(str(sound), engine=Engine(workers=2)) == []


def test_every_file_is_looked_at(copy: Path, sound: Path) -> None:
    """Flip one bit in the middle of every file at once: each is named, and no other."""
    names = sorted(manifest.decode((sound / "manifest.json").read_bytes()).files)
    for name in names:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
    damage = verify(str(copy), engine=LOCAL)
    assert sorted({line.partition(": ")[0] for line in damage}) == names
    assert all("\n" not in line for line in damage)


@pytest.mark.parametrize(
    "name", ["weak/00000.tar", "strong/00001.parquet", "base/00000_stats.json", "index/00001.parquet", "CARD.md"]
)
def test_what_is_missing_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert verify(str(copy), engine=LOCAL) == [f"{name}: missing"]


def test_what_is_too_much_is_named(copy: Path) -> None:
    (copy / "weak" / "00099.tar").write_bytes(b"")
    (copy / "notes.txt").write_bytes(b"")
    assert verify(str(copy), engine=LOCAL) == [
        "notes.txt: not in the manifest",
        "weak/00099.tar: not in the manifest",
    ]


def test_a_cut_tar_is_told_in_few_lines(copy: Path) -> None:
    path = copy / "weak" / "00000.tar"
    path.write_bytes(path.read_bytes()[:7000])
    damage = verify(str(copy), engine=LOCAL)
    assert all(line.startswith("weak/00000.tar: ") for line in damage)
    assert 1 < len(damage) <= TOLD + 1


Sample = tuple[str, bytes]


def rewrite(copy: Path, change: Callable[[list[Sample]], None]) -> None:
    """Change the members of a tar, and make the manifest agree: only its content can tell."""
    path = copy / "weak" / "00000.tar"
    with tarfile.open(path) as tar:
        content = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    change(content)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in content:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    agree(copy, "weak/00000.tar")


def agree(copy: Path, name: str) -> None:
    """Make the manifest have a file as it is now."""
    path = copy / "manifest.json"
    made = manifest.decode(path.read_bytes())
    size, sha256 = digest_of(str(copy / name))
    file = msgspec.structs.replace(made.files[name], bytes=size, sha256=sha256)
    path.write_bytes(manifest.encode(msgspec.structs.replace(made, files={**made.files, name: file})))


def put(number: int, data: bytes) -> Callable[[list[Sample]], None]:
    def change(content: list[Sample]) -> None:
        content[number] = (content[number][0], data)

    return change


CHANGES: dict[str, Callable[[list[Sample]], None]] = {
    "does not decode": put(0, b"\xff\xd8\xff nothing"),
    ".txt is not the caption": put(1, "别的字".encode()),
    ".json is not the row": put(2, b"{}"),
    "fewer samples than": lambda content: content.__delitem__(slice(-3, None)),
    "is not in the Parquet": lambda content: content.extend(
        (f"{'f' * 32}.{end}", b"x") for end in ("jpg", "txt", "json")
    ),
    "stand where the sample": lambda content: content.reverse(),
    "begins at": lambda content: content.__setitem__(slice(0, 6), content[3:6] + content[0:3]),
}


@pytest.mark.parametrize("word", sorted(set(CHANGES) - {"begins at"}))
def test_a_tar_that_only_its_content_betrays(copy: Path, word: str) -> None:
    rewrite(copy, CHANGES[word])
    damage = verify(str(copy), engine=LOCAL)
    assert damage
    assert all(line.startswith("weak/00000.tar: ") for line in damage)
    assert any(word in line for line in damage)


def test_samples_that_changed_places_are_told(copy: Path) -> None:
    rewrite(copy, CHANGES["begins at"])
    assert any("stand where the sample" in line for line in verify(str(copy), engine=LOCAL))


def test_an_index_of_other_rows_is_told(copy: Path) -> None:
    path = copy / "index" / "00000.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(1), table.slice(0, 1)]), path)
    agree(copy, "index/00000.parquet")
    assert verify(str(copy), engine=LOCAL) == ["index/00000.parquet: not the rows of weak/00000.parquet"]


def test_numbers_that_are_not_true_are_told(copy: Path) -> None:
    (copy / "weak" / "sizes.json").write_text(json.dumps({"00000.tar": 1}))
    agree(copy, "weak/sizes.json")
    path = copy / "manifest.json"
    made = manifest.decode(path.read_bytes())
    counts = msgspec.structs.replace(made.counts, strong=1, kept=2)
    path.write_bytes(manifest.encode(msgspec.structs.replace(made, counts=counts, recipe_sha256="0" * 64)))
    damage = verify(str(copy), engine=LOCAL)
    assert [line.partition(": ")[0] for line in damage] == ["manifest.json"] * 3 + ["weak/sizes.json"]


def test_what_is_no_complete_release_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(Damaged, match=r"manifest\.json: not a manifest"):
        verify(str(copy), engine=LOCAL)
    (copy / "manifest.json").unlink()
    for path in (copy, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="not a complete release"):
            verify(str(path), engine=LOCAL)
