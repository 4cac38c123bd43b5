"""The demo's web: what it is made of, and what a crawler meets on it. Needs npm's registry once, then demo/work."""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import socket
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from PIL import Image
from protego import Protego

from demo import package, pages, run
from demo.pages import Form
from demo.plants import PLANTS, Plant
from demo.sections import CLOSED, GALLERY, KITCHEN, PICTURES, SECTIONS
from demo.serve import Web, base_port, serving
from demo.website import build, folder_of, seeds, served_pages
from schemas.errors import BadInput, Damaged
from schemas.seeds import load

WORK = Path(__file__).parent.parent / "demo" / "work"
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
META_CHARSET = re.compile(rb'<meta charset="([^"]+)">')
REFERENCE = re.compile(r'(?:(?:href|src|data-original)="| 1x, )([^" ]+)')


@pytest.fixture(scope="module")
def site() -> Path:
    return build(WORK)


@pytest.fixture(scope="module")
def source(site: Path) -> Path:
    return WORK / "package"


@pytest.fixture(scope="module")
def web(site: Path) -> Iterator[Web]:
    with serving(site) as running:
        yield running


def get(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, parts.path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def text_of(body: bytes) -> str:
    found = META_CHARSET.search(body)
    assert found, body[:200]
    label = found[1].decode()
    return body.decode({"gb2312": "gb18030"}.get(label, label))


def all_pages(source: Path) -> list[pages.Page]:
    return [pages.read(source, path.relative_to(source).as_posix()) for path in sorted(source.rglob("*.md"))]


def test_the_package_is_the_one_that_was_counted(source: Path) -> None:
    everything = all_pages(source)
    shown = [picture for page in everything for picture in page.pictures]
    files = [path for path in source.rglob("*") if path.suffix.lower() in package.PICTURE_ENDINGS]
    assert (len(everything), len(files)) == (381, 332)
    assert (len(shown), len(set(shown)), sum(bool(page.pictures) for page in everything)) == (328, 325, 168)
    located, lying = 0, 0
    for picture in set(shown):
        with Image.open(source / picture) as image:
            located += bool(image.getexif().get_ifd(0x8825))
            kind = "JPEG" if image.format == "MPO" else image.format  # several JPEGs in one file
        lying += FORMATS[Path(picture).suffix.lower()] != kind
    assert (located, lying) == (61, 7)


def test_the_served_half(source: Path) -> None:
    served = served_pages(source)
    shown = [picture for page in served for picture in page.pictures]
    assert (len(served), len(shown), len(set(shown))) == (196, 166, 164)
    assert Counter(page.section.origin for page in served) == {GALLERY: 100, KITCHEN: 96}
    assert Counter(page.charset for page in served) == {"utf-8": 188, "gb2312": 8}
    assert {pages.form_of(picture) for picture in shown} == set(Form)


def test_the_halves_share_no_page_and_one_picture(source: Path) -> None:
    served = served_pages(source)
    kept = [page for page in all_pages(source) if not package.serves(page.path)]
    assert not {page.path for page in served} & {page.path for page in kept}
    ours, theirs = ({picture for page in half for picture in page.pictures} for half in (served, kept))
    assert not ours & theirs
    digests = {hashlib.sha256((source / picture).read_bytes()).hexdigest(): picture for picture in ours}
    both = {
        digests[digest]: picture
        for picture in theirs
        if (digest := hashlib.sha256((source / picture).read_bytes()).hexdigest()) in digests
    }
    assert both == {"dishes/template/示例菜/示例菜.jpg": "dishes/staple/日式咖喱饭/成品.jpg"}


def test_a_second_build_has_the_same_bytes(site: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "package").symlink_to(source)
    again = build(tmp_path)
    files = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    before = again.stat().st_mtime_ns
    assert build(tmp_path) == again
    assert again.stat().st_mtime_ns == before


def test_a_build_of_other_code_is_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "package").symlink_to(source)
    old = tmp_path / "site" / "gallery" / "old.html"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    (tmp_path / "site" / ".built-from").write_text("something else")
    assert (build(tmp_path) / "gallery" / "index.html").exists()
    assert not old.exists()


