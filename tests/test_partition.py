"""A crawl in partitions: which domain is whose, letters between them, and the same pairs as from one process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linked import ROBOTS, ended, linked, picture, seeds
from web import Web, answer, loopback, serving

from crawlers.crawl import crawl
from crawlers.outbox import undelivered
from crawlers.partition import Partition
from crawlers.settings import Settings
from crawlers.shares import Allowance, shares, spent
from crawlers.status import counts, status
from pipelines.corpus import Corpus
from pipelines.crawl_options import CrawlOptions
from pipelines.engine import Engine
from pipelines.pair import pair
from pipelines.partitions import tell
from schemas.errors import BadInput
from schemas.seeds import Site


@given(st.text(min_size=1, max_size=30), st.integers(1, 100))
def test_every_host_is_one_partitions(host: str, of: int) -> None:
    number = Partition(0, of).at(host)
    assert 0 <= number < of
    assert [one for one in range(of) if Partition(one, of).at(host) == one] == [number]


def test_hosts_of_one_domain_stay_together() -> None:
    parts = Partition(0, 64)
    assert parts.at("www.pic.example.cn") == parts.at("img3.pic.example.cn:8080") == parts.at("example.cn")
    assert len({parts.at(f"site{one}.cn") for one in range(200)}) > 50


@pytest.mark.parametrize("text", ["", "1", "4/4", "-1/4", "0/0", "0/1000", "a/b", "1/2/3", "٣/4"])
def test_what_is_no_partition(text: str) -> None:
    with pytest.raises(BadInput, match="--partition"):
        Partition.parse(text)


@pytest.fixture
def webs() -> Iterator[list[Web]]:
    with linked() as (webs, _):
        yield webs


def in_turn(webs: list[Web], corpus: Path, of: int) -> int:
    """Every partition in turn, until no letter waits; how often that went round."""
    times = 0
    while not times or undelivered(corpus / "crawl"):
        for number in range(of):
            crawl(seeds(webs), corpus, loopback(partition=Partition(number, of)))
        times += 1
    return times


def test_three_partitions_end_in_the_same_as_one(webs: list[Web], tmp_path: Path) -> None:
    assert in_turn(webs, tmp_path / "one", 1) == 1
    one = ended(tmp_path / "one")
    assert len(one[0]) > 100 and len(one[1]) > 80
    assert in_turn(webs, tmp_path / "three", 3) > 1
    three = ended(tmp_path / "three")
    assert three[0] == one[0]
    assert three[1] == one[1]
    assert len({path.name.split("-")[1] for path in (tmp_path / "three/crawl/log").iterdir()}) > 1
    assert sum(counts(tmp_path / "three").values()) == len(one[0])
    assert status(tmp_path / "three").finished


def test_a_finished_crawl_in_partitions_asks_for_nothing(webs: list[Web], tmp_path: Path) -> None:
    in_turn(webs, tmp_path, 3)
    before = [len(web.asked) for web in webs]
    assert in_turn(webs, tmp_path, 3) == 1
    assert [len(web.asked) for web in webs] == before


def test_another_round_keeps_a_host_in_its_partition(webs: list[Web], tmp_path: Path) -> None:
    """A picture that came by a redirect from another partition's host is asked for where it is, not where it began."""
    in_turn(webs, tmp_path, 3)
    was = ended(tmp_path)
    for number in range(3):
        crawl(seeds(webs), tmp_path, loopback(partition=Partition(number, 3)), again=True)
    in_turn(webs, tmp_path, 3)  # what leaves a partition and comes back goes by letter again
    rows = pq.read_table(tmp_path / "crawl" / "log").to_pylist()
    assert max(Counter(row["url"] for row in rows).values()) == 2  # in the first crawl, and again
    pair(Corpus(str(tmp_path)), engine=Engine())
    assert was[1] == {
        (row["key"], row["image_url"], row["source"], row["strong"])
        for path in tmp_path.glob("pairs/**/*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
    }


def test_letters_that_wait_keep_pair_from_working(webs: list[Web], tmp_path: Path) -> None:
    crawl(seeds(webs), tmp_path, loopback(partition=Partition(0, 3)))
    for number in (1, 2):
        if not undelivered(tmp_path / "crawl"):
            crawl(seeds(webs), tmp_path, loopback(partition=Partition(number, 3)))
    with pytest.raises(BadInput, match="letters between partitions wait"):
        pair(Corpus(str(tmp_path)), engine=Engine())
    assert status(tmp_path).letters and not status(tmp_path).finished


def test_the_number_of_partitions_is_held(webs: list[Web], tmp_path: Path) -> None:
    crawl(seeds(webs), tmp_path, loopback(partition=Partition(1, 3)))
    for other in (Partition(), Partition(0, 2), Partition(1, 2), Partition(1, 4)):
        with pytest.raises(BadInput, match="goes in 3 partitions"):
            crawl(seeds(webs), tmp_path, Settings(partition=other))


def command(webs: list[Web], corpus: Path, *more: str) -> subprocess.Popen[str]:
    """`tuwen crawl` in partitions, in a process of its own that leads a session, as a shell would start it."""
    words = ["crawl", "--out", str(corpus), "--allow-address", "127.0.0.0/8", "--delay", "0", *more]
    words += ["--ignore", "tdmrep=not what is tested", "ai.txt=not what is tested"]
    for web in webs:
        words += ["--seeds", web.url("/")]
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,
    )


