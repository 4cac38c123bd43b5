"""How a page's bytes become text: by the encoding standard, with detection that is right for Chinese."""

from __future__ import annotations

import re

from crawlers.decoders import decode_as
from crawlers.detect import detect
from crawlers.labels import name_of

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))
_UTF16 = ("utf-16be", "utf-16le")
_PRESCAN = 1_024  # bytes in which the HTML standard looks for <meta charset>

_HEADER = re.compile(r"""(?:^|[;\s])charset\s*=\s*(?:"([^"]*)"?|'([^']*)'|([^\s;]+))""", re.I)
# The standard's algorithms, of which each of these is one step. White space is the five characters of HTML.
_MARKUP = re.compile(rb"<!--|<meta(?=[\t\n\f\r /])|</?[a-zA-Z][^\t\n\f\r >]*|<[!/?]", re.I)
_COMMENT = re.compile(rb"<!--(?:-?>|.*?-->)", re.S)
_ATTRIBUTE = re.compile(
    rb"""[\t\n\f\r /]*([^\t\n\f\r />][^\t\n\f\r />=]*)
    (?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)(?:"|(\Z))|'([^']*)(?:'|(\Z))|([^\t\n\f\r >"'][^\t\n\f\r >]*)|))?""",
    re.X,
)
_IN_CONTENT = re.compile(r"""charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|(["'])|([^\t\n\f\r ;]*))""", re.I)
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding[\0-\x20]*=[\0-\x20]*(?:"([^"\0-\x20]*)"|'([^'\0-\x20]*)')[^>]*>""")
_XML_IN_UTF16 = ((b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"))


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


def _prescan(head: bytes) -> str | None:
    """The standard's "prescan a byte stream": what a <meta> says, else the XML declaration; None when neither does."""
    for mark, name in _XML_IN_UTF16:
        if head.startswith(mark):
            return name
    place = 0
    while match := _MARKUP.search(head, place):
        tag, place = match.group().lower(), match.end()
        if tag == b"<!--":
            comment = _COMMENT.match(head, match.start())
            if comment is None:
                return None  # a comment that does not end here hides the rest
            place = comment.end()
        elif tag[1:2] in (b"!", b"?") or tag == b"</":
            place = head.find(b">", place) + 1
            if place == 0:
                break
        else:
            attributes, place = _attributes(head, place)
            if tag == b"<meta" and (found := _from_meta(attributes)):
                return found
    declared = _XML_ENCODING.match(head)
    stated = name_of((declared.group(1) or declared.group(2) or b"").decode("latin-1")) if declared else None
    return "utf-8" if stated in _UTF16 else stated


def _attributes(head: bytes, place: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, the first of a name, and where they end. Of one that is cut off nothing counts."""
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(head, place):
        place = match.end()
        name, double, cut, single, also_cut, bare = match.groups()
        if cut is not None or also_cut is not None:
            return {}, place
        value = next((group for group in (double, single, bare) if group is not None), b"")
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found, place


def _from_meta(attributes: dict[str, str]) -> str | None:
    if "charset" in attributes:
        return _as_read(attributes["charset"])
    if attributes.get("http-equiv", "").lower() != "content-type":
        return None
    match = _IN_CONTENT.search(attributes.get("content", ""))
    return _as_read(next(filter(None, (match.group(1), match.group(2), match.group(4))), "")) if match else None


def _as_read(label: str) -> str | None:
    """A <meta> that could be read as ASCII is not in UTF-16, whatever it says."""
    name = name_of(label)
    return "utf-8" if name in _UTF16 else "windows-1252" if name == "x-user-defined" else name
