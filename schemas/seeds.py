"""A seeds file: where a crawl begins, and what its owner says of each site."""

from __future__ import annotations

from pathlib import Path

import ada_url
import msgspec

from schemas.errors import BadInput


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """One `[[site]]`: a first URL, and how the pairs found from it are marked."""

    url: str
    strong: bool = False  # a curated picture site: WuDaoMM's strong source
    class_: str = ""  # a tag given by the source wins over a guess
    sitemap: bool = True  # read those that robots.txt names, and /sitemap.xml
    max_pages: int = 10_000

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a site is."""
        return str(ada_url.URL(self.url).origin)


class _SeedsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: list[Site]


def load(seeds: list[str]) -> list[Site]:
    """The sites that `--seeds` names: each a URL, a TOML file with [[site]] tables, or a file of one URL a line.

    Raises BadInput for a file that cannot be read, an unknown field, or a URL that is none of http(s).
    """
    sites = [site for seed in seeds for site in _one(seed)]
    if not sites:
        raise BadInput(f"no seed in {', '.join(seeds) or 'nothing'}: give --seeds a URL, or a file with one a line")
    return sites


def _one(seed: str) -> list[Site]:
    if "://" in seed:
        return [_checked(Site(seed), "--seeds")]
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
            raise BadInput(f"{seed}: {error}; a [[site]] has: {fields}") from None
        return [_checked(site, f"{seed}, site {number}") for number, site in enumerate(found, 1)]
    return [
        _checked(Site(line.strip()), f"{seed}:{number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _checked(site: Site, place: str) -> Site:
    try:
        parsed = ada_url.URL(site.url)
    except ValueError:
        parsed = None
    if parsed is None or parsed.protocol not in ("http:", "https:"):
        raise BadInput(f"{place}: {site.url!r} is not an http(s) URL; write it whole, as https://pictures.example.cn/")
    return msgspec.structs.replace(site, url=parsed.href)
