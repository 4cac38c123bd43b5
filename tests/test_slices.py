"""A crawl that goes by slices: killed, doubled, cut short or damaged, and still the same as one process makes."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from linked import Ended, ended, linked, seeds
from web import Web, held_after, loopback

from crawlers.crawl import crawl
from crawlers.lists import from_list
from crawlers.partition import Partition
from crawlers.settings import Settings
from crawlers.status import status
from pipelines import slice_records
from pipelines.corpus import Corpus
from pipelines.crawl_engine import busy
from pipelines.engine import Engine
from pipelines.pair import pair
from pipelines.slice_files import SliceFiles
from pipelines.slices import Slices, crawl_slice, deliver
from schemas.errors import BadInput, Damaged, WorkFailed

OF = 3


@pytest.fixture(scope="module")
def webs() -> Iterator[tuple[list[Web], list[Web]]]:
    """Those that are seeds, and all."""
    with linked(pages=5) as webs:
        yield webs


@pytest.fixture(scope="module")
def alone(webs: tuple[list[Web], list[Web]], tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What one process makes of it."""
    corpus = tmp_path_factory.mktemp("alone")
    crawl(seeds(webs[0]), corpus, loopback())
    ASKED[:] = [Counter(web.paths()) for web in webs[1]]
    return ended(corpus)


ASKED: list[Counter[str]] = []
"""What one process asks each host for."""


@pytest.fixture(autouse=True)
def unasked(webs: tuple[list[Web], list[Web]], alone: Ended) -> None:
    """Forget what was asked before a test."""
    for web in webs[1]:
        web.asked.clear()


def slicing(webs: list[Web], corpus: Path, seconds: float = 60.0, **changes: Any) -> Slices:
    settings = {one: loopback(partition=Partition(one, OF), **changes) for one in range(OF)}
    return Slices(str(corpus), partial(crawl, seeds(webs)), settings, seconds, "a call")


def go_on(told: Slices, todo: list[int] | None = None) -> int:
    """What the jobs of an engine do, one after another, until nothing waits; how many jobs."""
    corpus, jobs = Corpus(told.corpus), 0
    todo = list(told.settings) if todo is None else todo
    while todo:
        attempts = [crawl_slice(number, told) for number in todo]
        for attempt in attempts:
            deliver(attempt, told)
        todo, jobs = busy(corpus), jobs + 1
    return jobs


