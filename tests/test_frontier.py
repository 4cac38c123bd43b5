import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from web import loopback

from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.settings import Settings
from crawlers.state import State
from schemas.errors import BadInput, Damaged, WorkFailed
from schemas.outcome import Outcome, UrlKind
from schemas.seeds import Site

PAGE, IMAGE = UrlKind.PAGE, UrlKind.IMAGE


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "part-00.sqlite")
    state.open()
    yield state
    state.close()


def reopened(state: State) -> State:
    """What is left after a kill -9: the last commit."""
    state.close()
    again = State(state.path)
    again.open()
    return again


def job(frontier: Frontier, now: float = 1e9) -> Job:
    found = frontier.next(now)
    assert isinstance(found, Job), found
    return found


def drained(frontier: Frontier, now: float = 1e9) -> list[str]:
    """Every waiting URL, in the order of its turn, each ended."""
    urls = []
    while isinstance(found := frontier.next(now), Job):
        urls.append(found.url)
        frontier.done(found, Outcome.OK)
        frontier.release(found, now)
    return urls


def test_one_url_of_a_host_at_a_time(state: State) -> None:
    frontier = Frontier(state, loopback())
    for path in "abc":
        frontier.add(f"http://one.cn/{path}", PAGE, 1)
    frontier.add("https://one.cn/d", IMAGE, 1)  # the same machine
    frontier.add("http://two.cn/e", PAGE, 1)
    first, second = job(frontier), job(frontier)
    assert {first.url, second.url} == {"http://one.cn/a", "http://two.cn/e"}
    assert frontier.next(1e9) is None  # both hosts are busy
    frontier.done(first, Outcome.OK)
    frontier.release(first, 1e9, 5.0)
    assert frontier.next(1e9) == 5.0
    assert frontier.next(1e9 + 4) == 1.0
    assert job(frontier, 1e9 + 5).url == "http://one.cn/b"


def test_a_parked_host_with_nothing_left_passes_its_place_on(state: State) -> None:
    """Three hosts at an address that has room for one: the second has nothing more when its place comes."""
    frontier, now, address = Frontier(state, loopback(address_hosts=1)), 1e9, "192.0.2.1"
    for number, name in enumerate(("one", "two", "three")):
        frontier.add(f"http://{name}.cn/a", PAGE, 1)
        found = job(frontier, now)
        assert frontier.settle(found, address, now)
        if name == "two":
            frontier.done(found, Outcome.OK)
        frontier.release(found, now, 10.0 + number)
    first = job(frontier, now + 20)
    assert first.url == "http://one.cn/a" and frontier.next(now + 20) is None  # the others are parked
    frontier.release(first, now + 20, 100.0)
    assert job(frontier, now + 20).url == "http://three.cn/a"


