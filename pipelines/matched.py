"""The files of the match family: which models' columns lie in them, and how one model's come beside the others'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from filters.match import VERSION
from filters.resample import makers
from pipelines import files
from pipelines.corpus import Corpus
from schemas import models
from schemas.models import Measured
from schemas.signals import match_fields

MATCH = "match"


def models_in(path: str) -> dict[str, Measured]:
    """The models whose columns lie in a file, by name. Raises Damaged for a file that is not whole."""
    return models.decode(files.metadata(path).get("models", "{}"), path)


def models_of(corpus: Corpus) -> dict[str, Measured]:
    """The models that every shard was measured with as its pairs are now, by name; none where one shard lacks it.

    A model is the same where its digest and its precision are.
    """
    common: dict[str, Measured] | None = None
    for shard in corpus.shards():
        here = current(corpus, shard)
        if common is None:
            common = here
        common = {name: one for name, one in common.items() if name in here and same(one, here[name])}
        if not common:
            return {}
    return common or {}


def current(corpus: Corpus, shard: str) -> dict[str, Measured]:
    """The models of one shard's file, by name; none where it is missing, or of other pairs than are there now."""
    path = corpus.signals(MATCH, shard)
    if not files.made_from(path):
        return {}
    said = files.metadata(path)
    if said.get("of") != files.metadata(corpus.pairs(shard))["seen"] or said.get("version") != _version():
        return {}
    return models_in(path)


def digest(path: str, names: Sequence[str]) -> str:
    """What some models' columns in a file were made from, whatever lies beside them; '' where there is no file."""
    if not files.made_from(path):
        return ""
    said, there = files.metadata(path), models_in(path)
    each = [f"{name} {there[name].digest} {there[name].precision}" for name in names if name in there]
    return files.digest(said["version"], said["of"], *each)


def same(one: Measured, other: Measured) -> bool:
    """Whether two models give the same numbers."""
    return (one.digest, one.precision) == (other.digest, other.precision)


def _version() -> str:
    """What scores depend on beside their model: our code, and what makes pixels of pictures."""
    return f"{VERSION}, {makers()}"


@dataclass(frozen=True)
class Plan:
    """The models to measure with, by name. What a file holds of others that are current stays in it."""

    models: Mapping[str, Measured]

    def made_from(self, corpus: Corpus, shard: str) -> str:
        """The digest of a shard's pairs with all models that its file is to have."""
        return self._digest(corpus, shard, self._together(corpus, shard))

    def write(self, corpus: Corpus, shard: str, table: pa.Table) -> None:
        """Write what was measured beside the columns that stay, the models in order of name."""
        path, together = corpus.signals(MATCH, shard), self._together(corpus, shard)
        stay = [name for name in together if name not in self.models]
        names = {name: [field.name for field in match_fields(name, together[name].width)] for name in together}
        if stay:
            kept = files.read_table(path, [column for name in stay for column in names[name]])
            for field in kept.schema:
                table = table.append_column(field, kept.column(field.name))
        ordered = table.select(["key", *(column for name in sorted(together) for column in names[name])])
        files.write_table(
            path,
            ordered,
            self._digest(corpus, shard, together),
            version=_version(),
            of=files.metadata(corpus.pairs(shard))["seen"],
            models=models.encode(together),
        )

    def _together(self, corpus: Corpus, shard: str) -> dict[str, Measured]:
        return {**current(corpus, shard), **self.models}

    def _digest(self, corpus: Corpus, shard: str, together: Mapping[str, Measured]) -> str:
        each = [f"{name} {one.digest} {one.precision}" for name, one in sorted(together.items())]
        return files.digest("measure", MATCH, _version(), *each, files.metadata(corpus.pairs(shard))["seen"])
