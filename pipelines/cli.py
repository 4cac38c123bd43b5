"""The command line: reads it, runs its verb, and ends with its exit code and one line for whatever went wrong.

Exit codes: 0 done, 1 the work failed or `verify` found damage, 2 bad input or usage, 130 interrupted. Results go to
standard output, progress and errors to standard error; `--debug` adds the traceback.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from pipelines import arguments, label_verbs, look_verbs, verbs
from pipelines.arguments import Arguments
from pipelines.given import Given, running
from schemas.errors import TuwenError

app = typer.Typer(
    name="tuwen",
    help="Build an image-text corpus from the web: crawl, pair, measure, cluster, judge, pack, release.",
    epilog="Verbs that run on an engine take --dry-run. Any command takes --debug, and --s3-endpoint URL for an object"
    " store that is not Amazon's (else AWS_* and ~/.aws decide). Beam's own options come after `--`, as in:"
    " tuwen measure CORPUS -- --runner=FlinkRunner",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for _commands in (verbs.app, look_verbs.app, label_verbs.app):
    app.add_typer(_commands)

_STOPPED = 130  # what a shell says of Ctrl-C; typer turns the exception into it in some versions
# Typer brings a click of its own in some versions: its usage errors are known by what BadParameter is made of.
_USAGE: Any = typer.BadParameter.__mro__[1]


def commands() -> dict[str, Any]:
    """Every command by its name, as click knows it."""
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def main() -> None:
    """Run one command line and exit with its code."""
    try:
        code = run(arguments.split(sys.argv[1:]))
    except TuwenError as error:
        code = _fail(str(error), error.exit_code)
    sys.exit(code)


def program() -> None:
    """What the console command runs: `main`, and out at once.

    What Python would do after it is the undoing of libraries, in which a native thread of one aborted now and then, and
    made exit code 134 of work that was done.
    """
    try:
        main()
    except SystemExit as end:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


def run(line: Arguments) -> int:
    """Run one command line; its exit code."""
    if line.debug:
        os.environ["TUWEN_DEBUG"] = "1"
    words, given = list(line.ours), Given(line.beam)
    try:
        if line.s3_endpoint:
            from pipelines import s3

            s3.use(line.s3_endpoint)
        if arguments.is_list_run(words):
            words, given = _with_img2dataset(words, line.beam)
        with running(given):
            code = int(app(words, standalone_mode=False) or 0)
        return code if code != _STOPPED else _interrupted()
    except _USAGE as error:
        command = error.ctx.command_path if error.ctx else "tuwen"
        if not words:
            print(error.format_message(), file=sys.stderr)
            return 2
        return _fail(f"{error.format_message()} See: {command} --help", 2)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except TuwenError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # a fault of ours: still one line, and the way to the rest
        return _fail(f"{type(error).__name__}: {error}; this is a fault of tuwen: add --debug for the traceback", 1)


def _with_img2dataset(words: list[str], beam: tuple[str, ...]) -> tuple[list[str], Given]:
    """Take img2dataset's flags, which typer cannot read, out of a command line; the words left, and what they ask."""
    from pipelines import img2dataset

    crawl = commands()["crawl"]
    ours = {name.lstrip("-").replace("-", "_") for parameter in crawl.params for name in parameter.opts}
    listed = img2dataset.read(words[1:], ours)
    return ["crawl", *listed.rest], Given(beam, listed)


def _interrupted() -> int:
    return _fail("interrupted; the same command goes on from here", _STOPPED)


def _fail(message: str, code: int) -> int:
    from pipelines.progress import printable

    if os.environ.get("TUWEN_DEBUG") and sys.exc_info()[0]:
        traceback.print_exc()
    console = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
    console.print(f"tuwen: {escape(printable(message))}", style=None)
    return code


if __name__ == "__main__":
    program()
