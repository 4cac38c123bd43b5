"""Where the pictures of a crawl come from: seeds, a list, archives, a search, or a click log; exactly one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from crawlers.archives import from_archives
from crawlers.clicks import check_click_log, from_click_log
from crawlers.crawl import crawl
from crawlers.lists import check_list, from_list
from crawlers.queries import check_queries, from_queries
from crawlers.searches import Search
from pipelines import files
from pipelines.crawl_options import CrawlOptions
from pipelines.together import SOURCES, option
from schemas import seeds as seeds_file
from schemas.errors import BadInput

Crawl = Callable[..., dict[str, int]]
"""crawl(corpus, settings, report, again=…): a source with all but where to and how; it can be pickled."""

_READ = ("url_list", "queries", "click_log")  # from a path, by every partition for itself
_ARCHIVES = (".warc", ".warc.gz", ".wat", ".wat.gz")


def chosen(options: CrawlOptions) -> Crawl:
    """The crawl of the one source that is given. Raises BadInput for none, several, or one that cannot be read."""
    given = [name for name in SOURCES if getattr(options, name)]
    if len(given) != 1:
        said = f"{' and '.join(map(option, given))} together" if given else "no source"
        raise BadInput(
            f"{said}: give exactly one of {', '.join(map(option, SOURCES))}; one corpus may take several, in turn"
        )
    _refuse_remote(options)
    if options.seeds:
        return partial(crawl, seeds_file.load(options.seeds))
    if options.url_list:
        check_list(options.url_list, options.url_col, options.caption_col, options.input_format)
        return partial(
            from_list, options.url_list, options.url_col, options.caption_col, input_format=options.input_format
        )
    if options.warc:
        paths = [path for given in options.warc for path in archives_of(given)]
        return partial(from_archives, paths, opener=files.open_read, only_han=options.only_han)
    if options.queries:
        check_queries(options.queries)
        return partial(from_queries, options.queries, _search(options))
    check_click_log(options.click_log or "")
    return partial(from_click_log, options.click_log or "")


def _refuse_remote(options: CrawlOptions) -> None:
    """Raise BadInput for a file that every partition reads as it goes, and that is no file of this machine."""
    for name in _READ:
        path = getattr(options, name)
        if path and files.is_remote(path):
            way = "copy it to one, and for an engine to one that all workers see"
            raise BadInput(f"{option(name)} {path}: it is read from a path; {way}")


def anywhere(options: CrawlOptions) -> CrawlOptions:
    """The same options with whole paths, for workers that begin in another folder."""
    named = {name: getattr(options, name) for name in _READ}
    whole: dict[str, Any] = {
        name: str(Path(path).resolve()) for name, path in named.items() if path and not files.is_remote(path)
    }
    return replace(options, **whole)


def _search(options: CrawlOptions) -> Search:
    if not options.search:
        raise BadInput("--queries: give --search URL-TEMPLATE too, as https://s.example/i?q={query}&page={page}")
    return Search(
        template=options.search,
        first=options.first_page,
        step=options.page_step,
        most=options.max_results,
        image_field=options.image_field,
        page_field=options.page_field,
    )


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
