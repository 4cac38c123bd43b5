"""The verbs as commands: one each, and `run` for all of them in order. What is heavy is imported where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import together
from pipelines.crawl_options import CrawlOptions
from pipelines.given import given, no_beam
from pipelines.list_flags import KNOWN
from pipelines.signature import command, written
from pipelines.verb_options import (
    CorpusFolder,
    Date,
    EngineOptions,
    ModelOptions,
    PictureOptions,
    Recipe,
    ScoreOf,
    Version,
)

app = typer.Typer()


@command(
    app,
    epilog="Example: tuwen crawl --seeds https://pictures.example.cn/ --out corpus --max-pages 1000;"
    " while it runs: tuwen crawl --status corpus; on an engine --dry-run shows its job and runs nothing;"
    " with img2dataset's flags: tuwen crawl --url-list x.parquet --output-folder out --image-size 256."
    f" Those are, with _ or -, as docs/url-lists.md says: {', '.join(f'--{name}' for name in KNOWN)}",
)
def crawl(
    options: CrawlOptions,
    line: typer.Context,
    status: Annotated[str, typer.Option(help="show how far a crawl has come", metavar="CORPUS")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="with --status: print JSON instead of a table")] = False,
    hosts: Annotated[bool, typer.Option("--hosts", help="with --status: every host, and whose it is")] = False,
    explain: Annotated[
        str, typer.Option(help="say what is asked before a URL, and what follows; do not fetch it", metavar="URL")
    ] = "",
    workers: Annotated[int, typer.Option(help="workers of an engine; without, one for each partition", min=0)] = 0,
    engine: Annotated[str, typer.Option(help="crawl by slices on an engine", metavar="NAME")] = "",
) -> None:
    """Fetch pages and pictures, politely, into CORPUS/crawl; resumes where it stopped."""
    together.check(written(line))
    if status:
        from pipelines import status as shown

        no_beam("--status")
        shown.show(status, as_json=as_json, hosts=hosts)
    elif explain:
        from pipelines import explain as explained

        no_beam("--explain")
        explained.show(explain, options.settings(), options.out)
    elif options.url_list:
        from pipelines.img2dataset import ListRun
        from pipelines.list_run import list_run

        list_run(options, given().listed or ListRun(), written(line))
    else:
        from pipelines.crawl import crawl as verb
        from pipelines.crawl_way import way

        verb(options, way(options, written(line), ("slice_seconds", "workers")))


@command(app, epilog="Example: tuwen pair corpus")
def pair(corpus: CorpusFolder, *, engine: EngineOptions) -> None:
    """Join what was found with what was fetched: one row per pair."""
    from pipelines.corpus import Corpus
    from pipelines.pair import pair as verb

    _say("pair", verb(Corpus(corpus), engine=engine.running()))


@command(
    app,
    epilog="Example: tuwen measure corpus --workers 2, or with a model: tuwen measure corpus --family match"
    " --model hf:OFA-Sys/chinese-clip-vit-base-patch16 --device cuda --precision bf16",
)
def measure(
    corpus: CorpusFolder,
    *,
    family: Annotated[list[str] | None, typer.Option(help="families to measure; all without")] = None,
    match: ModelOptions,
    engine: EngineOptions,
) -> None:
    """Measure every pair: texts, pictures, how well they match, and topics. Decides nothing."""
    from pipelines import control
    from pipelines.corpus import Corpus
    from pipelines.measure import check
    from pipelines.measure import measure as verb

    asked = check(family or [], match.model or [], match.topics)
    models, classes, running = match.models(), match.classes(), engine.running()
    verb(Corpus(corpus), family or [], engine=running, models=models, topics=classes)
    if "match" in asked and not running.dry:
        control.show(Corpus(corpus), models)


@command(app, epilog="Example: tuwen cluster corpus --against corpus/releases/demo-1.0.0 flickr30k/")
def cluster(
    corpus: CorpusFolder,
    *,
    against: Annotated[list[str] | None, typer.Option(help="older releases and test sets to match with")] = None,
    engine: EngineOptions,
) -> None:
    """Find repeats and near-duplicates over the whole corpus."""
    from pipelines.cluster import cluster as verb
    from pipelines.corpus import Corpus

    verb(Corpus(corpus), engine=engine.running(), against=tuple(against or ()))


@command(
    app, epilog="Example: tuwen judge corpus --recipe wukong, or: tuwen judge corpus --recipe my.toml --sql | duckdb"
)
def judge(
    line: typer.Context,
    corpus: CorpusFolder,
    recipe: Recipe,
    *,
    model: ScoreOf = "",
    sql: Annotated[bool, typer.Option("--sql", help="print the recipe as one DuckDB query, and judge nothing")] = False,
    engine: EngineOptions,
) -> None:
    """Give every pair a verdict by a recipe: tiers and the base subset too."""
    from pipelines import finish, scores
    from pipelines.corpus import Corpus
    from pipelines.judge import judge as verb
    from schemas import recipe as recipes

    together.check(written(line))
    if sql:
        no_beam("judge --sql")
        print(recipes.sql(scores.load(corpus, recipe, model, look=False), corpus), end="")
        return
    running, loaded = engine.running(), scores.load(corpus, recipe, model)
    _say("judge", verb(Corpus(corpus), loaded, engine=running))
    if not running.dry:
        finish.say_short(Corpus(corpus), loaded)


@command(app, epilog="Example: tuwen pack corpus --recipe wukong --version 1.0.0 --image-size 256")
def pack(
    line: typer.Context,
    corpus: CorpusFolder,
    recipe: Recipe,
    version: Version,
    *,
    picture: PictureOptions,
    model: ScoreOf = "",
    engine: EngineOptions,
) -> None:
    """Write the kept pairs as WebDataset shards with their Parquet: weak, strong and base."""
    from pipelines import scores
    from pipelines.corpus import Corpus
    from pipelines.pack import pack as verb

    together.check(written(line))
    packing = picture.packing()
    running, loaded = engine.running(), scores.load(corpus, recipe, model)
    _say("pack", verb(Corpus(corpus), loaded, version, engine=running, packing=packing))


@command(app, epilog="Example: tuwen release corpus --recipe wukong --version 1.0.0")
def release(
    corpus: CorpusFolder,
    recipe: Recipe,
    version: Version,
    *,
    date: Date = None,
    model: ScoreOf = "",
    engine: EngineOptions,
) -> None:
    """Finish a release: index, cards, report, and the manifest last."""
    from pipelines import finish, scores
    from pipelines.corpus import Corpus

    running, loaded = engine.running(), scores.load(corpus, recipe, model)
    finish.finish(Corpus(corpus), loaded, version, date, running)


@command(app, epilog="Example: tuwen run --seeds seeds.toml --out corpus --recipe demo")
def run(
    options: CrawlOptions,
    line: typer.Context,
    *,
    recipe: Recipe,
    version: Version = "1.0.0",
    picture: PictureOptions,
    date: Date = None,
    match: ModelOptions,
    engine: EngineOptions,
) -> None:
    """All verbs in order, from seeds to a finished release; ends with the funnel as a table."""
    from pipelines import scores
    from pipelines.crawl import crawl as crawl_verb
    from pipelines.crawl_way import way
    from pipelines.models import described, forget
    from pipelines.pack import check_version
    from pipelines.release import check_date
    from schemas.recipe import load

    # A mistake in any of these shows before the crawl, which may take days.
    together.check(written(line))
    score = scores.ahead(load(recipe), described(match.models()), options.out)
    forget()
    match.classes()
    check_version(version)
    check_date(date)
    picture.packing()
    engine.running()
    crawl_verb(options, way(options, written(line)))
    corpus = options.out
    pair(corpus, engine=engine)
    measure(corpus, match=match, engine=engine)
    cluster(corpus, engine=engine)
    judge(line, corpus, recipe, model=score, engine=engine)
    pack(line, corpus, recipe, version, picture=picture, model=score, engine=engine)
    release(corpus, recipe, version, date=date, model=score, engine=engine)


@command(
    app, "export-model", epilog="Example: tuwen export-model hf:OFA-Sys/chinese-clip-vit-base-patch16 chinese-clip-onnx"
)
def export_model(
    model: Annotated[str, typer.Argument(metavar="REF", help="open_clip:ARCH:TAG-or-FILE or hf:ID-or-FOLDER")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="where to write it; must not be there, or be empty")],
) -> None:
    """Write a torch model as a folder of ONNX graphs, for --model onnx:FOLDER: it needs no torch afterwards."""
    from filters.models import loading

    described = loading.export(model, folder)
    print(f"{folder}: {described.name}, width {described.width}; use it as --model onnx:{folder}")


def _say(verb: str, counts: dict[str, int]) -> None:
    """The verb's result in one line."""
    from pipelines.progress import summary

    if counts:  # a dry run counts nothing
        print(f"{verb}: {summary(counts)}")
