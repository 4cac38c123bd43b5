"""pair, measure, cluster and judge, on a raw crawl made here: real files, real pictures, the real engine."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawls import RawCrawl, photo, small_crawl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import files
from pipelines.cluster import cluster
from pipelines.components import large_star, small_star
from pipelines.corpus import Corpus
from pipelines.draw import shares
from pipelines.engine import Engine
from pipelines.judge import judge, tally
from pipelines.measure import measure
from pipelines.pair import pair
from schemas import recipe as recipes
from schemas.errors import BadInput, Damaged
from schemas.recipe import Recipe

LOCAL = Engine()


def run_all(corpus: Corpus, recipe: Recipe, engine: Engine = LOCAL) -> None:
    pair(corpus, engine=engine)
    measure(corpus, engine=engine)
    cluster(corpus, engine=engine)
    judge(corpus, recipe, engine=engine)


def snapshot(corpus: Corpus) -> dict[str, str]:
    """The digest of every file that the verbs wrote."""
    names = [name for name in files.tree(corpus.root) if not name.startswith("crawl/")]
    return {name: hashlib.sha256(Path(corpus.root, name).read_bytes()).hexdigest() for name in names}


def column(corpus: Corpus, folder: str, name: str) -> dict[str, object]:
    """One column of a folder's Parquet files, by key."""
    names = files.listing(corpus.path(folder), ".parquet")
    tables = [pq.read_table(corpus.path(folder, file), columns=["key", name]) for file in names]
    rows = pa.concat_tables(tables).to_pylist()
    return {row["key"]: row[name] for row in rows}


DEMO = recipes.load("demo")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = small_crawl(tmp_path_factory.mktemp("corpus"))
    run_all(corpus, DEMO)
    return corpus


def test_every_pair_found_is_paired_or_unfetched_with_its_outcome(judged: Corpus) -> None:
    assert pair(judged, engine=LOCAL) == {"found": 28, "fetched": 27, "unfetched": 1}
    assert list(column(judged, "pairs/unfetched", "outcome").values()) == ["http_error"]


