"""The contract that every signal keeps, whoever adds it: to add a signal is to be tested here without a line."""

from __future__ import annotations

import io
import math
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from filters import FAMILIES, Sample, Signal, decode
from filters.family import measure_signal
from filters.interface import model_of
from schemas.signals import FAMILIES as DECLARED

SIGNALS = [(family.name, signal) for family in FAMILIES.values() for signal in family.signals]
IDS = ["+".join(signal.columns) for _, signal in SIGNALS]
each_signal = pytest.mark.parametrize(("family", "signal"), SIGNALS, ids=IDS)


def photo() -> Image.Image:
    blocks = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((160, 120), Image.Resampling.NEAREST)


def saved(image: Image.Image, format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format_)
    return file.getvalue()


@cache
def samples() -> list[Sample]:
    """Good and hostile texts, each beside a good or hostile picture."""
    jpeg = saved(photo(), "JPEG")
    texts = [
        "红烧狮子头", "", "IMG_0001.jpg", "\ud800\udfff\ud800", "图片", "a" * 1_000_000, "汉字" * 500_000, "\0", "\n\n",
        "ラーメン", "🍜", "(" * 5000, "\u202e\u0301" * 30, "a dog running on the beach", "0" * 255,
    ]  # fmt: skip
    files = [
        jpeg, b"", b"<html>404</html>", jpeg[: len(jpeg) // 2], saved(photo()), jpeg + b"trailing", jpeg[:20],
        saved(Image.new("RGBA", (1, 1))), saved(Image.new("1", (1, 5000))), b"\x89PNG\r\n\x1a\n" + bytes(100),
        saved(photo(), "GIF"), saved(photo(), "WEBP"), b"GIF89a" + b"\xff" * 50, saved(photo().convert("CMYK"), "TIFF"),
        bytes(1_000_000),
    ]  # fmt: skip
    pictures = [decode(data) for data in files]
    return [
        Sample(f"{n:032x}", text, picture=picture)
        for n, (text, picture) in enumerate(zip(texts, pictures, strict=True))
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_gives_the_declared_columns_and_types_in_order(family: str) -> None:
    given_ = [column for signal in FAMILIES[family].signals for column in signal.columns.items()]
    assert given_ == [(declared.name, declared.type) for declared in DECLARED[family]]


def test_every_declared_family_is_measured_or_of_the_whole_corpus() -> None:
    assert set(FAMILIES) == set(DECLARED) - {"corpus"}


@each_signal
def test_an_empty_batch_has_empty_columns(family: str, signal: Signal) -> None:
    arrays = measure_signal(signal, [])
    assert {name: array.type for name, array in arrays.items()} == dict(signal.columns)
    assert all(len(array) == 0 for array in arrays.values())


@each_signal
def test_hostile_input_has_values(family: str, signal: Signal) -> None:
    for name, array in measure_signal(signal, samples()).items():
        assert len(array) == len(samples()), name
        assert array.null_count == 0, name
        array.validate(full=True)


def same(a: dict[str, list[Any]], b: dict[str, list[Any]]) -> bool:
    """Equal, where NaN is NaN."""
    return repr(a) == repr(b)


@each_signal
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_any_split_into_batches_gives_the_same(family: str, signal: Signal, data: st.DataObject) -> None:
    batch = [sample for sample in samples() if len(sample.text) < 10_000 and len(sample.picture.data) < 10_000]  # type: ignore[union-attr]
    cut = data.draw(st.integers(0, len(batch)))
    order = data.draw(st.permutations(range(len(batch))))
    whole = {name: array.to_pylist() for name, array in measure_signal(signal, batch).items()}
    first, second = measure_signal(signal, batch[:cut]), measure_signal(signal, batch[cut:])
    assert same({name: first[name].to_pylist() + second[name].to_pylist() for name in whole}, whole)
    shuffled = measure_signal(signal, [batch[at] for at in order])
    assert same(
        {name: array.to_pylist() for name, array in shuffled.items()},
        {name: [values[at] for at in order] for name, values in whole.items()},
    )


@each_signal
def test_a_signal_can_be_a_key_and_its_model_is_one(family: str, signal: Signal) -> None:
    assert hash(signal) == hash(signal)
    assert model_of(signal) is model_of(signal)


BETTER: dict[str, tuple[Sample, Sample]] = {
    "text_language_score": (Sample("", "a dog is running on the beach with its ball"), Sample("", "xqzt blorf")),
    "text_repetition": (Sample("", "一只小狗在海滩上奔跑"), Sample("", "好好好好好好好好好好")),
    "topic_score": (Sample("", "一束郁金香和玫瑰"), Sample("", "海边的汽车")),
    "topic_margin": (Sample("", "一束郁金香"), Sample("", "海边的汽车")),
    "image_laplacian": (
        Sample("", "", picture=decode(saved(photo()))),
        Sample("", "", picture=decode(saved(photo().filter(ImageFilter.GaussianBlur(4))))),
    ),
}
"""For every column that declares a direction: a known-good and a known-bad item."""

DIRECTIONS = [
    (family, declared.name, declared.metadata[b"good"].decode())
    for family in FAMILIES
    for declared in DECLARED[family]
    if b"good" in (declared.metadata or {})
]


@pytest.mark.parametrize(("family", "name", "good"), DIRECTIONS, ids=[name for _, name, _ in DIRECTIONS])
def test_the_known_good_is_better_than_the_known_bad(family: str, name: str, good: str) -> None:
    signal = next(signal for signal in FAMILIES[family].signals if name in signal.columns)
    better, worse = measure_signal(signal, BETTER[name])[name].to_pylist()
    assert not math.isnan(better)
    assert better > worse if good == "high" else better < worse


def test_a_direction_is_declared_for_every_known_item() -> None:
    assert {name for _, name, _ in DIRECTIONS} == set(BETTER)


def test_types_are_those_that_parquet_keeps() -> None:
    kinds = {kind for _, signal in SIGNALS for kind in signal.columns.values()}
    assert kinds <= {pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.string()}
