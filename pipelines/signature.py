"""Commands that share options: a dataclass names them once, and each command takes them all as one value."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import typer

Command = TypeVar("Command", bound=Callable[..., None])


def command(app: typer.Typer, name: str = "", *, epilog: str) -> Callable[[Command], Command]:
    """Make a function a command of an app, with the options that it shares laid out; it stays callable as it is."""

    def register(function: Command) -> Command:
        app.command(name or None, epilog=epilog)(flatten(function))
        return function

    return register


def flatten(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command with parameters that are dataclasses take their fields instead, each as an option of its own.

    typer reads a command's signature, so that is what is made: in the place of such a parameter stand the fields of its
    dataclass, annotated as they are, with their defaults.
    """
    own = inspect.signature(function, eval_str=True).parameters
    shared: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}

    @functools.wraps(function)
    def taking(**given: Any) -> None:
        values = {
            name: kind(**{one.name: given.pop(one.name) for one in fields(kind)}) for name, kind in shared.items()
        }
        function(**values, **given)

    taking.__signature__ = inspect.Signature(list(_options(own.values())))  # type: ignore[attr-defined]
    return taking


def _options(parameters: Iterable[inspect.Parameter]) -> Iterator[inspect.Parameter]:
    """The parameters of a command, each dataclass as its fields; by keyword all, so that any may lack a default."""
    by_keyword = inspect.Parameter.KEYWORD_ONLY
    for one in parameters:
        if not is_dataclass(one.annotation):
            yield one.replace(kind=by_keyword)
            continue
        hints = get_type_hints(one.annotation, include_extras=True)
        for field in fields(one.annotation):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            yield inspect.Parameter(field.name, by_keyword, annotation=hints[field.name], default=default)


def written(line: typer.Context) -> dict[str, Any]:
    """The options and arguments that stand on a command line, by the names of their parameters; no defaults."""
    sources = {name: line.get_parameter_source(name) for name in line.params}
    return {name: line.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
