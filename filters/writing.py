"""Which writing a text is in: Han, kana, hangul, Latin; simplified or traditional."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import opencc

SEEN = 4_096  # characters of a text that script and language look at: far past any caption, and a bound on time

# The characters of Unicode's script Han: radicals, 々〇〡…〩〸…〻, extensions A to J (the planes 2 and 3 hold nothing
# else), the unified ideographs, both compatibility blocks.
_HAN = "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Kana that spell: the middle dot and the long-vowel mark are left out, since Chinese texts use them as signs.
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff6f\uff71-\uff9d"
_HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uffa1-\uffdc"
_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"

HAN = re.compile(f"[{_HAN}]+")
_EACH_KANA = re.compile(f"[{_KANA}]")
_EACH_HANGUL = re.compile(f"[{_HANGUL}]")
_LATIN_WORD = re.compile(f"[{_LATIN}]+")
_OTHER_WORD = re.compile(rf"[^\W\d_{_HAN}{_KANA}{_HANGUL}{_LATIN}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Units:
    """How much of each writing a text holds: characters of Han, kana and hangul; words of Latin and all others.

    One Han character says about as much as one Latin word, so these can be compared.
    """

    han: int
    kana: int
    hangul: int
    latin: int
    other: int

    @property
    def _sizes(self) -> dict[str, int]:
        east = "kana" if self.kana else "han"  # Japanese mixes the two, so kana has its Han with it
        return {east: self.han + self.kana, "hangul": self.hangul, "latin": self.latin, "other": self.other}

    @property
    def chief(self) -> str:
        """The writing with most units, of equals the first: han or kana, hangul, latin, other; none without any."""
        sizes = self._sizes
        return max(sizes, key=lambda writing: sizes[writing]) if any(sizes.values()) else "none"

    @property
    def share(self) -> float:
        """The chief writing's share of all units, 0 to 1."""
        sizes = self._sizes.values()
        return max(sizes) / sum(sizes) if any(sizes) else 0.0


def units(text: str) -> Units:
    """Count the writings of the first SEEN characters of a text.

    A の among simplified characters is the ornament of a Chinese brand (鲜の味), and counts as none.

    >>> units("iPhone 手机壳")
    Units(han=3, kana=0, hangul=0, latin=1, other=0)
    """
    text = text[:SEEN]
    kana = _EACH_KANA.findall(text)
    if kana and set(kana) == {"の"} and _is_only_chinese(text):
        kana = []
    return Units(
        han(text),
        len(kana),
        len(_EACH_HANGUL.findall(text)),
        len(_LATIN_WORD.findall(text)),
        len(_OTHER_WORD.findall(text)),
    )


def han(text: str) -> int:
    """The number of Han characters in a text.

    >>> han("红烧肉 recipe"), han("々〇𠮷")
    (3, 3)
    """
    return sum(map(len, HAN.findall(text)))


def script(text: str) -> str:
    """The writing that most of a text is in: hans, hant, han, kana, hangul, latin, other or none.

    hans and hant are simplified and traditional Chinese: more characters that only the one has, by OpenCC's tables;
    han when both write the text alike. kana is Japanese, Han characters included.

    >>> [script(text) for text in ("红烧狮子头", "紅燒獅子頭", "水煮牛肉", "ラーメン", "IMG_0001", "2024!")]
    ['hans', 'hant', 'han', 'kana', 'latin', 'none']
    """
    chief = units(text).chief
    if chief != "han":
        return chief
    text = text[:SEEN]
    simplified, traditional = _changed("s2t", text), _changed("t2s", text)
    if simplified == traditional:
        return "han"
    return "hans" if simplified > traditional else "hant"


def simplify(text: str) -> str:
    """The text in simplified characters, by OpenCC's t2s (characters and phrases, no regional words).

    A lone surrogate, which no file can hold, becomes U+FFFD.

    >>> simplify("紅燒獅子頭")
    '红烧狮子头'
    """
    return str(_converter("t2s").convert(storable(text)))


def storable(text: str) -> str:
    """The text with U+FFFD in place of every lone surrogate, so that UTF-8 can hold it.

    >>> storable("a\\ud800b")
    'a�b'
    """
    return _SURROGATE.sub("\ufffd", text)


def _changed(conversion: str, text: str) -> int:
    """How many characters an OpenCC conversion changes."""
    text = storable(text)
    return sum(old != new for old, new in zip(text, _converter(conversion).convert(text), strict=False))


def _is_only_chinese(text: str) -> bool:
    """Whether a text has a simplified character that Japanese does not share (鲜, but not 写 or 国)."""
    text = storable(text)
    traditional = _converter("s2t").convert(text)
    japanese = _converter("t2jp").convert(traditional)
    return any(c not in (old, new) for c, old, new in zip(text, traditional, japanese, strict=False))


@cache
def _converter(conversion: str) -> opencc.OpenCC:
    return opencc.OpenCC(conversion)
