"""Why something did not come, in words."""

from __future__ import annotations

import json

from schemas.outcome import Outcome


def message(outcome: str, status: int, evidence: str) -> str:
    """Why a picture did not come, for a row's error_message: img2dataset's words where it has words for it.

    >>> message("http_error", 404, "{}"), message("dns", 0, "{}")
    ('HTTP Error 404: Not Found', 'dns: the name has no address')
    """
    if outcome == Outcome.BAD_TYPE:
        return "Image decoding error"
    if outcome in (Outcome.HTTP_ERROR, Outcome.THROTTLED) and status:
        return f"HTTP Error {status}: {_PHRASES[status]}" if status in _PHRASES else f"HTTP Error {status}"
    if outcome == Outcome.OPTED_OUT:
        consents = json.loads(evidence).get("consent") or [{}]
        signal = next((one.get("signal", "") for one in consents if one.get("decided")), "")
        if signal == "x-robots-tag":
            return "Use of image disallowed by X-Robots-Tag directive"
        return f"opted_out: {signal or 'a signal'} says no"
    return f"{outcome}: {_WORDS[outcome]}" if outcome in _WORDS else outcome


_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
"""What nearly every server says behind the status, and so the words that img2dataset's users look for."""
_WORDS = {
    str(outcome): words
    for outcome, words in {
        Outcome.ROBOTS: "robots.txt says no",
        Outcome.ROBOTS_UNREACHABLE: "robots.txt could not be read, which means no",
        Outcome.BLOCKED_ADDRESS: "the address is not public",
        Outcome.BAD_URL: "not a URL that can be fetched",
        Outcome.DNS: "the name has no address",
        Outcome.CONNECT: "refused, reset or unreachable",
        Outcome.TLS: "the certificate or the handshake failed",
        Outcome.TIMEOUT: "the deadline passed",
        Outcome.TOO_SLOW: "below the minimum throughput",
        Outcome.TOO_LARGE: "more bytes than allowed",
        Outcome.TOO_MANY_REDIRECTS: "no end of redirects",
        Outcome.BAD_ENCODING: "the content coding is broken",
        Outcome.TRUNCATED: "fewer bytes than promised",
        Outcome.BUDGET: "the allowance is used up",
    }.items()
}
