"""Pages that an archive holds, waiting for the word of their own host: nothing is taken of one before that is known."""

from __future__ import annotations

import json
import zlib

from crawlers.archive import Archived
from crawlers.fetch import Fetched
from crawlers.state import State
from schemas.outcome import Outcome

_FAST = 1  # zlib's level: a page waits for minutes, and reading it is what costs


class Parked:
    """The waiting pages of archives, in the state."""

    def __init__(self, state: State) -> None:
        self._db = state.db

    def put(self, page: Archived, file: str) -> None:
        """Let a page wait, in place of the answer that its host would give."""
        archive = json.dumps({"file": file, "offset": page.offset, "date": page.date}, ensure_ascii=False)
        self._db.execute(
            "INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (
                page.url,
                archive,
                str(page.outcome),
                page.status,
                page.reason,
                json.dumps(page.headers),
                zlib.compress(page.body, _FAST),
            ),
        )

    def waiting(self) -> int:
        """How many pages wait."""
        return int(self._db.execute("SELECT count(*) FROM parked WHERE NOT left_over").fetchone()[0])

    def holds(self, url: str) -> bool:
        """Whether a page of this URL waits, or was left over by a budget."""
        return self._db.execute("SELECT 1 FROM parked WHERE url = ?", (url,)).fetchone() is not None

    def unasked(self, url: str, outcome: Outcome, now: float) -> Fetched:
        """A URL that nobody may be asked for, by `outcome`; with the archive that holds it, if any."""
        row = self._db.execute("SELECT archive FROM parked WHERE url = ?", (url,)).fetchone()
        return Fetched(url, outcome, now, archive=json.loads(row[0]) if row else None)

    def of(self, url: str, now: float) -> Fetched | None:
        """The archive's answer for a URL; None for one that no archive holds. `now` is when it is read."""
        row = self._db.execute(
            "SELECT archive, outcome, status, reason, headers, body FROM parked WHERE url = ?", (url,)
        ).fetchone()
        if row is None:
            return None
        return Fetched(
            url,
            Outcome(row[1]),
            now,
            status=row[2],
            reason=row[3],
            headers=tuple((name, value) for name, value in json.loads(row[4])),
            body=zlib.decompress(row[5]),
            content_type="text/html",
            archive=json.loads(row[0]),
        )

    def ended(self, url: str, outcome: Outcome) -> None:
        """Let go of a page that has its outcome; one that a budget left over may get another."""
        if outcome is Outcome.BUDGET:
            self._db.execute("UPDATE parked SET left_over = 1 WHERE url = ?", (url,))
        else:
            self._db.execute("DELETE FROM parked WHERE url = ?", (url,))
