"""Seeds: a URL, a TOML file or a list of URLs; and what is refused, in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import BadInput
from schemas.seeds import Site, load


def write(folder: Path, name: str, text: str) -> str:
    """A seeds file; its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_url_is_a_site_with_the_defaults() -> None:
    assert load(["https://pictures.example.cn"]) == [Site("https://pictures.example.cn/")]


def test_a_toml_file_says_more_of_each_site(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "seeds.toml",
        '[[site]]\nurl = "https://图.example.cn/a?b=1"\nstrong = true\nclass = "动物"\nsitemap = false\n'
        'max_pages = 7\n\n[[site]]\nurl = "http://b.example.cn:8080/"\n',
    )
    first, second = load([path])
    assert (first.strong, first.class_, first.sitemap, first.max_pages) == (True, "动物", False, 7)
    assert first.url == "https://xn--wcs.example.cn/a?b=1"  # as it is asked for
    assert second == Site("http://b.example.cn:8080/")


def test_a_list_has_a_url_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, "seeds.txt", "\ufeff# ours\nhttps://a.example/\n\n  https://b.example/x  \n  # no more\n")
    assert [site.url for site in load([path])] == ["https://a.example/", "https://b.example/x"]


def test_seeds_of_all_kinds_keep_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, "seeds.txt", "https://b.example/\n")
    assert [site.url for site in load(["https://a.example/", path, "https://c.example/"])] == [
        "https://a.example/",
        "https://b.example/",
        "https://c.example/",
    ]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/x/y", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("http://a.example:8080/", "http://a.example:8080"),
        ("HTTP://A.Example/", "http://a.example"),
    ],
)
def test_a_site_is_an_origin(url: str, origin: str) -> None:
    assert load([url])[0].origin == origin


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://", "http://a b/", "javascript://x", "file:///etc/hosts"])
def test_what_is_no_web_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match="is not an http"):
        load([url])
    path = write(tmp_path, "seeds.txt", f"https://a.example/\n{url}\n")
    with pytest.raises(BadInput, match=r"seeds\.txt:2: "):
        load([path])
    table = write(tmp_path, "seeds.toml", f'[[site]]\nurl = "https://a.example/"\n[[site]]\nurl = "{url}"\n')
    with pytest.raises(BadInput, match=r"seeds\.toml, site 2: "):
        load([table])


def test_a_word_that_is_neither_url_nor_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"example\.cn: neither a URL with http"):
        load(["example.cn"])
    with pytest.raises(BadInput, match="neither a URL"):
        load([str(tmp_path)])
    with pytest.raises(BadInput, match="--seeds: an empty word; give a URL"):
        load([""])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[site]]\nurl = "https://a.example/"\nstrang = true\n', "strang"),
        ("[[site]]\nstrong = true\n", "url"),
        ('[[site]]\nurl = "https://a.example/"\nmax_pages = "many"\n', "max_pages"),
        ('[[site]]\nurl = "https://a.example/"\nscope = "host"\n', "its scope is domain or origin"),
        ("[[site]\n", "seeds.toml"),
        ('[[page]]\nurl = "https://a.example/"\n', "page"),
    ],
)
def test_a_table_that_is_wrong_names_the_fields(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, "seeds.toml", text)
    with pytest.raises(BadInput) as caught:
        load([path])
    message = str(caught.value)
    assert says in message and path in message
    assert "url, strong, class, sitemap, max_pages, scope, domains, include, exclude, max_depth" in message


def test_a_table_may_bound_its_site(tmp_path: Path) -> None:
    text = (
        '[[site]]\nurl = "https://a.example/"\nscope = "origin"\ndomains = ["图.Example.cn", "b.example."]\n'
        'include = ["/gallery/"]\nexclude = ["[?&]print=1"]\nmax_depth = 3\nmax_bytes = 1_000_000\nmax_seconds = 60\n'
    )
    (site,) = load([write(tmp_path, "seeds.toml", text)])
    assert (site.scope, site.domains) == ("origin", ("xn--wcs.example.cn", "b.example"))
    assert (site.include, site.exclude) == (("/gallery/",), ("[?&]print=1",))
    assert (site.max_depth, site.max_bytes, site.max_seconds) == (3, 1_000_000, 60.0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('scope = "host"', "scope"),
        ('domains = ["http://a.example"]', "is not a host's name"),
        ('domains = ["*.a.example"]', "is not a host's name"),
        ('domains = [""]', "is not a host's name"),
        ('include = ["(a"]', "missing"),
        ('exclude = ["(a)\\\\1"]', "not one that RE2 reads"),
        ("max_depth = -1", "max_depth = -1: give 0 or more"),
        ("max_bytes = 1.5", "max_bytes"),
        ("max_seconds = nan", "max_seconds = nan"),
    ],
)
def test_a_bound_that_cannot_be_is_refused(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path, "seeds.toml", f'[[site]]\nurl = "https://a.example/"\n{line}\n')
    with pytest.raises(BadInput, match=r"seeds\.toml") as caught:
        load([path])
    assert says in str(caught.value)


def test_nothing_is_no_seed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no seed in nothing"):
        load([])
    with pytest.raises(BadInput, match=r"no seed in .*empty"):
        load([write(tmp_path, "empty.txt", "# none\n")])