def test_another_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / package.TARBALL).write_bytes(b"not the package")
    with pytest.raises(Damaged, match="sha512"):
        build(tmp_path)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["package/../../evil.md", "../evil.md", "/evil.md", "other/evil.md"])
def test_a_package_that_leaves_its_folder_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / package.TARBALL, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    monkeypatch.setattr(package, "check", lambda tarball: None)
    with pytest.raises(Damaged, match="evil"):
        package.unpacked(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [package.TARBALL]


def test_a_link_in_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = tarfile.TarInfo("package/page.md")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / package.TARBALL, "w:gz") as tar:
        tar.addfile(member)
    monkeypatch.setattr(package, "check", lambda tarball: None)
    with pytest.raises(Damaged, match="plain file"):
        package.unpacked(tmp_path)


def test_every_page_says_its_title_section_and_charset(site: Path, source: Path) -> None:
    for page in served_pages(source):
        body = (site / folder_of(page.section.origin) / f"{page.path.removesuffix('.md')}.html").read_bytes()
        text = text_of(body)
        assert f"<title>{page.title}</title>" in text
        assert f'<meta property="article:section" content="{page.section.name}">' in text
        for picture in page.pictures:
            assert f"{PICTURES}/{quote(picture)}" in text


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        (Form.TITLED, r'<img src="{url}" alt="[^"]*" title="{dish}" />'),
        (Form.LAZY, r'<img src="http://pictures.invalid/static/loading.gif" alt="[^"]*" data-original="{url}" />'),
        (Form.SRCSET, r'<img src="{small}" alt="[^"]*" srcset="{small} 1x, {url} 2x" />'),
        (Form.PLAIN, r'<img src="{url}" alt="[^"]*" />'),
        (Form.FIGURE, r'<img src="{url}" alt="[^"]*" />'),
    ],
)
def test_forms_of_a_picture(form: Form, wanted: str, source: Path) -> None:
    seen = 0
    for page in served_pages(source):
        for picture in page.pictures:
            if pages.form_of(picture) is form:
                small = re.escape(f"{PICTURES}/{quote(pages.small_path(picture))}")
                url = re.escape(f"{PICTURES}/{quote(picture)}")
                assert re.search(wanted.format(url=url, small=small, dish=re.escape(page.dish)), pages.html(page))
                seen += 1
    assert seen > 10


def test_a_picture_alone_in_its_paragraph_becomes_a_figure(source: Path) -> None:
    page = pages.read(source, "dishes/meat_dish/新疆大盘鸡/新疆大盘鸡.md")
    text = pages.html(page)
    assert re.search(r'<figure><img [^>]*alt="大盘鸡" /><figcaption>新疆大盘鸡</figcaption></figure>', text)
    assert "<p><figure" not in text


def test_pictures_of_other_hosts_are_only_words(source: Path) -> None:
    text = pages.html(pages.read(source, "dishes/breakfast/完美水煮蛋.md"))
    assert "<img" not in text
    assert "akamaized.net" not in text


def test_links_and_sitemaps_lead_to_every_page(web: Web, source: Path) -> None:
    """Follow links from the front pages as a crawler does, robots.txt obeyed; what is closed is met and left."""
    gallery, kitchen, pictures = web.origins
    rules = {origin: Protego.parse(get(f"{origin}/robots.txt")[2].decode()) for origin in web.origins}
    waiting, seen, closed, shown = [f"{gallery}/", f"{kitchen}/"], set[str](), set[str](), set[str]()
    while waiting:
        url = waiting.pop()
        status, _, body = get(url)
        if status == 404:
            assert unquote(url).endswith(".html")  # a page of the other half, which some page links to
            continue
        seen.add(url)
        text = text_of(body)
        assert ".invalid" not in text
        for reference in REFERENCE.findall(text):
            target = urljoin(url, reference)
            origin = "/".join(target.split("/")[:3])
            if origin == pictures:
                shown.add(target)
            elif origin in rules and not rules[origin].can_fetch(target, "tuwen"):
                closed.add(target)
            elif origin in rules and target not in seen:
                waiting.append(target)
    front, lists = 2, len(SECTIONS) - 1
    assert len(seen) == 196 - 6 + front + lists
    assert closed == {f"{kitchen}/{quote(CLOSED[KITCHEN])}"}
    listed = {url for origin in (gallery, kitchen) for url in sitemap(origin)}
    assert len(listed) == 196 + front + len(SECTIONS)
    assert seen < listed
    assert {urlsplit(url).path.startswith(f"/{CLOSED[KITCHEN]}") for url in listed - seen} == {True}
    forbidden = {url for url in shown if not rules[pictures].can_fetch(url, "tuwen")}
    assert len(forbidden) == 3
    assert {get(url)[0] for url in forbidden} == {200}


