"""The images, where no Docker engine is at hand: their files say what they should, and their steps install what works.

`make test-image` does the steps of the Dockerfile, which downloads some 600 MB; the rest is quick.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import ROOT, check_worker, run
from test_wheel import PACKAGES

Instruction = tuple[str, str]
"""FROM, RUN and so on, and what stands behind it, in one line."""

steps_are_done = pytest.mark.skipif("TUWEN_IMAGE" not in os.environ, reason="make test-image does the image's steps")


def instructions(name: str) -> list[Instruction]:
    """What a Dockerfile does, in order."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in text.splitlines() if line.strip())
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def stages(name: str) -> tuple[list[Instruction], list[Instruction]]:
    """The instructions of the stage that builds, and of the one that is shipped."""
    every = instructions(name)
    starts = [place for place, (word, _) in enumerate(every) if word == "FROM"]
    assert len(starts) == 2
    return every[: starts[1]], every[starts[1] :]


def rest(stage: list[Instruction], word: str) -> list[str]:
    return [said for one, said in stage if one == word]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_the_image_is_pinned_small_and_without_rights(name: str) -> None:
    building, shipped = stages(name)
    constraints = (ROOT / "constraints.txt").read_text()
    beam = re.search(r"^apache-beam==(.+)$", constraints, re.MULTILINE)
    from_, onto = building[0][1], shipped[0][1]
    python = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-bookworm", onto)
    assert beam and python
    assert from_ == f"apache/beam_python{python[1]}_sdk:{beam[1]} AS build"
    assert "-c constraints.txt" in rest(building, "RUN")[0]
    assert "--no-index" in rest(shipped, "RUN")[0]
    assert len(rest(shipped, "RUN")) == 1
    assert not re.search(r"apt-get|gcc|build-essential", " ".join(rest(shipped, "RUN")))
    assert rest(shipped, "USER") == ["1000"]
    # Beam's starter would make an environment of its own where the user may not write.
    assert "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1" in " ".join(rest(shipped, "ENV"))
    assert "/opt/apache/beam /opt/apache/beam" in " ".join(rest(shipped, "COPY"))
    assert rest(shipped, "ENTRYPOINT") == ['["/usr/local/bin/tuwen"]']


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_what_is_copied_is_what_the_wheel_is_made_of(name: str) -> None:
    copied = {word for said in rest(stages(name)[0], "COPY") for word in said.split()[:-1]}
    assert copied == PACKAGES | {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert copied == let_in


def test_the_image_for_gpus_differs_in_its_extras_alone() -> None:
    plain, gpu = instructions("Dockerfile"), instructions("Dockerfile.gpu")
    more = [one for one in gpu if one not in plain]
    assert more == [
        ("RUN", "pip wheel --no-cache-dir -c constraints.txt -w /wheels '.[clip,gpu]'"),
        ("ENV", "NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
    ]
    assert [one for one in plain if one not in gpu] == [
        ("RUN", "pip wheel --no-cache-dir -c constraints.txt -w /wheels .")
    ]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of programs of an empty environment in which the Dockerfile's own commands were run."""
    root = tmp_path_factory.mktemp("image")
    building, shipped = stages("Dockerfile")
    source, wheels = root / "src", root / "wheels"
    source.mkdir()
    for said in rest(building, "COPY"):
        *names, target = said.split()
        for name in names:
            whole = ROOT / name
            copy_to = source / (whole.name if target == "./" else target)
            shutil.copytree(whole, copy_to) if whole.is_dir() else shutil.copy(whole, copy_to)
    venv.create(root / "build", with_pip=True)
    venv.create(root / "shipped", with_pip=True)
    for stage, home in ((building, "build"), (shipped, "shipped")):
        for command in commands(stage):
            line = command.replace("/wheels", str(wheels))
            run("sh", "-c", f"PATH={root / home / 'bin'}:$PATH; {line}", cwd=source, patience=1500)
    shutil.rmtree(wheels)
    yield root / "shipped" / "bin"
    shutil.rmtree(root)


def commands(stage: list[Instruction]) -> list[str]:
    """The commands of a stage's RUNs, but for what only an image can do: mount another stage, and have a user."""
    lines = [re.sub(r"--mount=\S+ ", "", said).split(" && ") for said in rest(stage, "RUN")]
    every = [command for line in lines for command in line]
    made = [command for command in every if not command.startswith("useradd ")]
    assert all(command.startswith("pip ") for command in made), made
    return made


@steps_are_done
def test_the_steps_of_the_image_install_what_works(image: Path, tmp_path: Path) -> None:
    assert "Usage: tuwen" in run(image / "tuwen", "--help", cwd=tmp_path)
    said = run(image / "tuwen", "judge", "corpus", "--recipe", "wukong", "--sql", cwd=tmp_path)
    assert said.startswith("-- The recipe wukong")
    run(image / "python", "-m", "pip", "check", cwd=tmp_path)
    check_worker(image, tmp_path)


@steps_are_done
def test_the_image_has_the_versions_that_are_pinned(image: Path, tmp_path: Path) -> None:
    assert sys.version_info[:2] == (3, 11), "the images have Python 3.11: run this with it"
    pinned = set(normal((ROOT / "constraints.txt").read_text()))
    there = set(normal(run(image / "python", "-m", "pip", "list", "--format=freeze", cwd=tmp_path)))
    theirs = {line for line in there if line.partition("==")[0] not in ("pip", "setuptools", "tuwen")}
    assert len(theirs) > 50 and theirs <= pinned, theirs - pinned


def normal(frozen: str) -> list[str]:
    """Names and versions as they compare: NAME_A==1 and name-a==1 are one."""
    return re.sub(r"[-_.]+(?=.*==)", "-", frozen.lower()).split()
