"""The plan on paper: its sums, that the committed one is current, and that its figures are those of our documents."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path

import pytest
from apache_beam.testing.load_tests import dataflow_cost_consts as beam

from benchmarks import plan, planned
from benchmarks.planned import SHARD, Assumed, Figures
from crawlers.settings import Settings
from pipelines.resize import Packing

ROOT = Path(__file__).parent.parent
SMALL = Assumed(pairs=3_000_000, workers=10, partitions=10, busy=0.5, largest_host=3600)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return planned.load()


def prices(figures: Figures) -> dict[str, float]:
    return {name: price.value for name, price in figures.prices.items()}


def test_the_committed_plan_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main([]) == 0
    assert (ROOT / "docs/deploy/plan.md").read_text() == capsys.readouterr().out, (
        "python -m benchmarks.plan > docs/deploy/plan.md"
    )


def test_the_page_on_dataflow_tells_what_the_plan_does(figures: Figures) -> None:
    assumed = Assumed()
    total = sum(planned.cost(verb, assumed, prices(figures)).total for verb in planned.verbs(assumed, figures))
    told = " ".join((ROOT / "docs/dataflow.md").read_text().split())
    assert f"**some {plan.number(total / assumed.pairs * 1e6)} US dollars per million pairs**" in told


def test_a_figure_is_the_one_that_its_document_tells(figures: Figures) -> None:
    told = [(name, one) for name, one in figures.measured.items() if one.stands_in]
    assert len(told) >= 5
    for name, one in told:
        rows = [line for line in (ROOT / one.stands_in).read_text().splitlines() if line.startswith("|")]
        assert any(f"{one.value:g}" in [cell.strip() for cell in row.split("|")] for row in rows), name


def test_a_command_is_one_that_can_be_run(figures: Figures) -> None:
    for name, one in figures.measured.items():
        words = one.command.split()
        module = words[2].replace(".", "/") + ".py" if words[0] == "python" else ""
        assert (ROOT / module).is_file() if module else words[0] == "tuwen", name


def test_prices_are_those_that_beam_tells(figures: Figures) -> None:
    assert prices(figures) == {
        "vcpu_hour": beam.VCPU_PER_HR_BATCH,
        "gb_hour": beam.MEM_PER_GB_HR_BATCH,
        "disk_gb_hour": beam.PD_PER_GB_HR,
        "shuffle_gb": beam.SHUFFLE_PER_GB_BATCH,
        "gpu_hour": beam.L4_PER_GPU_PER_HOUR,
        "storage_gb_month": 0.02,
    }


def test_what_is_assumed_of_us_is_what_we_do() -> None:
    assert Assumed().at_once == Settings.hosts
    assert Assumed().delay == Settings.delay
    assert SHARD == Settings.segment_bytes == Packing.bytes_per_shard


def test_hours_are_cpu_time_over_busy_workers(figures: Figures) -> None:
    verbs = {verb.name: verb for verb in planned.verbs(SMALL, figures)}
    assert list(verbs) == list(planned.ORDER)
    image = verbs["measure, image"]
    assert image.cpu == pytest.approx(1_000_000 / 1000 * figures.of("measure_image"))
    assert image.hours == pytest.approx(image.cpu / 10 / 0.5 / 3600)
    assert verbs["pair"].shuffled == 3_000_000 * figures.of("pair_shuffled") and image.shuffled == 0
    kept = verbs["pack"].cpu
    assert kept == pytest.approx(3_000_000 * 0.4 / 1000 * figures.of("pack"))


def test_twice_the_pairs_take_twice_of_all_but_the_largest_host(figures: Figures) -> None:
    twice = replace(SMALL, pairs=SMALL.pairs * 2)
    for one, two in zip(planned.verbs(SMALL, figures), planned.verbs(twice, figures), strict=True):
        assert (two.cpu, two.hours, two.shuffled) == pytest.approx((one.cpu * 2, one.hours * 2, one.shuffled * 2))
    one, two = planned.crawl(SMALL, figures), planned.crawl(twice, figures)
    assert (two.requests, two.cpu, two.hours_slots) == pytest.approx(
        (one.requests * 2, one.cpu * 2, one.hours_slots * 2)
    )
    assert two.hours_host == one.hours_host
    for name, taken in planned.storage(SMALL, figures).items():
        assert planned.storage(twice, figures)[name] == pytest.approx(2 * taken)


def test_numbers_are_written_for_readers() -> None:
    assert doctest.testmod(plan) == (0, 3)


def test_the_crawl_lasts_as_long_as_the_slowest_bound(figures: Figures) -> None:
    crawl = planned.crawl(SMALL, figures)
    assert crawl.hours_host == pytest.approx(1.5)  # a request each 1.5 seconds: the pause, and the answer
    assert planned.crawl(replace(SMALL, answer=2.0), figures).hours_host == pytest.approx(6.0)  # it rests twice as long
    assert crawl.hours == max(crawl.hours_cpu, crawl.hours_slots, crawl.hours_host)


def test_a_cost_is_all_that_is_paid_for(figures: Figures) -> None:
    verb = planned.Verb("x", cpu=0.0, hours=1.0, shuffled=1e9)
    paid = planned.cost(verb, SMALL, {"vcpu_hour": 1, "gb_hour": 0.1, "disk_gb_hour": 0.01, "shuffle_gb": 7})
    assert (paid.vcpu, paid.memory, paid.disk, paid.shuffle) == pytest.approx((10, 4, 2.5, 14))
    assert paid.total == pytest.approx(30.5)
    hours, dollars = planned.on_gpu(replace(SMALL, gpu_pictures=1_000_000 / 3600), prices(figures))
    assert hours == pytest.approx(1.0)
    assert dollars == pytest.approx(0.672 + 8 * 0.056 + 32 * 0.003557)


def test_flags_change_what_is_assumed_and_what_is_paid(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--pairs", "1_000_000", "--workers=7", "--vcpu-hour", "0.5", "--gpu-pictures", "1000"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# 1 M pairs, on paper") and "--vcpu-hour 0.5" in said
    assert "hours on 7 workers" in said and "| a vCPU-hour, batch | 0.5 | `--vcpu-hour` | you |" in said
    assert "On machines with an L4" in said
