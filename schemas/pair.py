"""A pair is one image URL and one text that a page put beside it; its key is identity, order and shard at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum


class TextSource(str, Enum):
    """Where a text stood. The order of declaration is the order of trust: the first wins when one text has several.

    First what was written for the picture, then what was written for the card that shows it (twitter, as og, is of the
    whole page), then what a link says of where it leads, then what merely stands near, then what is said of the page.
    """

    ALT = "alt"
    TITLE = "title"
    FIGCAPTION = "figcaption"
    ARIA = "aria"
    OG = "og"
    TWITTER = "twitter"
    JSONLD = "jsonld"
    LINK = "link"
    NEARBY = "nearby"
    PAGE_TITLE = "page_title"
    QUERY = "query"
    KEYWORDS = "keywords"
    LIST = "list"

    def __str__(self) -> str:
        return self.value


SOURCE_RANK: dict[str, int] = {str(source): rank for rank, source in enumerate(TextSource)}


@dataclass(frozen=True, order=True)
class Candidate:
    """A picture and a text that one page puts beside it, before anything is fetched.

    `image_url` is absolute; `text` is as the page has it, white space collapsed; `section` is the page's own
    category ('' when it names none). `licences` are those of the picture, else of the page: URLs or words, sorted;
    `others` are the absolute URLs of the picture's other sizes that the page names, in its order.
    """

    image_url: str
    text: str
    source: str
    section: str = ""
    licences: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def pair_key(image_url: str, text: str) -> str:
    """The key of a pair: 32 lower-case hex digits, the first 128 bits of sha256(image_url + newline + text).

    >>> pair_key("https://a.example/1.jpg", "水煮牛肉")
    '291265c8a522873dac98eb5b06d4d908'
    """
    digest = hashlib.sha256(f"{image_url}\n{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def shard_of(key: str, shards: int) -> int:
    """The shard of a key among `shards`: contiguous ranges of keys, so shards in order are keys in order.

    >>> shard_of("00000000" + "0" * 24, 4), shard_of("ffffffff" + "0" * 24, 4)
    (0, 3)
    """
    return int(key[:8], 16) * shards >> 32


NO_CLICKS = (0, 0)
"""The impressions and clicks of a pair that no click log names."""

PRIOR_CLICKS, PRIOR_IMPRESSIONS = 1.0, 20.0
"""What is believed of a pair before any log: one click in twenty impressions, as a page of an image search shows some
twenty pictures and a search ends with one. So twenty impressions of its own weigh as much as the belief."""


def click_rate(impressions: int, clicks: int) -> float:
    """The smoothed share of impressions that were clicked: (clicks + a) / (impressions + a + b), a = 1, b = 19.

    The mean of the Beta(a, b) prior after seeing the log (X. Wang, W. Li, Y. Cui, R. Zhang, J. Mao: Click-Through Rate
    Estimation for Rare Events in Online Advertising, Yahoo! Labs, 2010), with a prior that does not depend on the
    corpus, so that a pair's rate stays when others come. Without a log it is the prior's mean, 0.05: nothing is known.

    >>> [round(click_rate(*seen), 3) for seen in ((0, 0), (1, 1), (1_000, 500))]
    [0.05, 0.095, 0.491]
    """
    return (clicks + PRIOR_CLICKS) / (impressions + PRIOR_IMPRESSIONS)