def test_a_page_that_shows_itself_as_a_picture_is_a_picture_of_a_bad_type(tmp_path: Path) -> None:
    """As <img src="./"> does: the URL has its outcome as a page, and none as a picture."""
    crawl = RawCrawl(tmp_path)
    crawl.fetch("http://a.example/1", None)
    crawl.log[-1]["kind"] = "page"
    crawl.see("http://a.example/1", "首页")
    crawl.fetch("http://a.example/robots.txt", None, "http_error")
    crawl.log[-1]["kind"] = "robots"
    crawl.see("http://a.example/robots.txt", "规则")
    corpus = crawl.write()
    assert pair(corpus, engine=LOCAL) == {"found": 2, "fetched": 0, "unfetched": 2}
    rows = [row for path in tmp_path.glob("pairs/unfetched/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["text"]: row["outcome"] for row in rows} == {"首页": "bad_type", "规则": "http_error"}


def test_the_place_of_a_pair_holds_its_picture(judged: Corpus) -> None:
    for name in files.listing(judged.path("pairs"), ".parquet"):
        for row in pq.read_table(judged.path("pairs", name)).to_pylist():
            data = Path(judged.crawl(row["warc"])).read_bytes()[row["offset"] : row["offset"] + row["length"]]
            assert hashlib.sha256(data).hexdigest() == row["image_id"]


def test_rows_in_are_rows_out_at_every_verb(judged: Corpus) -> None:
    keys = set(column(judged, "pairs", "image_id"))
    for folder in ("signals/text", "signals/image", "signals/corpus", "ledger/demo"):
        assert set(column(judged, folder, "key")) == keys
    assert sum(tally(judged, DEMO, "verdict").values()) == len(keys) == 27


def test_copies_and_resized_copies_share_a_cluster_and_name_their_match(judged: Corpus) -> None:
    urls = column(judged, "pairs", "image_url")
    clusters, matches = (
        column(judged, "signals/corpus", "image_cluster"),
        column(judged, "signals/corpus", "image_match"),
    )
    distances = column(judged, "signals/corpus", "image_distance")
    groups: dict[object, set[object]] = {}
    for key, name in clusters.items():
        groups.setdefault(name, set()).add(urls[key])
    together = sorted(
        sorted(str(url).rsplit("/", 1)[-1] for url in group) for group in groups.values() if len(group) > 1
    )
    assert together == [["3.jpg", "copy.jpg"], ["4.jpg", "small.jpg"]]
    for key, name in clusters.items():
        assert name == min(other for other in clusters if clusters[other] == name)
        assert (matches[key] == "") == (key == name) == (distances[key] == -1)


def test_repeats_count_the_very_same_text(judged: Corpus) -> None:
    texts, repeats = column(judged, "pairs", "text"), column(judged, "signals/corpus", "text_repeats")
    counts = Counter(texts.values())
    assert counts["查看原图"] == 12
    assert all(repeats[key] == counts[text] for key, text in texts.items())


def rows_of(query: str) -> list[tuple[str, str, str]]:
    return duckdb.connect().execute(query).fetchall()


def ledger_rows(corpus: Corpus, recipe: Recipe) -> list[tuple[str, str, str]]:
    tables = [files.read_table(corpus.ledger(recipe.name, shard)) for shard in corpus.shards()]
    rows = pa.concat_tables(tables).sort_by("key").to_pylist()
    return [(row["key"], row["verdict"], row["tier"]) for row in rows]


@pytest.mark.parametrize("name", [name for name in recipes.packaged() if not recipes.load(name).any_score])
def test_the_sql_says_the_same_as_the_ledger(judged: Corpus, name: str) -> None:
    recipe = recipes.load(name)
    judge(judged, recipe, engine=LOCAL)
    assert rows_of(recipes.sql(recipe, judged.root)) == ledger_rows(judged, recipe)


WITH_TOP = """
name = "top"
[[keep]]
signal = "image_laplacian"
top = 0.5
why = "a test"
[[keep]]
signal = "text_language"
one_of = ["zh"]
why = "a test"
[[once]]
by = ["image_cluster"]
best = ["-image_entropy", "text_chars"]
why = "a test"
[[once]]
by = ["class"]
limit = 2
why = "a test"
[[tier.strong.keep]]
signal = "image_entropy"
top = {top}
why = "a test"
"""


@pytest.mark.parametrize("top", [0.01, 0.3, 1.0])
def test_the_sql_says_the_same_of_tops_words_and_two_onces(judged: Corpus, tmp_path: Path, top: float) -> None:
    path = tmp_path / "top.toml"
    path.write_text(WITH_TOP.format(top=top), "utf-8")
    recipe = recipes.load(str(path))
    counts = judge(judged, recipe, engine=LOCAL)
    rows = ledger_rows(judged, recipe)
    assert rows_of(recipes.sql(recipe, judged.root)) == rows
    assert counts["image_laplacian"] == 27 - 26 // 2  # one of 27 is broken: NaN is in no top
    assert top < 1 or {tier for _, verdict, tier in rows if not verdict} == {"strong"}


def test_the_base_is_drawn_from_the_strong_by_class(judged: Corpus) -> None:
    base, tiers = column(judged, "ledger/demo", "base"), column(judged, "ledger/demo", "tier")
    assert {tiers[key] for key, drawn in base.items() if drawn} == {"strong"}


def test_three_workers_give_the_same_bytes_and_a_second_run_writes_nothing(judged: Corpus, tmp_path: Path) -> None:
    again = small_crawl(tmp_path)
    run_all(again, DEMO, Engine(workers=3))
    wanted = {name: digest for name, digest in snapshot(judged).items() if "ledger" not in name or "demo" in name}
    assert snapshot(again) == wanted
    times = {name: Path(again.path(name)).stat().st_mtime_ns for name in snapshot(again)}
    run_all(again, DEMO)
    assert {name: Path(again.path(name)).stat().st_mtime_ns for name in times} == times


def test_a_lost_or_cut_file_comes_back_byte_for_byte(tmp_path: Path) -> None:
    corpus = small_crawl(tmp_path)
    run_all(corpus, DEMO)
    before = snapshot(corpus)
    for number, name in enumerate(before):
        path = Path(corpus.path(name))
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-9])
    run_all(corpus, DEMO)
    assert snapshot(corpus) == before


