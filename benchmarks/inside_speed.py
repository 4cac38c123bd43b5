"""What reading pictures' own metadata costs: CPU-seconds per 1000 pictures, beside hashing the same bytes.

    python -m benchmarks.inside_speed demo/work/package [more files or folders of pictures …]

Every picture is read as it is, and once more with a packet of XMP and a manifest store put into it, since few pictures
of the web carry any. One thread; the seconds are the CPU's, so other programs disturb them little.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cbor2

from crawlers import inside, media

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".tif", ".tiff"}
STEP = '<h:step><rdf:Description h:action="saved" h:when="2026-01-01"/></h:step>'
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:h="http://example.org/history/">'
    f"{STEP * 40}<plus:DataMining>http://ns.useplus.org/ldf/vocab/DMI-ALLOWED</plus:DataMining>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()
"""An editor's packet: forty steps of history, and one property that is of interest at its end."""


def main() -> int:
    """Print one table; 2 where there is no picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument("--repeat", type=int, default=5, help="times that each picture is read")
    given = parser.parse_args()
    files = [file for path in given.paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    pictures = [file.read_bytes() for file in files if file.suffix.lower() in ENDINGS]
    if not pictures:
        print(f"{given.paths[0]}: no pictures here", file=sys.stderr)
        return 2
    marked = [with_metadata(body) for body in pictures if body.startswith(b"\xff\xd8")]
    told = sum(inside.read(body, media.sniff(body)) != inside.NOTHING for body in pictures)
    mean = sum(map(len, pictures)) / len(pictures) / 1000
    print(f"{len(pictures)} pictures, mean {mean:.0f} KB, of which {told} say something of themselves")
    print(f"{'what':<46}{'items':>7}{'CPU-s per 1000':>16}")
    for what, bodies, work in (
        ("sha256 of the bytes", pictures, lambda body: hashlib.sha256(body).digest()),
        ("metadata, as they are", pictures, read),
        ("metadata, JPEG with XMP and C2PA put in", marked, read),
    ):
        if bodies:
            print(f"{what:<46}{len(bodies):>7}{cost(bodies, work, given.repeat):>16.3f}")
    return 0


def read(body: bytes) -> object:
    """What the crawler does with a picture that came."""
    return inside.read(body, media.sniff(body[: media.ENOUGH]))


def cost(bodies: list[bytes], work: Callable[[bytes], object], repeat: int) -> float:
    """CPU-seconds per 1000 of them."""
    begun = time.process_time()
    for body in bodies * repeat:
        work(body)
    return (time.process_time() - begun) / (len(bodies) * repeat) * 1000


def with_metadata(body: bytes) -> bytes:
    """A JPEG with the packet, and a store whose assertion allows mining, behind its start."""
    entries = cbor2.dumps({"entries": {"cawg.data_mining": {"use": "allowed"}}})
    store = jumb(
        "c2pa", jumb("urn:c2pa:1", jumb("c2pa.assertions", jumb("cawg.training-mining", box("cbor", entries))))
    )
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET)
    return body[:2] + xmp + segment(0xEB, b"JP" + struct.pack(">HI", 1, 1) + store) + body[2:]


def segment(marker: int, data: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def box(kind: str, data: bytes) -> bytes:
    """A box of ISO 14496-12."""
    return struct.pack(">I", len(data) + 8) + kind.encode() + data


def jumb(label: str, *content: bytes) -> bytes:
    """A JUMBF box with its description."""
    return box("jumb", box("jumd", bytes(16) + b"\3" + label.encode() + b"\0") + b"".join(content))


if __name__ == "__main__":
    sys.exit(main())
