"""How the fetching of one URL ended: a closed set. Every URL that we ever touch ends in exactly one."""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """The outcome of one URL in one crawl round; `str(outcome)` is the word that files hold."""

    OK = "ok"  # fetched whole, and of the kind it was asked for
    NOT_MODIFIED = "not_modified"  # 304 on a later round: what we hold is still good
    ROBOTS = "robots"  # robots.txt says no
    ROBOTS_UNREACHABLE = "robots_unreachable"  # robots.txt could not be read, which means no
    OPTED_OUT = "opted_out"  # another opt-out signal said no (X-Robots-Tag, meta robots …)
    BLOCKED_ADDRESS = "blocked_address"  # the numeric address is not public
    BAD_URL = "bad_url"  # not a URL that can be fetched, or one that a trap makes without end
    DNS = "dns"  # the name has no address
    CONNECT = "connect"  # refused, reset or unreachable
    TLS = "tls"  # the certificate or the handshake failed
    TIMEOUT = "timeout"  # the total deadline passed
    TOO_SLOW = "too_slow"  # below the minimum throughput
    TOO_LARGE = "too_large"  # more bytes than the cap
    TOO_MANY_REDIRECTS = "too_many_redirects"
    HTTP_ERROR = "http_error"  # a status that is not a success; the status stands beside it
    THROTTLED = "throttled"  # 429, or 503 with Retry-After, after the last retry
    BAD_TYPE = "bad_type"  # not what it was fetched as
    BAD_ENCODING = "bad_encoding"  # the content coding is broken or not ours
    TRUNCATED = "truncated"  # fewer bytes than promised
    BUDGET = "budget"  # the allowance of the host or of the crawl is used up

    def __str__(self) -> str:
        return self.value


class UrlKind(str, Enum):
    """What a URL was fetched as."""

    PAGE = "page"
    IMAGE = "image"
    ROBOTS = "robots"
    SITEMAP = "sitemap"
    LIST = "list"
    CONSENT = "consent"  # a file of an origin that says what its pages may be used for: tdmrep.json, ai.txt, a licence

    def __str__(self) -> str:
        return self.value
