"""Every signal that a recipe may name, by family: one measured column each, with its type, meaning and direction.

`filters` computes what is declared here; a test holds the two together. A signal of a picture that does not decode
has the value written at its column: width 0, NaN, ''. Null is never written: it would mean unmeasured.
"""

from __future__ import annotations

import re

import pyarrow as pa

from schemas.tables import LEDGER, PAIRS, column

KEY = LEDGER.field("key")

TEXT = pa.schema(
    [
        column("text_chars", pa.int32(), "characters in the text (code points)"),
        column("text_han", pa.int32(), "Han characters in the text"),
        column("text_han_ratio", pa.float32(), "Han characters among those that are not white space; 0 for none"),
        column("text_script", pa.string(), "hans, hant, han (both alike), kana, hangul, latin, other or none"),
        column("text_language", pa.string(), "ISO 639-1 code, 639-3 where there is none; und when nothing can be said"),
        column("text_language_score", pa.float32(), "how sure the language is, 0 to 1", good="high"),
        column("text_simplified", pa.string(), "the text in simplified characters (OpenCC t2s)"),
        column(
            "text_is_filename",
            pa.bool_(),
            "whether it reads like a file name or camera number: IMG_0001, 000.jpg",
        ),
        column(
            "text_is_boilerplate",
            pa.bool_(),
            "whether it says nothing of the picture: 图片, 点击查看大图, image",
        ),
        column("text_repetition", pa.float32(), "share of its characters in repeated 3-grams, 0 to 1", good="low"),
        column(
            "text_entropy", pa.float32(), "entropy of its characters in bits: 0 for one over and over, and for none"
        ),
    ]
)

IMAGE = pa.schema(
    [
        column("image_decodes", pa.bool_(), "whether the picture decodes whole"),
        column("image_width", pa.int32(), "width as shown, EXIF turning applied, in pixels; 0 when unreadable"),
        column("image_height", pa.int32(), "height as shown, in pixels; 0 when unreadable"),
        column("image_aspect", pa.float32(), "long side over short side; NaN when unreadable"),
        column("image_pixels", pa.int64(), "width times height"),
        column("image_bytes", pa.int64(), "length of the original file in bytes"),
        column("image_format", pa.string(), "by content, lower case: jpeg, png, webp, gif …; '' when unreadable"),
        column(
            "image_frames", pa.int32(), "frames of an animation, counted up to 10,000; 1 for a still; 0 when unreadable"
        ),
        column("image_orientation", pa.int32(), "the EXIF orientation, 1 to 8; 1 when absent"),
        column(
            "image_entropy",
            pa.float32(),
            "entropy of the grey histogram in bits, 0 to 8; NaN when unreadable",
        ),
        column("image_laplacian", pa.float32(), "variance of the grey Laplacian: sharpness", good="high"),
        column(
            "image_phash",
            pa.string(),
            "perceptual hash, 64 bits in 16 hex digits (imagehash.phash); '' if unread",
        ),
        column("image_sha256", pa.string(), "of the original bytes, 64 hex digits; the pair's image_id again"),
        column("image_md5", pa.string(), "of the original bytes, 32 hex digits"),
        column("image_short_side", pa.int32(), "the smaller of width and height, in pixels; 0 when unreadable"),
        column("image_std", pa.float32(), "standard deviation of the grey, 0 to 127.5; NaN when unreadable"),
    ]
)

CORPUS = pa.schema(
    [
        column("text_repeats", pa.int64(), "pairs of this corpus with the very same text, itself included"),
        column(
            "image_repeats",
            pa.int64(),
            "pairs of this corpus with the very same picture bytes, itself included",
        ),
        column(
            "image_cluster",
            pa.string(),
            "the smallest key among the pairs whose pictures are near-duplicates",
        ),
        column("image_match", pa.string(), "the key of the nearest other picture of the cluster; '' for a first"),
        column("image_distance", pa.int32(), "bits of the perceptual hash between the two, 0 to 64; -1 for none"),
        column(
            "against_name",
            pa.string(),
            "the older release or test set that holds a near-duplicate; '' for none",
        ),
        column("against_id", pa.string(), "the picture there: its key, or its file name; '' for none"),
        column("against_distance", pa.int32(), "bits of the perceptual hash between the two; -1 for none"),
    ]
)

