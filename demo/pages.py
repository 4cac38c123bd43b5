"""One Markdown page of the package as a page of the site, with the habits that pages of the real web have."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from html import escape
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from demo.sections import PICTURES, Section, section_of

_MARKDOWN = MarkdownIt("commonmark").enable("table")

LOADING = f"{PICTURES}/static/loading.gif"
"""What a lazy picture shows until its page's script runs, which no crawler does."""


class Form(Enum):
    """How a page shows a picture. Half of the pictures are plain; each other form gets an eighth."""

    PLAIN = "src and alt"
    TITLED = "and a title attribute with the dish"
    FIGURE = "in a figure with the dish as its caption, where it stands alone in its paragraph"
    LAZY = "data-original, with a placeholder as src"
    SRCSET = "src for the small copy, srcset for it and the original"


_FORMS = (Form.TITLED, Form.FIGURE, Form.LAZY, Form.SRCSET, *[Form.PLAIN] * 4)


def form_of(picture: str) -> Form:
    """The form of a picture, chosen by the sha256 of its path in the package: spread evenly, the same in every run."""
    return _FORMS[hashlib.sha256(picture.encode()).digest()[0] % len(_FORMS)]


def small_path(picture: str) -> str:
    """Where the picture host has the copy of half the size that a srcset offers."""
    return f"small/{picture.rpartition('.')[0]}.jpg"


@dataclass(frozen=True)
class Page:
    """A page as the package has it: its path there, and its Markdown read once."""

    path: str
    tokens: list[Token] = field(repr=False, compare=False)

    @property
    def section(self) -> Section:
        """Its category."""
        return section_of(self.path)

    @property
    def url(self) -> str:
        """Its absolute URL."""
        return page_url(self.path)

    @property
    def title(self) -> str:
        """Its first heading, or its file's name."""
        headings = [after.content for token, after in pairwise(self.tokens) if token.type == "heading_open"]
        return headings[0] if headings else posixpath.basename(self.path).removesuffix(".md")

    @property
    def dish(self) -> str:
        """What it tells how to make: the title less 的做法, 'how to make'."""
        return self.title.removesuffix("的做法")

    @property
    def charset(self) -> str:
        """How its bytes are written: one page in sixteen is GB18030 under the old name that such pages still give."""
        return "gb2312" if hashlib.sha256(self.path.encode()).digest()[1] % 16 == 0 else "utf-8"

    @property
    def pictures(self) -> list[str]:
        """The package's pictures that it shows, by path, as often as it shows them."""
        return [picture for token in _images(self.tokens) if (picture := _local(self.path, _source(token)))]


def read(package: Path, path: str) -> Page:
    """A page of the unpacked package."""
    return Page(path, _MARKDOWN.parse((package / path).read_text("utf-8")))


def page_url(path: str) -> str:
    """The URL of a page by its path in the package, whether it is served or not."""
    return f"{section_of(path).origin}/{quote(path.removesuffix('.md'))}.html"


def html(page: Page) -> str:
    """The page's Markdown as HTML: links and pictures lead to where the sites have them.

    What is on hosts that are not ours stays as words, without its link: the demo asks nobody but itself.
    """
    tokens = _MARKDOWN.parse("")  # a list of the same type
    for token in page.tokens:
        tokens.append(token.copy(children=_children(page, token)) if token.type == "inline" else token.copy())
    for place, token in enumerate(tokens):
        if token.type == "inline" and _is_figure(page, token) and not tokens[place - 1].hidden:
            tokens[place - 1].tag = tokens[place + 1].tag = "figure"
            caption = f"<figcaption>{escape(page.dish)}</figcaption>"
            tokens[place].children = [*(token.children or []), Token("html_inline", "", 0, content=caption)]
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _children(page: Page, inline: Token) -> list[Token]:
    children: list[Token] = []
    ours: list[bool] = []  # of the links that are open
    for child in inline.children or []:
        if child.type == "link_open":
            target = _local(page.path, str(child.attrs["href"]))
            ours.append(target.endswith(".md"))
            if ours[-1]:
                children.append(child.copy(attrs={**child.attrs, "href": page_url(target)}))
        elif child.type == "link_close":
            if ours.pop():
                children.append(child)
        elif child.type == "image":
            children += _picture(page, child)
        else:
            children.append(child)
    return children


def _picture(page: Page, image: Token) -> Iterator[Token]:
    picture = _local(page.path, _source(image))
    if not picture:
        yield from image.children or []
        return
    url = f"{PICTURES}/{quote(picture)}"
    attrs = {"src": url, "alt": ""}  # the renderer fills alt from the Markdown
    form = form_of(picture)
    if form is Form.TITLED:
        attrs["title"] = page.dish
    elif form is Form.LAZY:
        attrs |= {"src": LOADING, "data-original": url}
    elif form is Form.SRCSET:
        small = f"{PICTURES}/{quote(small_path(picture))}"
        attrs |= {"src": small, "srcset": f"{small} 1x, {url} 2x"}
    yield image.copy(attrs=attrs)


def _is_figure(page: Page, inline: Token) -> bool:
    children = inline.children or []
    if len(children) != 1 or children[0].type != "image":
        return False
    url = str(children[0].attrs["src"]).removeprefix(f"{PICTURES}/")
    return form_of(unquote(url)) is Form.FIGURE


def _local(page: str, reference: str) -> str:
    """The path in the package that a reference of a page means; '' for one that leads elsewhere."""
    if "://" in reference or reference.startswith("#"):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(reference)))


def _source(image: Token) -> str:
    return str(image.attrs["src"])


def _images(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from (child for child in token.children or [] if child.type == "image")
