"""How a page's bytes become text: by the encoding standard, with detection that is right for Chinese."""

from __future__ import annotations

import re

from crawlers.detect import detect
from crawlers.labels import codec_of, name_of

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))
_PRESCAN = 1_024  # bytes in which the HTML standard looks for <meta charset>

_HEADER = re.compile(r"""charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""", re.I)
_COMMENT_OR_META = re.compile(rb"<!--.*?-->|<!--|<meta(?=[\s/])|</?[a-zA-Z]|<[!/?]", re.I | re.S)
_ATTRIBUTE = re.compile(rb"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?""")
_XML_ENCODING = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*(?:"([^"]*)"|'([^']*)')""")

# GB 18030 has given these characters code points of their own since 2005; Python's table is that of 2000.
_GB18030_SINCE_2005 = {
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
_MOVED = re.compile("[\ue5e5\ue78d-\ue796\ue7c7\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864]")


def sniff(body: bytes, content_type: str | None = None) -> str:
    """The encoding of a page by the HTML standard: byte-order mark, header, <meta> in the first 1,024 bytes, detection.

    Returns the encoding standard's name in lower case; gb2312 and gbk are both 'gbk'. Source:
    https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding.

    >>> sniff(b'<meta charset="gb2312">'), sniff(b"", "text/html; charset=Big5"), sniff("水煮".encode())
    ('gbk', 'big5', 'utf-8')
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    match = _HEADER.search(content_type or "")
    if match and (found := name_of(next(filter(None, match.groups()), ""))):
        return found
    return _prescan(body[:_PRESCAN]) or detect(body)


def decode(body: bytes, content_type: str | None = None) -> str:
    """The text of a page; what cannot be read becomes U+FFFD, a byte-order mark is taken off. Never raises."""
    name = sniff(body, content_type)
    mark = next((mark for mark, _ in _BOMS if body.startswith(mark)), b"")
    return decode_as(body[len(mark) :], name)


def decode_as(body: bytes, name: str) -> str:
    """Decode with an encoding of the standard, by name."""
    if name == "replacement":
        return "\ufffd" if body else ""
    if name == "x-user-defined":
        return "".join(chr(byte) if byte < 0x80 else chr(0xF700 + byte) for byte in body)
    if name in ("gbk", "gb18030"):
        return _gb18030(body)
    if name.startswith("windows-") and name != "windows-874":
        return body.decode(name, "replace") if name != "windows-1252" else _windows_1252(body)
    return body.decode(codec_of(name), "replace")


def _gb18030(body: bytes) -> str:
    text = body.decode("gb18030", "replace")
    if _MOVED.search(text):
        text = text.translate(_GB18030_SINCE_2005)
    return text


def _windows_1252(body: bytes) -> str:
    """Python leaves five bytes undefined; the standard makes them the control characters of the same number."""
    try:
        return body.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in body)


def _prescan(head: bytes) -> str | None:
    """What a <meta> or an XML declaration says, comments passed over."""
    place = 0
    while match := _COMMENT_OR_META.search(head, place):
        place = match.end()
        tag = match.group().lower()
        if tag == b"<!--":
            return None  # a comment that does not end here hides the rest
        if tag != b"<meta":
            continue
        attributes, place = _attributes(head, place)
        if found := _from_meta(attributes):
            return found
    if declared := _XML_ENCODING.match(head):
        return _as_read((declared.group(1) or declared.group(2) or b"").decode("latin-1"))
    return None


def _attributes(head: bytes, place: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(head, place):
        place = match.end()
        name = match.group(1).decode("latin-1").lower()
        value = next((group for group in match.groups()[1:] if group is not None), b"")
        found.setdefault(name, value.decode("latin-1"))
    return found, place


def _from_meta(attributes: dict[str, str]) -> str | None:
    if "charset" in attributes:
        return _as_read(attributes["charset"])
    if attributes.get("http-equiv", "").lower() != "content-type":
        return None
    match = _HEADER.search(attributes.get("content", ""))
    return _as_read(next(filter(None, match.groups()), "")) if match else None


def _as_read(label: str) -> str | None:
    """A <meta> that could be read as ASCII is not in UTF-16, whatever it says."""
    name = name_of(label)
    if name in ("utf-16be", "utf-16le"):
        return "utf-8"
    return "windows-1252" if name == "x-user-defined" else name
