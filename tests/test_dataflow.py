"""Every verb's own transform builds as a Dataflow job, offline."""

from __future__ import annotations

import re
from pathlib import Path

import apache_beam as beam
import pytest
from crawls import small_crawl

from pipelines import files
from pipelines.cluster import Cluster, cluster
from pipelines.engine import Engine, run
from pipelines.judge import Judge, judge
from pipelines.matched import Plan
from pipelines.measure import Measure, measure
from pipelines.pack import Pack, clock, pack, packed
from pipelines.pair import Pair, pair
from pipelines.release import Index
from pipelines.resize import Packing
from pipelines.sample import Shards
from schemas.recipe import load

DATAFLOW = Engine(
    "dataflow",
    beam_args=(
        "--dry_run=True",
        "--project=my-project",
        "--region=us-central1",
        "--temp_location=gs://bucket/t",
        "--staging_location=gs://bucket/s",
        "--sdk_container_image=example/worker:1",
        "--dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1",
    ),
)


SHUFFLES = {"pair": 5, "measure": 0, "cluster": 15, "judge": 12, "pack": 2, "release": 0}
"""How often small rows cross the network in a verb's job."""


@pytest.fixture(scope="module")
def transforms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, beam.PTransform]:
    root: Path = tmp_path_factory.mktemp("corpus")
    corpus = small_crawl(root)
    for verb in (pair, measure, cluster):
        verb(corpus, engine=Engine())
    recipe = load("demo")
    judge(corpus, recipe, engine=Engine())
    pack(corpus, recipe, "1.0.0", engine=Engine(), packing=Packing())
    folder = corpus.release("demo", "1.0.0")
    shards = Shards(corpus, folder, Packing(), clock(corpus), {})
    found = [corpus.crawl("found", name) for name in files.listing(corpus.crawl("found"))]
    logs = [corpus.crawl("log", name) for name in files.listing(corpus.crawl("log"))]
    return {
        "pair": Pair(found, logs, corpus.root, ("images/a.warc",), "x"),
        "measure": Measure(corpus, [("00000", ("text",))], Plan({}), ()),
        "cluster": Cluster(corpus, [], "x", 2),
        "judge": Judge(corpus, recipe, "x"),
        "pack": Pack("demo", corpus.shards(), {"weak": 1, "strong": 1, "base": 1}, shards),
        "release": Index(folder, packed(folder, "weak")),
    }


@pytest.mark.parametrize("verb", ["pair", "measure", "cluster", "judge", "pack", "release"])
def test_the_verb_builds_for_dataflow(
    transforms: dict[str, beam.PTransform], verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    built = []

    def build(pipeline: beam.Pipeline) -> None:
        built.append(pipeline)
        pipeline | transforms[verb]

    assert run(build, job=verb, engine=DATAFLOW) == {}
    said = capsys.readouterr().out
    assert re.fullmatch(
        rf"{verb}: dry run; runner DataflowRunner; steps \d+; shuffles {SHUFFLES[verb]};"
        r" workers from image example/worker:1; machine the engine's default; accelerator type:nvidia-l4;count:1\n",
        said,
    )
    steps = built[0].runner.job.proto_pipeline.components
    assert any(step.unique_name.startswith(type(transforms[verb]).__name__) for step in steps.transforms.values())
    assert {env.payload for env in steps.environments.values()} == {b"\n\x10example/worker:1"}
