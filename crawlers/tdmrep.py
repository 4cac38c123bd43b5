"""The TDM Reservation Protocol: rights to text and data mining, reserved in a file, a header or a page.

Source: https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/. By that report a header overrules the
file, and a page both; here each is a signal of its own and the most restrictive counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from crawlers.consent import Consent
from crawlers.paths import covers

NAME = "tdmrep"
PATH = "/.well-known/tdmrep.json"
_RESERVATION, _POLICY = "tdm-reservation", "tdm-policy"
_RESERVED = "1"
_MOST_RULES = 10_000  # of one file; honest ones have a handful
_LONGEST_POLICY = 200  # characters of its URL in the evidence


def tdm_file(body: bytes, url: str, source: str) -> Consent:
    """What a tdmrep.json (at `source`) says of a URL: the first rule in sequence whose location matches its path.

    Never raises: what is no such file says nothing, and a value that is neither 0 nor 1 is as good as none.

    >>> rules = b'[{"location": "/a/", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}]'
    >>> tdm_file(rules, "https://a.example/a/b", "").decided, tdm_file(rules, "https://a.example/c", "").said
    ('tdm-reservation 1', ('tdm-reservation 0',))
    """
    for rule in _rules(body):
        location = rule.get("location")
        if isinstance(location, str) and covers(location, url) >= 0:
            return _consent(_number(rule.get(_RESERVATION)), rule.get(_POLICY), source)
    return Consent(NAME)


def tdm_header(reservations: Iterable[str], policies: Iterable[str]) -> Consent:
    """Read the tdm-reservation and tdm-policy headers of one response; of several reservations 1 counts.

    >>> tdm_header(["1"], ["https://a.example/policy.json"]).said
    ('tdm-reservation 1', 'tdm-policy https://a.example/policy.json')
    """
    found = [value.strip() for value in reservations]
    return _consent(_RESERVED if _RESERVED in found else next(iter(found), ""), next(iter(policies), None), "")


def tdm_meta(metas: Iterable[tuple[str, str]]) -> Consent:
    """Read the (name, content) of a page's <meta> elements, the names in lower case."""
    metas = tuple(metas)
    return tdm_header(
        [content for name, content in metas if name == _RESERVATION],
        [content for name, content in metas if name == _POLICY],
    )


@lru_cache(maxsize=32)  # a file is read once for all URLs of its origin; its rules may be ten times its 1 MiB
def _rules(body: bytes) -> tuple[dict[str, Any], ...]:
    if not body:
        return ()
    try:
        read = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return ()
    rules = read if isinstance(read, list) else [read]  # one rule without its brackets is a frequent slip
    return tuple(rule for rule in rules[:_MOST_RULES] if isinstance(rule, dict))


def _number(value: Any) -> str:
    """A reservation as it is written, in JSON as a number or, by a frequent slip, as a string."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _consent(reservation: str, policy: Any, source: str) -> Consent:
    reservation = reservation.strip()
    if reservation not in ("0", _RESERVED):
        return Consent(NAME)
    said = [f"{_RESERVATION} {reservation}"]
    if reservation == _RESERVED and isinstance(policy, str) and policy.strip():
        said.append(f"{_POLICY} {policy.strip()[:_LONGEST_POLICY]}")
    return Consent(NAME, tuple(said), said[0] if reservation == _RESERVED else "", source)
