"""A WAT record, Common Crawl's description of a page in JSON, written back as the small page that it describes.

So it is read as every page is: the same extraction, the same opt-outs. Of pictures a WAT has the alt alone.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crawlers.extract import MOST_PICTURES
from crawlers.fetch import Headers
from crawlers.urls import fetchable

_NOT_TEXT = ("og:", "twitter:")  # they would be texts of a picture that only the whole page can tell


@dataclass(frozen=True)
class Described:
    """One page as a WAT record describes it; `body` is HTML in UTF-8."""

    url: str
    date: str
    status: int
    reason: str
    headers: Headers
    body: bytes


def described(record: Any) -> Described | str:
    """The page of one record's JSON; where it describes none, why, in the words that `crawlers.archive` counts."""
    envelope = _at(record, "Envelope")
    about = _at(envelope, "WARC-Header-Metadata")
    answer = _at(envelope, "Payload-Metadata", "HTTP-Response-Metadata")
    if about.get("WARC-Type") != "response" or not answer:
        return "no response"
    said = _at(answer, "Response-Message")
    status = _word(said.get("Status"))
    if len(status) != 3 or not status.startswith("2"):
        return "not 2xx"
    if not isinstance(answer.get("HTML-Metadata"), dict):
        return "no page"
    url = fetchable("about:blank", _word(about.get("WARC-Target-URI")).strip("<> "))
    if url is None:
        return "bad_url"
    headers = [*_headers(_at(answer, "Headers")), ("Content-Type", "text/html; charset=utf-8")]
    body = "".join(_page(_at(answer, "HTML-Metadata"))).encode("utf-8", "replace")
    return Described(url, _word(about.get("WARC-Date")), int(status), _word(said.get("Reason")), tuple(headers), body)


def _headers(named: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The answer's headers but for its type: the page is ours, and in UTF-8."""
    for name, value in named.items():
        if name.lower() != "content-type":
            for one in value if isinstance(value, list) else [value]:
                yield name, _word(one)


def _page(said: dict[str, Any]) -> Iterator[str]:
    head = _at(said, "Head")
    yield "<!doctype html><head>"
    if base := _word(head.get("Base")):
        yield f"<base{_attribute('href', base)}>"
    for meta in _list(head.get("Metas")):
        name = _word(meta.get("name") or meta.get("property"))
        if name and not name.lower().startswith(_NOT_TEXT):
            yield f"<meta{_attribute('name', name)}{_attribute('content', _word(meta.get('content')))}>"
    for link in _list(head.get("Link")):
        yield f"<link{_attribute('rel', _word(link.get('rel')))}{_attribute('href', _word(link.get('url')))}>"
    yield "</head><body>"
    pictures = (link for link in _list(said.get("Links")) if _word(link.get("path")).upper() == "IMG@/SRC")
    for number, link in enumerate(pictures):
        if number == MOST_PICTURES:
            return
        if (alt := _word(link.get("alt"))) and (url := _word(link.get("url"))):
            yield f"<img{_attribute('src', url)}{_attribute('alt', alt)}>"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{html.escape(value)}"'


def _at(value: Any, *names: str) -> dict[str, Any]:
    """The object at a path of names; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Iterator[dict[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _word(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
