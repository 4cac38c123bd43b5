"""The flags of img2dataset that are understood, with their kinds; docs/url-lists.md tells what each means here."""

from __future__ import annotations

from pipelines.flags import NUMBER, SWITCH, TEXT, WHOLE, WORDS

FIT = {
    "image_size": WHOLE,
    "resize_mode": TEXT,
    "resize_only_if_bigger": SWITCH,
    "upscale_interpolation": TEXT,
    "downscale_interpolation": TEXT,
    "encode_quality": WHOLE,
    "encode_format": TEXT,
    "skip_reencode": SWITCH,
    "disable_all_reencoding": SWITCH,
    "min_image_size": WHOLE,
    "max_image_area": NUMBER,
    "max_aspect_ratio": NUMBER,
}
SAMPLES = {
    "output_format": TEXT,
    "bbox_col": TEXT,
    "number_sample_per_shard": WHOLE,
    "save_additional_columns": WORDS,
    "oom_shard_count": WHOLE,
    "compute_hash": TEXT,
    "verify_hash": WORDS,
    **FIT,
}
"""The flags that say what is written; without an output folder nothing is, and they would be lost."""
KNOWN = {
    "url_list": TEXT,
    "output_folder": TEXT,
    "input_format": TEXT,
    "url_col": TEXT,
    "caption_col": TEXT,
    "processes_count": WHOLE,
    "workers": WHOLE,
    "engine": TEXT,
    "thread_count": WHOLE,
    "timeout": NUMBER,
    "retries": WHOLE,
    "extract_exif": SWITCH,
    "enable_wandb": SWITCH,
    "wandb_project": TEXT,
    "distributor": TEXT,
    "subjob_size": WHOLE,
    "incremental_mode": TEXT,
    "max_shard_retry": WHOLE,
    "user_agent_token": TEXT,
    "disallowed_header_directives": WORDS,
    **SAMPLES,
}
