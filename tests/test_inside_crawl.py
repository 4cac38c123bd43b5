"""A crawl of a site whose pictures speak for themselves: outcomes, evidence, what reaches the pairs and a ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from containers import chunk, itxt, jpeg, mining, packet, png, segment, store, training, with_c2pa, with_xmp
from web import Web, answer, loopback, serving

from crawlers.crawl import crawl
from pipelines.corpus import Corpus
from pipelines.engine import Engine
from pipelines.judge import judge
from pipelines.pair import pair
from schemas.errors import Damaged
from schemas.recipe import Keep, Recipe, sql
from schemas.seeds import Site

BY = "https://creativecommons.org/licenses/by/4.0/"
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
OPEN = packet(f'<cc:license rdf:resource="{BY}"/>', f'Iptc4xmpExt:DigitalSourceType="{SOURCE}digitalCapture"')
MADE = packet(attributes=f'Iptc4xmpExt:DigitalSourceType="{SOURCE}trainedAlgorithmicMedia"')
LABEL = '{"Label": "2", "ContentProducer": "某公司"}'

PICTURES: dict[str, tuple[str, bytes, str]] = {  # by path: type, bytes, the signal that decides ('' when none does)
    "/plain.png": ("image/png", png(), ""),
    "/open.png": ("image/png", png(itxt(b"XML:com.adobe.xmp", OPEN)), ""),
    "/made.png": ("image/png", png(itxt(b"XML:com.adobe.xmp", MADE)), ""),
    "/label.png": ("image/png", png(itxt(b"AIGC", LABEL.encode())), ""),
    "/broken.jpg": ("image/jpeg", jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<rights")), ""),
    "/allowed.png": ("image/png", png(chunk(b"caBX", training({"cawg.ai_training": {"use": "allowed"}}))), ""),
    "/seen.jpg": ("image/jpeg", jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<a DMI-PROHIBITED")), "unreadable"),
    **{f"/x{number}": (*one, "iptc-plus") for number, one in enumerate(with_xmp(mining("DMI-PROHIBITED")).values())},
    **{
        f"/c{number}": (*one, "c2pa")
        for number, one in enumerate(with_c2pa(training({"cawg.data_mining": {"use": "constrained"}})).values())
    },
    "/both.png": (
        "image/png",
        png(itxt(b"XML:com.adobe.xmp", OPEN), chunk(b"caBX", training({"c2pa.ai_training": {"use": "notAllowed"}}))),
        "c2pa",
    ),
    "/silent.png": ("image/png", png(chunk(b"caBX", store())), ""),
}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(the site's origin, the corpus) after the crawl."""
    corpus = tmp_path_factory.mktemp("corpus")
    page = "".join(f'<img src="{path}" alt="第{number}张">' for number, path in enumerate(PICTURES))
    site = Web({path: answer(body, kind=kind) for path, (kind, body, _) in PICTURES.items()})
    site.answers |= {"/robots.txt": answer("User-agent: *\nAllow: /", kind="text/plain"), "/": answer(page)}
    with serving(site):
        crawl([Site(site.url("/"))], corpus, loopback())
        return site.url("").rstrip("/"), corpus


def log(crawled: tuple[str, Path]) -> dict[str, dict[str, Any]]:
    origin, corpus = crawled
    rows = pq.read_table(corpus / "crawl" / "log").to_pylist()
    return {row["url"].removeprefix(origin): row for row in rows if row["kind"] == "image"}


@pytest.mark.parametrize("path", PICTURES)
def test_the_outcome_and_the_evidence(crawled: tuple[str, Path], path: str) -> None:
    row, (_, _, signal) = log(crawled)[path], PICTURES[path]
    assert row["outcome"] == ("opted_out" if signal else "ok"), row["evidence"]
    heard = {one["signal"]: one for one in json.loads(row["evidence"]).get("consent", [])}
    assert {name for name, one in heard.items() if one["decided"]} == ({signal} if signal else set())
    assert (row["warc"] == "") is bool(signal)  # what was refused is not kept


def test_what_is_unreadable_or_allowed_is_evidence_too(crawled: tuple[str, Path]) -> None:
    rows = log(crawled)
    assert json.loads(rows["/broken.jpg"]["evidence"])["consent"][-1]["said"] == ["xmp"]
    assert json.loads(rows["/allowed.png"]["evidence"])["consent"][-1]["said"] == ["cawg.ai_training: allowed"]
    assert "consent" not in json.loads(rows["/plain.png"]["evidence"])


def test_no_byte_of_a_refused_picture_is_in_the_corpus(crawled: tuple[str, Path]) -> None:
    kept = b"".join(path.read_bytes() for path in (crawled[1] / "crawl" / "images").iterdir())
    assert b"DMI-PROHIBITED" not in kept and b"constrained" not in kept and BY.encode() in kept


def test_the_log_and_the_pairs_tell_licences_and_origin(crawled: tuple[str, Path]) -> None:
    rows = log(crawled)
    assert (rows["/open.png"]["licences"], rows["/open.png"]["digital_source"]) == ([BY], "digitalCapture")
    assert rows["/both.png"]["licences"] == [BY]  # of a refused one too
    assert json.loads(rows["/label.png"]["ai_label"]) == {"Label": "2", "ContentProducer": "某公司"}
    origin, root = crawled
    corpus = Corpus(str(root))
    assert pair(corpus, engine=Engine())["fetched"] == sum(not signal for *_, signal in PICTURES.values())
    pairs = {row["image_url"].removeprefix(origin): row for row in pq.read_table(corpus.pairs("00000")).to_pylist()}
    told = {path: (row["licences"], row["digital_source"], row["ai_generated"]) for path, row in pairs.items()}
    assert told["/plain.png"] == ([], "", 0)
    assert told["/open.png"] == ([BY], "digitalCapture", 0)
    assert told["/made.png"] == ([], "trainedAlgorithmicMedia", 3)
    assert told["/label.png"] == ([], "", 2)


def test_a_recipe_may_name_the_origin(crawled: tuple[str, Path]) -> None:
    corpus = Corpus(str(crawled[1]))
    pair(corpus, engine=Engine())
    keeps = (
        Keep("ai_generated", "no picture that says AI made it", max=1),
        Keep("digital_source", "only what tells where it is from", one_of=("digitalCapture",)),
    )
    recipe = Recipe("origin", keep=keeps)
    counts = judge(corpus, recipe, engine=Engine())
    assert counts[""] == 1 and counts["ai_generated"] == 2
    ledger = pq.read_table(corpus.ledger("origin", "00000"), columns=["key", "verdict", "tier"]).to_pylist()
    assert sorted(tuple(row.values()) for row in ledger) == duckdb.sql(sql(recipe, corpus.root)).fetchall()


def test_a_log_without_what_pictures_say_is_refused(crawled: tuple[str, Path], tmp_path: Path) -> None:
    """An older crawl did not look: to take that for silence could lose an opt-out."""
    for folder in ("log", "found", "images"):
        (tmp_path / "crawl" / folder).mkdir(parents=True)
        for path in (crawled[1] / "crawl" / folder).iterdir():
            (tmp_path / "crawl" / folder / path.name).write_bytes(path.read_bytes())
    for path in (tmp_path / "crawl" / "log").iterdir():
        pq.write_table(pq.read_table(path).drop_columns(["licences", "digital_source", "ai_label"]), path)
    with pytest.raises(Damaged, match="an older version wrote it"):
        pair(Corpus(str(tmp_path)), engine=Engine())
