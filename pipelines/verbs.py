"""The verbs as commands: one each, and `run` for all of them in order. What is heavy is imported where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import together
from pipelines.crawl_options import CrawlOptions
from pipelines.given import given
from pipelines.list_flags import KNOWN
from pipelines.signature import takes, written
from schemas.errors import BadInput

app = typer.Typer(
    name="tuwen",
    help="Build an image-text corpus from the web: crawl, pair, measure, cluster, judge, pack, release.",
    epilog="Verbs that run on an engine take --dry-run. Any command takes --debug, and --s3-endpoint URL for an object"
    " store that is not Amazon's (else AWS_* and ~/.aws decide). Beam's own options come after `--`, as in:"
    " tuwen measure CORPUS -- --runner=FlinkRunner",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

CorpusFolder = Annotated[str, typer.Argument(metavar="CORPUS", help="the corpus folder, on any Beam filesystem")]
Recipe = Annotated[str, typer.Option(help="a packaged recipe, or a TOML file (a slash or .toml)", metavar="NAME|FILE")]
Version = Annotated[str, typer.Option(help="the release's version", metavar="X.Y.Z")]
Workers = Annotated[int, typer.Option(help="processes to use", min=1)]
EngineName = Annotated[
    str, typer.Option("--engine", help="local, flink, dataflow, or a TOML file of options", metavar="NAME|FILE")
]
ImageSize = Annotated[int | None, typer.Option(help="re-encode pictures at this size; as they came without", min=1)]
ResizeMode = Annotated[str, typer.Option(help="img2dataset's: border, keep_ratio, keep_ratio_largest, center_crop, no")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="models for the match family; mini without", metavar="REF"),
]
Topics = Annotated[str, typer.Option(help="the classes of the topic family; the nineteen without", metavar="FILE")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda: for models")]
Precision = Annotated[str, typer.Option(help="fp32 or bf16: for models")]
ScoreOf = Annotated[str, typer.Option("--model", help="whose score match_score is, where several are", metavar="NAME")]
Date = Annotated[str | None, typer.Option(help="the release's date, YYYY-MM-DD; the last fetch's day without")]


def _engine(name: str, workers: int) -> Any:
    from pipelines.engine import Engine, announced

    return announced(Engine(name, workers, given().beam))


@app.command(
    epilog="Example: tuwen crawl --seeds https://pictures.example.cn/ --out corpus --max-pages 1000;"
    " while it runs: tuwen crawl --status corpus;"
    " with img2dataset's flags: tuwen crawl --url-list x.parquet --output-folder out --image-size 256."
    f" Those are, with _ or -, as docs/url-lists.md says: {', '.join(f'--{name}' for name in KNOWN)}"
)
@takes(CrawlOptions)
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
    engine: Annotated[str, typer.Option(help="crawl by slices on an engine, as the other verbs", metavar="NAME")] = "",
) -> None:
    """Fetch pages and pictures, politely, into CORPUS/crawl; resumes where it stopped."""
    together.check(written(line))
    if status:
        from pipelines import status as shown

        _no_beam("--status")
        shown.show(status, as_json=as_json, hosts=hosts)
    elif explain:
        from pipelines import explain as explained

        _no_beam("--explain")
        explained.show(explain, options.settings(), options.out)
    elif options.url_list:
        from pipelines.img2dataset import ListRun
        from pipelines.list_run import list_run

        list_run(options, given().listed or ListRun(), written(line))
    else:
        from pipelines.crawl import crawl as verb
        from pipelines.crawl_way import way

        verb(options, way(options, written(line), ("slice_seconds", "workers")))


@app.command(epilog="Example: tuwen pair corpus")
def pair(corpus: CorpusFolder, workers: Workers = 1, engine: EngineName = "local") -> None:
    """Join what was found with what was fetched: one row per pair."""
    from pipelines.corpus import Corpus
    from pipelines.pair import pair as verb

    _say("pair", verb(Corpus(corpus), engine=_engine(engine, workers)))


@app.command(
    epilog="Example: tuwen measure corpus --workers 2, or with a model: tuwen measure corpus --family match"
    " --model hf:OFA-Sys/chinese-clip-vit-base-patch16 --device cuda --precision bf16"
)
def measure(
    corpus: CorpusFolder,
    family: Annotated[list[str] | None, typer.Option(help="families to measure; all without")] = None,
    model: Models = None,
    device: Device = "auto",
    precision: Precision = "fp32",
    topics: Topics = "",
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Measure every pair: texts, pictures, how well they match, and topics. Decides nothing."""
    from filters.topics import load, packaged
    from pipelines import control
    from pipelines.corpus import Corpus
    from pipelines.measure import check
    from pipelines.measure import measure as verb
    from pipelines.models import chosen

    asked = check(family or [], model or [], topics)
    models = chosen(model or [], device, precision)
    classes = load(topics) if topics else packaged()
    running = _engine(engine, workers)
    verb(Corpus(corpus), family or [], engine=running, models=models, topics=classes)
    if "match" in asked and not running.dry:
        control.show(Corpus(corpus), models)


