import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.aitxt import ai_txt

# As Spawning's generator writes them: images not, texts yes.
MADE = """# Spawning AI
# Prevent datasets from using the following file types

User-Agent: *
Disallow: *.bmp
Disallow: *.jpg
Disallow: *.png
Allow: *.txt
Allow: *.pdf
Disallow: /
Disallow: *
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MADE, ["image no", "text yes", "audio no", "video no", "code no"]),
        ("User-Agent: *\nAllow: *.jpg\nAllow: /", ["image yes", "text yes", "audio yes", "video yes", "code yes"]),
        ("User-Agent: *\nDisallow: *.jpg, *.png", ["image no"]),
        ("User-Agent: *\nAllow: *.jpg\nDisallow: *.JPG", ["image no"]),
        ("Disallow: *.mp4", ["video no"]),
        ("User-Agent: OtherBot\nDisallow: *.jpg", []),
        ("User-Agent: OtherBot\nUser-Agent: tuwenbot\nDisallow: *.jpg", ["image no"]),
        ("User-Agent: OtherBot\nDisallow: /\nUser-Agent: *\nDisallow: *.py", ["code no"]),
        ("<html>", []),
        ("", []),
    ],
)
def test_what_it_says_of_each_type(text: str, said: list[str]) -> None:
    for body in (text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()):
        consent = ai_txt(body, "TuwenBot", "source")
        assert list(consent.said) == said and consent.allowed and consent.signal == "ai.txt"
        assert consent.source == ("source" if said else "")


@given(st.binary(max_size=200))
def test_it_decides_nothing(body: bytes) -> None:
    assert ai_txt(body, "TuwenBot", "").allowed
