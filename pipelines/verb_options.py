"""What several verbs may be told alike: the corpus, the recipe, the models, the size of pictures, and the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pipelines.given import given

if TYPE_CHECKING:  # what is heavy is imported where it is used
    from filters.topics import Topics
    from pipelines.engine import Engine
    from pipelines.models import Chosen
    from pipelines.resize import Packing

CorpusFolder = Annotated[str, Argument(metavar="CORPUS", help="the corpus folder, on any Beam filesystem")]
Recipe = Annotated[str, Option(help="a packaged recipe, or a TOML file (a slash or .toml)", metavar="NAME|FILE")]
Version = Annotated[str, Option(help="the release's version", metavar="X.Y.Z")]
Date = Annotated[str | None, Option(help="the release's date, YYYY-MM-DD; the last fetch's day without")]
ScoreOf = Annotated[str, Option("--model", help="whose score match_score is, where several are", metavar="NAME")]


@dataclass(frozen=True)
class ModelOptions:
    """The models of the match family, what they run on, and the classes of the topic family."""

    model: Annotated[
        list[str] | None, Option("--model", help="models for the match family; mini without", metavar="REF")
    ] = None
    device: Annotated[str, Option(help="auto, cpu or cuda: for models")] = "auto"
    precision: Annotated[str, Option(help="fp32 or bf16: for models")] = "fp32"
    topics: Annotated[str, Option(help="the classes of the topic family; the nineteen without", metavar="FILE")] = ""

    def models(self) -> tuple[Chosen, ...]:
        """The models asked for. Raises BadInput for one that cannot be had."""
        from pipelines.models import chosen

        return chosen(self.model or [], self.device, self.precision)

    def classes(self) -> Topics:
        """The classes asked for. Raises BadInput for a file that says none."""
        from filters.topics import load, packaged

        return load(self.topics) if self.topics else packaged()


@dataclass(frozen=True)
class PictureOptions:
    """How large pictures are packed."""

    image_size: Annotated[int | None, Option(help="re-encode pictures at this size; as they came without", min=1)] = (
        None
    )
    resize_mode: Annotated[
        str, Option(help="img2dataset's: border, keep_ratio, keep_ratio_largest, center_crop, no")
    ] = "border"

    def packing(self) -> Packing:
        """The same as a packer takes it. Raises BadInput for a mode that is unknown."""
        from pipelines.resize import Packing

        return Packing(image_size=self.image_size, resize_mode=self.resize_mode)


@dataclass(frozen=True)
class EngineOptions:
    """What a verb runs on."""

    workers: Annotated[int, Option(help="processes to use", min=1)] = 1
    engine: Annotated[str, Option(help="local, flink, dataflow, or a TOML file of options", metavar="NAME|FILE")] = (
        "local"
    )

    def running(self) -> Engine:
        """The engine, said aloud where its name stands for more. Raises BadInput for one that is unknown."""
        from pipelines.engine import Engine, announced

        return announced(Engine(self.engine, self.workers, given().beam))
