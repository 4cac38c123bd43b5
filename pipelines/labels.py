"""Labels: what a person said of pairs, one row each in a CSV file of two columns, key and label."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines import files
from schemas.errors import BadInput

FITS, NOT, UNSURE = "fits", "does_not_fit", "unsure"
LABELS = (FITS, NOT, UNSURE)
_HEAD = ("key", "label")


@dataclass(frozen=True)
class Labels:
    """The labels of one file by key, in its order, and the line that each stands on."""

    path: str
    by_key: dict[str, str]
    lines: dict[str, int]

    def count(self, label: str) -> int:
        """How many pairs have one label."""
        return sum(one == label for one in self.by_key.values())

    def place(self, key: str) -> str:
        """Where a key stands, for an error to name."""
        return f"{self.path}:{self.lines[key]}"


def read(path: str) -> Labels:
    """Read labels; other columns than key and label may stand beside them, for a note.

    Raises BadInput that names the line, for a file that cannot be read, is no CSV of labels, or labels a key twice.
    """
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, key, label in _rows(path):
        if not re.fullmatch(r"[0-9a-f]{32}", key):
            way = "32 hex digits; a spreadsheet may have changed it, so save the file from the page again"
            raise BadInput(f"{path}:{line}: {key[:40]!r} is no key of a pair ({way})")
        if label not in LABELS:
            raise BadInput(f"{path}:{line}: {label[:40]!r} is no label; use one of {', '.join(LABELS)}")
        if key in labels:
            raise BadInput(f"{path}:{line}: the key {key} was labelled on line {lines[key]} already; leave one of them")
        labels[key], lines[key] = label, line
    if not labels:
        raise BadInput(f"{path}: no label in it; make a page with: tuwen label CORPUS")
    return Labels(path, labels, lines)


def _rows(path: str) -> Iterator[tuple[int, str, str]]:
    """(line, key, label) of every row that is not empty."""
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        head = [name.strip() for name in next(rows, [])]
        if not set(_HEAD) <= set(head) or len(set(head)) < len(head):
            raise BadInput(f"{path}:1: the columns are {', '.join(head)[:80] or 'none'}; two must be key and label")
        at = [head.index(name) for name in _HEAD]
        for row in rows:
            if len(row) not in (0, len(head)):
                raise BadInput(f"{path}:{rows.line_num}: {len(row)} columns, where the first line names {len(head)}")
            if any(row):
                yield (rows.line_num, *(row[place].strip() for place in at))  # type: ignore[misc]
    except csv.Error as error:
        raise BadInput(f"{path}:{rows.line_num}: not CSV ({error}); save the file from the page again") from None


def _text(path: str) -> str:
    try:
        return files.read_bytes(path).decode("utf-8-sig")  # spreadsheets put a mark before UTF-8
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 at byte {error.start}; save it as CSV in UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None
