"""One raw shard's pairs and signals side by side: the same rows in the same order, so no join is needed."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines import files, matched
from pipelines.corpus import Corpus
from schemas.errors import BadInput, Damaged
from schemas.signals import family_of

VERBS = {"text": "measure", "image": "measure", "match": "measure", "topic": "measure", "corpus": "cluster"}
"""Which verb writes a family."""


def read(corpus: Corpus, shard: str, columns: Sequence[str]) -> pa.Table:
    """The key and the named columns of one shard, in the order of its pairs.

    Raises Damaged where a family's file does not belong to these pairs, or holds a null.
    """
    by_family: dict[str, list[str]] = {"pairs": ["key"]}
    for name in dict.fromkeys(columns):
        if name != "key":
            by_family.setdefault(family_of(name), []).append(name)
    table = files.read_table(corpus.pairs(shard), by_family.pop("pairs"))
    for family, names in by_family.items():
        path = corpus.signals(family, shard)
        signals = files.read_table(path, ["key", *names])
        if not signals.column("key").equals(table.column("key")):
            raise Damaged(f"{path}: not the rows of its pairs; run: tuwen {VERBS[family]} {corpus.root}")
        for name in names:
            column = signals.column(name)
            if column.null_count:
                raise Damaged(f"{path}: {name} is unmeasured in {column.null_count} rows; delete it, measure again")
            table = table.append_column(name, column)
    return table


def need(corpus: Corpus, families: Sequence[str]) -> None:
    """Raise BadInput with the command to run where a family was not measured for every shard as it is now."""
    for family in sorted(families, key=lambda family: VERBS[family] == "cluster"):  # which needs what measure writes
        whole = clustered(corpus) if VERBS[family] == "cluster" else ""
        way = f"run: tuwen {VERBS[family]} {corpus.root}"
        for shard in corpus.shards():
            path = corpus.signals(family, shard)
            if not files.exists(path):
                raise BadInput(f"{path}: not there yet; {way}")
            if files.metadata(path).get("of") != (whole or files.metadata(corpus.pairs(shard))["seen"]):
                raise BadInput(f"{path}: of other pairs than those that are there now; {way}")


def clustered(corpus: Corpus) -> str:
    """The digest of what cluster looks at: all pairs, and the image family."""
    return made_from(corpus, ("image",))


def made_from(corpus: Corpus, families: Sequence[str], models: Sequence[str] = ()) -> str:
    """The digest of all pairs and of the named families, over every shard; of the match family, of these models."""
    parts = []
    for shard in corpus.shards():
        parts.append(f"{shard} {files.metadata(corpus.pairs(shard))['content']}")
        for family in families:
            path = corpus.signals(family, shard)
            parts.append(f"{family} {matched.digest(path, models) if family == 'match' else files.made_from(path)}")
    return files.digest(*parts)
