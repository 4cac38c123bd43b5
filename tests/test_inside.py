"""What pictures say of themselves, in every kind of file and in both directions; hostile ones end soon and quietly."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import brotli
import cbor2
import pytest
from containers import (
    EXTENSION_HEADER,
    XMP_HEADER,
    app11,
    box,
    cbor,
    chunk,
    exif,
    extension,
    iptc,
    itxt,
    jpeg,
    jumb,
    manifest,
    mining,
    packet,
    photoshop,
    png,
    resource,
    saved,
    segment,
    store,
    tiff,
    training,
    webp,
    with_c2pa,
    with_xmp,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crawlers import inside, media
from crawlers.ai_label import ai_generated
from crawlers.consent import Consent
from crawlers.inside import Inside, read

PROHIBITED = "DMI-PROHIBITED-AIMLTRAINING"


def consents(said: Inside) -> dict[str, Consent]:
    return {one.signal: one for one in said.consents}


def allowed(said: Inside) -> bool:
    return all(one.allowed for one in said.consents)


def read_xmp(data: bytes) -> Inside:
    return read(png(itxt(b"XML:com.adobe.xmp", data)), "image/png")


def read_c2pa(data: bytes) -> Inside:
    return read(png(chunk(b"caBX", data)), "image/png")


@pytest.mark.parametrize("name", with_xmp(packet()))
def test_xmp_is_found_in_every_kind_of_file(name: str) -> None:
    kind, body = with_xmp(mining(PROHIBITED))[name]
    assert media.sniff(body[:512]) == kind
    assert Image.open(io.BytesIO(body)).convert("RGB").size == (24, 16)  # a picture like any other
    assert read(body, kind).consents == (Consent("iptc-plus", (PROHIBITED,), PROHIBITED),)
    kind, body = with_xmp(mining("DMI-ALLOWED"))[name]
    assert read(body, kind).consents == (Consent("iptc-plus", ("DMI-ALLOWED",)),)


@pytest.mark.parametrize("name", with_c2pa(store()))
def test_c2pa_is_found_in_every_kind_of_file(name: str) -> None:
    kind, body = with_c2pa(training({"cawg.ai_training": {"use": "notAllowed"}}))[name]
    assert media.sniff(body[:512]) == kind
    assert Image.open(io.BytesIO(body)).convert("RGB").size == (24, 16)
    said = "cawg.ai_training: notAllowed"
    assert read(body, kind).consents == (Consent("c2pa", (said,), said),)
    kind, body = with_c2pa(training({"cawg.ai_training": {"use": "allowed"}}))[name]
    assert read(body, kind).consents == (Consent("c2pa", ("cawg.ai_training: allowed",)),)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "tiff", "avif"])
def test_a_picture_without_metadata_says_nothing(kind: str) -> None:
    assert read(saved(kind), f"image/{kind}") == Inside()


def test_heic_is_read_as_avif_is() -> None:
    _, body = with_xmp(mining(PROHIBITED))["avif by Pillow"]
    assert not allowed(read(body, "image/heic"))
    assert read(body, "image/bmp") == Inside()


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("inline", [False, True])
def test_every_version_of_the_places_of_items(version: int, inline: bool) -> None:
    """Items behind the boxes, or, from version 1 on, inside of them; in two pieces."""
    data = mining(PROHIBITED)
    number = "I" if version == 2 else "H"
    wide = version > 0
    kind = b"mime" + b"name\0application/rdf+xml\0"
    entry = box(b"infe", bytes([3 if wide else 2, 0, 0, 0]) + struct.pack(">IH" if wide else ">HH", 7, 0) + kind)
    iinf = box(b"iinf", bytes(4) + struct.pack(">H", 1) + entry)

    def meta(start: int) -> bytes:
        pieces = ((start, 100), (start + 100, len(data) - 100))
        iloc = bytes([version, 0, 0, 0, 0x44, 0]) + struct.pack(f">{number}{number}", 1, 7)
        iloc += struct.pack(">H", 1 if inline else 0) if version else b""
        iloc += struct.pack(">HH", 0, 2) + b"".join(struct.pack(">II", *piece) for piece in pieces)
        return box(b"meta", bytes(4) + iinf + box(b"iloc", iloc) + (box(b"idat", data) if inline else b""))

    start = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    body = start + meta(0 if inline else len(start) + len(meta(0)) + 8) + (b"" if inline else box(b"mdat", data))
    if inline and not version:  # version 0 knows no such place
        assert "iptc-plus" not in consents(read(body, "image/avif"))
    else:
        assert list(consents(read(body, "image/avif"))) == ["iptc-plus"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("DMI-PROHIBITED", False),
        ("DMI-PROHIBITED-AIMLTRAINING", False),
        ("DMI-PROHIBITED-GENAIMLTRAINING", False),
        ("DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING", False),
        ("DMI-PROHIBITED-SEECONSTRAINT", False),
        ("DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR", False),
        ("DMI-Prohibited", False),
        ("DMI-ALLOWED", True),
        ("DMI-UNSPECIFIED", True),
        ("something else", True),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        '<plus:DataMining rdf:resource="http://ns.useplus.org/ldf/vocab/{}"/>',
        "<plus:DataMining>http://ns.useplus.org/ldf/vocab/{}</plus:DataMining>",
        "<plus:DataMining>\n {} \n</plus:DataMining>",
        "<plus:DataMining><rdf:Bag><rdf:li>DMI-UNSPECIFIED</rdf:li><rdf:li>{}</rdf:li></rdf:Bag></plus:DataMining>",
        '<plus:DataMining><rdf:Alt><rdf:li xml:lang="x-default" rdf:resource="{}"/></rdf:Alt></plus:DataMining>',
        "<plus:DataMining rdf:parseType='Resource'><rdf:value>{}</rdf:value></plus:DataMining>",
        "<rdf:Description plus:DataMining='{}'/>",
        "<plus:DataMining>{}<plus:Qualifier/></plus:DataMining>",
        "<p:DataMining xmlns:p='http://ns.useplus.org/ldf/xmp/1.0'><![CDATA[{}]]></p:DataMining>",
    ],
)
def test_every_form_of_data_mining(form: str, value: str, kept: bool) -> None:
    said = consents(read_xmp(packet(form.format(value))))["iptc-plus"]
    assert value in said.said
    assert said.decided == ("" if kept else value)


def test_an_attribute_and_utf_16() -> None:
    said = packet(attributes=f'plus:DataMining="{PROHIBITED}"')
    assert not allowed(read_xmp(said))
    assert not allowed(read_xmp(said.decode().encode("utf-16")))


def test_a_name_of_another_namespace_is_another_name() -> None:
    said = f'<x:DataMining xmlns:x="http://example.cn/">{PROHIBITED}</x:DataMining>'
    assert read_xmp(packet(said)) == Inside()


@pytest.mark.parametrize(("value", "kept"), [("1", False), ("0", True)])
def test_a_tdm_reservation(value: str, kept: bool) -> None:
    assert allowed(read_xmp(packet(attributes=f'tdm:reservation="{value}"'))) is kept


@pytest.mark.parametrize("prefix", ["c2pa", "cawg"])
@pytest.mark.parametrize(
    ("entry", "use", "kept"),
    [
        *((entry, use, False) for entry in ("ai_training", "ai_generative_training", "data_mining") for use in "nc"),
        *((entry, "a", True) for entry in ("ai_training", "ai_generative_training", "data_mining", "ai_inference")),
        *(("ai_inference", use, True) for use in "nc"),  # a corpus trains; it does not infer
    ],
)
def test_every_entry_and_use(prefix: str, entry: str, use: str, kept: bool) -> None:
    use = {"n": "notAllowed", "c": "constrained", "a": "allowed"}[use]
    entries = {f"{prefix}.ai_inference": {"use": "allowed"}} | {
        f"{prefix}.{entry}": {"constraint_info": "ask us", "use": use}
    }
    said = consents(read_c2pa(training(entries, f"{prefix}.training-mining")))["c2pa"]
    assert f"{prefix}.{entry}: {use}" in said.said
    assert said.allowed is kept


ENTRIES = {"entries": {"c2pa.ai_training": {"use": "notAllowed"}}}


@pytest.mark.parametrize(
    "data",
    [
        store(manifest(jumb("c2pa.training-mining", box(b"json", json.dumps(ENTRIES).encode())))),
        store(manifest(jumb("c2pa.training-mining__2", cbor(ENTRIES)))),
        store(manifest(jumb("cawg.training-mining", cbor({"entries": {"cawg.data_mining": "constrained"}})))),
        store(manifest(jumb("c2pa.training-mining", cbor(ENTRIES))), manifest(name="urn:c2pa:2")),  # an ingredient's
        store(box(b"brob", b"jumb" + brotli.compress(manifest(jumb("c2pa.training-mining", cbor(ENTRIES)))[8:]))),
        store(jumb("urn:c2pa:1", box(b"brob", brotli.compress(manifest(jumb("c2pa.training-mining", cbor(ENTRIES))))))),
        store(manifest(jumb("cawg.metadata", box(b"json", b'{"plus:DataMining": "DMI-PROHIBITED"}')))),
        store(manifest(jumb("stds.iptc", box(b"json", b'{"plus:DataMining": {"@id": "x/DMI-PROHIBITED"}}')))),
    ],
)
def test_every_form_of_an_assertion(data: bytes) -> None:
    said = read_c2pa(data)
    assert not allowed(said) and "unreadable" not in consents(said)


@pytest.mark.parametrize(
    "data",
    [
        store(manifest()),
        store(manifest(jumb("c2pa.training-mining", cbor({"entries": []})))),
        store(manifest(jumb("c2pa.training-mining", cbor(["entries"])))),
        store(manifest(jumb("c2pa.training-mining", cbor({"entries": {"c2pa.ai_training": {"use": 0}, 1: 2}})))),
        store(manifest(jumb("com.example.training", cbor(ENTRIES)))),
        jumb("c2pa.ingredient", box(b"bfdb", b"c2pa.ai_training notAllowed")),
    ],
)
def test_what_is_no_refusal(data: bytes) -> None:
    assert read_c2pa(data) == Inside()


SIGNED = Path(__file__).parent / "golden" / "signed_pictures"


@pytest.mark.parametrize("path", sorted(SIGNED.glob("*.*")), ids=lambda path: path.name)
def test_pictures_signed_by_c2pa_itself(path: Path) -> None:
    """By c2pa-python 0.38.1 with a certificate that nobody trusts: as they come, and with a compressed manifest."""
    use, body = path.name.partition("-")[0], path.read_bytes()
    said = read(body, media.sniff(body))
    assert said.digital_source == "digitalCapture"
    assert consents(said)["c2pa"].decided == (f"cawg.ai_generative_training: {use}" if use == "notAllowed" else "")
    assert set(consents(said)["c2pa"].said) == {f"cawg.ai_generative_training: {use}", "cawg.ai_inference: allowed"}
    assert list(consents(said)) == ["c2pa"]


def test_the_most_restrictive_word_wins() -> None:
    body = png(
        itxt(b"XML:com.adobe.xmp", mining("DMI-ALLOWED")),
        chunk(b"caBX", training({"c2pa.ai_training": {"use": "allowed"}, "c2pa.data_mining": {"use": "constrained"}})),
        itxt(b"XML:com.adobe.xmp", mining("DMI-PROHIBITED")),
    )
    said = consents(read(body, "image/png"))
    assert said["iptc-plus"] == Consent("iptc-plus", ("DMI-PROHIBITED", "DMI-ALLOWED"), "DMI-PROHIBITED")
    assert said["c2pa"].decided == "c2pa.data_mining: constrained"


def test_pieces_in_any_order_and_twice() -> None:
    pieces = extension(mining(PROHIBITED), 100)
    assert list(consents(read(jpeg(*reversed(pieces), pieces[0]), "image/jpeg"))) == ["iptc-plus"]
    parts = app11(training({"c2pa.ai_training": {"use": "notAllowed"}}), 40)
    assert not allowed(read(jpeg(*reversed(parts)), "image/jpeg"))


def test_a_lost_piece_is_recorded_and_what_can_be_seen_counts() -> None:
    data = mining(PROHIBITED)
    first, second = extension(data, len(data) - 60)
    assert read(jpeg(second), "image/jpeg").consents == (Consent("unreadable", ("xmp",)),)
    assert read(jpeg(first), "image/jpeg").consents == (
        Consent("iptc-plus", (PROHIBITED,), PROHIBITED),
        Consent("unreadable", (PROHIBITED, "xmp"), PROHIBITED),
    )


BROKEN = {
    "cut": lambda word: mining(word).partition(b"</plus:")[0],
    "no namespace": lambda word: f"<rdf:Description plus:DataMining='{word}'/>".encode(),
    "a DTD": lambda word: b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + mining(word),
    "an entity": lambda word: mining(f"&a;{word}"),
    "UTF-16, cut": lambda word: mining(word).decode().encode("utf-16-be")[:-200],
    "an unknown encoding": lambda word: b"<?xml version='1.0' encoding='martian'?>" + mining(word),
    "deep": lambda word: packet("<a>" * 100 + "rights" + word),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_packet(name: str) -> None:
    """It does not refuse by itself; the words of a refusal in it do."""
    refused = consents(read_xmp(BROKEN[name](PROHIBITED)))
    assert refused["unreadable"].said[-1] == "xmp" and refused["unreadable"].decided.startswith("DMI-PROHIBITED")
    kept = read_xmp(BROKEN[name]("DMI-ALLOWED"))
    assert allowed(kept) and "xmp" in consents(kept)["unreadable"].said


@pytest.mark.parametrize("content", [b"\xa1\x67entries", b"\xa2\x61a\1\x61a\2", b"\x81" * 5000, b"", b"\xff\xff"])
def test_a_broken_assertion(content: bytes) -> None:
    kept = read_c2pa(store(manifest(jumb("c2pa.training-mining", box(b"cbor", content)))))
    assert kept.consents == (Consent("unreadable", ("c2pa",)),)


@pytest.mark.parametrize(("use", "kept"), [("notAllowed", False), ("constrained", False), ("allowed", True)])
def test_a_broken_assertion_whose_words_can_be_seen(use: str, kept: bool) -> None:
    entries = {"c2pa.ai_inference": {"use": "notAllowed"}, "c2pa.ai_training": {"use": use}}
    broken = b"\xa2" + cbor2.dumps({"entries": entries})[1:]  # a map of two with one in it
    said = consents(read_c2pa(store(manifest(jumb("c2pa.training-mining", box(b"cbor", broken))))))
    assert said["unreadable"].decided == ("" if kept else f"ai_training: {use}")


def test_a_broken_container() -> None:
    body = jpeg(segment(0xE1, XMP_HEADER + mining(PROHIBITED)))
    cut = read(body[:600], "image/jpeg")
    assert consents(cut)["unreadable"].said == ("container",)
    odd = body[:2] + b"\0" + body[2:]  # decoders pass over what stands between segments
    assert consents(read(odd, "image/jpeg"))["unreadable"].decided == PROHIBITED


LICENCE = "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("png", png(itxt(b"XML:com.adobe.xmp", packet(attributes=f'xmpRights:WebStatement="{LICENCE}"')))),
        ("png", png(itxt(b"XML:com.adobe.xmp", packet(f'<cc:license rdf:resource="{LICENCE}"/>')))),
        ("png", png(chunk(b"tEXt", b"Copyright\0" + LICENCE.encode()))),
        ("png", png(chunk(b"zTXt", b"Copyright\0\0" + zlib.compress(LICENCE.encode())))),
        ("jpeg", jpeg(photoshop(resource(0x0404, iptc(LICENCE.encode()))))),
        ("tiff", tiff(33723, iptc(LICENCE.encode()))),
        ("jpeg", jpeg(segment(0xE1, b"Exif\0\0" + exif(copyright_=LICENCE.encode() + b"\0")))),
        ("jpeg", jpeg(segment(0xE1, b"Exif\0\0" + exif(copyright_=LICENCE.encode() + b"\0", order="<")))),
        ("webp", webp(b"EXIF", exif(copyright_=LICENCE.encode()))),
        ("avif", saved("avif", exif=exif(copyright_=LICENCE.encode()))),
        ("png", png(chunk(b"caBX", store(manifest(jumb("c2pa.metadata", cbor({"xmpRights:WebStatement": LICENCE}))))))),
    ],
)
def test_licences(kind: str, body: bytes) -> None:
    assert read(body, f"image/{kind}") == Inside(licences=(LICENCE,))


def test_several_licences_in_their_order_and_each_once() -> None:
    alt = "<{0}><rdf:Alt><rdf:li xml:lang='x-default'>{1}</rdf:li></rdf:Alt></{0}>"
    terms, rights = alt.format("xmpRights:UsageTerms", "仅供\n个人  使用"), alt.format("dc:rights", "© 某人")
    body = png(itxt(b"XML:com.adobe.xmp", packet(terms + rights + terms)), chunk(b"tEXt", b"Copyright\0a\x1b[31mb"))
    assert read(body, "image/png").licences == ("仅供 个人 使用", "© 某人", "a [31mb")
    many = "".join(f"<cc:license>{number}</cc:license>" for number in range(99))
    assert len(read_xmp(packet(many)).licences) == 16
    assert read_xmp(packet(f"<cc:license>{'长' * 5000}</cc:license>")).licences == ("长" * 1000,)


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("trainedAlgorithmicMedia", 3),
        ("compositeWithTrainedAlgorithmicMedia", 3),
        ("compositeSynthetic", 3),
        ("digitalCapture", 0),
        ("algorithmicMedia", 0),
    ],
)
def test_the_digital_source(source: str, level: int) -> None:
    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
    in_xmp = read_xmp(packet(f"<Iptc4xmpExt:DigitalSourceType>{uri}</Iptc4xmpExt:DigitalSourceType>"))
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": uri}, {"action": "c2pa.edited"}, 3]}
    in_c2pa = read_c2pa(store(manifest(jumb("c2pa.actions.v2", cbor(actions)))))
    assert in_xmp == in_c2pa == Inside(digital_source=source)
    assert ai_generated(in_xmp.digital_source, in_xmp.ai_label) == level


def test_of_several_sources_that_of_ai_is_told() -> None:
    two = "".join(
        f"<Iptc4xmpExt:DigitalSourceType>{one}</Iptc4xmpExt:DigitalSourceType>"
        for one in ("digitalCapture", "x/compositeSynthetic")
    )
    assert read_xmp(packet(two)).digital_source == "compositeSynthetic"


LABEL = {"Label": "1", "ContentProducer": "00119111", "ProduceID": "编号-1", "ReservedCode1": ""}
TOLD = '{"ContentProducer": "00119111", "Label": "1", "ProduceID": "编号-1"}'
TEXT = json.dumps(LABEL, ensure_ascii=False)
ESCAPED = TEXT.replace('"', "&quot;")
FIELDS = "".join(f"<TC260:{name}>{value}</TC260:{name}>" for name, value in LABEL.items())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("png", png(itxt(b"XML:com.adobe.xmp", packet(f"<TC260:AIGC>{ESCAPED}</TC260:AIGC>")))),
        ("png", png(itxt(b"XML:com.adobe.xmp", packet(attributes=f'TC260:AIGC="{ESCAPED}"')))),
        ("png", png(itxt(b"XML:com.adobe.xmp", packet(FIELDS)))),
        ("png", png(itxt(b"AIGC", TEXT.encode()))),
        ("png", png(itxt(b"AIGC", TEXT.encode(), packed=True))),
        ("png", png(chunk(b"tEXt", b"AIGC\0" + json.dumps(LABEL).encode()))),
        ("png", png(chunk(b"eXIf", exif(b"ASCII\0\0\0" + json.dumps({"AIGC": LABEL}).encode())))),
        ("jpeg", jpeg(segment(0xE1, b"Exif\0\0" + exif(b"UNICODE\0" + f'{{"AIGC": {TEXT}}}'.encode("utf-16-be"))))),
        ("jpeg", jpeg(segment(0xE1, b"Exif\0\0" + exif(b"UNICODE\0" + f'{{"AIGC": {TEXT}}}'.encode("utf-16-le"))))),
        ("tiff", tiff(270, f'{{"AIGC": {TEXT}}}'.encode())),
    ],
)
def test_the_label_of_gb_45438(kind: str, body: bytes) -> None:
    said = read(body, f"image/{kind}")
    assert said == Inside(ai_label=TOLD)
    assert ai_generated("", said.ai_label) == 3


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ('{"Label": "1"}', 3),
        ('{"Label": "2"}', 2),
        ('{"Label": 3}', 1),
        ('{"Label": "9"}', 0),
        ('{"Label": "1", "ContentProducer"', 3),  # broken, but what matters can be seen
        ("{'Label': '2'}", 2),
        ("[" * 100_000, 0),
        ("{}", 0),
        ('{"Label": "1", "ProduceID": "\\ud800"}', 3),  # half a surrogate pair must not reach a file
    ],
)
def test_how_sure_a_label_is(text: str, level: int) -> None:
    said = read(png(chunk(b"tEXt", b"AIGC\0" + text.encode())), "image/png")
    assert ai_generated("", said.ai_label) == level
    said.ai_label.encode()


def test_the_surest_of_several_labels_is_told_and_none_refuses() -> None:
    body = png(*(chunk(b"tEXt", b'AIGC\0{"Label": "%d"}' % number) for number in (3, 1, 2)))
    assert read(body, "image/png") == Inside(ai_label='{"Label": "1"}')


@pytest.mark.parametrize(
    ("keyword", "text", "level"),
    [
        ("parameters", "a cat\nNegative prompt: x\nSteps: 20, Sampler: Euler a", 3),
        ("prompt", '{"3": {"class_type": "KSampler", "inputs": {}}}', 3),
        ("parameters", "aperture 2.8", 0),
        ("prompt", "look here", 0),
        ("Comment", "Steps: 20, walked", 0),
    ],
)
def test_what_generators_leave(keyword: str, text: str, level: int) -> None:
    said = read(png(chunk(b"tEXt", f"{keyword}\0{text}".encode())), "image/png")
    assert ai_generated("", said.ai_label) == level


MANY = 3_000_000
"""Bytes of a hostile file: enough for what is quadratic to take minutes."""


@cache
def hostile() -> dict[str, tuple[str, bytes]]:
    rights, start = b"<rights>" + b"<a/>" * (MANY // 4), b"\x89PNG\r\n\x1a\n"
    bomb = zlib.compress(bytes(2 << 20), 9)
    nested = jumb("x")
    for _ in range(300):
        nested = jumb("x", nested)
    overlap = b"".join(b"\xbc\2\1\0" + (MANY // 2).to_bytes(4, "little") + bytes(4) for _ in range(4000))
    laughs = b"".join(b"<!ENTITY a%d '%s'>" % (n + 1, b"&a%d;" % n * 10) for n in range(12))
    return {
        "no end of segments": ("jpeg", b"\xff\xd8" + b"\xff\xe0\0\2" * (MANY // 4)),
        "fill": ("jpeg", b"\xff" * MANY),
        "many packets": ("jpeg", jpeg(*[segment(0xE1, XMP_HEADER + b"<rights>" + b"<a/>" * 16_000)] * 46)),
        "attributes": (
            "jpeg",
            jpeg(segment(0xE1, XMP_HEADER + b"<rights " + b" ".join(b"a%d=''" % n for n in range(6000)))),
        ),
        "an endless extension": ("jpeg", jpeg(*extension(rights, 60_000))),
        "many extensions": ("jpeg", jpeg(*(extension(b"rights", 9, b"%032d" % n)[0] for n in range(15_000)))),
        "a huge length": ("jpeg", jpeg(segment(0xE1, EXTENSION_HEADER + b"G" * 32 + b"\xff" * 8 + b"rights"))),
        "parts backwards": ("jpeg", jpeg(*reversed(app11(bytes(MANY), 200)))),
        "bombs": ("png", start + chunk(b"zTXt", b"AIGC\0\0" + bomb) * 1000),
        "a bomb of XML": ("png", png(itxt(b"XML:com.adobe.xmp", rights, packed=True))),
        "laughs": ("png", png(itxt(b"XML:com.adobe.xmp", b"<!DOCTYPE x [" + laughs + b"]><rights>&a12;</rights>"))),
        "tiny chunks": ("png", start + chunk(b"abcd", b"") * (MANY // 12)),
        "digits": ("png", png(chunk(b"tEXt", b"Raw profile type xmp\0\nxmp\n5\n" + b"61 " * (MANY // 3)))),
        "tokens": ("png", start + b"c2pa.ai_inferencenotAllowed" * (MANY // 27)),
        "sub-blocks": ("gif", b"GIF89a" + bytes(7) + b"!\xff\x0bXMP DataXMP" + b"\1a" * (MANY // 2)),
        "values that overlap": ("tiff", b"II*\0\x08\0\0\0\xa0\x0f" + overlap + bytes(MANY)),
        "a circle": ("tiff", b"II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"),
        "boxes": ("avif", box(b"ftyp", b"avif") + box(b"meta", bytes(4) + box(b"free", b"") * (MANY // 8))),
        "deep CBOR": ("png", png(chunk(b"caBX", store(jumb("c2pa.training-mining", box(b"cbor", b"\x81" * 900_000)))))),
        "wide CBOR": ("png", png(chunk(b"caBX", store(jumb("c2pa.actions", box(b"cbor", b"\x9b" + b"\xff" * 99)))))),
        "Brotli": (
            "png",
            png(chunk(b"caBX", store(*[box(b"brob", b"jumb" + brotli.compress(bytes(8 << 20)))] * 3000))),
        ),
        "deep boxes": ("png", png(chunk(b"caBX", nested))),
    }


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_file_ends_soon(name: str) -> None:
    kind, body = hostile()[name]
    began = time.process_time()
    said = read(body, f"image/{kind}")
    assert time.process_time() - began < 2  # the slowest takes a quarter of a second
    assert allowed(said)
    assert ("unreadable" in consents(said)) is (name not in ("a circle", "parts backwards", "digits"))
    assert name != "bombs" or "text" in consents(said)["unreadable"].said  # the inflating has an end
    assert name != "values that overlap" or "exif" in consents(said)["unreadable"].said  # and so have the copies


VALID = [
    *with_xmp(mining(PROHIBITED)).values(),
    *with_c2pa(training({"c2pa.ai_training": {"use": "notAllowed"}})).values(),
    ("image/jpeg", jpeg(segment(0xE1, b"Exif\0\0" + exif(b"ASCII\0\0\0{}", b"me")), photoshop(resource(4, b"x")))),
]


def told(said: Any) -> None:
    """Whatever was read can be written."""
    words = [word for one in said.consents for word in (*one.said, one.decided)]
    for text in (*words, *said.licences, said.digital_source, said.ai_label):
        text.encode()
        assert len(text) < 3000 and "\x1b" not in text
    json.loads(said.ai_label or "{}")


@pytest.mark.parametrize("number", range(len(VALID)))
def test_cut_anywhere(number: int) -> None:
    kind, body = VALID[number]
    for end in range(0, len(body), max(len(body) // 60, 1)):
        told(read(body[:end], kind))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VALID), st.data())
def test_altered_anywhere(valid: tuple[str, bytes], data: st.DataObject) -> None:
    kind, body = valid
    altered = bytearray(body)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(altered)))
        altered[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))
    told(read(bytes(altered), kind))


STARTS = [
    b"\xff\xd8\xff\xe1",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBP",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cftypavif",
]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(inside._WALKERS)), st.sampled_from(STARTS), st.binary(max_size=400))
def test_any_bytes(kind: str, start: bytes, body: bytes) -> None:
    told(read(start + body, kind))
    told(read(body, kind))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=80))
def test_any_packet_assertion_and_label(body: bytes, text: str) -> None:
    told(read_xmp(b"<rights>" + body))
    told(read_xmp(packet(f"<dc:rights><![CDATA[{text}]]></dc:rights>".encode("utf-8", "replace").decode())))
    told(read_c2pa(store(manifest(jumb("c2pa.training-mining", box(b"cbor", body))))))
    told(read_c2pa(body))
    told(read(png(itxt(b"AIGC", body)), "image/png"))
    told(read(png(chunk(b"eXIf", exif(b"UNICODE\0" + body, body))), "image/png"))