def test_an_altered_warc_is_named(tmp_path: Path) -> None:
    corpus = small_crawl(tmp_path)
    pair(corpus, engine=LOCAL)
    warc = tmp_path / "crawl/images/r0000-p00-00001.warc"
    data = bytearray(warc.read_bytes())
    data[500] ^= 1
    warc.write_bytes(data)
    with pytest.raises(Damaged, match=r"r0000-p00-00001\.warc"):
        measure(corpus, engine=LOCAL)


def test_a_missing_verb_is_named(tmp_path: Path) -> None:
    corpus = Corpus(str(tmp_path))
    with pytest.raises(BadInput, match="tuwen crawl"):
        pair(corpus, engine=LOCAL)
    small_crawl(tmp_path)
    with pytest.raises(BadInput, match="tuwen pair"):
        measure(corpus, engine=LOCAL)
    pair(corpus, engine=LOCAL)
    with pytest.raises(BadInput, match="tuwen measure"):
        judge(corpus, DEMO, engine=LOCAL)
    measure(corpus, engine=LOCAL)
    with pytest.raises(BadInput, match="tuwen cluster"):
        judge(corpus, DEMO, engine=LOCAL)


def test_against_names_the_older_picture(judged: Corpus, tmp_path: Path) -> None:
    corpus = small_crawl(tmp_path / "corpus")
    pair(corpus, engine=LOCAL)
    measure(corpus, engine=LOCAL)
    (tmp_path / "flickr").mkdir()
    (tmp_path / "flickr" / "five.jpg").write_bytes(photo(5, 320, 240))
    cluster(corpus, engine=LOCAL, against=(str(tmp_path / "flickr"),))
    urls, ids = column(corpus, "pairs", "image_url"), column(corpus, "signals/corpus", "against_id")
    assert {urls[key] for key, found in ids.items() if found == "five.jpg"} == {"http://i.example/5.jpg"}
    assert set(column(corpus, "signals/corpus", "against_name").values()) == {"", "flickr"}
    with pytest.raises(BadInput, match="neither a release"):
        cluster(corpus, engine=LOCAL, against=(str(tmp_path / "nothing"),))


@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers(0, 50), min_size=1),
    st.integers(1, 200),
    st.integers(0, 20),
    st.integers(0, 40),
)
def test_shares_keep_floor_cap_and_size(sizes: dict[str, int], size: int, floor: int, more: int) -> None:
    cap = max(floor + more, 1)
    drawn = shares(sizes, size, floor, cap)
    able = {name: min(count, cap) for name, count in sizes.items()}
    assert sum(drawn.values()) == min(size, sum(able.values()))
    assert all(0 <= drawn[name] <= able[name] for name in sizes)
    if sum(min(count, floor) for count in able.values()) <= size:
        assert all(drawn[name] >= min(floor, able[name]) for name in sizes)
        above = [drawn[name] for name in sizes if drawn[name] > floor]
        short = [drawn[name] for name in sizes if drawn[name] < able[name]]
        if above and short:
            assert max(above) - min(short) <= 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=40))
def test_star_steps_settle_on_the_components(pairs: list[tuple[int, int]]) -> None:
    edges = {(f"{a:02d}", f"{b:02d}") for a, b in pairs if a != b}
    leader = {node: node for edge in edges for node in edge}
    for _ in leader:
        for a, b in edges:
            leader[a] = leader[b] = min(leader[a], leader[b])
    for _ in range(8):
        near: dict[str, set[str]] = {}
        for a, b in edges:
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
        down: dict[str, set[str]] = {}
        for node, others in near.items():
            for larger, smaller in large_star(node, others):
                down.setdefault(larger, set()).add(smaller)
        edges = {edge for node, smaller in down.items() for edge in small_star(node, smaller)}
    assert edges == {(node, first) for node, first in leader.items() if node != first}
