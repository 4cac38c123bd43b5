"""How a crawl goes: in processes of this machine over a local folder, or on an engine by slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines import files
from pipelines.crawl_options import CrawlOptions
from pipelines.given import given
from pipelines.together import option
from schemas.errors import BadInput

if TYPE_CHECKING:
    from pipelines.engine import Engine


@dataclass(frozen=True)
class Way:
    """How a crawl goes on an engine: `seconds` is how long a slice lasts."""

    engine: Engine
    seconds: float

    @property
    def dry(self) -> bool:
        """Whether the first job is to be shown, and not run."""
        return self.engine.dry


def way(options: CrawlOptions, said: Mapping[str, Any], engines: Sequence[str] = ("slice_seconds",)) -> Way | None:
    """The way that a command line asks for, by the options that stand on it; None for processes of this machine.

    An engine, words for Beam, or a corpus that is no local folder each ask for slices; a worker for each partition
    without `workers`. Raises BadInput for what does nothing on the way asked for; `engines` do only on an engine.
    """
    name, workers = said.get("engine") or "", said.get("workers") or 0
    if not (name or given().beam or files.is_remote(options.out)):
        for one in engines:
            if one in said:
                raise BadInput(f"{option(one)}: it is about a crawl on an engine; give --engine too, or leave it out")
        return None
    if "partition" in said:
        raise BadInput(
            f"--partition {options.partition}: on an engine, and over {options.out or 'an object store'}, one command"
            " crawls all of them; give --partitions N"
        )
    from pipelines.engine import Engine, announced

    return Way(announced(Engine(name or "local", workers or options.partitions, given().beam)), options.slice_seconds)
