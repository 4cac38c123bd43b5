"""What an XMP packet says of rights and origin, read by a parser that knows no DTD, no entities and no network.

A property may be an attribute or an element, its value text, an rdf:resource, or the items of an Alt, Seq or Bag; its
prefix is the writer's choice, its namespace is not. Sources: ISO 16684-1 (XMP), IPTC Photo Metadata 2025.1, PLUS LDF,
the ccREL and Dublin Core vocabularies, TDMRep, TC260-PG-20258A for the label of GB 45438-2025.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

DATA_MINING, DIGITAL_SOURCE, LICENCE, RESERVATION, AIGC = "DataMining", "DigitalSourceType", "licence", "tdm", "AIGC"
Property = tuple[str, str]
"""One of the names above, or 'AIGC:' and a field of the label; and its value."""

LARGEST = 4 * 1024 * 1024  # bytes of a packet that are parsed: an honest one is some 10 KiB, the bloated some 100
_MOST = 50_000  # elements: about 0.2 s
_DEEPEST = 64  # levels: a history of edits has some ten
_LONGEST = 65_536  # characters of one value: a label, an address, a sentence

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns"
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
    said = _Said()
    if len(packet) > LARGEST:
        return [], False
    try:
        parser = DefusedXMLParser(target=said, forbid_dtd=True)
        parser.feed(packet)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError, _TooMuch):
        return said.properties, False
    return said.properties, True


class _TooMuch(Exception):
    """More than an honest packet holds."""


class _Said:
    """Takes the parser's events and keeps what is of interest; no tree is built."""

    def __init__(self) -> None:
        self.properties: list[Property] = []
        self._names: list[str] = []  # the property that each open element belongs to, '' for none of interest
        self._text: list[str] = []
        self._elements = 0
        self._held = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element: RDF's own carry on the property around them."""
        self._elements += 1 + len(attributes)
        if self._elements > _MOST or len(self._names) >= _DEEPEST:
            raise _TooMuch
        around = self._names[-1] if self._names else ""
        namespace, name = _parted(tag)
        here = around if namespace == _RDF else _name(namespace, name)
        self._keep(around, "".join(self._text))  # what stands before a child is a value too
        self._text.clear()
        self._names.append(here)
        for attribute, value in attributes.items():
            space, local = _parted(attribute)
            self._keep(here if space == _RDF and local in ("resource", "value") else _name(space, local), value)

    def data(self, text: str) -> None:
        """Text: only that of a property of interest is held."""
        if self._names and self._names[-1] and self._held < LARGEST:
            self._text.append(text)
            self._held += len(text)

    def end(self, tag: str) -> None:
        """The end of an element: its text is a value of its property."""
        self._keep(self._names.pop(), "".join(self._text))
        self._text.clear()

    def close(self) -> None:
        """Nothing is left to do."""

    def _keep(self, name: str, value: str) -> None:
        value = value.strip()
        if name and value:
            self.properties.append((name, value[:_LONGEST]))


def _parted(tag: str) -> tuple[str, str]:
    """Namespace, without the slash or hash that writers forget, and local name."""
    namespace, _, name = tag.rpartition("}")
    return namespace[1:].rstrip("/#"), name


def _name(namespace: str, name: str) -> str:
    if namespace == _LABEL:
        return AIGC if name == "AIGC" else f"{AIGC}:{name}"
    return _NAMES.get((namespace, name), "")
