"""Commands that share options: a dataclass names them once, and each command takes them all as one value."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import typer


def takes(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command whose first parameter is a dataclass `kind` take its fields as options of its own.

    typer reads a command's signature, so that is what is made: the fields, annotated as they are, with their defaults,
    then the other parameters of the command.
    """
    hints = get_type_hints(kind, include_extras=True)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=hints[field.name],
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
            )
            for field in fields(kind)
        ]
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]

        @functools.wraps(command)
        def taking(**given: Any) -> None:
            shared = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            command(shared, **given)

        taking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return taking

    return decorate


def written(line: typer.Context) -> dict[str, Any]:
    """The options and arguments that stand on a command line, by the names of their parameters; no defaults."""
    sources = {name: line.get_parameter_source(name) for name in line.params}
    return {name: line.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