def sitemap(origin: str) -> list[str]:
    named = [line for line in get(f"{origin}/robots.txt")[2].decode().splitlines() if line.startswith("Sitemap: ")]
    _, headers, body = get(named[0].removeprefix("Sitemap: "))
    assert headers["Content-Type"] == "application/xml"
    return re.findall(r"<loc>([^<]+)</loc>", body.decode())


def test_no_page_leads_beyond_this_machine(site: Path) -> None:
    """The package links to pictures elsewhere: the demo would ask for them, and no two runs would be alike."""
    for path in site.rglob("*.html"):
        text = path.read_bytes().decode("utf-8", "replace")
        for reference in re.findall(r'''(?:href|src|srcset|data-original)="([^"]*)"''', text):
            # Our own hosts have names that no resolver knows until the site is served.
            assert not re.match(r"(https?:)?//(?!\w+\.invalid/)", reference), f"{path}: {reference}"


def test_closed_folders_hold_real_files(site: Path) -> None:
    assert len(list((site / folder_of(KITCHEN) / CLOSED[KITCHEN]).rglob("*.html"))) == 7
    assert len(list((site / folder_of(PICTURES) / CLOSED[PICTURES]).rglob("*.png"))) == 3


def on_host(web: Web, plant: Plant) -> str:
    return plant.url.replace(PICTURES, web.origins[2])


def planted(what: str) -> Plant:
    return next(plant for plant in PLANTS if plant.what == what)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.what)
def test_each_plant_stands_on_a_page_with_a_text(plant: Plant, web: Web) -> None:
    assert package.serves(plant.page)
    url = pages.page_url(plant.page)
    for placeholder, origin in zip((GALLERY, KITCHEN), web.origins, strict=False):
        url = url.replace(placeholder, origin)
    assert f'<img src="{on_host(web, plant)}" alt="{plant.alt}">' in text_of(get(url)[2])


def test_plant_copy_is_the_same_bytes_under_another_url(web: Web, source: Path) -> None:
    plant = planted("copy of another URL's picture")
    assert get(on_host(web, plant))[2] == (source / plant.picture).read_bytes()


