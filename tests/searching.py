"""A small search service on loopback for tests: SQLite's full-text index over pictures and their captions."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from web import Answer, answer

HITS = 10  # on a page of results


class SearchService(dict[str, Answer]):
    """The answers of a web, with /api (JSON, page=1, 2 …) and /search (HTML, start=0, 10 …) besides."""

    def __init__(self, pictures: Iterable[tuple[str, str, str]], answers: dict[str, Answer] | None = None) -> None:
        """`pictures` are (picture's URL, page's URL, caption)."""
        super().__init__(answers or {})
        self._lock = threading.Lock()  # each connection is served by a thread of its own
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE pictures USING fts5"
            " (image_url UNINDEXED, page_url UNINDEXED, caption, tokenize = 'trigram')"
        )
        self._db.executemany("INSERT INTO pictures VALUES (?, ?, ?)", pictures)

    def get(self, path: str, default: Any = None) -> Any:
        asked = urlsplit(path)
        if asked.path not in ("/api", "/search"):
            return super().get(path, default)
        words = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/api":
            return self._api(words["q"], (int(words.get("page", 1)) - 1) * HITS)
        return self._page(words["q"], int(words.get("start", 0)))

    def hits(self, query: str, start: int) -> list[tuple[str, str, str]]:
        """One page of hits. Trigrams find three characters and more; for fewer, every caption is looked at."""
        match = ("pictures MATCH ?", f'"{query}"') if len(query) >= 3 else ("instr(caption, ?)", query)
        with self._lock:
            return self._db.execute(
                f"SELECT image_url, page_url, caption FROM pictures WHERE {match[0]} ORDER BY rowid LIMIT ? OFFSET ?",
                (match[1], HITS, start),
            ).fetchall()

    def _api(self, query: str, start: int) -> bytes:
        hits = [{"image": {"url": url}, "page_url": page} for url, page, _ in self.hits(query, start)]
        return answer(json.dumps({"took": 3, "facets": [], "hits": hits}), kind="application/json")

    def _page(self, query: str, start: int) -> bytes:
        shown = "".join(f'<img src="{escape(url)}" alt="{escape(text)}">' for url, _, text in self.hits(query, start))
        return answer(f"<!doctype html><title>{escape(query)}</title>{shown}")