@app.command(epilog="Example: tuwen cluster corpus --against corpus/releases/demo-1.0.0 flickr30k/")
def cluster(
    corpus: CorpusFolder,
    against: Annotated[list[str] | None, typer.Option(help="older releases and test sets to match with")] = None,
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Find repeats and near-duplicates over the whole corpus."""
    from pipelines.cluster import cluster as verb
    from pipelines.corpus import Corpus

    verb(Corpus(corpus), engine=_engine(engine, workers), against=tuple(against or ()))


@app.command(
    epilog="Example: tuwen judge corpus --recipe wukong, or: tuwen judge corpus --recipe my.toml --sql | duckdb"
)
def judge(
    line: typer.Context,
    corpus: CorpusFolder,
    recipe: Recipe,
    model: ScoreOf = "",
    sql: Annotated[bool, typer.Option("--sql", help="print the recipe as one DuckDB query, and judge nothing")] = False,
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Give every pair a verdict by a recipe: tiers and the base subset too."""
    from pipelines import finish, scores
    from pipelines.corpus import Corpus
    from pipelines.judge import judge as verb
    from schemas import recipe as recipes

    together.check(written(line))
    if sql:
        _no_beam("judge --sql")
        print(recipes.sql(scores.load(corpus, recipe, model, look=False), corpus), end="")
        return
    running, loaded = _engine(engine, workers), scores.load(corpus, recipe, model)
    _say("judge", verb(Corpus(corpus), loaded, engine=running))
    if not running.dry:
        finish.say_short(Corpus(corpus), loaded)


@app.command(epilog="Example: tuwen pack corpus --recipe wukong --version 1.0.0 --image-size 256")
def pack(
    line: typer.Context,
    corpus: CorpusFolder,
    recipe: Recipe,
    version: Version,
    image_size: ImageSize = None,
    resize_mode: ResizeMode = "border",
    model: ScoreOf = "",
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Write the kept pairs as WebDataset shards with their Parquet: weak, strong and base."""
    from pipelines import scores
    from pipelines.corpus import Corpus
    from pipelines.pack import Packing
    from pipelines.pack import pack as verb

    together.check(written(line))
    packing = Packing(image_size=image_size, resize_mode=resize_mode)
    running, loaded = _engine(engine, workers), scores.load(corpus, recipe, model)
    counts = verb(Corpus(corpus), loaded, version, engine=running, packing=packing)
    _say("pack", counts)


@app.command(epilog="Example: tuwen release corpus --recipe wukong --version 1.0.0")
def release(
    corpus: CorpusFolder,
    recipe: Recipe,
    version: Version,
    date: Date = None,
    model: ScoreOf = "",
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Finish a release: index, cards, report, and the manifest last."""
    from pipelines import finish, scores
    from pipelines.corpus import Corpus

    running, loaded = _engine(engine, workers), scores.load(corpus, recipe, model)
    finish.finish(Corpus(corpus), loaded, version, date, running)


@app.command(epilog="Example: tuwen run --seeds seeds.toml --out corpus --recipe demo")
@takes(CrawlOptions)
def run(
    options: CrawlOptions,
    line: typer.Context,
    recipe: Recipe,
    version: Version = "1.0.0",
    image_size: ImageSize = None,
    resize_mode: ResizeMode = "border",
    date: Date = None,
    model: Models = None,
    device: Device = "auto",
    precision: Precision = "fp32",
    topics: Topics = "",
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """All verbs in order, from seeds to a finished release; ends with the funnel as a table."""
    from filters.topics import load as load_topics
    from pipelines import scores
    from pipelines.crawl import crawl as crawl_verb
    from pipelines.crawl_way import way
    from pipelines.models import chosen, described, forget
    from pipelines.pack import Packing, check_version
    from pipelines.release import check_date
    from schemas.recipe import load

    # A mistake in any of these shows before the crawl, which may take days.
    together.check(written(line))
    models = chosen(model or [], device, precision)
    score = scores.ahead(load(recipe), described(models), options.out)
    forget()
    if topics:
        load_topics(topics)
    check_version(version)
    check_date(date)
    Packing(image_size=image_size, resize_mode=resize_mode)
    _engine(engine, workers)
    crawl_verb(options, way(options, written(line)))
    corpus = options.out
    pair(corpus, workers, engine)
    measure(corpus, None, model, device, precision, topics, workers=workers, engine=engine)
    cluster(corpus, workers=workers, engine=engine)
    judge(line, corpus, recipe, score, workers=workers, engine=engine)
    pack(line, corpus, recipe, version, image_size, resize_mode, score, workers=workers, engine=engine)
    release(corpus, recipe, version, date, score, workers=workers, engine=engine)


@app.command(epilog="Example: tuwen verify corpus/releases/wukong-1.0.0")
def verify(
    path: Annotated[str, typer.Argument(metavar="RELEASE", help="the folder of a release")],
    workers: Workers = 1,
    engine: EngineName = "local",
) -> None:
    """Hash every file of a release again and compare it with its manifest and index."""
    from pipelines.progress import printable
    from pipelines.verify import verify as verb
    from schemas.errors import Damaged

    running = _engine(engine, workers)
    damage = verb(path, engine=running)
    if running.dry:
        return
    for line in damage:
        print(printable(line))  # it may name members of a stranger's tar
    if damage:
        found = f"{len(damage)} fault{'s' if len(damage) > 1 else ''}"
        raise Damaged(f"{path}: {found}; restore the files named above, or pack the release again")
    print(f"{path}: sound")


@app.command(epilog="Example: tuwen diff corpus/releases/wukong-1.0.0 corpus/releases/wukong-1.1.0 --json")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="the folder of the older release")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the folder of the newer release")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Tell which pairs and shards two releases differ in, and which version that makes."""
    from pipelines import finish

    _no_beam("diff")
    finish.show_diff(old, new, as_json)


@app.command(epilog="Example: tuwen report corpus")
def report(
    path: Annotated[str, typer.Argument(metavar="CORPUS|RELEASE", help="a judged corpus, or a release")],
    recipe: Annotated[str | None, typer.Option(help="whose ledger; the corpus's only one without")] = None,
) -> None:
    """Print the funnel of a corpus or a release, and write or name the page that shows it."""
    from pipelines import finish

    _no_beam("report")
    finish.show_report(path, recipe)


def _no_beam(verb: str) -> None:
    """Raise BadInput where words for Beam are given to what runs without."""
    if words := given().beam:
        raise BadInput(f"{words[0]} after `--`: {verb} runs without Beam; leave it out")


@app.command(
    "export-model", epilog="Example: tuwen export-model hf:OFA-Sys/chinese-clip-vit-base-patch16 chinese-clip-onnx"
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
