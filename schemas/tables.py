"""Every Parquet file that we write: its columns, their types and what they mean. docs/data-format.md is made from it.

A file's schema is an Arrow schema whose fields carry a `description` (and, for a score, `good`: which direction
is the better one). Families of signals are in `schemas.signals`.
"""

from __future__ import annotations

import pyarrow as pa


def column(name: str, kind: pa.DataType, description: str, *, good: str = "", nullable: bool = False) -> pa.Field:
    """One described column. `good` is 'high' or 'low' for a score, '' where neither direction is better."""
    metadata = {"description": description}
    if good:
        metadata["good"] = good
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def describe(field: pa.Field) -> str:
    """The description that `column` put on a field."""
    return (field.metadata or {}).get(b"description", b"").decode()


_TIME = pa.timestamp("us", tz="UTC")

LOG = pa.schema(
    [
        column("url", pa.string(), "the URL as it was asked for"),
        column("final_url", pa.string(), "the URL that answered, after redirects; the same as url without any"),
        column("kind", pa.string(), "page, image, robots, sitemap, list or consent: what it was fetched as"),
        column("host", pa.string(), "the host's queue: its name, with the port where that is not the default"),
        column("outcome", pa.string(), "how the fetching ended: one of the closed set of outcomes"),
        column("status", pa.int16(), "the last HTTP status; 0 when none came"),
        column("attempts", pa.int16(), "requests made for this URL in this round, redirects not counted"),
        column("started", _TIME, "when the last attempt began"),
        column("seconds", pa.float32(), "how long the last attempt took"),
        column("bytes", pa.int64(), "length of the body after decoding, in bytes"),
        column("content_type", pa.string(), "the type sniffed from the bytes, else the header's; '' when unknown"),
        column("sha256", pa.string(), "of the body, 64 hex digits; '' when there is none"),
        column(
            "evidence",
            pa.string(),
            "JSON: robots, files, read, consent, decided, ignored, error, those that are not empty: docs/crawling.md",
        ),
        column("redirects", pa.list_(pa.string()), "the URLs between url and final_url"),
        column("ip", pa.string(), "the numeric address that answered; '' when none did"),
        column("warc", pa.string(), "the WARC file that holds the response, relative to crawl/; '' when not kept"),
        column("offset", pa.int64(), "where the response's record begins in that file; -1 when not kept"),
        column("length", pa.int64(), "length of that record in the file; 0 when not kept"),
        column(
            "body_offset",
            pa.int64(),
            "where the body's own bytes begin (pictures only, stored plain); else -1",
        ),
        column("round", pa.int32(), "the crawl round, from 0"),
        column("licences", pa.list_(pa.string()), "what the picture itself says of rights: addresses and texts"),
        column(
            "digital_source",
            pa.string(),
            "IPTC's digital source type inside the picture, as trainedAlgorithmicMedia; '' when it says nothing",
        ),
        column(
            "ai_label",
            pa.string(),
            "JSON: the label of AI content inside the picture, by GB 45438-2025, or its generator; '' without",
        ),
    ]
)

FOUND = pa.schema(
    [
        column("image_url", pa.string(), "the picture's URL, absolute, as the page means it"),
        column("text", pa.string(), "a text that the page puts beside it, white space collapsed"),
        column("source", pa.string(), "where the text stood: a text source"),
        column("page_url", pa.string(), "the page, after redirects"),
        column("site", pa.string(), "the origin of the seed that led to the page"),
        column("strong", pa.bool_(), "whether the seeds file calls the site a curated picture site"),
        column(
            "class",
            pa.string(),
            "the class that the seeds file or the page's own section gives; '' when neither",
        ),
        column("impressions", pa.int64(), "how often a click log's row says it was shown for the text; else 0"),
        column("clicks", pa.int64(), "how often it was clicked then, at most the impressions; else 0"),
        column(
            "licences", pa.list_(pa.string()), "licences that the picture or its page states: URLs or words, sorted"
        ),
        column(
            "others", pa.list_(pa.string()), "the picture's other sizes that the page names: absolute URLs, at most 32"
        ),
    ]
)

OUTBOX = pa.schema(
    [
        column("url", pa.string(), "a URL that the sender found, or was to ask for"),
        column("target", pa.string(), "where to go on: the URL itself, or where its redirects led so far"),
        column("redirects", pa.list_(pa.string()), "the URLs that it was led from"),
        column("kind", pa.string(), "page, image or sitemap: what it is to be fetched as"),
        column("site", pa.string(), "the origin of the seed that led to it; '' for none"),
        column("depth", pa.int32(), "links from that seed, of a page; levels of indexes, of a sitemap"),
    ]
)

_PAIR = [
    column(
        "key",
        pa.string(),
        "the pair's identity: 32 hex digits, sha256(image_url, newline, text) cut to 128 bits",
    ),
    column("image_url", pa.string(), "the picture's URL"),
    column(
        "page_url", pa.string(), "the page that puts the two together: strong sites first, then by trust of the source"
    ),
    column("text", pa.string(), "the text as the page has it, white space collapsed"),
    column("source", pa.string(), "where the text stood on that page"),
    column("site", pa.string(), "the origin of the seed that led to the page"),
    column("strong", pa.bool_(), "whether the site is a curated picture site"),
    column("class", pa.string(), "the class given by the source; '' when it gives none"),
    column("impressions", pa.int64(), "how often the picture was shown for the text, by all click logs; 0 without one"),
    column("clicks", pa.int64(), "how often it was clicked then; 0 without a click log"),
    column(
        "click_rate",
        pa.float32(),
        "(clicks + 1) / (impressions + 20): smoothed by a Beta(1, 19) prior; 0.05, its mean, without a click log",
        good="high",
    ),
]

PAIRS = pa.schema(
    [
        *_PAIR,
        column("image_id", pa.string(), "sha256 of the picture's original bytes, 64 hex digits"),
        column("warc", pa.string(), "the WARC file that holds the picture, relative to crawl/"),
        column("offset", pa.int64(), "where the picture's bytes begin in that file"),
        column("length", pa.int64(), "how many they are"),
        column(
            "licences",
            pa.list_(pa.string()),
            "licences that the picture itself or its page states: addresses and words, sorted",
        ),
        column("digital_source", pa.string(), "IPTC's digital source type inside the picture; '' when it says nothing"),
        column(
            "ai_generated",
            pa.int8(),
            "how far the picture says that AI made it or part of it: 0 not, 1 suspected, 2 may be, 3 is",
        ),
    ]
)

UNFETCHED = pa.schema(
    [
        *_PAIR,
        column("outcome", pa.string(), "why the picture did not come: its outcome in crawl/log"),
    ]
)

LEDGER = pa.schema(
    [
        column("key", pa.string(), "the pair"),
        column("verdict", pa.string(), "'' when kept, else the name of the first keep or once that failed"),
        column("tier", pa.string(), "weak or strong; '' when not kept"),
        column("class", pa.string(), "the class given by the source, else topic_class where it was measured, or other"),
        column("base", pa.bool_(), "whether the pair is in the base subset"),
    ]
)

INDEX = pa.schema(
    [
        column("key", pa.string(), "the pair"),
        column("shard", pa.string(), "its tar without the ending, as weak/00042"),
        column("offset", pa.int64(), "where the picture's tar header begins in that tar"),
        column("image_id", pa.string(), "sha256 of the picture's original bytes"),
        column("text_sha256", pa.string(), "sha256 of the text as packed, UTF-8"),
    ]
)
