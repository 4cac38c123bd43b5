"""What one command line says beside the options of its verb, for as long as the verb runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import BadInput

if TYPE_CHECKING:
    from pipelines.img2dataset import ListRun

DRY = "--dry_run=True"
"""Beam's word for --dry-run."""


@dataclass(frozen=True)
class Given:
    """Beam's own words, and what img2dataset's flags ask for, where there are any."""

    beam: tuple[str, ...] = ()
    listed: ListRun | None = None


_GIVEN: ContextVar[Given] = ContextVar("given")


def given() -> Given:
    """What the command line that is being run says; nothing where there is none."""
    return _GIVEN.get(Given())


@contextmanager
def running(line: Given) -> Iterator[None]:
    """Let this be what was given, until the block ends."""
    token = _GIVEN.set(line)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def no_beam(what: str) -> None:
    """Raise BadInput where words for Beam are given to what runs without."""
    if words := given().beam:
        raise without_beam(words[0], what)


def without_beam(word: str, what: str) -> BadInput:
    """What is wrong with a word for Beam beside what runs without."""
    said = "--dry-run" if word == DRY else f"{word} after `--`"
    return BadInput(f"{said}: {what} runs without Beam; leave it out")
