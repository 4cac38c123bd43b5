"""One answer as it comes: its framing, its coding, its type and its caps. The clock is passed in."""

from __future__ import annotations

from crawlers import coding, http1, media
from crawlers.fetched import Fetched, Want
from crawlers.http1 import Headers
from crawlers.settings import Settings
from crawlers.urls import fetchable
from schemas.outcome import Outcome

_REDIRECTS = (301, 302, 303, 307, 308)
_PARTIAL = 206  # nobody asked for a part
_DETAIL = 200  # characters of what an error says


class Receiver:
    """Feed it what comes until `outcome` is set; then `fetched` says how the request ended."""

    def __init__(self, url: str, want: Want, settings: Settings) -> None:
        self._url, self._want, self._settings = url, want, settings
        self._answer = http1.Answer()
        self._decoder: coding.Decoder | None = None
        self._pieces: list[bytes] = []
        self._length = self._wire = 0
        self._begun = 0.0
        self._kind = ""
        self._location: str | None = None
        self._detail = ""
        self.outcome: Outcome | None = None
        self.heard = False  # whether anything came

    @property
    def keeps(self) -> bool:
        """Whether the connection may serve another request."""
        return self._answer.keeps

    def feed(self, data: bytes, now: float) -> None:
        """Take in what came at `now` (monotonic seconds); what comes after the end is not looked at."""
        self.heard = True
        try:
            piece = self._answer.feed(data)
        except http1.Malformed as error:
            return self._end(Outcome.HTTP_ERROR, str(error))
        except http1.Broken as error:
            return self._end(Outcome.TRUNCATED, str(error))
        if self._answer.head is None:
            return None
        if self._decoder is None and not self._begin(self._answer.head, now):
            return None
        if piece:
            self._take(piece)
        if self.outcome is None and self._answer.over:
            self._finish()
        elapsed = now - self._begun
        slow = elapsed > self._settings.slow_after and self._wire < self._settings.slowest * elapsed
        if self.outcome is None and slow:
            self._end(Outcome.TOO_SLOW)
        return None

    def hung_up(self, why: Exception | None) -> None:
        """The connection has ended, by an error or in good order."""
        detail = "the connection ended" + (f": {why}" if why else "")
        if self.outcome is not None:
            return
        if self._answer.head is None:
            self._end(Outcome.CONNECT, detail)
        elif why is None and self._answer.end():
            self._finish()
        else:
            self._end(Outcome.TRUNCATED, detail)

    def give_up(self, outcome: Outcome, detail: str) -> None:
        """No more is waited for."""
        self._end(outcome, detail)

    def _begin(self, head: http1.Head, now: float) -> bool:
        """Look at the head; whether the body is wanted."""
        self._begun = now
        if head.status in _REDIRECTS and (locations := head.values("location")):
            written = locations[0].encode("latin-1").decode("utf-8", "replace")
            self._location = fetchable(self._url, written)
            self._end(Outcome.HTTP_ERROR, "" if self._location else "the redirect leads to what is no http(s) URL")
            return False
        try:
            if head.codings:
                raise coding.Broken(f"transfer coding {head.codings[:40]!r}")
            self._decoder = coding.decoder(",".join(head.values("content-encoding")), self._want.cap)
        except coding.Broken as error:
            self._end(Outcome.BAD_ENCODING, str(error))
            return False
        if head.length is not None and head.length > self._want.cap and not self._want.cut:
            self._end(Outcome.TOO_LARGE)
            return False
        return True

    def _take(self, piece: bytes) -> None:
        """Decode a piece of the body and look at its beginning."""
        assert self._decoder is not None
        self._wire += len(piece)
        try:
            if self._wire > self._want.cap:  # however little comes out: padding has no end
                raise coding.TooLarge(self._decoder.feed(piece[: len(piece) - self._wire + self._want.cap]))
            decoded = self._decoder.feed(piece)
        except coding.TooLarge as more:
            self._pieces.append(more.fits)
            return self._finish(cut=True) if self._want.cut else self._end(Outcome.TOO_LARGE)
        except coding.Broken as error:
            return self._end(Outcome.BAD_ENCODING, str(error))
        self._pieces.append(decoded)
        self._length += len(decoded)
        if not self._kind and self._length >= media.ENOUGH:
            self._kind = self._sniffed(b"".join(self._pieces))
            if not self._is_wanted():
                self._end(Outcome.BAD_TYPE)
        return None

    def _finish(self, *, cut: bool = False) -> None:
        """All came that will come."""
        self._pieces = [b"".join(self._pieces)]
        self._kind = self._kind or self._sniffed(self._pieces[0])
        if self._answer.surplus.strip(b"\r\n"):
            self._end(Outcome.TRUNCATED, "more came than the answer said")
        elif not cut and self._decoder is not None and not self._decoder.finish():
            self._end(Outcome.TRUNCATED, "the content coding ends too early")
        else:
            self._end(Outcome.OK if self._is_wanted() else Outcome.BAD_TYPE)

    def _sniffed(self, body: bytes) -> str:
        assert self._answer.head is not None
        return media.sniff(body[: media.ENOUGH], next(iter(self._answer.head.values("content-type")), ""))

    def _is_success(self) -> bool:
        head = self._answer.head
        return head is not None and 200 <= head.status < 300 and head.status != _PARTIAL

    def _is_wanted(self) -> bool:
        """Whether the body is of a wanted type, or the page of an error, whose type is no matter."""
        return self._want.types is None or self._kind in self._want.types or not self._is_success()

    def _end(self, outcome: Outcome, detail: str = "") -> None:
        """Set the outcome. A status that is no success says more than what was wrong with its page."""
        if self._answer.head is not None and not self._is_success():
            fault = "" if outcome in (Outcome.OK, Outcome.HTTP_ERROR) else str(outcome)
            outcome, detail = Outcome.HTTP_ERROR, detail or fault
        self.outcome, self._detail = outcome, " ".join(detail.split())[:_DETAIL]

    def fetched(self, started: float, seconds: float, request_headers: Headers, ip: str) -> Fetched:
        """How the request ended."""
        assert self.outcome is not None
        head = self._answer.head
        whole = self.outcome in (Outcome.OK, Outcome.BAD_TYPE, Outcome.TRUNCATED, Outcome.HTTP_ERROR)
        return Fetched(
            url=self._url,
            outcome=self.outcome,
            started=started,
            seconds=seconds,
            status=head.status if head else 0,
            reason=head.reason if head else "",
            headers=head.headers if head else (),
            request_headers=request_headers,
            body=b"".join(self._pieces) if whole else b"",
            wire=self._wire,
            content_type=self._kind,
            ip=ip,
            location=self._location,
            detail=self._detail,
        )
