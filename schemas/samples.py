"""The Parquet beside each tar of a release: one row per sample, with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from schemas.signals import FAMILIES, score_column, signal_field
from schemas.tables import LEDGER, PAIRS, column

IMG2DATASET = [
    column("url", pa.string(), "the picture's URL"),
    column("caption", pa.string(), "the text"),
    column("key", pa.string(), "the pair's key: the name of its members in the tar"),
    column("status", pa.string(), "success, or failed_to_resize for a picture that could not be packed"),
    column("error_message", pa.string(), "why it could not; null for a success", nullable=True),
    column("width", pa.int32(), "width as packed, in pixels; 0 for a failure"),
    column("height", pa.int32(), "height as packed, in pixels; 0 for a failure"),
    column("original_width", pa.int32(), "width of the original as shown, in pixels"),
    column("original_height", pa.int32(), "height of the original as shown, in pixels"),
    column("sha256", pa.string(), "of the picture's original bytes, 64 hex digits"),
    column("md5", pa.string(), "of the picture's original bytes, 32 hex digits"),
    column("uid", pa.string(), "the key again, under DataComp's name"),
]
OURS = [
    *(PAIRS.field(name) for name in ("page_url", "source", "site", "strong")),
    LEDGER.field("class"),
    *(PAIRS.field(name) for name in ("impressions", "clicks", "click_rate")),
    *(PAIRS.field(name) for name in ("licences", "digital_source", "ai_generated")),
    column("tier", pa.string(), "weak or strong"),
    LEDGER.field("base"),
]
PACKED = [
    column("reencoded", pa.string(), "'' when the pixels are untouched, else resize, orientation, format or structure"),
    column("tar_offset", pa.int64(), "where the picture's tar header begins; -1 for a failure"),
]


def samples(models: Iterable[str] = ()) -> pa.Schema:
    """img2dataset's columns, then ours, every signal, the score of each of these models, and how it was packed."""
    signals = [field for family in FAMILIES.values() for field in family]
    scores = [signal_field(score_column(model)) for model in models]
    return pa.schema([*IMG2DATASET, *OURS, *signals, *scores, *PACKED])


SAMPLES = samples()
"""The columns of a release whose pairs no model was asked about."""
