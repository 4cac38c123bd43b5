"""The tokenizer `words`: a Chinese text becomes the words of a list and its characters' n-grams, hashed.

Chinese has no spaces, and to cut it into words right needs a model of its own. So no cut is chosen here: every word
of the list counts that stands in the text, however words overlap, the longer the more, and what the list does not
know still leaves its n-grams. Plain lookups in a dict, no library, and the same arrays on every machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters.writing import HAN, simplify
from schemas.errors import BadInput

WORDS_FILE = "words.txt"

LONGEST = 6
"""Characters of the longest word that is looked for: of Chinese words in use, one in a hundred is longer."""

WEIGHTS = {1: 0.3, 2: 1.0}
LONG = 1.5
"""What a word counts by its length: a single character says little, a word of three and more names a thing."""

CONTEXT = 64
"""Han characters of a text that are read: two of three captions in use are shorter than 32."""

GRAMS = 1024
"""Buckets for n-grams of one to three characters: a power of two, about the n-grams of a hundred captions."""


@dataclass(frozen=True, eq=False)
class Words:
    """The tokenizer, loaded: the words by their number, and how many Han characters of a text are read.

    Number 0 is no word: it fills the rows of shorter texts, with weight 0.
    """

    numbers: Mapping[str, int]
    context: int = CONTEXT

    @classmethod
    def read(cls, folder: Path, context: int = CONTEXT) -> Words:
        """The tokenizer of a model folder, of its words.txt: UTF-8, one word a line, the first is number 1.

        Raises BadInput when the file is not there or is no text.
        """
        file = folder / WORDS_FILE
        try:
            words = file.read_text("utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{file}: cannot be read ({error}); a model with the tokenizer `words` needs it") from None
        return cls({word: number for number, word in enumerate(words, 1)}, context)

    def __call__(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
        """Arrays word_ids int64 [n, 2 context], word_weights float32 likewise, grams float32 [n, GRAMS] counts."""
        ids = np.zeros((len(texts), 2 * self.context), np.int64)
        weights = np.zeros(ids.shape, np.float32)
        grams = np.zeros((len(texts), GRAMS), np.float32)
        for row, text in enumerate(texts):
            runs = _runs(text, self.context)
            found = [word for run in runs for word in self._found(run)][: ids.shape[1]]
            ids[row, : len(found)] = [self.numbers[word] for word in found]
            weights[row, : len(found)] = [WEIGHTS.get(len(word), LONG) for word in found]
            np.add.at(grams[row], _buckets("".join(runs)), 1)
        return {"word_ids": ids, "word_weights": weights, "grams": grams}

    def _found(self, run: str) -> Iterator[str]:
        """Every word of the list inside a run of Han, by its place and then its length."""
        for start in range(len(run)):
            for end in range(start + 1, min(start + LONGEST, len(run)) + 1):
                if run[start:end] in self.numbers:
                    yield run[start:end]


def _runs(text: str, context: int) -> list[str]:
    """The first `context` Han characters of a text in simplified writing, cut where anything else stands."""
    runs: list[str] = []
    for found in HAN.finditer(text):
        runs.append(found[0][:context])
        context -= len(runs[-1])
        if not context:
            break
    return simplify(" ".join(runs)).split()


def _buckets(han: str) -> list[int]:
    """The bucket of every n-gram of one to three characters: CRC-32 of its UTF-8, alike on all machines.

    >>> _buckets("牛肉")
    [761, 327, 650]
    """
    places = ((start, size) for size in (1, 2, 3) for start in range(len(han) - size + 1))
    return [zlib.crc32(han[start : start + size].encode()) % GRAMS for start, size in places]
