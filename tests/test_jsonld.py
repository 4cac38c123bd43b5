import pytest

from crawlers.jsonld import Described, read


@pytest.mark.parametrize(
    ("script", "pictures"),
    [
        ('{"@type": "ImageObject", "contentUrl": "a", "caption": "图", "name": "名"}', [("a", (), ("图", "名"), ())]),
        ('{"@type": "https://schema.org/ImageObject", "url": "a"}', [("a", (), (), ())]),
        (
            '{"@type": ["ImageObject", "X"], "contentUrl": "a", "thumbnailUrl": "t", "name": ["甲", "乙"]}',
            [("a", ("t",), ("甲", "乙"), ())],
        ),
        (
            '{"@type": "ImageObject", "contentUrl": "a", "license": {"@id": "l"}, "acquireLicensePage": "b"}',
            [("a", (), (), ("l", "b"))],
        ),
        ('{"@type": "Recipe", "name": "红烧肉", "image": "a"}', [("a", (), ("红烧肉",), ())]),
        (
            '{"@type": "Article", "headline": "题", "description": "述", "image": ["a", "b"]}',
            [("a", (), ("题", "述"), ()), ("b", (), ("题", "述"), ())],
        ),
        ('{"@type": "Product", "name": "锅", "image": {"url": "a", "caption": "图"}}', [("a", (), ("图", "锅"), ())]),
        (
            '[{"name": "一", "image": "a"}, {"name": "二", "image": "b"}]',
            [("a", (), ("一",), ()), ("b", (), ("二",), ())],
        ),
        (
            '{"@graph": [{"name": "文", "image": {"@id": "#p"}}, {"@id": "#p", "@type": "ImageObject", "url": "a"}]}',
            [("a", (), ("文",), ()), ("a", (), (), ())],
        ),
        ('{"name": "文", "image": {"@id": ["#p"]}}', []),
        ('{"name": "文", "image": {"@id": "#none"}}', []),
        ('<!-- {"name": "文", "image": "a"}; -->', [("a", (), ("文",), ())]),
        ('{"name": "两\n行", "image": "a"}', [("a", (), ("两\n行",), ())]),
        ('{"name": 1, "image": [null, 2, {"url": 3}, "a"]}', [("a", (), (), ())]),
        ('{"name": "文", "image": "a"', []),
        ("", []),
        ("x", []),
        ("}{", []),
        ("[" * 100_000 + "]" * 100_000, []),
        ("[" + "1" * 5_000 + "]", []),
        ('{"image": "' + "x" * 2_000_000 + '"}', []),
    ],
)
def test_pictures(script: str, pictures: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]) -> None:
    assert read([script])[0] == [Described(*picture) for picture in pictures]


def test_licences_of_other_things_are_the_pages() -> None:
    assert read(['{"@type": "Article", "license": "l", "image": {"url": "a", "license": "i"}}'])[1][0] == "l"


def test_what_is_read_is_bounded() -> None:
    assert len(read(['{"image": [' + ",".join(f'"{n}"' for n in range(500)) + "]}"])[0]) == 100
    assert len(read(["[" + ",".join(f'{{"image": "{n}"}}' for n in range(5_000)) + "]"])[0]) == 1_000
