"""measure: several families in one reading, several models in one file, the same bytes however it is split."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from colours import colour_corpus, colour_crawl, plain, write_model

from filters.match import preparations
from pipelines import control, files, matched
from pipelines import measure as module
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.feed import Feeders
from pipelines.measure import measure
from pipelines.models import Chosen
from pipelines.originals import Originals
from pipelines.pair import pair
from schemas.errors import BadInput, Damaged, WorkFailed

LOCAL = Engine()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Chosen]:
    """Two models: one that knows colours, one that takes each for the next."""
    root = tmp_path_factory.mktemp("models")
    refs = {"colours": write_model(root / "a"), "blind": write_model(root / "b", "blind", blind=True, demo=True)}
    return {name: Chosen(ref, "cpu") for name, ref in refs.items()}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crawl that is paired, to be copied."""
    corpus = colour_corpus(tmp_path_factory.mktemp("crawled"))
    pair(corpus, engine=LOCAL)
    return Path(corpus.root)


@pytest.fixture
def corpus(crawled: Path, tmp_path: Path) -> Corpus:
    """A paired corpus of one's own."""
    shutil.copytree(crawled, tmp_path / "corpus")
    return Corpus(str(tmp_path / "corpus"))


def digests(corpus: Corpus, folder: str = "signals") -> dict[str, str]:
    """The digest of every file in a folder of the corpus."""
    root = Path(corpus.path(folder))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.p*")}


def rows(corpus: Corpus) -> list[dict[str, Any]]:
    """Every row of the match family."""
    return [row for shard in corpus.shards() for row in pq.read_table(corpus.signals("match", shard)).to_pylist()]


def test_one_reading_and_several_give_the_same_bytes(
    corpus: Corpus, crawled: Path, tmp_path: Path, models: dict[str, Chosen]
) -> None:
    both = tuple(models.values())
    measure(corpus, engine=LOCAL, models=both)
    together = digests(corpus)
    assert {name.split("/")[0] for name in together} == {"text", "image", "match", "topic"}
    shutil.copytree(crawled, tmp_path / "apart")
    apart = Corpus(str(tmp_path / "apart"))
    measure(apart, ["match"], engine=LOCAL, models=both[1:])
    for families in (["image"], ["match"], ["text"], ["topic"]):
        measure(apart, families, engine=LOCAL, models=both[:1])
    assert digests(apart) == together


def test_two_processes_give_the_same_bytes(
    corpus: Corpus, crawled: Path, tmp_path: Path, models: dict[str, Chosen]
) -> None:
    both = tuple(models.values())
    measure(corpus, engine=LOCAL, models=both)
    shutil.copytree(crawled, tmp_path / "workers")
    other = Corpus(str(tmp_path / "workers"))
    measure(other, engine=Engine(workers=2), models=both)
    assert digests(other) == digests(corpus)


def test_pictures_that_another_process_prepares_give_the_same_bytes(
    corpus: Corpus, crawled: Path, tmp_path: Path, models: dict[str, Chosen]
) -> None:
    measure(corpus, engine=LOCAL, models=(models["colours"],))
    shutil.copytree(crawled, tmp_path / "fed")
    fed, colours = Corpus(str(tmp_path / "fed")), module.model_of(models["colours"])
    measure(fed, engine=LOCAL, models=(models["colours"],), feeders=1)
    assert digests(fed) == digests(corpus)
    plan = matched.Plan(matched.models_of(corpus))
    with Feeders(1, preparations([colours])) as pictures:
        path = alter(fed)
        with pytest.raises(Damaged, match=path.name):
            module.measure_fed(fed.shards()[0], fed, plan, [colours], pictures)
        module.measure_fed(fed.shards()[1], fed, plan, [colours], pictures)


def alter(corpus: Corpus) -> Path:
    """Change a byte of a picture in the first WARC; the path of that."""
    path = sorted(Path(corpus.crawl("images")).glob("*.warc"))[0]
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    return path


