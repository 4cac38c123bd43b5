"""What is fetched from the Hugging Face hub: files by name, and one line for whatever keeps them away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from schemas.errors import BadInput

T = TypeVar("T")


def folder(ref: str, identity: str, names: tuple[str, ...], weights: tuple[str, ...]) -> Path:
    """The folder of a repository's files of these names, and of the first of these weights that it has.

    `weights` are patterns, the preferred first; from the hub's cache where it holds them. Raises BadInput.
    """
    from huggingface_hub import snapshot_download

    def fetch() -> Path:
        for pattern in weights:
            place = Path(snapshot_download(identity, allow_patterns=[*names, pattern]))
            if any(place.glob(pattern)):
                break
        return place

    return reach(ref, f"{identity} at the Hugging Face hub", fetch)


def reach(ref: str, what: str, fetch: Callable[[], T]) -> T:
    """What `fetch` gives. Raises BadInput in one line for anything that the network or the hub has against it."""
    try:
        return fetch()
    except Exception as error:  # the hub's, its HTTP client's and the system's have no common class
        way = "copy the files to this machine and give their path (docs/models.md, offline)"
        raise BadInput(f"--model {ref}: cannot get {what} ({_reason(error)}); {way}") from None


def _reason(error: BaseException) -> str:
    """The first sentence of the error that began it: the hub wraps the network's several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:240]
