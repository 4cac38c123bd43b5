"""What the command line says before typer reads it: lists of values, --debug and its like, and Beam's words."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.given import DRY, without_beam
from schemas.errors import BadInput

LISTS = ("--seeds", "--warc", "--allow-address", "--family", "--model", "--against", "--ignore")
"""Options that take several values in a row, as `--seeds a.toml b.toml`; typer itself wants the name repeated."""


DRY_RUN = "--dry-run"
BEAM_VERBS = ("crawl", "pair", "measure", "cluster", "judge", "pack", "release", "verify")
"""What is a job of Beam, and can be shown without running it."""


@dataclass(frozen=True)
class Arguments:
    """One command line taken apart."""

    ours: tuple[str, ...]
    beam: tuple[str, ...]
    debug: bool
    s3_endpoint: str = ""


def split(argv: list[str]) -> Arguments:
    """Take a command line apart.

    >>> split(["measure", "corpus", "--family", "text", "image", "--debug", "--", "--runner=FlinkRunner"]).ours
    ('measure', 'corpus', '--family', 'text', '--family', 'image')
    """
    end = argv.index("--") if "--" in argv else len(argv)
    ours, beam = argv[:end], argv[end + 1 :]
    words = [word for word in ours if word not in ("--debug", DRY_RUN)]
    endpoint, words = _taken("--s3-endpoint", words)
    if beam and words[:1] and words[0] not in (*BEAM_VERBS, "run"):
        raise without_beam(beam[0], words[0])
    if DRY_RUN in ours:
        if words[:1] and words[0] not in BEAM_VERBS:
            raise BadInput(f"{DRY_RUN}: {words[0]} has no job of its own; it goes with {', '.join(BEAM_VERBS)}")
        beam = [*beam, DRY]
    return Arguments(tuple(_spread(words)), tuple(beam), "--debug" in ours, endpoint)


def _taken(option: str, words: list[str]) -> tuple[str, list[str]]:
    """The value of an option, given as `--option V` or `--option=V`, and the words without it.

    Raises BadInput where the value is missing.
    """
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            after = place + (1 if equals else 2)
            found = value if equals else "".join(words[place + 1 : after])
            if not found:
                raise BadInput(f"{option}: give a value, as in {option} https://objects.example.cn:9000")
            return found, words[:place] + words[after:]
    return "", words


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
