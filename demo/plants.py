"""What a real web has and this site lacks: copies, cuts, banners, pixels, dead pictures. One table holds them all."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from PIL import Image

from demo.sections import PICTURES

DELETED = "deleted/"
"""The picture host answers for what lies here with its 'not found' page and status 200, as many hosts do."""


@dataclass(frozen=True)
class Plant:
    """A picture that a page shows below its text.

    `page` is a served page and `picture` a picture of the package, by their paths in it; `path` is where the picture
    host has the plant, and `make` turns the one's bytes into the other's. None: the host has no such file.
    """

    what: str
    page: str
    heading: str
    alt: str
    path: str
    picture: str = ""
    make: Callable[[bytes], bytes] | None = None

    @property
    def url(self) -> str:
        """The plant's URL on the picture host."""
        return f"{PICTURES}/{quote(self.path)}"


def copied(original: bytes) -> bytes:
    """The very same bytes."""
    return original


def resized(original: bytes) -> bytes:
    """The picture at a quarter of its sides as a JPEG: what a thumbnail is."""
    picture = Image.open(io.BytesIO(original)).convert("RGB")
    return jpeg(picture.resize((picture.width // 4, picture.height // 4), Image.Resampling.LANCZOS))


def strip(original: bytes) -> bytes:
    """A strip out of the picture's middle, twelve times as wide as it is high: no recipe takes such an aspect."""
    picture = Image.open(io.BytesIO(original)).convert("RGB")
    height = picture.width // 12
    top = (picture.height - height) // 2
    return jpeg(picture.crop((0, top, picture.width, top + height)))


def truncated(original: bytes) -> bytes:
    """The first half of the bytes: an upload that broke off. The server knows no better, so the length agrees."""
    return original[: len(original) // 2]


def pixel(_: bytes) -> bytes:
    """One transparent pixel, as counters use."""
    file = io.BytesIO()
    Image.new("L", (1, 1), 255).save(file, "GIF", transparency=255)
    return file.getvalue()


def jpeg(picture: Image.Image) -> bytes:
    """A picture's JPEG bytes; quality 85 is what picture hosts commonly use for what they scale."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


RECOMMENDED, READERS = "相关推荐", "网友晒图"

PLANTS = (
    Plant(
        "copy of another URL's picture",
        page="dishes/meat_dish/酱牛肉/酱牛肉.md",
        heading=RECOMMENDED,
        alt="柱候牛腩",
        path="mirror/柱候牛腩.jpeg",
        picture="dishes/meat_dish/柱候牛腩/柱候牛腩.jpeg",
        make=copied,
    ),
    Plant(
        "resized copy",
        page="dishes/soup/羊肉汤/羊肉汤.md",
        heading=RECOMMENDED,
        alt="玉米排骨汤",
        path="thumb/玉米排骨汤.jpeg",
        picture="dishes/soup/玉米排骨汤/玉米排骨汤.jpeg",
        make=resized,
    ),
    Plant(
        "banner",
        page="dishes/staple/扬州炒饭/扬州炒饭.md",
        heading="面食专题",
        alt="不同种类的意面",
        path="banner/面食专题.jpg",
        picture="dishes/staple/意式肉酱面/spaghetti.jpg",
        make=strip,
    ),
    Plant(
        "pixel",
        page="dishes/meat_dish/牛排/牛排.md",
        heading="站点统计",
        alt="访问统计",
        path="static/pixel.gif",
        make=pixel,
    ),
    Plant(
        "page with status 200",
        page="dishes/meat_dish/回锅肉/回锅肉.md",
        heading=READERS,
        alt="回锅肉装盘",
        path=f"{DELETED}回锅肉装盘.jpg",
    ),
    Plant(
        "missing",
        page="dishes/aquatic/小龙虾/小龙虾.md",
        heading=READERS,
        alt="小龙虾出锅",
        path="upload/小龙虾出锅.jpg",
    ),
    Plant(
        "truncated",
        page="dishes/aquatic/清蒸鲈鱼/清蒸鲈鱼.md",
        heading=RECOMMENDED,
        alt="鲤鱼炖白菜",
        path="upload/鲤鱼炖白菜.jpeg",
        picture="dishes/aquatic/鲤鱼炖白菜/鲤鱼炖白菜.jpeg",
        make=truncated,
    ),
)