def test_a_picture_is_read_and_decoded_once_for_all_families(
    corpus: Corpus, models: dict[str, Chosen], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, decoded = [], []
    really_read, really_decode = Originals.read, module.decode
    monkeypatch.setattr(Originals, "read", lambda self, *at: read.append(at) or really_read(self, *at))
    monkeypatch.setattr(module, "decode", lambda data: decoded.append(1) or really_decode(data))
    measure(corpus, engine=LOCAL, models=tuple(models.values()))
    assert len(read) == len(decoded) == 24
    measure(corpus, ["match"], engine=LOCAL, models=tuple(models.values()))
    assert len(read) == 24


def test_a_second_model_stands_beside_the_first(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["match"], engine=LOCAL, models=(models["colours"],))
    before = {row["key"]: row["match_colours_score"] for row in rows(corpus)}
    measure(corpus, ["match"], engine=LOCAL, models=(models["blind"],))
    after = {row["key"]: row["match_colours_score"] for row in rows(corpus)}
    assert repr(after) == repr(before)
    assert list(rows(corpus)[0])[1:5] == [f"match_blind_{what}" for what in ("score", "shuffled", "image", "text")]
    assert list(matched.models_of(corpus)) == ["blind", "colours"]
    said = matched.models_of(corpus)["blind"]
    assert (said.demo, said.warning, said.width, said.precision) == (True, "it knows three colours", 3, "fp32")
    assert said.preprocessing["size"] == "16"


def test_a_changed_model_is_measured_again_alone(
    corpus: Corpus, tmp_path: Path, models: dict[str, Chosen], monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = Chosen(write_model(tmp_path / "m", "changing"), "cpu")
    measure(corpus, engine=LOCAL, models=(models["colours"], changing))
    before = rows(corpus)
    write_model(tmp_path / "m", "changing", blind=True)
    monkeypatch.setattr("pipelines.models._loaded", {})
    times = {path: path.stat().st_mtime_ns for path in Path(corpus.path("signals")).rglob("*.parquet")}
    measure(corpus, engine=LOCAL, models=(changing,))
    written = {path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert written == {"match", "topic"}  # which is told by its vectors now
    changed = [
        name for name in before[0] if repr([row[name] for row in before]) != repr([r[name] for r in rows(corpus)])
    ]
    assert set(changed) == {f"match_changing_{what}" for what in ("score", "shuffled", "text")}


def test_a_second_run_writes_nothing_and_a_lost_file_comes_back(corpus: Corpus, models: dict[str, Chosen]) -> None:
    chosen = (models["colours"],)
    measure(corpus, engine=LOCAL, models=chosen)
    wanted = digests(corpus)
    times = {path: path.stat().st_mtime_ns for path in Path(corpus.path("signals")).rglob("*.parquet")}
    measure(corpus, engine=LOCAL, models=chosen)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    lost, cut = (Path(corpus.signals("match", shard)) for shard in corpus.shards()[:2])
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-9])
    measure(corpus, ["match"], engine=LOCAL, models=chosen)
    assert digests(corpus) == wanted


def test_other_pairs_are_measured_anew_for_the_models_that_are_asked(tmp_path: Path, models: dict[str, Chosen]) -> None:
    crawl = colour_crawl(tmp_path, 9)
    corpus = crawl.write()
    pair(corpus, engine=LOCAL)
    measure(corpus, ["match"], engine=LOCAL, models=tuple(models.values()))
    crawl.fetch("http://i.example/new.jpg", plain((250, 10, 10), 77), warc=1)
    crawl.see("http://i.example/new.jpg", "新的红图")
    corpus = crawl.write()
    pair(corpus, engine=LOCAL)
    measure(corpus, ["match"], engine=LOCAL, models=(models["colours"],))
    assert list(matched.models_of(corpus)) == ["colours"]
    assert len(rows(corpus)) == 19


def test_a_pair_without_a_number_is_named(tmp_path: Path, models: dict[str, Chosen]) -> None:
    crawl = colour_crawl(tmp_path, 6)
    crawl.see("http://i.example/1.jpg", "坏")
    corpus = crawl.write()
    pair(corpus, engine=LOCAL)
    with pytest.raises(WorkFailed, match=r"^pair [0-9a-f]{32}: the model colours gives what is no number for its text"):
        measure(corpus, ["match"], engine=LOCAL, models=(models["colours"],))


def test_an_altered_warc_is_named(corpus: Corpus, models: dict[str, Chosen]) -> None:
    path = alter(corpus)
    with pytest.raises(Damaged, match=path.name):
        measure(corpus, ["match"], engine=LOCAL, models=(models["colours"],))


def test_two_models_of_one_name_are_refused(corpus: Corpus, tmp_path: Path, models: dict[str, Chosen]) -> None:
    twin = Chosen(write_model(tmp_path / "twin"), "cpu")
    with pytest.raises(BadInput, match="both would be called colours"):
        measure(corpus, ["match"], engine=LOCAL, models=(models["colours"], twin))


def test_the_control_tells_a_model_that_knows_from_one_that_does_not(
    corpus: Corpus, models: dict[str, Chosen], capsys: pytest.CaptureFixture[str]
) -> None:
    measure(corpus, ["match"], engine=LOCAL, models=tuple(models.values()))
    blind, knows = control.controls(corpus)
    assert knows.auc > 0.9 > control.TELLS > blind.auc
    assert (knows.pairs, knows.unscored) == (42, 6)
    control.show(corpus, tuple(models.values()))
    shown = capsys.readouterr()
    assert "match colours: AUC 1.000" in shown.out
    assert "does not tell pairs apart on this corpus" in shown.out.splitlines()[0]
    assert shown.err.splitlines()[-1] == "measure: blind: it knows three colours"


def exact(true: np.ndarray, shuffled: np.ndarray) -> float:
    """The area by its definition."""
    above = (true[:, None] > shuffled[None, :]).mean()
    return float(above + (true[:, None] == shuffled[None, :]).mean() / 2)


@pytest.mark.parametrize("scale", [0.02, 0.5])
def test_the_area_is_exact_to_its_bound_and_adds_up_over_shards(scale: float) -> None:
    numbers = np.random.default_rng(3)
    true = np.clip(numbers.normal(0.3 * scale, scale, 4000), -1, 1).astype(np.float32)
    shuffled = np.clip(numbers.normal(0, scale, 3000), -1, 1).astype(np.float32)
    counted = [control.count(true[:999]) + control.count(true[999:]), control.count(shuffled)]
    auc, bound = control.area(*counted)
    assert bound < 1e-3
    assert abs(auc - exact(true, shuffled)) <= bound


def test_scores_that_are_all_alike_are_chance() -> None:
    same = control.count(np.full(50, 0.25, np.float32))
    assert control.area(same, same)[0] == 0.5
    assert np.isnan(control.area(same, same * 0)[0])


def test_the_cut_is_where_the_best_end() -> None:
    values = np.linspace(-0.5, 0.5, 1001).astype(np.float32)
    for top in (0.01, 0.3, 1.0):
        assert control.cut_at(control.count(values), top) == pytest.approx(0.5 - top, abs=2e-3)


def test_files_of_scores_say_what_they_are_of(corpus: Corpus, models: dict[str, Chosen]) -> None:
    measure(corpus, ["match"], engine=LOCAL, models=(models["colours"],))
    for shard in corpus.shards():
        said = files.metadata(corpus.signals("match", shard))
        assert said["of"] == files.metadata(corpus.pairs(shard))["seen"]
        table = pq.read_table(corpus.signals("match", shard))
        assert table.column("key").equals(pq.read_table(corpus.pairs(shard)).column("key"))
        assert str(table.schema.field("match_colours_image").type) == "fixed_size_list<element: halffloat not null>[3]"
        assert table.column("match_colours_score").null_count == 0


FEEDING = """
import os, time
from pipelines.feed import Feeders
from filters.models import Preprocessing

if __name__ == "__main__":
    with Feeders(1, [Preprocessing(16)]) as feeders:
        print(feeders._pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


def test_feeders_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "feeding.py"
    script.write_text(FEEDING)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        parent.communicate(timeout=60)  # the child has the pipe open too: it ends when both are gone
