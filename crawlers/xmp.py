"""What an XMP packet says of rights and origin, read by a parser that knows no DTD, no entities and no network.

A property may be an attribute or an element, its value text, an rdf:resource, or the items of an Alt, Seq or Bag; its
prefix is the writer's choice, its namespace is not. Sources: ISO 16684-1 (XMP), IPTC Photo Metadata 2025.1, PLUS LDF,
the ccREL and Dublin Core vocabularies, TDMRep, TC260-PG-20258A for the label of GB 45438-2025.
"""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

DATA_MINING, DIGITAL_SOURCE, LICENCE, RESERVATION, AIGC = "DataMining", "DigitalSourceType", "licence", "tdm", "AIGC"
Property = tuple[str, str]
"""One of the names above, or 'AIGC:' and a field of the label; and its value."""

LARGEST = 4 * 1024 * 1024  # bytes of a packet that are parsed: an honest one is some 10 KiB, the bloated some 100
_MOST = 50_000  # elements and attributes: about 0.05 s
_DEEPEST = 64  # levels: a history of edits has some ten
_LONGEST = 65_536  # characters of one value: a label, an address, a sentence

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LABEL = "http://www.tc260.org.cn/ns/AIGC/1.0"
_NAMES = {
    ("http://ns.useplus.org/ldf/xmp/1.0", "DataMining"): DATA_MINING,
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29", "DigitalSourceType"): DIGITAL_SOURCE,
    ("http://ns.adobe.com/xap/1.0/rights", "WebStatement"): LICENCE,
    ("http://ns.adobe.com/xap/1.0/rights", "UsageTerms"): LICENCE,
    ("http://creativecommons.org/ns", "license"): LICENCE,
    ("http://web.resource.org/cc", "license"): LICENCE,
    ("http://purl.org/dc/elements/1.1", "rights"): LICENCE,
    ("http://purl.org/dc/terms", "rights"): LICENCE,
    ("http://purl.org/dc/terms", "license"): LICENCE,
    ("http://www.w3.org/ns/tdmrep", "reservation"): RESERVATION,
}
_OF_INTEREST = re.compile(rb"DMI-|%s|\0" % "|".join(sorted({name for _, name in _NAMES} | {"AIGC"})).encode())


def properties(packet: bytes) -> tuple[list[Property], bool]:
    """What a packet says, and whether it could be read whole: what stands before a fault counts.

    A packet that names nothing of interest is not parsed, so whether it is sound is not known and does not matter.

    >>> properties(b'<r xmlns:p="http://ns.useplus.org/ldf/xmp/1.0/" p:DataMining="DMI-PROHIBITED"/>')
    ([('DataMining', 'DMI-PROHIBITED')], True)
    """
    packet = packet.strip(b"\0 \t\r\n")
    if not _OF_INTEREST.search(packet):
        return [], True
    if len(packet) > LARGEST:
        return [], False
    said = _Said()
    try:
        said.parser.Parse(packet, True)
    except (expat.ExpatError, ValueError, LookupError, _Refused):
        return said.properties, False
    return said.properties, True


class _Refused(Exception):
    """More than an honest packet holds, or a DTD, without which there are no entities."""


class _Said:
    """Takes the parser's events and keeps what is of interest; no tree is built."""

    def __init__(self) -> None:
        self.properties: list[Property] = []
        self._names: list[str] = []  # the property that each open element belongs to, '' for none of interest
        self._text: list[str] = []
        self._elements = 0
        self._held = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def _doctype(self, *_: object) -> NoReturn:
        raise _Refused

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element: RDF's own carry on the property around them."""
        self._elements += 1 + len(attributes)
        if self._elements > _MOST or len(self._names) >= _DEEPEST:
            raise _Refused
        around = self._names[-1] if self._names else ""
        self._keep(around)  # what stands before a child is a value too
        here = _name(tag)
        self._names.append(around if here is None else here)
        for attribute, value in attributes.items():
            if name := _name(attribute):
                self._keep(name, value)
            elif name is None and attribute.endswith(("}resource", "}value")):
                self._keep(self._names[-1], value)

    def _data(self, text: str) -> None:
        """Text: only that of a property of interest is held."""
        if self._names and self._names[-1] and self._held < LARGEST:
            self._text.append(text)
            self._held += len(text)

    def _end(self, _: str) -> None:
        """The end of an element: its text is a value of its property."""
        self._keep(self._names.pop())

    def _keep(self, name: str, value: str | None = None) -> None:
        """Keep a value of a property, which is the text that has come where none is given."""
        if value is None and self._text:
            value = "".join(self._text)
            self._text.clear()
        if name and value and (value := value.strip()):
            self.properties.append((name, value[:_LONGEST]))


_QUALIFIED = {
    f"{namespace}{end}}}{name}": meaning  # writers forget the slash or hash at the end of a namespace
    for (namespace, name), meaning in _NAMES.items()
    for end in ("", "/", "#")
}


def _name(tag: str) -> str | None:
    """The property that a qualified name stands for, '' for none of interest, None for a name of RDF's own."""
    if tag.startswith(_RDF):
        return None
    if tag.startswith(_LABEL):
        name = tag.rpartition("}")[2]
        return AIGC if name == "AIGC" else f"{AIGC}:{name}"
    return _QUALIFIED.get(tag, "")