def children(of: int) -> list[int]:
    """The processes of partitions that a process has started."""
    listed = Path(f"/proc/{of}/task/{of}/children").read_text().split()
    return [one for one in map(int, listed) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_partitions_side_by_side_survive_the_kill_of_one(webs: list[Web], tmp_path: Path) -> None:
    for web in webs:
        web.delay = 0.05
    parent = command(webs, tmp_path, "--partitions", "2")
    while parent.poll() is None and sum(len(web.asked) for web in webs) < 8:
        time.sleep(0.01)
    os.kill(children(parent.pid)[0], signal.SIGKILL)
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode == 1, errors
    assert "was killed by signal 9" in errors and "Traceback" not in errors
    for web in webs:
        web.delay = 0.0
    again = command(webs, tmp_path, "--partitions", "2")
    said, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert "image/ok" in said
    assert in_turn(webs[:0], tmp_path / "none", 1) == 1  # an empty crawl is one too
    assert ended(tmp_path)[0] == ended_alone(webs, tmp_path / "alone")


def ended_alone(webs: list[Web], corpus: Path) -> dict[str, tuple[str, str]]:
    crawl([Site(web.url("/")) for web in webs], corpus, loopback())
    return ended(corpus)[0]


def test_ctrl_c_ends_all_of_them(webs: list[Web], tmp_path: Path) -> None:
    for web in webs:
        web.delay = 0.1
    parent = command(webs, tmp_path, "--partitions", "2")
    while parent.poll() is None and sum(len(web.asked) for web in webs) < 4:
        time.sleep(0.01)
    started = children(parent.pid)
    os.kill(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == 130 and "tuwen: interrupted; the same command goes on from here" in errors, errors
    assert "Traceback" not in errors
    assert not any(map(alive, started))


@pytest.fixture
def plain() -> Iterator[list[Web]]:
    """Three sites of six pages with two pictures each, and nothing that leads from one to another."""
    webs = [Web({"/robots.txt": ROBOTS}) for _ in range(3)]
    links = "".join(f"<a href=/{one}>" for one in range(5))
    for web in webs:
        for path in ("", *map(str, range(5))):
            web.answers[f"/{path}"] = answer(f"{links}<img src=/{path}a.png alt=甲><img src=/{path}b.png alt=乙>")
            web.answers |= {f"/{path}{one}.png": picture(number) for number, one in enumerate("ab")}
    with serving(*webs):
        yield webs


def in_shares(webs: list[Web], corpus: Path, of: int, **limits: int) -> Counter[str]:
    """Crawl every partition in turn with its share, until nothing is left that one wants; what was asked for."""
    sites = [Site(web.url("/"), sitemap=False) for web in webs]
    allowance = Allowance(partial(spent, corpus, of), loopback(**limits), of)
    begun = False
    while not begun or undelivered(corpus / "crawl") or allowance.left():
        begun = True
        for settings in allowance.shared():
            crawl(sites, corpus, settings)
    ended = {tuple(name.split("/")): number for name, number in status(corpus).ended.items()}
    return Counter({kind: ended.get((kind, "ok"), 0) for kind in ("page", "image")})


@pytest.mark.parametrize("of", [1, 2, 4])
@pytest.mark.parametrize(("pages", "images"), [(7, 9), (1, 1), (0, 3), (100, 100)])
def test_an_allowance_is_that_of_all_partitions_together(
    plain: list[Web], tmp_path: Path, of: int, pages: int, images: int
) -> None:
    """Some of four partitions have no site at all: what they cannot use goes to the others."""
    asked = in_shares(plain, tmp_path, of, max_pages=pages, max_images=images)
    assert asked["page"] == min(pages, 18)
    assert asked["image"] == min(images, 2 * asked["page"])
    before = sum(len(web.asked) for web in plain)
    assert in_shares(plain, tmp_path, of, max_pages=pages, max_images=images) == asked
    assert sum(len(web.asked) for web in plain) == before  # nothing is left
    more = in_shares(plain, tmp_path, of, max_pages=pages + 3, max_images=100)
    assert more == {"page": min(pages + 3, 18), "image": 2 * min(pages + 3, 18)}


def test_a_part_that_is_crawled_alone_has_its_share() -> None:
    parts = [CrawlOptions(partition=f"{one}/3", max_pages=8).settings() for one in range(3)]
    assert [part.max_pages for part in parts] == [3, 3, 2]
    assert all(part.max_images is None for part in parts)


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=6))
def test_no_shares_are_more_than_what_is_allowed(limit: int, parts: list[tuple[int, bool]]) -> None:
    taken = [had for had, _ in parts]
    among = [number for number, (_, wants) in enumerate(parts) if wants] or range(len(parts))
    found = shares(limit, taken, among)
    assert sum(found) == max(limit, sum(taken))
    for number, (share, had) in enumerate(zip(found, taken, strict=True)):
        assert share == had or (share > had and number in among)