def test_a_detour_waits_its_turn_at_the_other_host_and_comes_back(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://two.cn/b", PAGE, 1)
    frontier.add("http://one.cn/a", PAGE, 1)
    busy, first = job(frontier), job(frontier)
    assert frontier.waits_at(first, "https://one.cn/x") and not frontier.waits_at(first, "http://two.cn/l.xml")
    frontier.move(first, "http://two.cn/l.xml")
    frontier.release(first, 0)
    assert frontier.next(1e9) is None  # two.cn is busy, and nothing waits at one.cn
    frontier.done(busy, Outcome.OK)
    frontier.release(busy, 0)
    away = job(frontier)
    assert (away.url, away.target, away.attempts) == (first.url, first.target, 0)
    assert frontier.waits_at(away, "http://two.cn/l.xml")
    frontier.move(away, away.target)
    frontier.release(away, 0)
    state.commit()
    back = job(Frontier(reopened(state), loopback()))
    assert back.host == first.host and back.url == first.url


def test_a_url_that_waits_again_has_made_no_attempt(state: State) -> None:
    frontier = Frontier(state, loopback())
    for path in "ab":
        frontier.add(f"http://one.cn/{path}", PAGE, 1)
    first = job(frontier)
    frontier.postpone(first)
    frontier.release(first, 0)
    assert drained(frontier) == ["http://one.cn/b", "http://one.cn/a"]


def test_a_url_waits_once(state: State) -> None:
    frontier = Frontier(state, loopback())
    for _ in range(3):
        frontier.add("http://one.cn/a", PAGE, 1)
    assert drained(frontier) == ["http://one.cn/a"]
    frontier.add("http://one.cn/a", IMAGE, 1)
    assert drained(frontier) == []


def test_what_is_linked_and_shown_is_a_page_in_either_order(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://one.cn/a", PAGE, 1)
    frontier.add("http://one.cn/a", IMAGE, 1)
    frontier.add("http://one.cn/b", IMAGE, 1)
    frontier.add("http://one.cn/b", PAGE, 1)
    assert job(frontier).kind is PAGE
    assert {row[0] for row in state.db.execute("SELECT kind FROM urls")} == {"page"}


def test_a_retry_goes_to_the_end(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://one.cn/a", PAGE, 1)
    frontier.add("http://one.cn/b", PAGE, 1)
    first = job(frontier)
    frontier.retry(first)
    frontier.release(first, 0)
    assert drained(frontier) == ["http://one.cn/b", "http://one.cn/a"]


def test_a_redirect_waits_in_the_queue_of_the_host_that_it_leads_to(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://one.cn/a", PAGE, 1)
    first = job(frontier)
    frontier.redirect(first, "http://two.cn/b")
    frontier.release(first, 0)
    again = job(frontier)
    assert (again.url, again.target, again.redirects) == ("http://one.cn/a", "http://two.cn/b", ("http://one.cn/a",))
    assert again.host != first.host and again.attempts == 0
    assert frontier.next(1e9) is None


def test_strikes(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://one.cn/a", PAGE, 1)
    for given, kept in ((1, 1), (2, 2), (None, 2), (0, 0)):
        frontier.release(job(frontier), 0, strikes=given)
        again = job(frontier)
        assert again.strikes == kept
        frontier.release(again, 0)


def test_a_kill_forgets_what_was_not_committed_and_frees_what_was_busy(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.add("http://one.cn/a", PAGE, 1)
    frontier.add("http://one.cn/b", PAGE, 1)
    first = job(frontier)
    state.commit()
    frontier.done(first, Outcome.OK)
    frontier.add("http://one.cn/c", PAGE, 1)
    again = reopened(state)
    assert drained(Frontier(again, loopback())) == ["http://one.cn/a", "http://one.cn/b"]
    again.close()


def test_budgets(state: State) -> None:
    frontier = Frontier(state, Settings(max_pages=3, max_images=1))
    frontier.begin([Site("http://one.cn/", max_pages=2), Site("http://two.cn/")])
    for name in ("one", "two"):
        for path in "ab":
            frontier.add(f"http://{name}.cn/{path}", PAGE, 1 if name == "one" else 2, 1)
        frontier.add(f"http://{name}.cn/p", IMAGE, 1)
    taken, left = [], []
    while isinstance(found := frontier.next(1e9), Job):
        spared = frontier.left(found)
        if spared is None:
            frontier.take(found)
            if not found.attempts:  # one that is tried again is counted once
                frontier.retry(found)
                frontier.release(found, 0)
                continue
        (taken if spared is None else left).append(found.url)
        frontier.done(found, Outcome.OK if spared is None else spared.outcome)
        frontier.release(found, 0)
    assert sum(url.endswith("/p") for url in taken) == 1
    pages = [url for url in taken if not url.endswith("/p")]
    assert len(pages) == 3 and sum("one" in url for url in pages) <= 2
    assert len(taken) + len(left) == 8
    assert frontier.counts()["page/budget"] == 3 and frontier.counts()["image/budget"] == 1


def test_a_larger_budget_opens_a_round(state: State) -> None:
    small = Frontier(state, Settings(max_pages=1))
    assert small.begin([Site("http://one.cn/")])
    small.add("http://one.cn/b", PAGE, 1, 1)
    first = job(small)
    small.take(first)
    small.done(first, Outcome.OK)
    small.release(first, 0)
    second = job(small)
    small.done(second, Outcome.BUDGET)
    small.release(second, 0)
    assert small.next(1e9) is None
    small.end()
    assert not small.begin([Site("http://one.cn/")]) and small.round == 0
    large = Frontier(state, Settings(max_pages=2))
    assert large.begin([Site("http://one.cn/")]) and large.round == 1
    assert drained(large) == ["http://one.cn/b"]
    assert large.counts() == {"page/ok": 2}
    large.end()
    assert not large.begin([Site("http://one.cn/")])
    assert large.begin([Site("http://two.cn/")]) and large.round == 2


def test_an_open_round_is_not_done_before_it_is_sealed(state: State) -> None:
    frontier = Frontier(state, loopback())
    assert frontier.begin([Site("http://one.cn/")])
    drained(frontier)
    assert frontier.begin([Site("http://one.cn/")]) and frontier.round == 0
    frontier.end()
    assert not frontier.begin([Site("http://one.cn/")])


def test_a_site_has_one_mark(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site("http://one.cn/", strong=True, class_="动物")])
    frontier.begin([Site("http://one.cn/more", strong=True, class_="动物", max_pages=20_000)])
    marks = frontier.marks(1)
    assert (marks.origin, marks.strong, marks.class_, marks.sitemap) == ("http://one.cn", True, "动物", True)
    with pytest.raises(BadInput, match=r"http://one\.cn"):
        frontier.begin([Site("http://one.cn/x", strong=False)])
    with pytest.raises(BadInput, match="seed"):
        frontier.begin([Site("http://user@three.cn/")])


def test_scope(state: State) -> None:
    frontier = Frontier(state, loopback())
    frontier.begin([Site(f"http://{name}.cn/", scope="origin") for name in ("one", "two")])
    assert frontier.in_scope("http://one.cn/x", 1) and not frontier.in_scope("https://one.cn/x", 1)
    frontier.widen(1, "https://one.cn/")
    frontier.widen(1, "http://two.cn/")  # another site's: it stays so
    assert frontier.in_scope("https://one.cn/x", 1) and frontier.in_scope("http://two.cn/", 2)
    again = reopened(state)
    assert not Frontier(again, loopback()).in_scope("http://one.cn/", 1)  # nothing was committed
    again.close()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_each_url_ends_once_and_no_host_is_hurried(tmp_path: Path, seed: int) -> None:
    """A simulated crawl of many hosts with retries, redirects, finds, checkpoints and kills."""
    chance = random.Random(seed)
    state = State(tmp_path / "part-00.sqlite")
    state.open()
    frontier = Frontier(state, loopback())
    for number in range(40):
        frontier.add(f"http://h{number % 7}.cn/{number}", PAGE, 1)
    state.commit()
    now, out, last = 0.0, list[Job](), dict[int, float]()
    while True:
        found = frontier.next(now)
        if isinstance(found, Job):
            assert found.host not in {one.host for one in out}
            assert now >= last.get(found.host, -1.0) + 1.0
            last[found.host] = now
            out.append(found)
        elif not out and found is None:
            break
        elif not out or (isinstance(found, float) and chance.random() < 0.5):
            now += found if isinstance(found, float) else 0.0
        if out and chance.random() < 0.7:
            one = out.pop(chance.randrange(len(out)))
            match chance.randrange(5):
                case 0 if one.attempts < 2:
                    frontier.retry(one)
                case 1 if len(one.redirects) < 3:
                    frontier.redirect(one, f"http://h{chance.randrange(9)}.cn/to/{one.id}")
                case 2:
                    frontier.add(f"http://h{chance.randrange(9)}.cn/{chance.randrange(120)}", IMAGE, 1)
                    frontier.done(one, Outcome.OK)
                case _:
                    frontier.done(one, Outcome.HTTP_ERROR)
            frontier.release(one, now, 1.0, strikes=0)
            last[one.host] = now
        if chance.random() < 0.1:
            state.commit()
        if chance.random() < 0.02:
            state = reopened(state)
            frontier, out, last = Frontier(state, loopback()), [], {}
    rows = state.db.execute("SELECT url, outcome FROM urls").fetchall()
    assert len(rows) >= 40 and all(outcome for _, outcome in rows)
    assert len({url for url, _ in rows}) == len(rows) == sum(frontier.counts().values())
    state.close()


def test_scheduling_costs_the_same_however_many_wait(state: State) -> None:
    """By SQLite's own count of what it does, which no busy machine disturbs."""
    frontier = Frontier(state, loopback())
    steps = 0

    def counted() -> int:
        nonlocal steps
        steps += 1
        return 0

    def cost(served: int) -> float:
        nonlocal steps
        steps = 0
        state.db.set_progress_handler(counted, 1)
        for number in range(served):
            found = job(frontier)
            frontier.done(found, Outcome.OK)
            frontier.release(found, 0, 1e9)
            frontier.add(f"http://new{number}.cn/{steps}", PAGE, 1)
        state.db.set_progress_handler(None, 0)
        return steps / served

    for number in range(200):
        frontier.add(f"http://h{number % 50}.cn/{number}", PAGE, 1)
    few = cost(50)
    for number in range(20_000):
        frontier.add(f"http://h{number % 1000}.cn/x{number}", PAGE, 1)
    assert cost(500) < 1.5 * few  # hosts are loaded some hundreds at a time


def test_one_crawl_at_a_time(state: State) -> None:
    with pytest.raises(WorkFailed, match="another crawl"):
        State(state.path).open()


def test_what_is_no_state_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "part-00.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(Damaged, match=r"part-00\.sqlite"):
        State(path).open()
