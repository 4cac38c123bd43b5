"""The frontier as a machine: whatever is added, answered, killed and begun again, each URL ends once in each round."""

from __future__ import annotations

import tempfile
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings as runs
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crawlers.conditional import Held
from crawlers.fetch import Fetched
from crawlers.frontier import Frontier
from crawlers.job import Job
from crawlers.settings import Settings
from crawlers.state import State
from crawlers.urls import host_queue
from schemas.outcome import Outcome, UrlKind
from schemas.seeds import Site

SETTINGS = Settings(delay=1.0, address_hosts=1, strikes=3, max_bytes=3_000, max_images=25)
HOSTS = st.integers(0, 3)


@dataclass
class World:
    """What the crawl must have made of it, to be compared with what the frontier says."""

    round: int = 0
    waiting: set[str] = field(default_factory=set)
    ended: dict[str, Outcome] = field(default_factory=dict)  # the last outcome of each URL
    rows: Counter[tuple[int, str]] = field(default_factory=Counter)  # of the log
    not_before: dict[int, float] = field(default_factory=dict)  # by host
    left: set[int] = field(default_factory=set)


class Crawl(RuleBasedStateMachine):
    """Four hosts on two addresses, one connection to each; the clock is the machine's."""

    AT_HAND = 1000

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.state = State(Path(self.folder.name) / "part-00.sqlite")
        self.state.open()
        self.frontier = Frontier(self.state, SETTINGS, self.AT_HAND)
        self.now = 1_000.0
        self.out: list[Job] = []
        self.world = World()
        self.frontier.begin([Site("http://h0.cn/", max_pages=20, scope="origin")])
        self.world.waiting.add("http://h0.cn/")
        for number in range(12):
            self.add(number % 4, number, number % 3 == 0)
        self.checkpoint()

    def teardown(self) -> None:
        try:
            self.drain()
            ended = dict(self.state.db.execute("SELECT url, outcome FROM urls"))
            assert ended == {url: str(outcome) for url, outcome in self.world.ended.items()}
            assert set(self.world.rows.values()) <= {1}
        finally:
            self.state.close()
            self.folder.cleanup()

    @rule(host=HOSTS, number=st.integers(0, 30), picture=st.booleans())
    def add(self, host: int, number: int, picture: bool) -> None:
        url = f"http://h{host}.cn/{number}"
        self.frontier.add(url, UrlKind.IMAGE if picture else UrlKind.PAGE, 1, 1)
        if url not in self.world.ended:
            self.world.waiting.add(url)

    @rule(wait=st.floats(0.0, 4.0))
    def time_passes(self, wait: float) -> None:
        self.now += wait

    @rule()
    def next(self) -> None:
        self.ask()

    def ask(self) -> bool:
        job = self.frontier.next(self.now)
        if not isinstance(job, Job):
            return False
        assert job.url in self.world.waiting
        assert self.state.db.execute("SELECT name FROM hosts WHERE id = ?", (job.host,)).fetchone() == (
            host_queue(job.target),
        )
        assert job.host not in {one.host for one in self.out}
        if (spared := self.frontier.left(job)) is not None:
            self.end(job, spared.outcome)
            self.frontier.release(job, self.now)
            return True
        assert job.host not in self.world.left
        address = f"10.0.0.{job.host % 2}"
        if not job.address and not self.frontier.settle(job, address, self.now):
            return True
        assert self.now >= self.world.not_before.get(job.host, 0.0) - 1e-6
        self.frontier.take(job)
        self.out.append(job)
        assert sum(one.host % 2 == job.host % 2 for one in self.out) <= SETTINGS.address_hosts
        return True

    @precondition(lambda self: self.out)
    @rule(data=st.data(), wire=st.integers(0, 900))
    def answer(self, data: st.DataObject, wire: int) -> None:
        job = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.reply(job, data.draw(st.sampled_from(["ok", "ok", "found", "retry", "redirect", "404", "503"])), wire)

    def reply(self, job: Job, what: str, wire: int) -> None:
        strikes = job.strikes + 1 if what in ("retry", "503") else 0
        if what == "retry" and job.attempts < 2:
            self.frontier.retry(job)
        elif what == "redirect" and len(job.redirects) < 3:
            self.frontier.redirect(job, f"http://h{(job.host + 1) % 5}.cn/to/{job.id}")
        elif what == "404":
            self.end(job, Outcome.HTTP_ERROR, 404)
        elif what in ("retry", "503"):
            self.end(job, Outcome.HTTP_ERROR, 503)
        else:
            self.end(job, Outcome.OK, 200)
        if strikes >= SETTINGS.strikes:
            self.frontier.leave_alone(job, Outcome.HTTP_ERROR, 503)
            self.world.left.add(job.host)
        wait = 1.0 * 2**strikes
        fetched = Fetched(job.target, Outcome.OK, self.now, 0.1, ip=f"10.0.0.{job.host % 2}", wire=wire)
        self.frontier.release(job, self.now, wait, strikes=strikes, fetched=fetched)
        self.world.not_before[job.host] = self.now + wait

    def end(self, job: Job, outcome: Outcome, status: int = 0) -> None:
        held = Held(job.target, '"1"', "", "") if outcome is Outcome.OK else None
        self.frontier.done(job, outcome, status=status, held=held)
        self.world.waiting.remove(job.url)
        self.world.ended[job.url] = outcome
        self.world.rows[self.world.round, job.url] += 1

    @rule()
    def checkpoint(self) -> None:
        self.state.commit()
        self.saved = deepcopy(self.world)

    @rule()
    def kill(self) -> None:
        self.state.close()
        self.state.open()
        self.frontier = Frontier(self.state, SETTINGS, self.AT_HAND)
        self.world, self.out = deepcopy(self.saved), []

    @rule(again=st.booleans())
    def a_round_later(self, again: bool) -> None:
        self.drain()
        self.frontier.end()
        before = dict(self.state.db.execute("SELECT url, status FROM urls"))
        begun = self.frontier.begin([], again=again)
        reopened = {url for (url,) in self.state.db.execute("SELECT url FROM urls WHERE outcome IS NULL")}
        never = {
            url for url, outcome in self.world.ended.items() if outcome is Outcome.HTTP_ERROR and before[url] == 404
        }
        if again:
            assert reopened >= self.world.ended.keys() - never - self.ended(Outcome.BUDGET) and not reopened & never
        else:
            assert reopened <= self.ended(Outcome.BUDGET)
        assert begun == bool(reopened)
        if begun:
            self.world.round += 1
            self.world.left.clear()
            assert self.frontier.round == self.world.round
        for url in reopened:
            del self.world.ended[url]
        self.world.waiting |= reopened
        self.checkpoint()

    def ended(self, outcome: Outcome) -> set[str]:
        return {url for url, one in self.world.ended.items() if one is outcome}

    def drain(self) -> None:
        """Serve all that waits, to the end; while some URLs are out, time passes and others become ready."""
        while True:
            while self.ask():
                pass
            wait = self.frontier.next(self.now)
            assert not isinstance(wait, Job)
            if wait is not None and len(self.out) < 3:
                self.now += wait
            elif self.out:
                self.reply(self.out.pop(0), "ok", 10)
            else:
                assert not self.world.waiting
                return

    @invariant()
    def what_it_says_is_so(self) -> None:
        assert sum(self.frontier.counts().values()) == len(self.world.ended)
        assert not self.world.waiting & self.world.ended.keys()


class CrawlOfMany(Crawl):
    """There are more hosts than memory holds."""

    AT_HAND = 2


TestCrawl, TestCrawlOfMany = Crawl.TestCase, CrawlOfMany.TestCase
TestCrawl.settings = TestCrawlOfMany.settings = runs(max_examples=25, stateful_step_count=40, deadline=None)
