"""The demo's web as plain files: two page sites and a picture host, from the half of the package that is served.

    python -m demo.website demo/work      fetches the package (101 MB, once) and writes demo/work/site

The same package gives the same files. A page lies at its path in the package with .html for .md, a picture at its
path on the picture host. Origins are written as `demo.sections` names them; `demo.serve` puts the real ones in place.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import PIL
from jinja2 import Environment, select_autoescape
from markupsafe import Markup
from PIL import Image, ImageOps

from demo import package, pages
from demo.package import serves
from demo.pages import Form, Page
from demo.plants import PLANTS, jpeg
from demo.sections import CLOSED, GALLERY, KITCHEN, ORIGINS, PICTURES, SECTIONS, SITE_NAMES, Section
from schemas.errors import TuwenError

_HERE = Path(__file__).parent
_TEMPLATE = Environment(autoescape=select_autoescape(default=True), trim_blocks=False).from_string(
    (_HERE / "page.html").read_text("utf-8")
)

NOT_FOUND = "not-found.html"
"""The picture host's page for what was deleted; it comes with status 200."""


def build(work: Path) -> Path:
    """The folder work/site with one folder per host (gallery, kitchen, pictures), built unless it is there already.

    It appears whole or not at all, and one process builds while others wait. Raises WorkFailed and Damaged as
    `demo.package` does.
    """
    work.mkdir(parents=True, exist_ok=True)
    site, marker = work / "site", work / "site" / ".built-from"
    with _alone(work / ".lock"):
        version = _version()
        if marker.exists() and marker.read_text() == version:
            return site
        source = package.unpacked(work)
        with tempfile.TemporaryDirectory(dir=work, prefix=".site.") as temporary:
            fresh = Path(temporary) / "site"
            _write(source, fresh)
            (fresh / marker.name).write_text(version)
            shutil.rmtree(site, ignore_errors=True)
            fresh.rename(site)
    return site


def seeds(gallery: str, kitchen: str) -> str:
    """The seeds file of the demo, given the two page sites' real origins: the gallery is the strong one."""
    return f'[[site]]\nurl = "{gallery}/"\nstrong = true\n\n[[site]]\nurl = "{kitchen}/"\n'


def served_pages(source: Path) -> list[Page]:
    """The pages of the unpacked package that the demo serves, by path."""
    paths = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.md"))
    return [pages.read(source, path) for path in paths if serves(path)]


def folder_of(origin: str) -> str:
    """The folder of a host below work/site.

    >>> folder_of("http://gallery.invalid")
    'gallery'
    """
    return origin.removeprefix("http://").removesuffix(".invalid")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _version() -> str:
    """What the site depends on: the package, the code that renders it, and the library that scales the pictures."""
    code = b"".join(path.read_bytes() for path in sorted(_HERE.glob("*")) if path.suffix in (".py", ".html"))
    return hashlib.sha256(f"{package.SHA512} {PIL.__version__} ".encode() + code).hexdigest()


def _write(source: Path, site: Path) -> None:
    served = sorted(served_pages(source), key=lambda page: (SECTIONS.index(page.section), page.path))
    by_section = {section: list(group) for section, group in groupby(served, key=lambda page: page.section)}
    for section, members in by_section.items():
        _write_section(site / folder_of(section.origin), section, members)
    for origin in (GALLERY, KITCHEN):
        sections = [section for section in by_section if section.origin == origin]
        _write_entrance(site / folder_of(origin), origin, sections, [page for page in served if _on(page, origin)])
    _write_pictures(source, site / folder_of(PICTURES), served)
    for origin in ORIGINS:
        _put(site / folder_of(origin) / "robots.txt", _robots(origin).encode())


def _on(page: Page, origin: str) -> bool:
    return page.section.origin == origin


def _write_section(folder: Path, section: Section, members: list[Page]) -> None:
    """A section's pages, each with its neighbours, and its list of links."""
    links = [(page.dish, page.url) for page in members]
    listing = _html(section.origin, section.name, links=links)
    _put(folder / section.folder / "index.html", listing.encode())
    for previous, page, following in zip([None, *members], members, [*members[1:], None], strict=False):
        text = _html(
            section.origin,
            page.title,
            section=section.name,
            charset=page.charset,
            trail=[(section.name, section.url)],
            body=Markup(pages.html(page)),
            plants=[plant for plant in PLANTS if plant.page == page.path],
            previous=previous,
            following=following,
        )
        codec = "gb18030" if page.charset == "gb2312" else page.charset
        _put(folder / f"{page.path.removesuffix('.md')}.html", text.encode(codec))


def _write_entrance(folder: Path, origin: str, sections: list[Section], served: list[Page]) -> None:
    """A site's front page and its sitemap, which lists the closed folder too, as sitemaps in the wild do."""
    front = _html(origin, SITE_NAMES[origin], links=[(section.name, section.url) for section in sections])
    _put(folder / "index.html", front.encode())
    urls = [f"{origin}/", *(section.url for section in sections), *(page.url for page in served)]
    entries = "".join(f"<url><loc>{url}</loc></url>\n" for url in urls)
    sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    _put(folder / "sitemap.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{sitemap}'.encode())


def _write_pictures(source: Path, folder: Path, served: list[Page]) -> None:
    """Every picture of the served pages as it is in the package, the small copies, and the plants."""
    for picture in sorted({picture for page in served for picture in page.pictures}):
        _put(folder / picture, (source / picture).read_bytes())
        if pages.form_of(picture) is Form.SRCSET:
            _put(folder / pages.small_path(picture), _small(source / picture))
    for plant in PLANTS:
        if plant.make:
            original = (source / plant.picture).read_bytes() if plant.picture else b""
            _put(folder / plant.path, plant.make(original))
    _put(folder / pages.LOADING.removeprefix(f"{PICTURES}/"), _loading())
    _put(folder / NOT_FOUND, "<!doctype html>\n<title>图片不存在</title>\n<p>图片不存在或已被删除。</p>\n".encode())


def _small(picture: Path) -> bytes:
    """The picture at half its sides, upright."""
    with Image.open(picture) as original:
        upright = ImageOps.exif_transpose(original).convert("RGB")
    return jpeg(upright.resize((upright.width // 2, upright.height // 2), Image.Resampling.LANCZOS))


def _loading() -> bytes:
    """A plain grey square of 32 pixels."""
    file = io.BytesIO()
    Image.new("L", (32, 32), 220).save(file, "GIF")
    return file.getvalue()


def _robots(origin: str) -> str:
    closed = f"Disallow: /{CLOSED[origin]}" if origin in CLOSED else "Disallow:"
    sitemap = "" if origin == PICTURES else f"Sitemap: {origin}/sitemap.xml\n"
    return f"User-agent: *\n{closed}\n{sitemap}"


def _html(origin: str, title: str, *, charset: str = "utf-8", **rest: object) -> str:
    return _TEMPLATE.render(site=SITE_NAMES[origin], title=title, charset=charset, **rest)


def _put(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1] if len(sys.argv) > 1 else _HERE / "work")))
    except TuwenError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
