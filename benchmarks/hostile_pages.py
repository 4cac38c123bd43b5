"""Pages that are made to choke a reader, of any size."""

from __future__ import annotations

from collections.abc import Callable

HOSTILE: dict[str, Callable[[int], str]] = {
    "open divs": lambda n: "<div>" * n,
    "open spans": lambda n: "<span>" * n,
    "open divs, closed otherwise": lambda n: "<div>" * n + "</p>" * n,
    "formatting and paragraphs": lambda n: "".join(f"<font a={number}><p>" for number in range(n)),
    "nested tables": lambda n: "<table><tr><td>" * n,
    "nested lists": lambda n: "<ul><li>" * n,
    "figures": lambda n: "<figure><img src=x>" * n + "<figcaption>x",
    "labels": lambda n: "<img src=x aria-labelledby='a b c d'>" * n,
    "pictures": lambda n: "<img src=x alt=y>" * n,
    "nothing but <": lambda n: "<" * 10 * n,
    "one long tag": lambda n: "<img " + "a=1 " * 10 * n,
    "comments": lambda n: "<!--" * 10 * n,
    "svg": lambda n: "<svg>" * n,
    "attributes": lambda n: "<img src=a " + " ".join(f"a{number}=b" for number in range(n)) + ">",
    "attributes with signs": lambda n: "<img src=a " + " ".join(f'a{number}="<>"' for number in range(4 * n)) + ">",
    "attributes of many": lambda n: ("<a " + " ".join(f"a{number}" for number in range(5_000)) + ">") * (n // 500),
    "tags in tags": lambda n: "<a" * 10 * n,
    "open quotes": lambda n: "<a x='" * 10 * n,
    "noscript": lambda n: "<noscript>" * n + "<img src=a>",
    "one srcset": lambda n: "<img srcset='" + "a 1x," * n + "'>",
    "srcsets": lambda n: ("<img srcset='" + "a 1x," * 1_000 + "'>") * (n // 300),
    "styles": lambda n: ("<b style='" + "background:url(" * 500 + "'>") * (n // 100),
    "one style": lambda n: "<b style='" + 'background:url("a' * n + "'>",
    "lazy": lambda n: ("<img data-src='" + "a." * 2_000 + " b'>") * (n // 100),
    "links": lambda n: ("<a href='" + "a.jpg/" * 600 + "'>") * (n // 100),
    "one link": lambda n: "<a href=/1>" + "<img src=x>" * n,
    "json": lambda n: "<script type='application/ld+json'>" + "[" * n,
    "jsons": lambda n: "<script type='application/ld+json'>{\"image\":[{}]}</script>" * n,
    "labels of all": lambda n: "<p id=a>" + "文" * 10 * n + "</p>" + "<img src=x aria-labelledby=a>" * n,
    "metas": lambda n: "<meta property=og:image content=a>" * n,
}
"""A page of about n tags, attributes, values or signs of one kind."""
