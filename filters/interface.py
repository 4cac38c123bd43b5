"""What a signal is: named columns, and a pure function from samples to their values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from filters.picture import Picture


@dataclass(frozen=True)
class Sample:
    """One pair, as the signals see it.

    `picture` is None where its pixels are not looked at. `data` are the picture's original bytes and `image_id` their
    name, equal for equal ones; both are for the match family, which decodes no more than its models need. `given` is
    the class that the pair's source gives, '' where it gives none.
    """

    key: str
    text: str
    image_url: str = ""
    page_url: str = ""
    source: str = ""
    picture: Picture | None = None
    image_id: str = ""
    data: bytes = b""
    given: str = ""


class Signal(Protocol):
    """One or more columns that are measured together.

    An implementation is a frozen dataclass, so that it can be hashed (its model is loaded once per process, see
    `model_of`) and pickled (it travels to workers).
    """

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The columns it gives, each with its type."""
        ...

    def load(self) -> Any:
        """Read the model, or return None where there is none."""
        ...

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        """Return for every column one value per sample, in order; never null, never an exception of the world's."""
        ...


@dataclass(frozen=True)
class Each:
    """A signal that is one pure function of the text."""

    name: str
    type: pa.DataType
    function: Callable[[str], Any]

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The one column, under the signal's own name."""
        return {self.name: self.type}

    def load(self) -> None:
        """Load nothing: a pure function has no model."""

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        """Apply the function to every text."""
        return {self.name: [self.function(sample.text) for sample in batch]}


@dataclass(frozen=True)
class EachPicture:
    """A signal that is one pure function of the picture."""

    name: str
    type: pa.DataType
    function: Callable[[Picture], Any]

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The one column, under the signal's own name."""
        return {self.name: self.type}

    def load(self) -> None:
        """Load nothing: a pure function has no model."""

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        """Apply the function to every picture; raises ValueError for a sample that was given none."""
        return {self.name: [self.function(picture_of(sample)) for sample in batch]}


def picture_of(sample: Sample) -> Picture:
    """The picture of a sample; raises ValueError when the caller gave none (unreadable bytes are still a picture)."""
    if sample.picture is None:
        raise ValueError(f"sample {sample.key} has no picture: give it filters.picture.decode(data)")
    return sample.picture


_models: dict[Signal, Any] = {}
_lock = threading.Lock()


def model_of(signal: Signal) -> Any:
    """The model of a signal, loaded once per process however many threads ask (Beam runs a DoFn.setup per thread)."""
    with _lock:
        if signal not in _models:
            _models[signal] = signal.load()
        return _models[signal]
