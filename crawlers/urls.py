"""URLs as browsers read them: the WHATWG algorithm (ada), and what of them is ours to fetch."""

from __future__ import annotations

import re
from functools import lru_cache

import ada_url

# Longer ones are data, traps or attacks: the sitemap protocol allows 2,048, signed picture links go a little beyond.
LONGEST = 4_096
_AT_HAND = 512  # URLs whose parts are remembered: those under way, each of which is taken apart some twenty times

# What the algorithm leaves as it is, but for what _ALTERED names: steps, an escaped dot, a host in Punycode, which is
# checked. Half of what pages refer to is of this kind, and matching it costs a quarter of the algorithm.
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_HOST = rf"(?:(?:[a-z0-9-]{{1,63}}\.)+[a-z]{{2,24}}|{_BYTE}(?:\.{_BYTE}){{3}})(?::(?:[1-5]\d{{4}}|[1-9]\d{{3}}))?"
_NORMAL = re.compile(rf"https?://{_HOST}" r"/[\w~!$&()*+,;=:@/.%-]*(?:\?[\w~!$&()*+,;=:@/.%?-]*)?", re.ASCII)
_ALTERED = ("/.", "%2", "xn--")
_SURROGATE = re.compile("[\ud800-\udfff]")


def resolve(base: str, reference: str) -> str | None:
    """The URL that a reference on a page at `base` means, normalised; None when it is no URL.

    Any scheme, fragment included. Source: https://url.spec.whatwg.org/.

    >>> resolve("https://a.example/x/y.html", "../图.jpg?q#f")
    'https://a.example/%E5%9B%BE.jpg?q#f'
    >>> resolve("https://a.example/", "http://[") is None
    True
    """
    try:
        return ada_url.join_url(base, reference)
    except ValueError:
        if not _SURROGATE.search(reference):
            return None
    try:  # the standard works on scalar values: a lone surrogate is U+FFFD
        return ada_url.join_url(base, _SURROGATE.sub("\ufffd", reference))
    except ValueError:
        return None


def fetchable(base: str, reference: str) -> str | None:
    """Like `resolve`, but only what may be asked for: http(s), no credentials, no fragment, of bounded length.

    >>> fetchable("https://a.example/", "b#c"), fetchable("https://a.example/", "mailto:x@a.example")
    ('https://a.example/b', None)
    """
    if len(reference) > LONGEST:
        return None
    plain = reference.partition("#")[0]
    if _NORMAL.fullmatch(plain) and not any(part in plain for part in _ALTERED):
        return plain
    found = resolve(base, reference)
    if found is None or not found.startswith(("http://", "https://")):
        return None
    found = found.partition("#")[0]
    if len(found) > LONGEST or ("@" in found and "@" in _authority(found)):
        return None
    return found


def _authority(url: str) -> str:
    """What stands between `//` and the next slash of a normalised http(s) URL."""
    found = url.partition("//")[2].partition("/")[0]
    return re.split("[?#]", found, maxsplit=1)[0] if "?" in found or "#" in found else found


@lru_cache(_AT_HAND)
def origin(url: str) -> str:
    """Scheme, host and port of a normalised URL.

    >>> origin("https://a.example:8443/x?y")
    'https://a.example:8443'
    """
    return f"{url.partition('//')[0]}//{_authority(url)}"


@lru_cache(_AT_HAND)
def host_queue(url: str) -> str:
    """The queue that a URL waits in: the host's name, with the port unless it is 80 or 443.

    http and https of one name share a queue, for it is one machine that is spared.

    >>> host_queue("https://a.example/x"), host_queue("http://a.example:8080/x"), host_queue("http://a.example:443/")
    ('a.example', 'a.example:8080', 'a.example')
    """
    return _authority(url).removesuffix(":80").removesuffix(":443")


_ENDINGS = """
jpg jpeg png gif webp bmp svg ico tif tiff avif heic psd mp3 mp4 m4a m4v avi mov wmv flv mkv webm wav ogg pdf doc docx
xls xlsx ppt pptx zip rar 7z gz bz2 xz tar tgz exe msi dmg apk ipa iso bin css js json xml rss
atom woff woff2 ttf eot swf
"""
_NO_PAGES = frozenset(_ENDINGS.split())


def may_be_page(url: str) -> bool:
    """Whether a URL may lead to a page, by its ending.

    >>> may_be_page("https://a.example/b/"), may_be_page("https://a.example/b/C.JPG?v=1.2")
    (True, False)
    """
    return path_ending(url) not in _NO_PAGES


def path_ending(url: str) -> str:
    """The ending of the path's last part, lower case, without the dot; '' for none.

    >>> path_ending("https://a.example/b/C.JPG?v=1.2"), path_ending("https://a.example/")
    ('jpg', '')
    """
    last = url.partition("?")[0].partition("//")[2].rpartition("/")
    return last[2].rpartition(".")[2].lower() if last[1] and "." in last[2] else ""
