"""What the command line says before typer reads it: lists of values, --debug, and what is Beam's after `--`."""

from __future__ import annotations

from dataclasses import dataclass

LISTS = ("--seeds", "--warc", "--allow-address", "--family", "--model", "--against", "--ignore")
"""Options that take several values in a row, as `--seeds a.toml b.toml`; typer itself wants the name repeated."""


@dataclass(frozen=True)
class Arguments:
    """One command line taken apart."""

    ours: tuple[str, ...]
    beam: tuple[str, ...]
    debug: bool


def split(argv: list[str]) -> Arguments:
    """Take a command line apart.

    >>> split(["measure", "corpus", "--family", "text", "image", "--debug", "--", "--runner=FlinkRunner"]).ours
    ('measure', 'corpus', '--family', 'text', '--family', 'image')
    """
    end = argv.index("--") if "--" in argv else len(argv)
    ours, beam = argv[:end], argv[end + 1 :]
    return Arguments(tuple(_spread([word for word in ours if word != "--debug"])), tuple(beam), "--debug" in ours)


def _spread(words: list[str]) -> list[str]:
    """Repeat the name of a list option before each of its values.

    The last word of the line is left alone where no positional came before: `measure --family text CORPUS`.
    """
    spread: list[str] = []
    name, values, positionals = "", 0, 0
    takes_corpus = bool(words) and words[0] not in ("crawl", "run")
    for place, word in enumerate(words):
        if word.startswith("-"):
            name, values = (word if word in LISTS else ""), 0
        elif name:
            last = place == len(words) - 1 and takes_corpus and positionals < 2
            if values and not last:
                spread.append(name)
            values += 1
        elif not spread or not spread[-1].startswith("--"):
            positionals += 1  # the verb itself is the first
        spread.append(word)
    return spread


def is_list_run(words: list[str]) -> bool:
    """Whether a command line crawls a list, in img2dataset's spelling or ours, and does not ask for help.

    >>> is_list_run(["crawl", "--url_list=x.csv"]), is_list_run(["crawl", "--seeds", "https://example.cn/"])
    (True, False)
    """
    names = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("-")}
    return words[:1] == ["crawl"] and bool(names & {"--url-list", "--output-folder"}) and not names & {"-h", "--help"}