def files_of(corpus: Path) -> dict[str, str]:
    paths = [path for path in corpus.rglob("*") if path.is_file()]
    return {str(path.relative_to(corpus)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def left_over(corpus: Path) -> list[Path]:
    return [path for path in (corpus / "crawl" / "attempts").rglob("*") if path.is_file()]


def be_over_after(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a slice be over after so many looks at the clock, however fast the machine is."""
    looks: Counter[float | None] = Counter()

    def over(self: Settings, _: float, kept: int = 0) -> bool:
        looks[self.until] += self.until is not None
        return looks[self.until] > most

    monkeypatch.setattr(Settings, "over", over)


@pytest.mark.parametrize("length", ["long", "short"])
def test_slices_of_any_length_end_in_the_same_as_one_process(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if length == "short":
        be_over_after(10, monkeypatch)
    told = slicing(webs[0], tmp_path / "slices")
    jobs = go_on(told)
    assert jobs > (2 if length == "short" else 1)
    before, asked = files_of(tmp_path / "slices"), sum(len(web.asked) for web in webs[1])
    assert go_on(told) == 1
    assert files_of(tmp_path / "slices") == before and sum(len(web.asked) for web in webs[1]) == asked
    assert ended(tmp_path / "slices") == alone
    assert not left_over(tmp_path / "slices")
    assert [Counter(web.paths()) for web in webs[1]] == ASKED, "the end of a slice made it ask twice"


POINTS = ("commit after", "stage before", "record before", "upload 2", "move 2", "commit before", "stage after")


@pytest.fixture(scope="module")
def killed() -> Iterator[Callable[[dict[str, Any]], int]]:
    """Run one slice in a process of its own; its exit code."""
    command = [sys.executable, str(Path(__file__).with_name("slice_killed.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forks:
        assert forks.stdin and forks.stdout

        def run(line: dict[str, Any]) -> int:
            print(json.dumps(line), file=forks.stdin, flush=True)
            return int(forks.stdout.readline())

        yield run
        forks.stdin.close()


SECONDS = 0.1  # of a slice: a few requests to each host


def test_a_slice_that_is_killed_at_any_point_loses_nothing_and_doubles_nothing(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path, killed: Callable[[dict[str, Any]], int]
) -> None:
    corpus = tmp_path / "slices"
    line = {"corpus": str(corpus), "sites": [[web.url("/"), number == 0] for number, web in enumerate(webs[0])]}
    line |= {"of": OF, "changes": {}, "seconds": SECONDS}
    hit = 0
    for point in POINTS:
        for number in busy(Corpus(str(corpus))) or range(OF):
            hit += killed({**line, "number": number, "point": point}) == -signal.SIGKILL
    assert hit >= len(POINTS), "too few kills met a slice at work"
    go_on(slicing(webs[0], corpus))
    assert ended(corpus) == alone
    assert not left_over(corpus)


def lose(number: int, told: Slices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker do all of a slice but let it count."""

    def lost(*_: object) -> None:
        raise WorkFailed("lost")

    with monkeypatch.context() as patched, pytest.raises(WorkFailed, match="lost"):
        patched.setattr(SliceFiles, "commit", lost)
        crawl_slice(number, told)


def number_of(web: Web) -> int:
    return Partition(0, OF).at(web.url("")[7:])


def test_a_lost_slice_is_done_again_after_a_pause(
    webs: tuple[list[Web], list[Web]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, pause = webs[0][0], 0.6
    slow = slicing(webs[0], tmp_path, 0.05, delay=pause)
    for _ in range(2):
        lose(number_of(site), slow, monkeypatch)
    for _ in range(2):
        deliver(crawl_slice(number_of(site), slow), slow)
    gaps = [after.at - before.at for web in webs[1] for before, after in pairwise(web.asked)]
    assert site.paths()[:3] == ["/robots.txt"] * 3
    assert min(gaps) > pause * 0.9


def test_a_lost_slice_is_done_again_with_the_same_letters(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "slices"
    told = slicing(webs[0], corpus)
    for attempt in [crawl_slice(number, told) for number in range(OF)]:
        deliver(attempt, told)
    letters = sorted(path.name for path in (corpus / "crawl/outbox").iterdir())
    for number in busy(Corpus(str(corpus))):
        lose(number, told, monkeypatch)
    assert letters and sorted(path.name for path in (corpus / "crawl/outbox").iterdir()) == letters
    go_on(told)
    assert ended(corpus) == alone


def test_of_two_workers_at_one_slice_one_loses_and_changes_nothing(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path
) -> None:
    corpus = tmp_path / "slices"
    told = slicing(webs[0], corpus)
    number = number_of(webs[0][0])
    said: list[object] = []

    def work() -> None:
        try:
            said.append(crawl_slice(number, told))
        except WorkFailed as error:
            said.append(error)

    with held_after(0, *webs[1]):
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        while sum(path == "/robots.txt" for path in webs[0][0].paths()) < 2:
            threading.Event().wait(0.01)
    for worker in workers:
        worker.join()
    (lost,) = [one for one in said if isinstance(one, WorkFailed)]
    (won,) = [one for one in said if isinstance(one, tuple)]
    assert "another worker was first with this slice" in str(lost)
    deliver(won, told)
    go_on(told)
    assert ended(corpus) == alone
    assert not left_over(corpus)


def test_a_late_worker_leaves_what_nobody_reads(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path
) -> None:
    """One that was given up for lost, and wakes when the crawl is done."""
    corpus = tmp_path / "slices"
    told = slicing(webs[0], corpus)
    number = number_of(webs[0][0])
    said: list[str] = []

    def late() -> None:
        with pytest.raises(WorkFailed) as lost:
            crawl_slice(number, told)
        said.append(str(lost.value))

    with held_after(0, webs[0][0]):
        worker = threading.Thread(target=late)
        worker.start()
        while not webs[0][0].asked:
            threading.Event().wait(0.01)
        webs[0][0].turnstile = None
        go_on(told)
        before = {name: made for name, made in files_of(corpus).items() if "attempts" not in name}
    worker.join()
    assert said and "another worker was first" in said[0]
    assert {name: made for name, made in files_of(corpus).items() if "attempts" not in name} == before
    assert ended(corpus) == alone


def test_a_file_that_is_missing_or_altered_is_said_at_once(webs: tuple[list[Web], list[Web]], tmp_path: Path) -> None:
    told = slicing(webs[0], tmp_path)
    go_on(told)
    log = next(tmp_path.glob("crawl/log/*.parquet"))
    number, whole = int(log.name.split("-")[1][1:]), log.read_bytes()
    log.write_bytes(whole[:-1])
    with pytest.raises(Damaged, match="is not as it was written"):
        crawl_slice(number, told)
    log.unlink()
    with pytest.raises(Damaged, match="is missing"):
        crawl_slice(number, told)
    log.write_bytes(whole)
    crawl_slice(number, told)
    (tmp_path / f"crawl/state/part-{number:02}.sqlite").unlink()
    with pytest.raises(Damaged, match="missing, though"):
        crawl_slice(number, told)


def test_an_interrupted_crawl_goes_on_by_slices_and_back(
    webs: tuple[list[Web], list[Web]], alone: Ended, tmp_path: Path
) -> None:
    corpus = tmp_path / "slices"

    def stop(counts: Any) -> None:
        if sum(counts.values()) > 12:
            raise RuntimeError("as a fault in mid-crawl")

    settings = loopback(partition=Partition(0, 1), checkpoint_responses=3, hosts=2)
    with pytest.raises(RuntimeError):
        crawl(seeds(webs[0]), corpus, settings, stop)
    told = Slices(str(corpus), partial(crawl, seeds(webs[0])), {0: settings}, 0.05, "a call")
    for _ in range(3):
        deliver(crawl_slice(0, told), told)
    crawl_slice(0, told)  # it counts, and its worker dies before what it made is where it is read
    slice_records.leave(Corpus(str(corpus)))
    crawl(seeds(webs[0]), corpus, settings)
    assert ended(corpus) == alone
    assert status(corpus).finished and not left_over(corpus)


def test_pair_waits_for_the_last_slice(webs: tuple[list[Web], list[Web]], tmp_path: Path) -> None:
    told = slicing(webs[0], tmp_path, 0.01)
    for number in range(OF):
        deliver(crawl_slice(number, told), told)
    for path in tmp_path.glob("crawl/outbox/*"):
        path.unlink()
    with pytest.raises(BadInput, match="partitions are not done; run the same tuwen crawl again"):
        pair(Corpus(str(tmp_path)), engine=Engine())


def test_a_round_that_begins_anew_begins_once(webs: tuple[list[Web], list[Web]], tmp_path: Path) -> None:
    told = slicing(webs[0], tmp_path)
    go_on(told)
    anew = replace(told, call="another", again=True)
    for _ in range(2):  # as where a worker is lost after its slice counted
        for number in range(OF):
            deliver(crawl_slice(number, anew), anew)
    go_on(told)
    rows = pq.read_table(tmp_path / "crawl" / "log").to_pylist()
    rounds = [(row["url"], row["round"]) for row in rows]
    assert len(set(rounds)) == len(rounds)
    assert max(sum(1 for url, _ in rounds if url == one) for one, _ in rounds) == 2


@pytest.mark.parametrize("broken", [False, True])
def test_a_list_is_taken_in_slice_by_slice(
    webs: tuple[list[Web], list[Web]], tmp_path: Path, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_over_after(200, monkeypatch)
    pictures = [host.url(f"/{one}.png") for host in webs[1][-3:] for one in range(5)]
    urls = tmp_path / "list.csv"
    rows = "".join(f"{url},图{number}\n" for number, url in enumerate(pictures * 40))
    urls.write_bytes(f"url,caption\n{rows}".encode() + (b"\xff\xfe" * 100_000 if broken else b""))
    source = partial(from_list, str(urls), "url", "caption")
    settings = {one: loopback(partition=Partition(one, OF)) for one in range(OF)}
    told = Slices(str(tmp_path / "slices"), source, settings, 60.0, "a call")
    if not broken:
        assert go_on(told) > 3
        crawl_settings: Settings = loopback()
        from_list(str(urls), "url", "caption", tmp_path / "alone", crawl_settings)
        assert _found(tmp_path / "slices") == _found(tmp_path / "alone")
        return
    go_on(told)
    faults = [one.fault for one in slice_records.records(Corpus(told.corpus)).values()]
    assert all("the rows before it count" in fault for fault in faults)


def _found(corpus: Path) -> list[tuple[Any, ...]]:
    rows = pq.read_table(corpus / "crawl" / "found").to_pylist()
    logged = {(row["url"], row["outcome"]) for row in pq.read_table(corpus / "crawl" / "log").to_pylist()}
    return sorted((row["image_url"], row["text"]) for row in rows), sorted(
        one for one in logged if "list" not in one[0]
    )  # type: ignore[return-value]


def test_a_crawl_whose_first_slice_is_under_way_says_so(tmp_path: Path) -> None:
    live = tmp_path / "crawl" / "attempts" / "p00" / "1f3a9c27" / "live.json"
    live.parent.mkdir(parents=True)
    live.write_text("{}")
    with pytest.raises(BadInput, match="no slice of this crawl counts yet"):
        slice_records.status_of(Corpus(str(tmp_path)))
