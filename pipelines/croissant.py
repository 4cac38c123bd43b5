"""croissant.json: the release as JSON-LD that data catalogues and loaders read (MLCommons Croissant 1.0)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipelines import files
from schemas.manifest import Manifest
from schemas.samples import samples
from schemas.tables import describe

_CONTEXT = {
    "@language": "zh",
    "@vocab": "https://schema.org/",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ENDINGS = {"tar": "application/x-tar", "parquet": "application/x-parquet", "json": "application/json"}


def render(made: Manifest) -> bytes:
    """The release's croissant.json: every file with its digest, and the columns of the Parquet beside the tars."""
    tiers = [tier for tier in ("weak", "strong", "base") if getattr(made.counts, tier)]
    return files.json_bytes(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": made.name,
            "version": made.version,
            "datePublished": made.date,
            "description": (
                f"{made.counts.kept} pairs of a picture and a text from the web, kept by the recipe {made.name}; "
                "WebDataset shards with all signals in the Parquet beside them. Pictures belong to their owners."
            ),
            "creator": {"@type": "sc:SoftwareApplication", "name": made.software},
            "isLiveDataset": False,
            "distribution": [*_objects(made), *map(_file_set, tiers)],
            "recordSet": [_record_set(tier, made) for tier in tiers],
        }
    )


def _objects(made: Manifest) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": _ENDINGS[path.rsplit(".", 1)[-1]],
            "sha256": file.sha256,
        }
        for path, file in made.files.items()
    ]


def _file_set(tier: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{tier}-parquet",
        "name": f"{tier}-parquet",
        "encodingFormat": _ENDINGS["parquet"],
        "includes": f"{tier}/*.parquet",
    }


def _record_set(tier: str, made: Manifest) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": tier,
        "name": tier,
        "key": {"@id": f"{tier}/key"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{tier}/{field.name}",
                "name": f"{tier}/{field.name}",
                "description": describe(field),
                "dataType": _data_type(field.type),
                **({"repeated": True} if pa.types.is_list(field.type) else {}),
                "source": {"fileSet": {"@id": f"{tier}-parquet"}, "extract": {"column": field.name}},
            }
            for field in samples(made.models)
        ],
    }


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
