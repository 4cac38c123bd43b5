"""What a pair can be filtered on. Measures, never decides. To add a signal is to write its line in a tuple here.

    samples = (Sample(key, text, picture=decode(data)) for key, text, data in ...)
    tables = measure([FAMILIES["text"], FAMILIES["image"]], samples)

The columns are declared in `schemas.signals`, one module here has the functions of one family, and a test holds the
two together. The corpus family is of all pairs at once: its pure parts are in `filters.corpus`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from filters import image, language, text, topic
from filters.family import Family, measure
from filters.interface import Each, EachPicture, Sample, Signal
from filters.picture import Picture, decode

TEXT: tuple[Signal, ...] = (
    Each("text_chars", pa.int32(), text.chars),
    Each("text_han", pa.int32(), text.han),
    Each("text_han_ratio", pa.float32(), text.han_ratio),
    Each("text_script", pa.string(), text.script),
    language.Language(),
    Each("text_simplified", pa.string(), text.simplify),
    Each("text_is_filename", pa.bool_(), text.is_filename),
    Each("text_is_boilerplate", pa.bool_(), text.is_boilerplate),
    Each("text_repetition", pa.float32(), text.repetition),
    Each("text_entropy", pa.float32(), text.entropy),
)

IMAGE: tuple[Signal, ...] = (
    EachPicture("image_decodes", pa.bool_(), image.decodes),
    EachPicture("image_width", pa.int32(), image.width),
    EachPicture("image_height", pa.int32(), image.height),
    EachPicture("image_aspect", pa.float32(), image.picture_aspect),
    EachPicture("image_pixels", pa.int64(), image.pixels),
    EachPicture("image_bytes", pa.int64(), image.size),
    EachPicture("image_format", pa.string(), image.format_name),
    EachPicture("image_frames", pa.int32(), image.frames),
    EachPicture("image_orientation", pa.int32(), image.orientation),
    EachPicture("image_entropy", pa.float32(), image.picture_entropy),
    EachPicture("image_laplacian", pa.float32(), image.picture_laplacian),
    EachPicture("image_phash", pa.string(), image.picture_phash),
    EachPicture("image_sha256", pa.string(), image.sha256),
    EachPicture("image_md5", pa.string(), image.md5),
    EachPicture("image_short_side", pa.int32(), image.short_side),
    EachPicture("image_std", pa.float32(), image.picture_std),
)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        # 256 texts a time: the calls between batches vanish, and the texts take no memory to speak of
        "text": Family("text", TEXT, version="2", batch=256, digests=language.digests),
        # one picture a time: no model gains from more, and the largest takes 360 MB decoded
        "image": Family("image", IMAGE, version="2", batch=1, of="picture", digests=image.digests),
        "topic": topic.family(),
    }
)

__all__ = [
    "FAMILIES",
    "IMAGE",
    "TEXT",
    "Each",
    "EachPicture",
    "Family",
    "Picture",
    "Sample",
    "Signal",
    "decode",
    "measure",
]
