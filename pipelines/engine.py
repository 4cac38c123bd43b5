"""How a verb's Beam pipeline is run: here in one process or several, on Flink, or on Dataflow."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TestOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.runner import PipelineState, create_runner

from engines.flink import rest
from pipelines import engine_options
from pipelines import options as beam_options
from pipelines.dry_run import summary
from pipelines.processes import ProcessEnvironment, kill_all
from pipelines.progress import repeating
from pipelines.quiet import quiet
from schemas import errors
from schemas.errors import BadInput, TuwenError, WorkFailed

_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/|$)")
# Names under which Beam would run here in its own way; its default one may download a binary.
LOCAL = {"fnapirunner", "directrunner", "direct", "switchingdirectrunner"}


@dataclass(frozen=True)
class Engine:
    """Where a pipeline runs: `name` is that of a packaged engine, or a TOML file of options (see `engine_options`).

    `beam_args` go to Beam and win over the options of the engine.
    """

    name: str = "local"
    workers: int = 1
    beam_args: tuple[str, ...] = ()

    @property
    def dry(self) -> bool:
        """Whether its jobs are told of and not run: then a verb leaves everything as it is."""
        return bool(check(self).view_as(TestOptions).dry_run)


def run(
    build: Callable[[beam.Pipeline], None],
    *,
    job: str,
    engine: Engine,
    watch: Callable[[], None] | None = None,
) -> dict[str, int]:
    """Build a pipeline with `build`, run it to its end and return the user counters' values by name.

    `watch` is called twice a second from another thread while the job runs, and once when it has ended well;
    what it raises is raised then. A dry run prints what the job would be, and returns {}.
    Raises BadInput for options that Beam does not know or refuses; a TuwenError that a DoFn raised, as it was;
    WorkFailed, in one line, for anything else that ends the job, with Beam's whole account as its cause.
    KeyboardInterrupt passes. No process is left behind, whatever the end.
    """
    with quiet():
        pipeline = _pipeline(engine, job)
        try:
            build(pipeline)
        except BaseException:
            shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)  # Beam removes it only after a run
            raise
        if pipeline.options.view_as(TestOptions).dry_run:
            print(_dry(pipeline, job))
            return {}
        result = None
        try:
            with repeating(watch) if watch else contextlib.nullcontext():
                result = pipeline.run()
                result.wait_until_finish()
        except grpc.FutureTimeoutError as error:
            endpoint = pipeline.options.view_as(PortableOptions).job_endpoint
            way = "`make flink-up` starts one here; see docs/engines.md for others"
            raise WorkFailed(f"{job}: no job server answers at {endpoint}; {way}") from error
        except Exception as error:
            if _interrupted(error):
                raise KeyboardInterrupt from error
            raise failure(error, job) from error
        except BaseException:
            if result is not None:
                _cancel(result, pipeline.options, engine)
            kill_all()  # a second Ctrl-C can cut Beam's own closing short
            raise
        if result.state != PipelineState.DONE:  # a job that somebody cancelled ends without an exception
            raise WorkFailed(f"{job}: the job ended as {result.state}; the same command goes on from here")
        return _counters(result)


def _cancel(result: beam.runners.runner.PipelineResult, options: PipelineOptions, engine: Engine) -> None:
    """End the job where it runs: a cluster would go on without us."""
    known = engine_options.load(engine.name)
    # Either may find the job, or its whole cluster, gone; what the user is told of is the Ctrl-C.
    with contextlib.suppress(OSError):
        if "flink" in known.runner.lower() and known.page:
            rest.cancel(known.page, str(options.view_as(GoogleCloudOptions).job_name))
    with contextlib.suppress(Exception):
        result.cancel()


def check(engine: Engine) -> PipelineOptions:
    """Beam's options of an engine. Raises BadInput for an engine or an option that is unknown, before any work."""
    options = beam_options.parse((*engine_options.load(engine.name).words(engine.beam_args), *engine.beam_args))
    if engine.workers < 1:
        raise BadInput(f"--workers {engine.workers}: use 1 or more")
    _check_runner(options)
    _check_flink(options)
    _check_buckets(options)
    return options


def announced(engine: Engine) -> Engine:
    """An engine whose options are sound, after saying what it stands for."""
    check(engine)  # a mistyped word ends a command that has nothing to do, too
    if said := explain(engine):
        print(said, file=sys.stderr)
    return engine


def explain(engine: Engine) -> str:
    """What an engine stands for, as it would be typed, and the page that shows its jobs; '' for the local one."""
    known = engine_options.load(engine.name)
    if not known.page:
        return ""
    return (
        f"engine {engine.name}: {shlex.join([*known.words(engine.beam_args), *engine.beam_args])}   jobs: {known.page}"
    )


def _runner(options: PipelineOptions) -> str:
    return str(options.view_as(StandardOptions).runner)


def _is_local(runner: str) -> bool:
    return runner.lower().rsplit(".", 1)[-1] in LOCAL


def _pipeline(engine: Engine, job: str) -> beam.Pipeline:
    options = check(engine)
    name = _runner(options)
    try:
        if _is_local(name):
            return beam.Pipeline(runner=_local(options, engine.workers), options=options)
        _spread(options, engine.workers)
        _name(options, job)
        return beam.Pipeline(runner=name, options=options)
    except (ValueError, ImportError, AttributeError) as error:
        raise BadInput(f"{job}: Beam refuses its options: {_line(str(error))}") from error