def test_one_of_the_two_options(webs: list[Web], tmp_path: Path) -> None:
    parent = command(webs, tmp_path, "--partitions", "2", "--partition", "0/2")
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == 2 and "--partitions" in errors


def test_a_wrong_number_of_partitions_leaves_nothing(webs: list[Web], tmp_path: Path) -> None:
    crawl(seeds(webs), tmp_path, loopback())
    parent = command(webs, tmp_path, "--partitions", "2")
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode == 2 and "goes in 1 partition, not 2; leave --partitions away" in errors
    assert status(tmp_path).partitions == 1


def test_a_terminated_crawl_ends_like_an_interrupted_one(webs: list[Web], tmp_path: Path) -> None:
    """As `timeout` does it: the whole group is told, so partitions may end when nobody listens any more."""
    for web in webs:
        web.delay = 0.1
    parent = command(webs, tmp_path, "--partitions", "2")
    while parent.poll() is None and sum(len(web.asked) for web in webs) < 4:
        time.sleep(0.01)
    started = children(parent.pid)
    os.kill(parent.pid, signal.SIGTERM)
    os.killpg(parent.pid, signal.SIGTERM)
    _, errors = parent.communicate(timeout=30)  # the pipe's end: the partitions hold it, too
    assert "Traceback" not in errors, errors
    assert parent.returncode == 130 and "tuwen: interrupted; the same command goes on from here" in errors, errors
    assert started and not any(map(alive, started))


def test_a_partition_whose_parent_is_gone_says_nothing() -> None:
    def stopped(*_: object, **__: object) -> dict[str, int]:
        raise KeyboardInterrupt

    ours, theirs = multiprocessing.Pipe(duplex=False)
    ours.close()
    with theirs:
        tell(stopped, Settings(), again=False, said=theirs)


def test_partitions_end_with_their_parent(webs: list[Web], tmp_path: Path) -> None:
    for web in webs:
        web.delay = 0.1
    parent = command(webs, tmp_path, "--partitions", "2")
    while parent.poll() is None and sum(len(web.asked) for web in webs) < 4:
        time.sleep(0.01)
    started = children(parent.pid)
    parent.kill()
    parent.communicate(timeout=30)
    until = time.monotonic() + 30
    while time.monotonic() < until and any(map(alive, started)):
        time.sleep(0.05)
    assert started and not any(map(alive, started))
