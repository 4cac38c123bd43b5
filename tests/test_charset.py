import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.charset import decode, sniff

SENTENCES = {
    "gb18030": [
        "水煮牛肉的做法",
        "图片加载中，请稍候",
        "北京故宫博物院 摄影：张三",
        "点击查看大图",
        "猪肉切块，焯水备用。",
    ],
    "big5": ["紅燒牛肉的做法", "台北故宮博物院", "點擊查看大圖，請稍候", "豬肉切塊，汆燙備用。"],
    "shift_jis": ["東京タワーの写真です。", "肉じゃがの作り方"],
    "euc-jp": ["東京タワーの写真です。", "肉じゃがの作り方"],
    "euc-kr": ["서울의 사진입니다", "불고기 만드는 법"],
}


@pytest.mark.parametrize(
    ("body", "header", "name"),
    [
        (b"\xef\xbb\xbf<meta charset=gbk>", "text/html; charset=big5", "utf-8"),  # the mark wins over all
        (b"\xff\xfea\0", None, "utf-16le"),
        (b"\xfe\xff\0a", "text/html; charset=utf-8", "utf-16be"),
        (b"<meta charset=gbk>", "text/html; charset=big5", "big5"),  # then the header
        (b"<meta charset=gbk>", "text/html; charset=klingon", "gbk"),
        (b"<meta charset=gbk>", "text/html;charset='GB2312'", "gbk"),
        (b'<meta charset="GB2312">', None, "gbk"),
        (b"<meta charset='gb18030' />", None, "gb18030"),
        (b"<META CHARSET = Big5-HKSCS>", None, "big5"),
        (b'<meta http-equiv=Content-Type content="text/html; charset=gb2312">', None, "gbk"),
        (b'<meta content="text/html; charset=gb2312" http-equiv=content-type>', None, "gbk"),
        (b'<meta content="text/html; charset=gb2312">', None, "utf-8"),  # without http-equiv it says nothing
        (b"<!-- <meta charset=big5> --><meta charset=gbk>", None, "gbk"),
        (b"<!-- <meta charset=big5>", None, "utf-8"),
        (b"<metadata charset=big5><meta charset=gbk>", None, "gbk"),
        (b"<meta name=x><meta/charset=gbk>", None, "gbk"),
        (b"<meta charset=utf-16le>", None, "utf-8"),  # it was read as ASCII, so it cannot be
        (b"<meta charset=x-user-defined>", None, "windows-1252"),
        (b"<meta charset=klingon><meta charset=sjis>", None, "shift_jis"),
        (b"<?xml version='1.0' encoding='gbk'?><html>", None, "gbk"),
        (b" " * 1100 + b"<meta charset=gbk>", None, "utf-8"),  # beyond the first 1,024 bytes
        # the prescan passes over what is no tag, and over attributes
        (b"<a title='<meta charset=big5>'><meta charset=gbk>", None, "gbk"),
        (b"<!doctype <meta charset=big5>><meta charset=gbk>", None, "gbk"),
        (b"<!--><meta charset=gbk>", None, "gbk"),
        (b"<meta content='charset=gbk' http-equiv=content-type charset=big5>", None, "big5"),
        (b"<meta http-equiv=content-type content='x charset charset = \"gbk\"'>", None, "gbk"),
        (b"<meta http-equiv=content-type content='charset=\"gbk'>", None, "utf-8"),  # a quote that is not closed
        (b"<meta charset='gbk", None, "utf-8"),
        (b"<meta charset=big5 charset=gbk>", None, "big5"),
        (b"<?xml version='1.0' encoding='utf-16'?>", None, "utf-8"),
        (b"<\0?\0x\0m\0l\0", None, "utf-16le"),
        (b"\0<\0?\0x\0m\0l", None, "utf-16be"),
        (b"<meta charset=gbk>", "text/html; x-charset=big5", "gbk"),
        (b"plain", "text/html; charset=ISO-8859-1", "windows-1252"),
        (b"", None, "utf-8"),
    ],
)
def test_sniff(body: bytes, header: str | None, name: str) -> None:
    assert sniff(body, header) == name


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SENTENCES.items() for text in texts])
def test_unlabelled_pages_are_read(name: str, text: str) -> None:
    body = f"<title>{text}</title>".encode(name)
    assert sniff(body) == name
    assert decode(body) == f"<title>{text}</title>"


