"""The data format as a page: every file of a corpus, from the very schemas that write it.

    python -m schemas.document > docs/data-format.md

A test holds the page to what this prints, so a column that is added is documented or the tests fail.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Sequence
from types import ModuleType

import msgspec
import pyarrow as pa

from schemas import manifest, models, outcome, pair
from schemas.samples import IMG2DATASET, OURS, PACKED
from schemas.signals import FAMILIES, KEY, family_schema, match_fields
from schemas.tables import FOUND, INDEX, LEDGER, LOG, OUTBOX, PAIRS, UNFETCHED, describe

_HEAD = """\
# The data format

This page is printed by `python -m schemas.document` from the schemas that write the files. Do not edit it by hand.

A corpus is one folder, on any filesystem that Beam reads.

    corpus/
      crawl/
        state/part-00.sqlite           the frontier of one partition: what was asked for, and what waits
        pages/*.warc.gz                every page as it came
        images/*.warc                  every picture as it came, stored plain
        log/*.parquet                  one row per URL and crawl round
        found/*.parquet                one row per picture URL, text and text source seen on a page
        outbox/*.parquet               what one partition has for another; gone once that has taken it
      pairs/00042.parquet              the pairs whose pictures lie in one WARC of pictures
      pairs/unfetched/00042.parquet    the pairs whose pictures did not come
      signals/<family>/00042.parquet   what was measured of the pairs, row for row
      ledger/<recipe>/00042.parquet    what a recipe says of the pairs, row for row
      releases/<name>-<version>/
        weak/ strong/ base/            WebDataset tars, 00000.tar and on, and beside each tar its Parquet
        base/uids.npy                  the base as DataComp names a subset: sorted keys, two u8 halves of each
        index/*.parquet                one row per kept pair
        manifest.json                  written last: its presence means that the release is complete
        croissant.json CARD.md CARD.zh.md report.html

Files appear under their names whole or not at all. Their bytes depend on their inputs alone, and a release holds no
time but those of the crawl and the day of the release.

No column below is ever null, but for `error_message`. "Good" says which direction of a score is the better one, where
one is.
"""

_TABLES: tuple[tuple[str, str, pa.Schema], ...] = (
    ("crawl/log", "One row per URL and crawl round, whatever became of it.", LOG),
    ("crawl/found", "One row per picture URL, text and text source that a page showed.", FOUND),
    ("crawl/outbox", "One row per URL that one partition of a crawl has for another.", OUTBOX),
    ("pairs", "One row per pair whose picture came, in the order of the pictures' bytes in one WARC.", PAIRS),
    ("pairs/unfetched", "One row per pair whose picture did not come, by key.", UNFETCHED),
    ("ledger", "One row per row of pairs, in the same order.", LEDGER),
    (
        "releases: weak, strong, base",
        "One row per sample of a tar, in its order: these columns, and every signal before the last two.",
        pa.schema([*IMG2DATASET, *OURS, *PACKED]),
    ),
    ("index", "One row per weak or strong pair of a release. Base shards hold copies, so they are not here.", INDEX),
)

_FAMILIES = {
    "text": "Measured from the text alone.",
    "image": "Measured from the picture alone. A picture that does not decode has the value written at its column.",
    "topic": "What a pair is about: told by its source, a model's vectors or the words of its text; docs/topics.md.",
    "corpus": "Known only once all pairs are looked at together; `tuwen cluster` writes it.",
}


_MATCH = """\
Measured by models: these columns for each, by its name, side by side in one file; the width is the model's own. The
file's metadata `tuwen.models` is JSON: each model by its name, with what [Measured](#measured) has. A pair's vectors
are those that its score was computed from, rounded to half precision."""


def document() -> str:
    """The whole page, in Markdown with one newline at the end."""
    parts = [_HEAD]
    for name, lead, schema in _TABLES:
        parts += [f"## {name}\n", f"{lead}\n", _columns(schema)]
    parts += ["## signals\n", "One file per family and shard: the key, then these columns, row for row with pairs.\n"]
    for family in FAMILIES:
        parts += [f"### signals/{family}\n", f"{_FAMILIES[family]}\n", _columns(family_schema(family))]
    parts += ["### signals/match\n", f"{_MATCH}\n", _columns(pa.schema([KEY, *_of_any_model()]))]
    parts += ["## Outcomes\n", _lead(outcome.Outcome), _members(outcome, "Outcome", "outcome")]
    parts += ["## Text sources\n", _lead(pair.TextSource), _sources()]
    parts += ["## manifest.json\n", _lead(manifest.Manifest), _struct(manifest.Manifest)]
    for struct in (manifest.Counts, manifest.File, models.Measured):
        parts += [f"### {struct.__name__}\n", _lead(struct), _struct(struct)]
    return "\n".join(parts)


def _of_any_model() -> list[pa.Field]:
    return [field.with_name(field.name.replace("model", "<model>")) for field in match_fields("model", 512)]


def _columns(schema: pa.Schema) -> str:
    rows = [(f"`{field.name}`", _kind(field.type), describe(field), _good(field)) for field in schema]
    return _table(("column", "type", "meaning", "good"), rows)


def _kind(kind: pa.DataType) -> str:
    """The Arrow type in one word or two: timestamps with their unit, lists with what they hold."""
    if pa.types.is_fixed_size_list(kind):
        return f"{kind.list_size} of {kind.value_type}"
    return f"list of {kind.value_type}" if pa.types.is_list(kind) else str(kind)


def _good(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"good", b"").decode()


def _members(module: ModuleType, name: str, heading: str) -> str:
    """The values of an enum, each with the comment at its end, else with its own words."""
    rows = [(f"`{value}`", said or value.replace("_", " ")) for value, said in _assigned(module, name).values()]
    return _table((heading, "meaning"), rows)


def _sources() -> str:
    rows = [(str(rank), f"`{source}`") for source, rank in pair.SOURCE_RANK.items()]
    return _table(("rank", "source"), rows)


def _struct(struct: type[msgspec.Struct]) -> str:
    said = _assigned(sys.modules[struct.__module__], struct.__name__)
    rows = [
        (f"`{name}`", f"`{said[name][0]}`", said[name][1] or name.replace("_", " "))
        for name in struct.__struct_fields__
    ]
    return _table(("field", "type", "meaning"), rows)


def _assigned(module: ModuleType, name: str) -> dict[str, tuple[str, str]]:
    """Each attribute in the body of a class, with its value or else its type, and the comment at its line's end."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    (body,) = (node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    found: dict[str, tuple[str, str]] = {}
    for node in body:
        _, _, comment = (
            lines[node.end_lineno - 1][node.end_col_offset :].partition("#") if node.end_lineno else ("",) * 3
        )
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = (str(ast.literal_eval(node.value)), comment.strip())
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = (ast.unparse(node.annotation), comment.strip())
    return found


def _lead(what: type) -> str:
    return f"{inspect.cleandoc(what.__doc__ or '')}\n"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    print(document(), end="")
