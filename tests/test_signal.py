"""How signals are wrapped, loaded and measured together."""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from filters import FAMILIES, IMAGE, TEXT, Each, EachPicture, Family, Sample, decode, measure
from filters.family import measure_signal
from filters.interface import model_of
from schemas.signals import family_schema


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (9, 7), shade).save(file, "PNG")
    return file.getvalue()


loads: list[str] = []
second = threading.Event()


@dataclass(frozen=True)
class Slow:
    """A signal whose model counts how often it is loaded."""

    name: str

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        return {self.name: pa.int32()}

    def load(self) -> Any:
        loads.append(self.name)
        second.wait(0.2)  # stays open for another thread to come in, should the lock let one
        return object()

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        return {self.name: [len(sample.text) for sample in batch]}


def test_a_model_is_loaded_once_by_many_threads_and_equal_signals() -> None:
    loads.clear()
    gate = threading.Barrier(8)

    def ask(_: int) -> Any:
        gate.wait()
        return model_of(Slow("once"))

    with ThreadPoolExecutor(8) as threads:
        models = list(threads.map(ask, range(8)))
    assert loads == ["once"]
    assert len({id(model) for model in models}) == 1


@pytest.mark.parametrize("signal", [*TEXT, *IMAGE], ids=lambda signal: next(iter(signal.columns)))
def test_a_signal_travels_to_a_worker_and_is_still_the_same(signal: Any) -> None:
    again = pickle.loads(pickle.dumps(signal))
    assert again == signal
    assert hash(again) == hash(signal)


def test_families_are_told_apart_by_version_and_models() -> None:
    digests = FAMILIES["text"].digests()
    assert len(digests["lid.176.ftz"]) == 64
    assert set(FAMILIES["image"].digests()) == {"imagehash", "pillow"}
    assert all(family.version for family in FAMILIES.values())


def test_a_table_has_the_declared_schema_and_the_order_of_the_samples() -> None:
    samples = [Sample(f"{n:032x}", "红" * n, picture=decode(png(n))) for n in (5, 1, 3)]
    tables = measure(list(FAMILIES.values()), iter(samples))
    for name, table in tables.items():
        assert table.schema.equals(family_schema(name), check_metadata=True)
        assert table["key"].to_pylist() == [sample.key for sample in samples]
    assert tables["text"]["text_han"].to_pylist() == [5, 1, 3]
    assert tables["image"]["image_sha256"].to_pylist() == [hashlib.sha256(png(n)).hexdigest() for n in (5, 1, 3)]


def test_no_samples_give_empty_tables_with_the_schema() -> None:
    for name, table in measure(list(FAMILIES.values()), []).items():
        assert table.num_rows == 0
        assert table.schema.equals(family_schema(name), check_metadata=True)


def test_a_picture_shared_by_pairs_in_a_row_is_measured_once() -> None:
    first, second = decode(png(1)), decode(png(2))
    pictures = [first, first, second, second, second, first]
    samples = [Sample(str(n), "", picture=picture) for n, picture in enumerate(pictures)]
    seen: list[int] = []

    def note(picture: Any) -> int:
        seen.append(len(picture.data))
        return picture.width

    signals = tuple(EachPicture(s.name, s.type, note) if s.name == "image_width" else s for s in IMAGE)  # type: ignore[attr-defined]
    table = measure([Family("image", signals, "1", batch=1, of="picture")], samples)["image"]
    assert len(seen) == 3
    assert table["image_sha256"].to_pylist() == [hashlib.sha256(p.data).hexdigest() for p in pictures]


@pytest.mark.parametrize("batch", [1, 2, 7, 1000])
def test_the_size_of_a_batch_changes_nothing(batch: int) -> None:
    shared = decode(png(9))
    samples = [Sample(str(n), "图片" * n, picture=shared if n % 3 else decode(png(n))) for n in range(20)]
    for name, family in FAMILIES.items():
        other = Family(name, family.signals, family.version, batch, family.of)
        assert measure([other], samples)[name].equals(measure([family], samples)[name])


def test_only_one_batch_of_pictures_is_held() -> None:
    alive: list[Any] = []

    def samples() -> Any:
        import weakref

        for n in range(50):
            picture = decode(png(n))
            alive.append(weakref.ref(picture))
            assert sum(ref() is not None for ref in alive) <= 3  # this one, the last, and the one being replaced
            yield Sample(str(n), "", picture=picture)

    assert measure([FAMILIES["image"]], samples())["image"].num_rows == 50


@dataclass(frozen=True)
class Broken:
    """A signal that breaks its contract in a given way."""

    values: tuple[tuple[str, tuple[Any, ...]], ...]

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        return {"text_chars": pa.int32()}

    def load(self) -> None: ...

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        return {name: list(values) for name, values in self.values}


@pytest.mark.parametrize(
    "values",
    [
        (("text_chars", (1, 2)),),
        (("text_chars", ()),),
        (("text_chars", (None,)),),
        (("other", (1,)),),
        (("text_chars", (1,)), ("other", (1,))),
        (("text_chars", ("a",)),),
        (("text_chars", (2**40,)),),
    ],
)
def test_a_signal_of_ours_that_breaks_its_contract_is_an_error(values: Any) -> None:
    with pytest.raises((ValueError, OverflowError, pa.ArrowInvalid)):
        measure_signal(Broken(values), [Sample("k", "x")])


def test_a_family_that_lacks_a_declared_column_is_an_error() -> None:
    with pytest.raises((ValueError, KeyError)):
        measure([Family("text", TEXT[1:], "1", 8)], [Sample("k", "x")])


def test_a_picture_signal_without_a_picture_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no picture"):
        measure([FAMILIES["image"]], [Sample("k", "x")])


def test_each_is_one_line() -> None:
    signal = Each("length", pa.int32(), len)
    assert signal.measure([Sample("k", "abc")], None) == {"length": [3]}