def test_plant_resized_is_a_quarter_of_each_side(web: Web, source: Path) -> None:
    plant = planted("resized copy")
    with Image.open(source / plant.picture) as big, Image.open(io.BytesIO(get(on_host(web, plant))[2])) as small:
        assert small.size == (big.width // 4, big.height // 4)


def test_plant_banner_and_pixel(web: Web) -> None:
    with Image.open(io.BytesIO(get(on_host(web, planted("banner")))[2])) as banner:
        assert banner.width / banner.height > 10
    with Image.open(io.BytesIO(get(on_host(web, planted("pixel")))[2])) as pixel:
        assert pixel.size == (1, 1)


def test_plant_page_comes_as_a_picture(web: Web) -> None:
    status, headers, body = get(on_host(web, planted("page with status 200")))
    assert (status, headers["Content-Type"]) == (200, "text/html")
    assert body.startswith(b"<!doctype html>")


def test_plant_missing_is_404(web: Web) -> None:
    assert get(on_host(web, planted("missing")))[0] == 404


def test_plant_truncated_does_not_decode(web: Web) -> None:
    status, headers, body = get(on_host(web, planted("truncated")))
    assert (status, int(headers["Content-Length"])) == (200, len(body))
    with Image.open(io.BytesIO(body)) as image, pytest.raises(OSError, match="truncated"):
        image.load()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("dishes/meat_dish/冬瓜酿肉/冬瓜形状.jpg", "image/jpeg"),  # a PNG
        ("dishes/staple/陕西油泼面/chemian.png", "image/png"),  # a JPEG
        ("dishes/soup/银耳莲子粥/银耳莲子粥.png", "image/png"),  # a WebP
        ("dishes/meat_dish/广式萝卜牛腩/广式萝卜牛腩.webp", "image/webp"),
        ("static/loading.gif", "image/gif"),
    ],
)
def test_a_picture_has_the_type_of_its_ending(path: str, content_type: str, web: Web) -> None:
    status, headers, body = get(f"{web.origins[2]}/{quote(path)}")
    assert (status, headers["Content-Type"]) == (200, content_type)
    assert int(headers["Content-Length"]) == len(body)


def test_pages_come_without_a_charset_in_the_header(web: Web) -> None:
    assert get(f"{web.origins[0]}/")[1]["Content-Type"] == "text/html"


def test_a_connection_is_kept_and_a_copy_is_revalidated(web: Web) -> None:
    connection = http.client.HTTPConnection(urlsplit(web.origins[0]).netloc, timeout=10)
    connection.request("GET", "/")
    first = connection.getresponse()
    body, etag, kept = first.read(), first.headers["ETag"], connection.sock
    connection.request("GET", "/", headers={"If-None-Match": etag})
    second = connection.getresponse()
    assert (second.status, second.read(), second.headers["ETag"]) == (304, b"", etag)
    connection.request("HEAD", "/")
    third = connection.getresponse()
    assert (third.status, third.read(), int(third.headers["Content-Length"])) == (200, b"", len(body))
    assert connection.sock is kept is not None
    connection.close()


@pytest.mark.parametrize(
    "path", ["/nothing", "/dishes", "/.built-from", "/../.built-from", "/%2e%2e/.built-from", "/%00"]
)
def test_what_is_not_there_is_404(path: str, web: Web) -> None:
    assert get(web.origins[0] + path)[0] == 404


def test_requests_are_recorded(site: Path) -> None:
    with serving(site) as running:
        get(f"{running.origins[1]}/robots.txt")
        assert running.requests == [f"{running.origins[1]}/robots.txt"]


def test_a_taken_port_is_said_with_the_way_out(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=rf"port {port} .*DEMO_PORT="), serving(site, port):
            pass


@pytest.mark.parametrize("given", ["", "0", "65534", "abc", "-1", "１８１０１"])
def test_demo_port_must_be_a_port(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PORT", given)
    with pytest.raises(BadInput, match="DEMO_PORT"):
        base_port()


def test_demo_port_moves_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_PORT", raising=False)
    assert base_port() == 18101
    monkeypatch.setenv("DEMO_PORT", "28101")
    assert base_port() == 28101


def test_seeds_mark_one_site_strong(tmp_path: Path) -> None:
    file = tmp_path / "seeds.toml"
    file.write_text(seeds("http://127.0.0.1:18101", "http://127.0.0.1:18102"))
    assert [(found.origin, found.strong) for found in load([str(file)])] == [
        ("http://127.0.0.1:18101", True),
        ("http://127.0.0.1:18102", False),
    ]


def test_a_corpus_of_other_ports_is_not_mixed(tmp_path: Path) -> None:
    work, corpus = tmp_path / "work", tmp_path / "corpus"
    first = run.seeds_file(work, corpus, 18101)
    assert run.seeds_file(work, corpus, 18101) == first
    assert "28101" in run.seeds_file(work, corpus, 28101).read_text()
    corpus.mkdir()
    with pytest.raises(BadInput, match="other ports"):
        run.seeds_file(work, corpus, 18101)
