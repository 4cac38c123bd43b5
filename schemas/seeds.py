"""A seeds file: where a crawl begins, and what its owner says of each site."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import ada_url
import msgspec
import re2

from schemas.errors import BadInput

Scope = Literal["domain", "origin"]


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """One `[[site]]`: a first URL, and how the pairs found from it are marked."""

    url: str
    strong: bool = False  # a curated picture site: WuDaoMM's strong source
    class_: str = ""  # a tag given by the source wins over a guess
    sitemap: bool = True  # read those that robots.txt names, and /sitemap.xml
    max_pages: int = 10_000
    scope: Scope = "domain"  # pages of the same registrable domain, or of the same origin
    domains: tuple[str, ...] = ()  # more names whose pages belong to it; what is below them too
    include: tuple[str, ...] = ()  # RE2 patterns: a link is followed where one is found in it; () for any
    exclude: tuple[str, ...] = ()  # … and not where one of these is
    max_depth: int | None = None  # links from its first page
    max_bytes: int | None = None  # that come from it in a round: its pages, sitemaps and pictures
    max_seconds: float | None = None  # that they take in a round, with the pauses between

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a site is."""
        return str(ada_url.URL(self.url).origin)


class _SeedsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: list[Site]


def load(seeds: list[str]) -> list[Site]:
    """The sites that `--seeds` names: each a URL, a TOML file with [[site]] tables, or a file of one URL a line.

    Raises BadInput for a file that cannot be read, an unknown field, a URL that is none of http(s), has a user's name
    in it or has two [[site]] tables, or two seeds of one site that mark it otherwise.
    """
    sites = [site for seed in seeds for site in _one(seed)]
    if not sites:
        raise BadInput(f"no seed in {', '.join(seeds) or 'nothing'}: give --seeds a URL, or a file with one a line")
    marks: dict[str, Site] = {}
    for site in sites:
        other = marks.setdefault(site.origin, site)
        if (site.strong, site.class_, site.sitemap) != (other.strong, other.class_, other.sitemap):
            raise BadInput(
                f"seed {site.url}: the site {site.origin} is marked otherwise by another seed, {other.url}; a site has"
                " one mark in a corpus: make them alike"
            )
    return sites


def _one(seed: str) -> list[Site]:
    if "://" in seed:
        return [_checked(Site(seed), "--seeds")]
    if not seed.strip():
        raise BadInput("--seeds: an empty word; give a URL with http(s)://, or a seeds file")
    path = Path(seed)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{seed}: neither a URL with http(s)://, nor a seeds file that can be read ({error})") from None
    if path.suffix == ".toml":
        try:
            found = msgspec.toml.decode(text, type=_SeedsFile).site
        except msgspec.DecodeError as error:
            fields = ", ".join(name for name in Site.__struct_encode_fields__)
            choices = " or ".join(get_args(Scope))
            raise BadInput(f"{seed}: {error}; a [[site]] has: {fields}; its scope is {choices}") from None
        sites = [_checked(site, f"{seed}, site {number}") for number, site in enumerate(found, 1)]
        _check_once(seed, sites)
        return sites
    return [
        _checked(Site(line.strip()), f"{seed}:{number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _check_once(seed: str, sites: list[Site]) -> None:
    """Raise BadInput for two tables of one URL, of which the limits of one only could hold."""
    first: dict[str, int] = {}
    for number, site in enumerate(sites, 1):
        other = first.setdefault(site.url, number)
        if other != number:
            raise BadInput(f"{seed}, site {number}: {site.url} is site {other} already; make one [[site]] of the two")


def _checked(site: Site, place: str) -> Site:
    try:
        parsed = ada_url.URL(site.url)
    except ValueError:
        parsed = None
    if parsed is None or parsed.protocol not in ("http:", "https:"):
        raise BadInput(f"{place}: {site.url!r} is not an http(s) URL; write it whole, as https://pictures.example.cn/")
    if parsed.username or parsed.password:
        raise BadInput(f"{place}: {parsed.host}: a seed has no user's name in it; write it without")
    for name in ("max_pages", "max_depth", "max_bytes", "max_seconds"):
        limit = getattr(site, name)
        if limit is not None and not limit >= 0:
            raise BadInput(f"{place}: {name} = {limit}: give 0 or more")
    for pattern in (*site.include, *site.exclude):
        _readable(pattern, place)
    return msgspec.structs.replace(site, url=parsed.href, domains=tuple(_name(name, place) for name in site.domains))


def compiled(pattern: str) -> Any:
    """A pattern of `include` or `exclude`: RE2, whose time is linear in the URL whatever the pattern."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _readable(pattern: str, place: str) -> None:
    try:
        compiled(pattern)
    except re2.error as error:
        fault = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else error
        raise BadInput(f"{place}: the pattern {pattern!r} is not one that RE2 reads: {fault}") from None


def _name(written: str, place: str) -> str:
    """A host's name as URLs have it: lower case, in ASCII."""
    try:
        host = ada_url.URL(f"http://{written.strip('.')}/").hostname
    except ValueError:
        host = ""
    if not host or any(mark in written for mark in "/:@?#*"):
        raise BadInput(f"{place}: domains: {written!r} is not a host's name; write it as pictures.example.cn")
    return str(host)
