"""The two page sites, the picture host, and what lies where."""

from __future__ import annotations

from dataclasses import dataclass

GALLERY = "http://gallery.invalid"
KITCHEN = "http://kitchen.invalid"
PICTURES = "http://pictures.invalid"
"""The origins as the built pages name them (`.invalid` is reserved, RFC 2606); the server puts its own in place."""

ORIGINS = (GALLERY, KITCHEN, PICTURES)

SITE_NAMES = {GALLERY: "家常菜图库", KITCHEN: "程序员做饭指南"}

CLOSED = {
    KITCHEN: "dishes/condiment/",  # pages that are linked, and listed in the sitemap, and may not be fetched
    PICTURES: "dishes/breakfast/",  # pictures that open pages show, and that may not be fetched
}
"""The folder that robots.txt closes on a host, by origin; both hold real files."""


@dataclass(frozen=True)
class Section:
    """A category: its folder in the package, its Chinese name, and the site that has it."""

    folder: str
    name: str
    origin: str

    @property
    def url(self) -> str:
        """Its page of links."""
        return f"{self.origin}/{self.folder}/"


# The names are the headings of the package's README. The gallery, which the seeds file calls strong, has about half
# of the pages and of the pictures, so that either tier gets something to show.
SECTIONS = (
    Section("dishes/vegetable_dish", "素菜", GALLERY),
    Section("dishes/aquatic", "水产", GALLERY),
    Section("dishes/breakfast", "早餐", GALLERY),
    Section("dishes/staple", "主食", GALLERY),
    Section("dishes/soup", "汤与粥", GALLERY),
    Section("dishes/dessert", "甜品", GALLERY),
    Section("dishes/meat_dish", "荤菜", KITCHEN),
    Section("dishes/semi-finished", "半成品加工", KITCHEN),
    Section("dishes/drink", "饮料", KITCHEN),
    Section("dishes/condiment", "酱料和其它材料", KITCHEN),
    Section("dishes/template", "示例菜", KITCHEN),
    Section("tips", "厨房贴士", KITCHEN),
    Section("about", "关于", KITCHEN),  # the package's own papers: how to contribute, and the like
)

_BY_FOLDER = {section.folder: section for section in SECTIONS}


def section_of(path: str) -> Section:
    """The section of a page, by its path in the package.

    >>> section_of("dishes/soup/羊肉汤/羊肉汤.md").name, section_of("CONTRIBUTING.md").name
    ('汤与粥', '关于')
    """
    parts = path.split("/")
    return _BY_FOLDER.get("/".join(parts[:2])) or _BY_FOLDER.get(parts[0]) or _BY_FOLDER["about"]
