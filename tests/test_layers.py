"""Who may import whom, and what a module may be called: read from the sources, nothing is imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "crawlers", "engines", "filters", "pipelines", "recipes", "trainers", "benchmarks", "demo")
PACKAGES += ("tests",)
ALLOWED = {
    "schemas": {"schemas"},
    "crawlers": {"crawlers", "schemas"},
    "filters": {"filters", "schemas"},
    "recipes": set[str](),
    "engines": {"engines", "schemas"},
    "trainers": {"trainers"},
    "benchmarks": {"benchmarks", "crawlers", "schemas"},
    "pipelines": {"pipelines", "engines", "filters", "crawlers", "schemas", "recipes"},
}
MAKES_MINI = {"demo", "filters", "schemas"}
"""What trainers/mini*.py import beside: a model that comes with us is fitted on what our own preparation gives it."""
RUN_VERBS = {"engines", "s3_requests", "skew", "spent"}
"""The benchmarks that run our verbs, on engines and over S3; the others read what a release holds."""
SOCKETS = {"aiohappyeyeballs", "aiohttp", "ftplib", "http", "httpx", "requests", "socket", "socketserver", "ssl"}
SOCKETS |= {"urllib3"}
"""What opens sockets; `urllib.request` too, which is asked for by its whole name."""


def modules(package: str) -> list[Path]:
    """Every Python file of ours in one package."""
    return sorted(path for path in (ROOT / package).rglob("*.py") if "work" not in path.relative_to(ROOT).parts)


def imported(path: Path) -> Iterator[str]:
    """The whole name of every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write the whole name"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    """The top packages that a file imports."""
    return {name.split(".")[0] for name in imported(path)}


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path) -> None:
    path = tmp_path / "all.py"
    path.write_text("import a.b\nfrom c import d\ndef f():\n    import e\n    from g.h import i as j\n")
    assert tops(path) == {"a", "c", "e", "g"}
    assert "c.d" in set(imported(path))


@pytest.mark.parametrize("package", ALLOWED)
def test_a_layer_imports_only_what_is_below_it(package: str) -> None:
    for path in modules(package):
        if path.stem.endswith("_speed") or (path.stem in RUN_VERBS and package == "benchmarks"):
            continue  # what times a part must call it; it is in no wheel's way
        above = (tops(path) & set(PACKAGES)) - ALLOWED[package]
        if path.stem.startswith("mini") and package == "trainers":
            above -= MAKES_MINI
        assert not above, f"{path.relative_to(ROOT)} imports {', '.join(sorted(above))}"


def test_only_benchmarks_time_a_part() -> None:
    """The name that frees a module from the layers is theirs alone."""
    for package in set(ALLOWED) - {"benchmarks"}:
        assert not [path for path in modules(package) if path.stem.endswith("_speed")]


@pytest.mark.parametrize("package", ["schemas", "filters", "crawlers", "trainers"])
def test_beam_stays_in_pipelines(package: str) -> None:
    for path in modules(package):
        assert "apache_beam" not in tops(path), path.relative_to(ROOT)


@pytest.mark.parametrize("package", ["schemas", "crawlers", "filters", "pipelines"])
def test_only_fetch_opens_sockets(package: str) -> None:
    for path in modules(package):
        if path == ROOT / "crawlers" / "fetch.py":
            continue
        names = set(imported(path))
        opened = {name.split(".")[0] for name in names} & SOCKETS | (names & {"urllib.request"})
        assert not opened, f"{path.relative_to(ROOT)} imports {', '.join(sorted(opened))}"


def test_the_fetcher_does_open_them() -> None:
    """Else the test above would guard a name that is gone."""
    assert "socket" in tops(ROOT / "crawlers" / "fetch.py")


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    for package in PACKAGES:
        assert package not in sys.stdlib_module_names
        for path in modules(package):
            assert path.stem not in sys.stdlib_module_names, path.relative_to(ROOT)


def test_tests_are_flat_and_no_package() -> None:
    """As packages, two test files of one name would hide each other, and helpers would hide modules of ours."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not {path.stem for path in modules("tests")} & set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_left_for_later(package: str) -> None:
    words = ["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"]
    for path in modules(package):
        text = path.read_text("utf-8")
        found = [word for word in words if word in text]
        assert not found, f"{path.relative_to(ROOT)}: {found[0]}"


@pytest.mark.parametrize("package", ["schemas", "crawlers", "filters", "pipelines"])
def test_every_module_begins_with_a_sentence(package: str) -> None:
    for path in modules(package):
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[:1]
        assert first and len(first[0].split()) > 2, f"{path.relative_to(ROOT)}: no docstring"
