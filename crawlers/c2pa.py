"""What C2PA and CAWG assertions say of training and of origin: JUMBF boxes that hold CBOR or JSON, read unverified.

No signature is looked at: a wish counts whoever signed it, and if nobody did. Every manifest of the store counts, the
active one and those of what went into the picture. A manifest that lies elsewhere on the web is not fetched.

Sources: ISO 19566-5 (JUMBF), C2PA 2.2, CAWG Training and Data Mining Assertion 1.1, RFC 8949 (CBOR).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cbor2

from crawlers.boxes import Box, boxes
from crawlers.coding import Broken, TooLarge, decoder
from crawlers.xmp import DATA_MINING, DIGITAL_SOURCE, LICENCE, Property

TRAINING = ("c2pa.training-mining", "cawg.training-mining")
_ACTIONS = "c2pa.actions"
_METADATA = ("c2pa.metadata", "cawg.metadata", "stds.iptc")
_TERMS = {
    "plus:DataMining": DATA_MINING,
    "Iptc4xmpExt:DigitalSourceType": DIGITAL_SOURCE,
    "xmpRights:WebStatement": LICENCE,
    "xmpRights:UsageTerms": LICENCE,
    "dc:rights": LICENCE,
}
_MOST = 10_000  # boxes: a manifest has some thirty
_DEEPEST = 16  # boxes within boxes: store, manifest, assertion store, assertion, content are five
_LARGEST = 1024 * 1024  # bytes of one assertion: those of interest are some hundred
_MOST_READ = 4 * 1024 * 1024  # bytes of all assertions of interest together
_INFLATED = 8 * 1024 * 1024  # bytes that compressed manifests may grow to
_MOST_VALUES = 1000  # entries and actions of one assertion

# The tags of dates, big numbers, expressions, messages, addresses … mean nothing here, so none of them is interpreted.
_PLAIN = {tag: lambda value, _immutable: None for tag in (0, 1, 4, 5, 30, 35, 36, 37, 52, 54, 260, 261)}


def properties(store: bytes) -> tuple[list[Property], bool]:
    """What a manifest store says, and whether it could be read whole.

    An entry of a training and data mining assertion is its name and its use: ('cawg.ai_training', 'notAllowed').
    """
    said: list[Property] = []
    whole, left = True, _MOST_READ
    for label, kind, data in _assertions(store):
        left -= len(data)
        if not kind or len(data) > _LARGEST or left < 0:
            whole = False
            continue
        try:
            value = _json(data) if kind == b"json" else _cbor(data)
        except _UNREADABLE:
            whole = False
            continue
        said += _said(label, value)
    return said, whole


_UNREADABLE = (cbor2.CBORDecodeError, ValueError, RecursionError, TypeError, OverflowError)


def _json(data: bytes) -> Any:
    return json.loads(data.rstrip(b"\0"))


def _cbor(data: bytes) -> Any:
    return cbor2.loads(data, max_depth=32, allow_duplicate_keys=False, semantic_decoders=_PLAIN)


def _assertions(store: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """(label, kind, content) of each assertion of interest; an empty kind where boxes do not hold together."""
    left, budget = _MOST, _INFLATED
    waiting: list[tuple[bytes, Box, str, int]] = [(store, Box(b"", 0, len(store)), "", 0)]
    while waiting:
        data, within, label, depth = waiting.pop()
        for box in boxes(data, within.start, within.end):
            left -= 1
            if left < 0 or not box.kind:
                yield "", b"", b""
                break
            if box.kind == b"jumd":
                label = _label(data[box.start : box.end])
            elif box.kind in (b"jumb", b"brob") and depth == _DEEPEST:
                yield "", b"", b""
            elif box.kind == b"jumb":
                waiting.append((data, box, "", depth + 1))
            elif box.kind == b"brob":
                inner = _inflated(data[box.start : box.end], budget)
                budget = budget - len(inner) if inner else 0  # what failed may have cost all of it
                if inner:
                    waiting.append((inner, Box(b"", 0, len(inner)), "", depth + 1))
                else:
                    yield "", b"", b""
            elif box.kind in (b"cbor", b"json") and label.startswith((*TRAINING, _ACTIONS, *_METADATA)):
                yield label, box.kind, data[box.start : box.end]
        if left < 0:
            return


def _label(description: bytes) -> str:
    """The label in a description box, behind its UUID and toggles."""
    has_label = len(description) > 17 and description[16] & 2
    return description[17:].partition(b"\0")[0].decode("utf-8", "replace") if has_label else ""


def _inflated(data: bytes, cap: int) -> bytes:
    """The box in a Brotli box, with its header; nothing where it cannot be had whole.

    C2PA's own writers compress the box with its header; ISO 18181-2, which C2PA names, its content behind its kind.
    """
    if cap <= 0:
        return b""
    kind = data[:4] if data[:4] == b"jumb" else b""
    try:
        machine = decoder("br", cap)
        inner = machine.feed(data[len(kind) :])
    except (Broken, TooLarge):
        return b""
    if not machine.finish():
        return b""
    return (len(inner) + 8).to_bytes(4, "big") + kind + inner if kind else inner


def _said(label: str, value: Any) -> Iterator[Property]:
    if not isinstance(value, dict):
        return
    if label.startswith(TRAINING):
        yield from _entries(value.get("entries"))
    elif label.startswith(_ACTIONS):
        actions = value.get("actions")
        for action in actions[:_MOST_VALUES] if isinstance(actions, list) else []:
            source = action.get("digitalSourceType") if isinstance(action, dict) else None
            if isinstance(source, str):
                yield DIGITAL_SOURCE, source
    else:
        for term, name in _TERMS.items():
            for text in _texts(value.get(term)):
                yield name, text


def _entries(entries: Any) -> Iterator[Property]:
    """An entry's use stands in a map of its own; a use that stands bare is taken as meant."""
    for name, entry in list(entries.items())[:_MOST_VALUES] if isinstance(entries, dict) else []:
        use = entry.get("use") if isinstance(entry, dict) else entry
        if isinstance(name, str) and isinstance(use, str):
            yield name, use


def _texts(value: Any) -> Iterator[str]:
    """The texts of a JSON-LD value: one, several, or one for each language."""
    for one in value[:_MOST_VALUES] if isinstance(value, list) else [value]:
        text = next(iter(one.values()), None) if isinstance(one, dict) else one
        if isinstance(text, str):
            yield text
