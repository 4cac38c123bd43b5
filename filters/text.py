"""The text family: what can be told of a caption from its characters, one pure function per signal.

Characters are code points, as Python counts them. Any str is an answerable question: empty, a megabyte long, or
with lone surrogates.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.resources import files

from filters.language import language
from filters.writing import han, script, simplify

__all__ = [
    "chars",
    "han",
    "han_ratio",
    "is_boilerplate",
    "is_filename",
    "language",
    "repetition",
    "script",
    "simplify",
]

_NAME_LENGTH = 255  # no file system has longer names
_REPEATS_SEEN = 10_000  # characters looked at for repetition and entropy: a caption is far shorter, and time is bounded


def chars(text: str) -> int:
    """The number of characters.

    >>> chars("红烧肉 ok")
    6
    """
    return len(text)


def han_ratio(text: str) -> float:
    """Han characters among those that are not white space; 0 for none.

    >>> han_ratio("红烧肉 a"), han_ratio("")
    (0.75, 0.0)
    """
    solid = sum(map(len, text.split()))
    return han(text) / solid if solid else 0.0


_ENDING = r"\.(?:jpe?g|jfif|png|gif|webp|avif|heic|heif|bmp|tiff?|svg|psd|raw|cr2|nef|arw|dng|ico)"
_DEVICE = (  # what cameras, telephones, scanners and messengers call their files
    "img|image|dsc|dscn|dscf|dscg|p|pxl|pic|pict|picture|photo|mvimg|vid|burst|gopr|dji|cimg|sam|hpim|kimg|imgp|pano|"
    "scan|snapshot|screenshot|screen shot|untitled|mmexport|wechatimg|wx_camera|fb_img|received|signal|_mg|_dsc|file|"
    "图片|照片|图像|截图|截屏|屏幕截图|屏幕快照|微信图片|微信截图|企业微信截图|qq图片|qq截图|扫描|未命名|未标题|无标题|"
    "圖片|照片|截圖|螢幕截圖|螢幕快照|未命名|無標題"
)
_NUMBERING = r"[-_ .:()#（）]*[0-9][-_ .:()（）0-9]*(?:[-_ ]?(?:wa[0-9]+|hdr|副本|copy|edit|edited|[上下]午[0-9.: ]+))*"
_FILENAME = re.compile(
    "|".join(
        (
            rf"(?:[^\s/\\]+ ){{0,4}}[^\s]*{_ENDING}(?:[?@!].*)?",  # 000.jpg, 宫保鸡丁 1.png, https://…/a.jpg
            rf"(?:{_DEVICE}){_NUMBERING}",  # IMG_0001, DSC08716, 微信图片_20200101120000
            r"[0-9]{3}[_-][0-9]{4}",  # 100_1234
            r"0[0-9]+|[0-9]{5,}(?:[-_x][0-9]+)*",  # 0012, 20230101, 1234567_1280x720
            r"(?=.*[0-9])[0-9a-f]{16,}",  # a hash
            r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # a UUID
            r"(?:u=[0-9]+,[0-9]+|v2-[0-9a-f]{20,})\S*",  # the picture services of Baidu and Zhihu
        )
    ),
    re.IGNORECASE,
)


def is_filename(text: str) -> bool:
    """Whether a text reads like a file name or a camera's number; a name of Han characters with an ending is one too.

    >>> [is_filename(text) for text in ("IMG_0001", "000.jpg", "微信图片_20200101", "红烧肉", "2024")]
    [True, True, True, False, False]
    """
    text = text.strip()
    return len(text) <= _NAME_LENGTH and _FILENAME.fullmatch(text) is not None


def is_boilerplate(text: str) -> bool:
    """Whether a text as a whole is one of the phrases in boilerplate.txt, which say nothing of a picture.

    Compared without case, width, white space, punctuation, and numbers at the end. A text without a single letter or
    digit says nothing either.

    >>> [is_boilerplate(text) for text in ("点击查看大图 >>", "图片 (3)", "IMAGE", "…", "狗的图片")]
    [True, True, True, True, False]
    """
    if len(text) > _NAME_LENGTH:  # longer than any phrase of the list
        return False
    bare = _bare(text)
    return not bare or bare.rstrip("0123456789") in _boilerplate()


def _bare(text: str) -> str:
    """A text in the form in which phrases are compared: NFKC, case folded, letters and digits alone."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


@cache
def _boilerplate() -> frozenset[str]:
    lines = files("filters").joinpath("boilerplate.txt").read_text("utf-8").splitlines()
    return frozenset(_bare(line) for line in lines if line and not line.startswith("#"))


def repetition(text: str) -> float:
    """The share of characters, 0 to 1, that lie in a 3-gram of characters that occurs more than once.

    3-grams of characters, since Chinese has no word breaks. A text of under four characters has one 3-gram at most,
    and 0. Only the first 10,000 characters are looked at.

    >>> repetition("红烧肉红烧肉"), repetition("红烧狮子头"), repetition("abcabcxx")
    (1.0, 0.0, 0.75)
    """
    text = text[:_REPEATS_SEEN]
    grams = [text[at : at + 3] for at in range(len(text) - 2)]
    counts = Counter(grams)
    if len(counts) == len(grams):
        return 0.0
    covered, end = 0, 0
    for at, gram in enumerate(grams):
        if counts[gram] > 1:
            covered += at + 3 - max(at, end)
            end = at + 3
    return covered / len(text)


def entropy(text: str) -> float:
    """The Shannon entropy of a text's characters in bits: 0 for one character over and over, and for no text.

    Only the first 10,000 characters are looked at.

    >>> entropy("啊啊啊啊"), entropy("红烧"), entropy("")
    (0.0, 1.0, 0.0)
    """
    counts = Counter(text[:_REPEATS_SEEN]).values()
    total = sum(counts)
    return math.fsum(count / total * math.log2(total / count) for count in counts)
