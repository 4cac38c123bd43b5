"""More directives that refuse than the crawler's own: whoever crawls may be stricter, and never less strict."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from crawlers.consent import Consent


def refusing(consent: Consent, directives: Collection[str]) -> Consent:
    """The same signal, where these directives of it refuse, too; `directives` are in lower case.

    >>> refusing(Consent("x-robots-tag", ("nosnippet",)), ["nosnippet"]).decided
    'nosnippet'
    >>> refusing(Consent("x-robots-tag", ("noai",), "noai"), []).decided
    'noai'
    """
    decided = next((one for one in consent.said if one in directives), "")
    return replace(consent, decided=decided) if decided and not consent.decided else consent
