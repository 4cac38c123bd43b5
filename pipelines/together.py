"""Which options go together. One that could not do anything beside the others is a mistake, and is said to be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import BadInput

SOURCES = ("seeds", "url_list", "warc", "queries", "click_log")
"""Where pictures come from, of which a crawl has exactly one."""


@dataclass(frozen=True)
class Needs:
    """An option that does something only beside another: one of `beside`, or with one of its own values `alone`."""

    option: str
    beside: tuple[str, ...]
    why: str
    alone: tuple[str, ...] = ()


NEEDS = (
    Needs("url_col", ("url_list",), "it names a column of the list"),
    Needs("caption_col", ("url_list",), "it names a column of the list"),
    Needs("input_format", ("url_list",), "it says how the list is written"),
    Needs("only_han", ("warc",), "it chooses among the pages of archives"),
    Needs("search", ("queries",), "it is asked for the queries of a file"),
    Needs("queries", ("search",), "they are put to a search endpoint, as https://s.example/i?q={query}&page={page}"),
    Needs("first_page", ("queries",), "it counts pages of results"),
    Needs("page_step", ("queries",), "it counts pages of results"),
    Needs("max_results", ("queries",), "it counts results of a query"),
    Needs("image_field", ("queries",), "it names a field of a result"),
    Needs("page_field", ("queries",), "it names a field of a result"),
    Needs("max_pages", ("seeds", "warc"), "of the others no page is read; --max-images limits their pictures"),
    Needs("resize_mode", ("image_size",), "without a size pictures stay as they came", alone=("no",)),
    Needs("as_json", ("status",), "it says how the status is printed"),
    Needs("hosts", ("status",), "it is a part of the status"),
)

ASKS_ONLY = ("out", "allow_address", "delay", "agent", "contact", "ignore")
"""What decides which answers an explanation gets, and how they are read."""
ALONE: dict[str, tuple[tuple[str, ...], str]] = {
    "sql": (("corpus", "recipe", "model"), "it prints the recipe as a query, and judges nothing"),
    "status": (("as_json", "hosts"), "it shows a crawl that is under way or over, and changes nothing"),
    "explain": (ASKS_ONLY, "it asks what a crawl would ask before one URL, and fetches nothing"),
}
"""Options that make a command do something else, those that may stand beside them, and what that is."""

PLACES = {"first_page": ("search", "{page}"), "page_step": ("search", "{page}")}
"""Options that say what goes into a place of another's value."""

APART = {
    ("partition", "partitions"): "one part of a crawl, or a process for each part",
    ("partition", "engine"): "one part of a crawl, or all of it on an engine",
}
"""Options of which one excludes the other."""


def check(given: Mapping[str, Any]) -> None:
    """Raise BadInput, with two options and the way out, where one of those given has nothing to do beside the others.

    `given` has the names of the options that were written, as parameters are named, with their values.
    """
    # A source says most about what somebody wanted, so it is the one that is named.
    names = sorted(given, key=lambda name: name not in SOURCES)
    for mode in ALONE.keys() & given.keys():
        beside, what = ALONE[mode]
        for other in names:
            if other not in (mode, *beside):
                raise BadInput(f"{option(mode)} and {option(other)}: {what}; leave one of the two out")
    for (one, other), what in APART.items():
        if one in given and other in given:
            raise BadInput(f"{option(one)} and {option(other)}: give one of them, {what}")
    for name, (other, place) in PLACES.items():
        if name in given and other in given and place not in str(given[other]):
            raise BadInput(
                f"{option(name)} without {place} in {option(other)}: it says what stands there; put {place} into the"
                f" URL, or leave {option(name)} out"
            )
    for needs in NEEDS:
        if needs.option in given and not given.keys() & set(needs.beside) and given[needs.option] not in needs.alone:
            raise BadInput(_useless(needs, next((name for name in names if name in SOURCES), "")))


def _useless(needs: Needs, source: str) -> str:
    own, wanted = option(needs.option), " or ".join(map(option, needs.beside))
    if needs.option in SOURCES:
        return f"{own} without {wanted}: {needs.why}; give {wanted} too"
    if not source or not set(needs.beside) & set(SOURCES):
        return f"{own} without {wanted}: {needs.why}; give {wanted} too, or leave {own} out"
    return f"{own} with {option(source)}: {needs.why}; it goes with {wanted}, so leave one of the two out"


def option(name: str) -> str:
    """How an option is written that a parameter of this name takes.

    >>> option("url_list"), option("as_json")
    ('--url-list', '--json')
    """
    return "--" + name.removeprefix("as_").replace("_", "-")
