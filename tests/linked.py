"""A small web whose sites and pictures lead to one another, so that no partition of it can be crawled alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image
from web import Answer, Web, answer, redirect, serving

from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.pair import pair
from schemas.seeds import Site

Ended = tuple[dict[str, tuple[str, str]], set[tuple[str, str, str, bool]]]
"""What a crawl makes of the web: see `ended`."""

ROBOTS = answer("User-agent: *\nDisallow: /closed/\n", kind="text/plain")


def picture(number: int) -> bytes:
    """An answer with a picture of its own colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 20 % 256, 90, 7)).save(buffer, "PNG")
    return answer(buffer.getvalue(), kind="image/png")


def _pages(hosts: list[Web], other: Web, pages: int) -> dict[str, Answer]:
    """Pages whose pictures lie on other hosts, by way of redirects too; one leads to a page of the other site."""
    links = "".join(f"<a href=/{one}>" for one in range(pages))
    answers: dict[str, Answer] = {"/robots.txt": ROBOTS, "/": answer(f"<title>站</title>{links}")}
    for one in range(pages):
        pictures = "".join(f"<img src={host.url(f'/{one}.png')} alt='图 {one}'>" for host in hosts)
        answers[f"/{one}"] = answer(
            f"{pictures}<img src={hosts[0].url(f'/to/{one}')} alt=转><img src={other.url('/0')} alt=页>"
            f"<img src=/closed/{one}.png alt=关><a href={other.url('/')}>"
        )
    return answers


@contextmanager
def linked(pages: int = 12) -> Iterator[tuple[list[Web], list[Web]]]:
    """Two sites, a third that has moved to where the first is not, and three hosts of pictures; and every host."""
    sites, hosts = [Web({}), Web({})], [Web({}), Web({}), Web({})]
    moved, home = Web({}), Web({})
    with serving(*sites, *hosts, moved, home):
        for number, host in enumerate(hosts):
            host.answers |= {f"/{one}.png": picture(one) for one in range(pages) if one != number}
            after = hosts[(number + 1) % 3]
            host.answers |= {f"/to/{one}": redirect(after.url(f"/again/{one}")) for one in range(pages)}
            host.answers |= {f"/again/{one}": redirect(after.url(f"/{one}.png")) for one in range(pages)}
        for site, other in zip(sites, reversed(sites), strict=True):
            site.answers |= _pages(hosts, other, pages)
        moved.answers["/"] = redirect(home.url("/"))
        home.answers |= _pages(hosts, sites[0], pages)
        yield [*sites, moved], [*sites, moved, home, *hosts]


def seeds(webs: list[Web]) -> list[Site]:
    """A seed for each, the first of them strong."""
    return [Site(web.url("/"), strong=number == 0) for number, web in enumerate(webs)]


def ended(corpus: Path) -> Ended:
    """The outcome of every URL, none twice, and every pair with its site's mark."""
    rows = [(row["url"], row["kind"], row["outcome"]) for row in pq.read_table(corpus / "crawl" / "log").to_pylist()]
    assert len({url for url, _, _ in rows}) == len(rows)
    pair(Corpus(str(corpus)), engine=Engine())
    tables = [pq.read_table(path, partitioning=None) for path in corpus.glob("pairs/**/*.parquet")]
    pairs = [(row["key"], row["image_url"], row["source"], row["strong"]) for t in tables for row in t.to_pylist()]
    assert len(set(pairs)) == len(pairs)
    return {url: (kind, outcome) for url, kind, outcome in rows}, set(pairs)
