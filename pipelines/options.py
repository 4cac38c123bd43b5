"""Beam's own options, parsed strictly.

Beam drops a flag that it does not know with a warning at most, so a mistyped `--paralelism=8` would run for a
night on one core. Here such a flag ends the command before any work is done.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from schemas.errors import BadInput

# What `--workers` and the engine decide; two words for one thing would contradict each other.
OURS = {
    "--direct_num_workers": "use --workers",
    "--direct_running_mode": "use --workers: more than one means processes",
}


class StrictParser(_BeamArgumentParser):
    """Beam's parser, whose complaints are our exception instead of an exit."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"Beam option after `--`: {message}; see the engine's documentation")


def parse(beam_args: Sequence[str]) -> PipelineOptions:
    """Beam's options from the words after `--`.

    Raises BadInput for a flag that none of Beam's option classes knows, naming it and the nearest known one,
    and for one that `--workers` already decides.
    """
    for word in beam_args:
        flag = word.split("=", 1)[0]
        if flag in OURS:
            raise BadInput(f"Beam option {flag} after `--`: {OURS[flag]}")
    parser = StrictParser(allow_abbrev=False, add_help=False)
    # Beam reads the subclasses by name too: a class that a pickle brought along twice is one class.
    for options in {str(known): known for known in PipelineOptions.__subclasses__()}.values():
        options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(beam_args))
    if unknown:
        raise BadInput(f"Beam option {unknown[0]} after `--` is unknown{_nearest(unknown[0], parser)}")
    return PipelineOptions(list(beam_args))


def _nearest(word: str, parser: argparse.ArgumentParser) -> str:
    known = [flag for action in parser._actions for flag in action.option_strings]
    close = difflib.get_close_matches(word.split("=", 1)[0], known, n=1)
    return f"; did you mean {close[0]}?" if close else "; see the engine's documentation for its options"
