"""The wheel in an empty environment: the command runs from any folder, with the data that it needs.

The environment has the libraries of the one that runs the tests, and nothing of ours but the wheel.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from installed import check_worker, run

ROOT = Path(__file__).parent.parent
PACKAGES = {"crawlers", "engines", "filters", "schemas", "pipelines", "recipes"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel."""
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = ("install", "-q", "--no-index", "--no-deps", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, *install, wheel, cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    # A path file reads no path files of the folder that it names, so an editable checkout there stays unseen.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_wheel_holds_all_of_ours_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES
    tracked = run("git", "ls-files", *sorted(PACKAGES), cwd=ROOT).split("\n") if (ROOT / ".git").exists() else []
    missing = [name for name in tracked if name and (ROOT / name).exists() and name not in names]
    assert not missing
    data = {Path(name).suffix for name in names} - {".py"}
    assert {".toml", ".txt", ".j2"} <= data  # recipes, word lists, templates


def test_the_code_is_that_of_the_wheel(programs: Path, tmp_path: Path) -> None:
    for package in sorted(PACKAGES):
        where = run(programs / "python", "-c", f"import {package}; print({package}.__file__)", cwd=tmp_path)
        assert where.startswith(str(programs.parent)), where


@pytest.mark.parametrize("verb", [(), ("crawl",), ("judge",), ("release",), ("verify",)])
def test_the_command_helps(programs: Path, tmp_path: Path, verb: tuple[str, ...]) -> None:
    said = run(programs / "tuwen", *verb, "--help", cwd=tmp_path)
    assert "Usage: tuwen" in said
    assert not verb or "Example: tuwen" in said


@pytest.mark.parametrize("name", ["demo", "wudaomm", "wukong", "zero"])
def test_packaged_recipes_are_found_from_another_folder(programs: Path, tmp_path: Path, name: str) -> None:
    said = run(programs / "tuwen", "judge", "corpus", "--recipe", name, "--sql", cwd=tmp_path)
    assert said.startswith(f"-- The recipe {name}") and "corpus/pairs" in said


def test_a_text_is_measured_with_the_word_lists_of_the_wheel(programs: Path, tmp_path: Path) -> None:
    code = (
        "from filters.text import is_boilerplate, simplify; print(is_boilerplate('点击查看大图'), simplify('紅燒肉'))"
    )
    assert run(programs / "python", "-c", code, cwd=tmp_path).split() == ["True", "红烧肉"]


def test_its_worker_works(programs: Path, tmp_path: Path) -> None:
    check_worker(programs, tmp_path)
