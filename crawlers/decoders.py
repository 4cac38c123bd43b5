"""Bytes read as browsers read them, where Python's codecs fail on what browsers read or read it otherwise."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import cache

from crawlers.labels import codec_of

# All tables below are what the encoding standard's indexes have and Python's codecs have not, found by comparing them
# byte by byte: https://encoding.spec.whatwg.org/#indexes. A word is the bytes in hex and the characters from there on.
_BIG5 = """
877a㡵𡵓𣚞𦀡㻬 87a1𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓墖靊鈘秐稲晠権袝瑌篅枂稬剏遆㓦珄𥶹瓆鿇垳䤯呌䄱𣚎堘
87c9穲𧭥讏䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄𣖻䂴鿊䓡𪷿拁灮鿋 8e69箸 8e6f簆 8e7e糎 8eab緒 8eb4縝 8ecd者 8ed0耨 8f57菁 8f69蒨
8f6e萏 8fcb覦覩 8ffe起 906d都 907a銹 90dc靜 90f1響 91bf鼖 9244蔃 92af兙兛兝兞 92c8鍮 92d1瑹 9447浧 94ca禛 95d9邗
9644靝 96ed瀞 96fc嬨 9b76爁 9b78矗 9b7b纇 9bc6駖 9bde釔 9bec惞 9bf6澶 9c42輶 9c53侻 9c62營 9c68鄄 9c6b鷰 9c77菏
9cbc尐秣 9cd0婧 9d57輋 9d5a筑 9dc4拐 9ea9恢 9eef痹 9efd汊 9f60鬮 9f66鼗 9fcb僭 9fd8弌 a063蠏 a077拎 a0d5瑨 a0df煢
a0e4牐 a3c0␀␁␂␃␄␅␆␇␈␉␊␋␌␍␎␏␐␑␒␓␔␕␖␗␘␙␚␛␜␝␞␟␡€ c6cf廴 c6d3无 c6d5癶 c6d7隶 c6de〃仝 fa5f倩 fa66偽 fabd包 fac5卄 fad5卿
fb48嘅 fbb8婷 fbf3幵 fbf9廐 fc4f彘 fc6c悤 fcb9撐 fce2晴 fcf1杞 fdb7沜渝 fdbb港 fdf1煮 fe52猪 fe6f瑜 feaa瓩 fedd砉
"""
_BIG5_OTHERWISE = str.maketrans("•､‾∼♁☉¥¢£", "‧﹑¯～⊕⊙￥￠￡")
_EUC_JP_OTHERWISE = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")

# GB 18030 has given these characters code points of their own since 2005; Python's table is that of 2000.
_GB18030_OTHERWISE = {
    0xE7C7: 0x1E3F,
    **dict(
        zip(
            range(0xE78D, 0xE797),
            (0xFE10, 0xFE12, 0xFE11, 0xFE13, 0xFE14, 0xFE15, 0xFE16, 0xFE17, 0xFE18, 0xFE19),
            strict=True,
        )
    ),
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE832: 0x9FB8,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE864: 0x9FBB,
    0xE5E5: 0x3000,  # A3A0: browsers read the ideographic space here
}
# Unreadable places that are looked at one by one, at some microsecond each: a page of more is in no such encoding.
_MOST_MENDED = 10_000
_OTHERWISE: dict[str, dict[int, int]] = {
    "gb18030": _GB18030_OTHERWISE,
    "big5": _BIG5_OTHERWISE,
    "euc-jp": _EUC_JP_OTHERWISE,
}


def decode_as(body: bytes, name: str) -> str:
    """Decode with an encoding of the standard, by its name in lower case; what cannot be read becomes U+FFFD.

    >>> decode_as(b"\\x80 \\xa3\\xa0", "gbk"), decode_as(b"\\xa3\\xe1 \\xc6\\xcf", "big5")
    ('€ \\u3000', '€ 廴')
    """
    name = "gb18030" if name == "gbk" else name  # in decoding they are one
    if name == "replacement":
        return "\ufffd" if body else ""
    if name in _PAIRS:
        text = body.decode(codec_of(name), f"tuwen.{name}")
        changes = _OTHERWISE.get(name)
        return text.translate(changes) if changes and not changes.keys().isdisjoint(map(ord, set(text))) else text
    if name.startswith(("utf-", "iso-2022-")):
        return body.decode(codec_of(name), "replace")
    return codecs.charmap_decode(body, "replace", _table(name))[0]


@cache
def _table(name: str) -> str:
    """What each byte means in an encoding of single bytes. Python leaves some of 80 to 9F undefined; the standard makes
    them the control characters of the same number."""
    if name == "x-user-defined":
        return "".join(chr(byte if byte < 0x80 else 0xF700 + byte) for byte in range(256))
    read = [bytes([byte]).decode(codec_of(name), "replace") for byte in range(256)]
    table = "".join(
        chr(byte) if byte in range(0x80, 0xA0) and one == "\ufffd" else one for byte, one in enumerate(read)
    )
    for place, character in _SINGLES.get(name, ()):
        table = table[:place] + character + table[place + 1 :]
    return table


_SINGLES = {"koi8-u": ((0xAE, "ў"), (0xBE, "Ў")), "windows-1255": ((0xCA, "\u05ba"),)}


def _big5_pairs() -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for word in _BIG5.split():
        start = int(word[:4], 16)
        found.update({(start + step).to_bytes(2, "big"): one for step, one in enumerate(word[4:])})
    return found


def _euc_jp_pair(pair: bytes) -> str | None:
    """NEC's and IBM's characters, which Python has in Shift_JIS only: the same row and cell, written otherwise."""
    if len(pair) < 2 or min(pair) < 0xA1:
        return None
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row % 2 else 0x40 if cell < 63 else 0x41)
    try:
        return bytes((lead, trail)).decode("cp932")
    except UnicodeDecodeError:
        return None


def _mending(
    name: str, read: Callable[[bytes], str | None], single: dict[int, str]
) -> Callable[[UnicodeError], tuple[str, int]]:
    """An error handler that reads what the standard reads, and else goes on where the standard goes on: after the lead
    byte, where an ASCII byte follows it, so that no tag is swallowed; after both, where none does."""

    def mend(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        # One decoding raises one error, again and again, so it can count.
        count = error.__dict__["count"] = error.__dict__.get("count", 0) + 1
        if count > _MOST_MENDED:
            return error.object[error.start :].decode(codec_of(name), "replace"), len(error.object)
        pair = error.object[error.start : error.start + 2]
        if found := single.get(pair[0]):
            return found, error.start + 1
        if found := read(pair):
            return found, error.start + 2
        both = len(pair) == 2 and pair[1] > 0x7F and pair[0] not in (0x80, 0xFF)
        return "\ufffd", error.start + 1 + both

    return mend


_PAIRS = {
    "gb18030": _mending("gb18030", lambda pair: None, {0x80: "€"}),
    "big5": _mending("big5", _big5_pairs().get, {}),
    "euc-jp": _mending("euc-jp", _euc_jp_pair, {}),
    "shift_jis": _mending("shift_jis", lambda pair: None, {0x80: "\x80"}),
    "euc-kr": _mending("euc-kr", lambda pair: None, {}),
}
for _name, _mend in _PAIRS.items():
    codecs.register_error(f"tuwen.{_name}", _mend)
