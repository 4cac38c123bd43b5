"""docs/data-format.md is what its generator prints, and leaves nothing out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.document import document
from schemas.manifest import Counts, File, Manifest
from schemas.outcome import Outcome
from schemas.pair import TextSource
from schemas.signals import FAMILIES
from schemas.tables import FOUND, INDEX, LEDGER, LOG, PAIRS, UNFETCHED, describe

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "data-format.md"


def test_the_page_is_what_the_generator_prints() -> None:
    printed = subprocess.run([sys.executable, "-m", "schemas.document"], cwd=ROOT, capture_output=True, check=True)
    assert PAGE.read_bytes() == printed.stdout, "run: python -m schemas.document > docs/data-format.md"
    assert printed.stdout.endswith(b" |\n")


@pytest.mark.parametrize("schema", [LOG, FOUND, PAIRS, UNFETCHED, LEDGER, INDEX, *FAMILIES.values()])
def test_every_column_stands_there_with_its_meaning(schema: object) -> None:
    lines = set(document().splitlines())
    for field in schema:  # type: ignore[attr-defined]
        assert describe(field), f"{field.name} has no description"
        assert any(line.startswith(f"| `{field.name}` | ") and describe(field) in line for line in lines), field.name


def test_a_score_says_which_direction_is_good() -> None:
    rows = {line.split("`")[1]: line for line in document().splitlines() if line.startswith("| `")}
    assert rows["text_repetition"].endswith("| low |")
    assert rows["image_laplacian"].endswith("| high |")
    assert rows["image_width"].endswith("|  |")


def test_outcomes_sources_and_manifest_are_whole() -> None:
    page = document()
    for value in (*Outcome, *TextSource):
        assert f"`{value}` |" in page
    for struct in (Manifest, Counts, File):
        for name in struct.__struct_fields__:
            assert f"| `{name}` | `" in page


def test_no_cell_is_torn() -> None:
    """A bar inside a cell would add a column to its row."""
    widths: list[int] = []
    for line in document().splitlines():
        if line.startswith("|"):
            widths.append(line.replace("\\|", "").count("|"))
        else:
            assert len(set(widths)) <= 1
            widths = []
