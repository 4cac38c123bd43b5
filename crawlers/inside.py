"""What a picture's own metadata says: who may use it for what, under which licence, and whether AI made it.

Read from the bytes as they came, before anything is encoded again; no pixel is decoded. Metadata that cannot be read
is recorded, and does not refuse by itself; but then the whole file is searched for the very words of a refusal, and
one that is seen counts. That errs on the side of whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from crawlers import ai_label, boxes, c2pa, chunks, gif, jpeg, tiff, xmp
from crawlers.block import C2PA, EXIF, IPTC, TEXT, XMP, Block, clean, plain
from crawlers.consent import Consent

_WALKERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    "image/jpeg": jpeg.blocks,
    "image/png": chunks.png,
    "image/webp": chunks.webp,
    "image/gif": gif.blocks,
    "image/tiff": tiff.blocks,
    "image/avif": boxes.blocks,
    "image/heic": boxes.blocks,
}
"""A BMP carries no metadata that anyone writes."""

_MOST_BLOCKS = 256  # blocks of a picture that are looked at: an honest one has some ten
_MOST_PARSED = {XMP: 4, C2PA: 4}  # of these kinds, each of which costs time: one, or one and its extension
_MOST_KEPT, _LONGEST = 16, 1000  # licences of a picture, words of a signal; characters of each: a paragraph
_TRAINS = re.compile(r"training|mining", re.IGNORECASE)  # the entries that are about what a corpus is for
_REFUSES = re.compile(r"\s*(?:notAllowed|constrained)\s*", re.IGNORECASE)
_PROHIBITED = re.compile(rb"DMI-P(?:ROHIBITED|rohibited)[A-Za-z-]{0,40}")
_IN_UTF_16 = b"D\0M\0I\0-\0P\0R\0O\0H\0I\0B\0I\0T\0E\0D"  # of either order
_TOKENS = re.compile(rb"(?:c2pa|cawg)\.((?:ai|data)_[a-z_]{1,30})|(notAllowed|constrained|allowed)")


@dataclass(frozen=True)
class Inside:
    """What is inside one picture: what it consents to, its licences, its origin, and the label of AI content.

    `licences` are addresses and texts as written; `digital_source` the last part of IPTC's source type, such as
    trainedAlgorithmicMedia; `ai_label` JSON, see `crawlers.ai_label`. Each is empty where the picture says nothing.
    """

    consents: tuple[Consent, ...] = ()
    licences: tuple[str, ...] = ()
    digital_source: str = ""
    ai_label: str = ""


NOTHING = Inside()


def read(body: bytes, content_type: str) -> Inside:
    """Read a picture's metadata. Never raises, whatever the bytes are; the time is linear in their number."""
    walker = _WALKERS.get(content_type)
    if walker is None:
        return NOTHING
    gathered = _Gathered()
    for block in islice(walker(body), _MOST_BLOCKS):
        gathered.add(block)
    gathered.unreadable |= {"container"} if gathered.blocks >= _MOST_BLOCKS else set()
    return gathered.inside(body)


