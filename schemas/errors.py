"""Our exceptions. The world's faults are values (an outcome, width 0); these are for our own and the user's.

    TuwenError            exit code 1
    ├── BadInput          exit code 2: what the user gave cannot be used (a recipe, a seed, an option)
    ├── WorkFailed        exit code 1: the work could not be finished (a full disk, a lost worker)
    └── Damaged           exit code 1: a file of ours is missing or altered

Every message is one line that says what is wrong, where, and the way out.
"""

from __future__ import annotations


class TuwenError(Exception):
    """Anything that ends a command with a message instead of a traceback."""

    exit_code = 1


class BadInput(TuwenError):
    """What the user gave cannot be used."""

    exit_code = 2


class WorkFailed(TuwenError):
    """The work could not be finished; what was finished is kept, and the same command goes on from there."""


class Damaged(TuwenError):
    """A file that we wrote is missing, cut or altered."""
