"""One row of the log."""

from __future__ import annotations

from typing import Any

from schemas.outcome import Outcome, UrlKind


def log_row(url: str, kind: UrlKind, outcome: Outcome, number: int, now: float) -> dict[str, Any]:
    """The row of the log for a URL that nobody was asked for, in crawl round `number`."""
    return {
        "url": url,
        "final_url": url,
        "kind": str(kind),
        "host": "",
        "outcome": str(outcome),
        "status": 0,
        "attempts": 0,
        "started": now,
        "seconds": 0.0,
        "bytes": 0,
        "content_type": "",
        "sha256": "",
        "evidence": "{}",
        "redirects": (),
        "ip": "",
        "warc": "",
        "offset": -1,
        "length": 0,
        "body_offset": -1,
        "round": number,
        "licences": (),
        "digital_source": "",
        "ai_label": "",
    }