TOPIC = pa.schema(
    [
        column(
            "topic_class",
            pa.string(),
            "the class that the source gives, as it gives it; else one of the nineteen, or other where none is clear",
        ),
        column(
            "topic_score",
            pa.float32(),
            "1 by the source; by words their share, 0 to 1; by a model the best class's cosine; 0 for none",
            good="high",
        ),
        column(
            "topic_margin",
            pa.float32(),
            "the best class's score less the second's; 1 by the source, 0 for none",
            good="high",
        ),
        column(
            "topic_source",
            pa.string(),
            "who says so: source, words (of the caption), match_ and a model's name, or none",
        ),
    ]
)

FAMILIES: dict[str, pa.Schema] = {"text": TEXT, "image": IMAGE, "topic": TOPIC, "corpus": CORPUS}
"""What is stored together, in one file per shard under signals/<family>/, beside the key."""

PAIR_SIGNALS: tuple[str, ...] = (
    *("source", "site", "strong", "class", "digital_source", "ai_generated"),
    *("impressions", "clicks", "click_rate"),
)
"""Columns of the pair itself that a recipe may name, as it names a signal."""


MATCH_COLUMN = re.compile(r"match_(?P<model>[a-z0-9]+(?:_[a-z0-9]+)*)_(?P<what>score|shuffled|image|text)")
"""The columns of the match family: four for each model that was measured, with its name in theirs."""

ANY_SCORE = "match_score"
"""What a recipe calls the score of the one model that a corpus was measured with."""


def score_column(model: str) -> str:
    """The column that holds a model's score."""
    return f"match_{model}_score"


def model_of(signal: str) -> str:
    """The model whose score a signal is; '' for any other signal.

    >>> model_of("match_vit_b_32_score"), model_of("match_mini_image"), model_of("match_score")
    ('vit_b_32', '', '')
    """
    found = MATCH_COLUMN.fullmatch(signal)
    return found["model"] if found and found["what"] == "score" else ""


def all_signals() -> dict[str, pa.Field]:
    """Every name that a keep, a once or a base may use, with its field; but for the scores, whose models are open."""
    fields = {name: PAIRS.field(name) for name in ("key", *PAIR_SIGNALS)}
    for family in FAMILIES.values():
        fields.update({field.name: field for field in family})
    return fields


def signal_field(signal: str) -> pa.Field:
    """The field of a name that a recipe may use, scores of any model included. Raises KeyError for any other."""
    if signal == ANY_SCORE or model_of(signal):
        model = model_of(signal) or "the model that was measured"
        about = f"how well the text fits the picture, by {model}: a cosine; NaN where one of them cannot be read"
        return column(signal, pa.float32(), about, good="high")
    return all_signals()[signal]


def family_of(signal: str) -> str:
    """The family whose files hold a signal; 'pairs' for the pair's own columns.

    >>> family_of("image_width"), family_of("image_cluster"), family_of("match_mini_score"), family_of("strong")
    ('image', 'corpus', 'match', 'pairs')
    """
    if signal == ANY_SCORE or MATCH_COLUMN.fullmatch(signal):
        return "match"
    for name, family in FAMILIES.items():
        if signal in family.names:
            return name
    return "pairs"


def family_schema(family: str) -> pa.Schema:
    """The schema of a family's file: the key first, then its signals."""
    return pa.schema([KEY, *FAMILIES[family]])


def match_fields(model: str, width: int) -> list[pa.Field]:
    """The columns of one model, by its name (lower-case letters, digits, single underscores) and its vectors' width.

    >>> [field.name for field in match_fields("mini", 64)]
    ['match_mini_score', 'match_mini_shuffled', 'match_mini_image', 'match_mini_text']
    """
    vector = pa.list_(pa.field("element", pa.float16(), nullable=False), width)
    control = (
        "the control: cosine of the text with a picture of another page that makes no pair with it, all rows of the"
        " shard shifted alike; NaN where there is none, or no score"
    )
    return [
        signal_field(score_column(model)),
        column(f"match_{model}_shuffled", pa.float32(), control),
        column(f"match_{model}_image", vector, "unit vector of the picture; zeros where it does not decode"),
        column(f"match_{model}_text", vector, "unit vector of the text; zeros where the model does not read it"),
    ]
