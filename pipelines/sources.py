"""Where the pictures of a crawl come from: seeds, a list, archives, a search, or a click log; exactly one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crawlers.crawl import Report
from crawlers.searches import MOST_RESULTS, Search
from crawlers.settings import Settings
from pipelines import files
from schemas import seeds as seeds_file
from schemas.errors import BadInput

Crawl = Callable[[Path, Settings, Report, bool], dict[str, int]]
"""Does the crawl: corpus folder, settings, report and whether to begin anew -> how many URLs ended how."""

_ARCHIVES = (".warc", ".warc.gz", ".wat", ".wat.gz")


@dataclass(frozen=True)
class Sources:
    """The options of the command line that say what is crawled; see `tuwen crawl --help`."""

    seeds: tuple[str, ...] = ()
    url_list: str | None = None
    url_col: str = "url"
    caption_col: str | None = None
    warc: tuple[str, ...] = ()
    only_han: bool = False
    queries: str | None = None
    search: str | None = None
    first_page: int = 1
    page_step: int = 1
    max_results: int = MOST_RESULTS
    image_field: str = "image_url"
    page_field: str = "page_url"
    click_log: str | None = None

    def chosen(self) -> Crawl:
        """The crawl of the one source that is given. Raises BadInput for none, several, or one that cannot be."""
        kinds: dict[str, tuple[object, Callable[[], Crawl]]] = {
            "--seeds": (self.seeds, self._seeds),
            "--url-list": (self.url_list, self._url_list),
            "--warc": (self.warc, self._warc),
            "--queries": (self.queries, self._queries),
            "--click-log": (self.click_log, self._click_log),
        }
        given = [name for name, (value, _) in kinds.items() if value]
        if len(given) != 1:
            said = f"{' and '.join(given)} together" if given else "no source"
            raise BadInput(f"{said}: give exactly one of {', '.join(kinds)}; one corpus may take several, in turn")
        if self.search and not self.queries:
            raise BadInput(f"--search {self.search}: it is asked for the queries of a file; give --queries FILE too")
        if self.only_han and not self.warc:
            raise BadInput("--only-han: it chooses among the pages of archives; give it with --warc")
        return kinds[given[0]][1]()

    def _seeds(self) -> Crawl:
        from crawlers.crawl import crawl

        sites = seeds_file.load(list(self.seeds))
        return lambda corpus, settings, report, again: crawl(sites, corpus, settings, report, again=again)

    def _url_list(self) -> Crawl:
        from crawlers.lists import from_list

        where, url, caption = self.url_list or "", self.url_col, self.caption_col
        return lambda corpus, settings, report, again: from_list(
            where, url, caption, corpus, settings, report, again=again
        )

    def _warc(self) -> Crawl:
        from crawlers.archives import from_archives

        paths = [path for given in self.warc for path in archives_of(given)]
        return lambda corpus, settings, report, again: from_archives(
            paths, corpus, settings, report, opener=files.open_read, only_han=self.only_han, again=again
        )

    def _queries(self) -> Crawl:
        from crawlers.queries import from_queries

        if not self.search:
            raise BadInput("--queries: give --search URL-TEMPLATE too, as https://s.example/i?q={query}&page={page}")
        search = Search(
            template=self.search,
            first=self.first_page,
            step=self.page_step,
            most=self.max_results,
            image_field=self.image_field,
            page_field=self.page_field,
        )
        where = self.queries or ""
        return lambda corpus, settings, report, again: from_queries(
            where, search, corpus, settings, report, again=again
        )

    def _click_log(self) -> Crawl:
        from crawlers.clicks import from_click_log

        where = self.click_log or ""
        return lambda corpus, settings, report, again: from_click_log(where, corpus, settings, report, again=again)


def archives_of(path: str) -> list[str]:
    """The WARC and WAT files that a word of `--warc` means: itself, or those in the folder, in order of name.

    A remote folder ends in a slash. Local files come by their whole path, which is what a crawl remembers them by.
    Raises BadInput where there is none.
    """
    if files.is_remote(path):
        found = [files.join(path, name) for name in _named(path)] if path.endswith("/") else [path]
        missing = [] if path.endswith("/") else [one for one in found if not files.exists(one)]
    else:
        whole = Path(path).resolve()
        found = [str(whole / name) for name in _named(str(whole))] if whole.is_dir() else [str(whole)]
        missing = [one for one in found if not Path(one).is_file()]
    if missing or not found:
        raise BadInput(f"--warc {path}: no such file, or a folder without {', '.join(_ARCHIVES)}")
    return found


def _named(folder: str) -> list[str]:
    return [name for name in files.listing(folder) if name.endswith(_ARCHIVES)]
