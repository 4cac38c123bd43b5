"""Models that put a picture and a text into one space: `mini`, open_clip, transformers and ONNX, by one protocol."""

from __future__ import annotations

from filters.models.interface import Model, NotFinite, Preprocessing
from filters.models.loading import load
from filters.models.reference import demo, name_of

__all__ = ["Model", "NotFinite", "Preprocessing", "demo", "load", "name_of"]