def test_unlabelled_utf8_though_cut() -> None:
    body = "水煮牛肉".encode() * 10_000
    assert sniff(body) == "utf-8"  # the sample ends within a character
    assert sniff("水煮牛肉".encode()[:-1]) != "utf-8"


def test_western_pages_fall_back_as_in_browsers() -> None:
    assert decode("naïve façade — déjà vu".encode("cp1252")) == "naïve façade — déjà vu"
    assert decode(b"\x81\x80", "text/html; charset=latin1") == "\x81€"


@pytest.mark.parametrize(
    ("label", "body", "text"),
    [
        (
            "gb2312",
            "朱镕基 囧 喆 㐂 € 𠮷".encode("gb18030"),
            "朱镕基 囧 喆 㐂 € 𠮷",
        ),  # its own codec fails on all of these
        ("gbk", b"\xa8\xbc\xa6\xd9\xfeY", "\u1e3f\ufe10\u9fb4"),  # GB 18030-2005 and later
        ("gbk", b"\xa3\xa0", "\u3000"),
        ("gbk", b"a\x81<b>", "a\ufffd<b>"),  # a bad pair does not swallow the tag
        ("gbk", b"\x80 5", "€ 5"),
        ("gbk", b"\x81\xff<b>", "\ufffd<b>"),  # both bytes of a pair that is none
        ("big5", b"\xc6\xcf\x87\x7a\xa3\xe1", "廴㡵€"),  # Python's codec has none of them
        ("big5", b"\xa1\x45\x88\x62", "‧\u00ca\u0304"),
        ("big5", b"\xa4\x00\xa4<b>", "\ufffd\x00\ufffd<b>"),
        ("euc-jp", b"\xad\xa1\xa1\xc1", "①～"),
        ("windows-1253", b"\x81\xaa", "\x81\ufffd"),
        ("koi8-u", b"\xae", "ў"),
        ("big5", "囧 喺 嘅 咗".encode("big5hkscs"), "囧 喺 嘅 咗"),
        ("shift_jis", "①㈱".encode("cp932"), "①㈱"),
        ("euc-kr", "똠방각하".encode("cp949"), "똠방각하"),
        ("utf-8", b"a\xff\xe6\xb0b", "a\ufffd\ufffdb"),
        ("hz-gb-2312", b"<script>", "\ufffd"),
        ("x-user-defined", b"a\x80\xff", "a\uf780\uf7ff"),
        ("koi8-u", "Ґава".encode("koi8-u"), "Ґава"),
        ("iso-8859-8-i", "שלום".encode("iso8859_8"), "שלום"),
        ("windows-874", "ไทย".encode("cp874"), "ไทย"),
    ],
)
def test_decode(label: str, body: bytes, text: str) -> None:
    assert decode(body, f"text/html; charset={label}") == text


def test_the_mark_is_no_text() -> None:
    assert decode("\ufeff红".encode()) == "红"
    assert decode("\ufeff红".encode("utf-16-le")) == "红"


@given(
    st.binary(max_size=300), st.sampled_from([None, "text/html; charset=gbk", "charset=big5", "charset=iso-2022-jp"])
)
def test_any_bytes_are_read(body: bytes, header: str | None) -> None:
    decode(body, header).encode("utf-8", "surrogatepass")


@given(st.text(st.characters(codec="gb18030", exclude_categories=["Cs", "Co"]), min_size=1))
def test_gb18030_round_trip(text: str) -> None:
    assert decode(text.encode("gb18030"), "charset=gbk") == text


def test_every_label_has_a_codec() -> None:
    from crawlers.decoders import decode_as
    from crawlers.labels import _NAMES

    for name in set(_NAMES.values()):
        assert decode_as(b"a", name) in ("a", "\ufffd"), name


def test_a_page_of_errors_takes_no_time() -> None:
    """One reading of ten million bytes, none of them readable: looked at one by one they would take ten seconds."""
    assert len(decode(b"\xc6\xcf" * 2_000_000, "charset=big5")) >= 2_000_000
    assert decode(b"\xff" * 1_000_000, "charset=gbk").strip("\ufffd") == ""
