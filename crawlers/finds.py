"""What has been found on a page so far: each picture with its texts, its other sizes and its licences."""

from __future__ import annotations

from collections.abc import Iterable

from crawlers.urls import fetchable
from crawlers.words import clean
from schemas.pair import Candidate, TextSource

# Characters of all texts of one page, each repeated beside each picture: a gallery of 500 pictures has some 200,000,
# a page made to swell would have 100,000,000.
MOST_TEXT = 4_000_000
MOST_OTHERS = 32  # other sizes of one picture: the most generous srcset that we saw had 20
MOST_LICENCES = 16  # of one picture: more would be a list of licences, not a licence


class Finds:
    """Gathers the candidates of one page, each once, in the order in which they come."""

    def __init__(self, base: str, page_wide: Iterable[tuple[str | None, TextSource]]) -> None:
        """`base` is what references are relative to; `page_wide` are the texts that go with every picture shown."""
        self._base = base
        self._page_wide = [(cleaned, str(source)) for text, source in page_wide if (cleaned := clean(text or ""))]
        self._texts: dict[tuple[str, str, str], None] = {}
        self._others: dict[str, dict[str, None]] = {}
        self._licences: dict[str, set[str]] = {}
        self._room = MOST_TEXT

    def picture(self, reference: str, others: Iterable[str] = (), licences: Iterable[str] = ()) -> str | None:
        """The URL of a picture that may be fetched, its other sizes and licences noted; None when it may not."""
        url = fetchable(self._base, reference) if reference else None
        if url is None:
            return None
        for other in others:
            if len(known := self._others.setdefault(url, {})) >= MOST_OTHERS:
                break
            resolved = fetchable(self._base, other) if other else None
            if resolved is not None and resolved != url:
                known[resolved] = None
        if licences:
            self._licences.setdefault(url, set()).update(licences)
        return url

    def text(self, url: str, text: str | None, source: TextSource) -> None:
        """A text beside a picture, as it stands on the page."""
        if text and (text := clean(text)):
            self._add(url, text, str(source))

    def page_wide(self, url: str) -> None:
        """The texts that go with every picture that the page shows."""
        for text, source in self._page_wide:
            self._add(url, text, source)

    def _add(self, url: str, text: str, source: str) -> None:
        key = (url, text, source)
        if key not in self._texts and self._room >= len(text):
            self._texts[key] = None
            self._room -= len(text)

    def candidates(self, section: str, licences: Iterable[str]) -> tuple[Candidate, ...]:
        """All of them. `licences` are the page's own: they hold for the pictures that have none of their own."""
        of_page = bounded(licences)
        own = {url: bounded(said) for url, said in self._licences.items()}
        others = {url: tuple(known) for url, known in self._others.items()}
        return tuple(
            Candidate(url, text, source, section, own.get(url, of_page), others.get(url, ()))
            for url, text, source in self._texts
        )


def bounded(licences: Iterable[str]) -> tuple[str, ...]:
    """Licences as they are kept: sorted, none twice, not more than sixteen."""
    return tuple(sorted(set(filter(None, licences)))[:MOST_LICENCES])