class _Gathered:
    """What the blocks of one picture say, as they come."""

    def __init__(self) -> None:
        self.blocks = 0
        self.unreadable: set[str] = set()
        self._parsed = {XMP: 0, C2PA: 0}
        self._mining: list[str] = []
        self._reserved: list[str] = []
        self._uses: list[tuple[str, str]] = []
        self._licences: list[str] = []
        self._sources: list[str] = []
        self._labels: list[dict[str, str]] = []
        self._lost: list[bytes] = []  # what could not be read

    def add(self, block: Block) -> None:
        """Take what one block says."""
        self.blocks += 1
        if block.kind == EXIF and block.whole:
            for inner in islice(tiff.blocks(block.data), max(_MOST_BLOCKS - self.blocks, 0)):
                if inner.kind != EXIF or not inner.whole:
                    self.add(inner)
            return
        whole = block.whole
        if block.kind in self._parsed:
            whole = self._parse(block) and whole
        elif block.kind == IPTC:
            self._licences += map(plain, _copyrights(block.data))
        elif block.kind == TEXT:
            self._word(block.name, plain(block.data))
        if not whole:
            self.unreadable.add(block.kind)
            self._lost.append(block.data)

    def _parse(self, block: Block) -> bool:
        self._parsed[block.kind] += 1
        if self._parsed[block.kind] > _MOST_PARSED[block.kind]:
            return False
        properties, whole = (xmp if block.kind == XMP else c2pa).properties(block.data)
        fields: dict[str, str] = {}
        for name, value in properties:
            if name == xmp.DATA_MINING:
                self._mining.append(value.rstrip("/").rpartition("/")[2])
            elif name == xmp.DIGITAL_SOURCE:
                self._sources.append(value.rstrip("/").rpartition("/")[2])
            elif name == xmp.LICENCE:
                self._licences.append(value)
            elif name == xmp.RESERVATION:
                self._reserved.append(value)
            elif name == xmp.AIGC:
                self._labels.append(ai_label.label(value))
            elif name.startswith(f"{xmp.AIGC}:"):
                fields[name.partition(":")[2]] = value
            else:
                self._uses.append((name, value))
        self._labels.append(ai_label.kept(fields))
        return whole

    def _word(self, name: str, text: str) -> None:
        if name == "Copyright":
            self._licences.append(text)
        elif name == "AIGC" or (name in ("UserComment", "ImageDescription") and '"AIGC"' in text[:256]):
            self._labels.append(ai_label.label(text))
        else:
            self._labels.append(ai_label.generator(name, text))

    def inside(self, body: bytes) -> Inside:
        """All of it together; the most restrictive word on each subject wins."""
        if not self.blocks:
            return NOTHING
        refused = [value for value in self._mining if value.upper().startswith("DMI-PROHIBITED")]
        uses = [f"{name}: {use}" for name, use in self._uses]
        forbidden = [f"{name}: {use}" for name, use in self._uses if _TRAINS.search(name) and _REFUSES.fullmatch(use)]
        reserved = [value for value in self._reserved if value == "1"]
        seen = next(filter(None, map(_seen, [*self._lost, body])), "") if self.unreadable else ""
        consents = [
            _consent("iptc-plus", self._mining, refused[:1]),
            _consent("c2pa", uses, forbidden[:1]),
            _consent("tdm-reservation", self._reserved, reserved[:1]),
            _consent("unreadable", sorted(self.unreadable), [seen] if seen else []),
        ]
        sources = sorted(dict.fromkeys(self._sources), key=ai_label.is_generated, reverse=True)  # stable
        licences = dict.fromkeys(one for text in self._licences if (one := clean(text, _LONGEST)))
        return Inside(
            tuple(one for one in consents if one.said),
            tuple(licences)[:_MOST_KEPT],
            clean(sources[0], _LONGEST) if sources else "",
            ai_label.strongest(self._labels),
        )


def _consent(signal: str, said: list[str], decided: list[str]) -> Consent:
    kept = dict.fromkeys(clean(one, _LONGEST) for one in (*decided, *said[:_MOST_KEPT]))
    return Consent(signal, tuple(kept), clean(decided[0], _LONGEST) if decided else "")


def _copyrights(data: bytes) -> Iterator[bytes]:
    """Data set 2:116 of IPTC-IIM 4.2, the copyright notice."""
    at = 0
    for _ in range(4096):  # data sets: the standard has some hundred
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if length & 0x8000:  # the length of a length: such a data set is a thumbnail
            return
        if data[at + 1 : at + 3] == b"\x02\x74":
            yield data[at + 5 : at + 5 + length]
        at += 5 + length


def _seen(data: bytes) -> str:
    """The words of a refusal in bytes that could not be read: of PLUS, or an entry of C2PA with the use behind it."""
    found = _PROHIBITED.search(data)
    if found:
        return found.group().decode("ascii")
    if _IN_UTF_16 in data:
        return "DMI-PROHIBITED"
    entry = ""
    if b"notAllowed" in data or b"constrained" in data:
        for token in _TOKENS.finditer(data):
            if token[1]:
                entry = token[1].decode("ascii")
            elif _TRAINS.search(entry) and token[2] != b"allowed":
                return f"{entry}: {token[2].decode('ascii')}"
            else:
                entry = ""
    return ""