def _dry(pipeline: beam.Pipeline, job: str) -> str:
    """What the job would be. Dataflow's own dry run translates it too, so what that refuses is refused here."""
    if "dataflow" not in _runner(pipeline.options).lower():
        return summary(job, pipeline.to_runner_api(), pipeline.options)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        raise failure(error, job) from error
    return summary(job, pipeline.runner.job.proto_pipeline, pipeline.options)


def _local(options: PipelineOptions, workers: int) -> FnApiRunner:
    if workers == 1:
        return FnApiRunner()
    options.view_as(DirectOptions).direct_num_workers = workers
    return FnApiRunner(default_environment=ProcessEnvironment.of(options))


def _check_runner(options: PipelineOptions) -> None:
    """A runner that cannot be had is told before a crawl of days, not after it."""
    if not _is_local(name := _runner(options)):
        try:
            create_runner(name)
        except (ValueError, ImportError, AttributeError) as error:
            raise BadInput(f"--runner {name}: {_line(str(error))}") from error


def _check_flink(options: PipelineOptions) -> None:
    """Without an endpoint Beam would download a job server and start it: a surprise on a machine of one's own."""
    chosen = options.get_all_options(drop_default=True)
    if "flink" in _runner(options).lower() and not {"job_endpoint", "flink_job_server_jar"} & set(chosen):
        raise BadInput("the FlinkRunner needs its job server: say --engine flink, or add `-- --job_endpoint=HOST:PORT`")


def _check_buckets(options: PipelineOptions) -> None:
    """For a bucket that cannot be Beam would try, for minutes, to make one of its own."""
    for name, value in options.get_all_options(drop_default=True).items():
        if str(value).startswith("gs://") and not _BUCKET.match(str(value)):
            raise BadInput(f"{name} {value}: no bucket can have that name; give your own, in lower case")


def _name(options: PipelineOptions, job: str) -> None:
    """Name the job by its verb, unless Beam's own options name it; a cluster wants names that differ."""
    named = options.view_as(GoogleCloudOptions)
    named.job_name = named.job_name or f"tuwen-{job}-{uuid.uuid4().hex[:8]}"


def _spread(options: PipelineOptions, workers: int) -> None:
    """Ask a cluster for `workers` at a time, unless Beam's own options say how many."""
    chosen = options.get_all_options(drop_default=True)
    if workers > 1 and "parallelism" not in chosen:
        options._all_options["parallelism"] = workers
    if workers > 1 and "num_workers" not in chosen:
        options.view_as(WorkerOptions).num_workers = workers


def _counters(result: beam.runners.runner.PipelineResult) -> dict[str, int]:
    """The committed value of every user counter, summed over the steps that share its name."""
    totals: dict[str, int] = {}
    for counter in result.metrics().query()["counters"]:
        if not counter.key.metric.namespace.startswith("dataflow/"):  # Dataflow's own stand among them
            name = counter.key.metric.name
            totals[name] = totals.get(name, 0) + int(counter.result or 0)
    return dict(sorted(totals.items()))


# A step's name that Beam adds to the message of whatever a DoFn raised.
_STEP = re.compile(r" \[while running '(.*?)'\]", re.DOTALL)
# The last line of a traceback of one of ours, in the text that a worker or a cluster sends.
_OURS = re.compile(r"^schemas\.errors\.(\w+): (.*)$", re.MULTILINE)
# An exception's name at the start of a message, with or without a message of its own.
_NAMED = re.compile(r"[\w.]*[A-Z]\w*(: |(?<=Error)$|(?<=Exception)$)")


def failure(error: BaseException, job: str) -> TuwenError:
    """What `run` raises for Beam's `error`: our own exception that a DoFn raised, or WorkFailed in one line."""
    if isinstance(error, TuwenError):
        return type(error)(_STEP.sub("", str(error)))
    text = str(error)
    ours = _OURS.findall(text)
    if ours:
        name, message = ours[-1]
        return getattr(errors, name, WorkFailed)(_STEP.sub("", message))
    what = _innermost(text) if "Traceback (most recent call last)" in text else f"{type(error).__name__}: {text}"
    step = _STEP.search(what)
    what = _STEP.sub("", what)
    inner = what.partition(": ")[2]
    if what.startswith("RuntimeError: ") and step and _NAMED.match(inner):
        what = inner  # Beam's wrapping of an exception whose message it could not add the step to
    where = f"{job}, step {step[1]}" if step else job
    return WorkFailed(f"{where}: {_line(what)}; --debug shows all, and the same command goes on from here")


def _innermost(text: str) -> str:
    """The exception, `Name: message`, that ends the last traceback in `text`."""
    lines = iter(text.rpartition("Traceback (most recent call last)")[2].splitlines()[1:])
    said: list[str] = []
    for line in lines:
        if said and (not line.strip() or line.startswith("\tat ")):  # the end, or Java's own stack
            break
        if said or (line and not line.startswith(" ")):
            said.append(line)
    return " ".join(said) or text


def _line(text: str) -> str:
    return " ".join(text.split())


def _interrupted(error: BaseException | None) -> bool:
    """Whether a KeyboardInterrupt inside a DoFn is what Beam turned into `error`."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
