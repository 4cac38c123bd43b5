"""What a page's JSON-LD says of pictures: ImageObjects, and the `image` of a recipe, an article, a product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

_LONGEST = 1_048_576  # characters of all scripts of one page: the largest that we saw had some 200,000
_MOST_THINGS = 10_000  # objects of one page
_MOST_PICTURES = 1_000  # of one page
_MOST_VALUES = 100  # of one property
_REFERENCES = ("contentUrl", "url", "thumbnailUrl", "thumbnail")  # the full picture first
_TEXTS = ("caption", "name", "headline", "description")
_LICENCES = ("license", "acquireLicensePage")

Thing = dict[str, Any]


class Described(NamedTuple):
    """A picture that JSON-LD names: its reference as written, its other sizes, its texts and its licences."""

    reference: str
    others: tuple[str, ...]
    texts: tuple[str, ...]
    licences: tuple[str, ...]


def read(scripts: Iterable[str]) -> tuple[list[Described], list[str]]:
    """The pictures that the JSON-LD of a page describes, and the licences that it states of anything else.

    What is no JSON is passed over, as browsers and search engines do. Source: https://schema.org/ImageObject.

    >>> read(['{"@type": "Recipe", "name": "红烧肉", "image": "a.jpg", "license": "https://l.example/"}'])
    ([Described(reference='a.jpg', others=(), texts=('红烧肉',), licences=())], ['https://l.example/'])
    """
    things = list(_things([document for script in scripts if (document := _parsed(script)) is not None]))
    by_id = {thing["@id"]: thing for thing in reversed(things) if isinstance(thing.get("@id"), str) and len(thing) > 1}
    pictures: list[Described] = []
    licences: list[str] = []
    for thing in things:
        if _is_picture(thing):
            pictures += _of_object(thing, ())
        else:
            licences += _licences(thing)
        texts = _words(thing, _TEXTS)
        for value in _values(thing.get("image")):
            if isinstance(value, str):
                pictures.append(Described(value, (), texts, ()))
            elif isinstance(value, dict):
                pictures += _of_object(_resolved(value, by_id), texts)
        if len(pictures) >= _MOST_PICTURES:
            break
    return pictures[:_MOST_PICTURES], licences


def _parsed(script: str) -> Any:
    """The JSON in a script, whatever stands around it (comments, CDATA marks, a semicolon); None when it is none."""
    starts = [start for bracket in "{[" if (start := script.find(bracket)) >= 0]
    end = max(script.rfind("}"), script.rfind("]"))
    if not starts or end < 0 or len(script) > _LONGEST:
        return None
    try:
        return json.loads(script[min(starts) : end + 1], strict=False)  # line ends within strings are common
    except (ValueError, RecursionError):
        return None


def _things(documents: list[Any]) -> Iterator[Thing]:
    """Every object in them, however deep, in order."""
    waiting = documents[::-1]
    seen = 0
    while waiting and seen < _MOST_THINGS:
        value = waiting.pop()
        if isinstance(value, dict):
            seen += 1
            yield value
            value = list(value.values())
        if isinstance(value, list):
            waiting += [inner for inner in reversed(value) if isinstance(inner, (dict, list))]


def _is_picture(thing: Thing) -> bool:
    kinds = _values(thing.get("@type"))
    return any(isinstance(kind, str) and kind.rpartition("/")[2] == "ImageObject" for kind in kinds)


def _resolved(thing: Thing, by_id: dict[str, Thing]) -> Thing:
    """What an object that is nothing but a reference refers to, where it is on the page."""
    identity = thing.get("@id")
    if isinstance(identity, str) and not any(name in thing for name in _REFERENCES):
        return by_id.get(identity, thing)
    return thing


def _of_object(thing: Thing, texts: tuple[str, ...]) -> Iterator[Described]:
    """A picture with texts of its own, and those of what it belongs to."""
    references = _words(thing, _REFERENCES)
    if references:
        own = _words(thing, _TEXTS)
        yield Described(references[0], references[1:], tuple(dict.fromkeys((*own, *texts))), _licences(thing))


def _licences(thing: Thing) -> tuple[str, ...]:
    return _words(thing, _LICENCES)


def _words(thing: Thing, names: Iterable[str]) -> tuple[str, ...]:
    """The words that stand under some names: strings, or what an object says of itself by value, URL, id or name."""
    found: dict[str, None] = {}
    for name in names:
        for value in _values(thing.get(name)):
            word = value
            if isinstance(value, dict):
                inner = (value.get(key) for key in ("@value", "contentUrl", "url", "@id", "name"))
                word = next((one for one in inner if isinstance(one, str)), None)
            if isinstance(word, str) and word.strip():
                found[word.strip()] = None
    return tuple(found)


def _values(value: Any) -> list[Any]:
    """A property's values: JSON-LD writes one as itself, several as an array."""
    return value[:_MOST_VALUES] if isinstance(value, list) else [value]
