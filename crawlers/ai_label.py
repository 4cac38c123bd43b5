"""Labels of AI-generated content inside pictures: that of GB 45438-2025, and what image generators leave of themselves.

GB 45438-2025, annex E: a JSON object under the name AIGC, whose Label is "1" (it is generated), "2" (it may be) or
"3" (it is suspected to be). It is recorded, and refuses nothing. The sources of IPTC's vocabulary that name generative
AI are at https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import json
import re
from typing import Any

from crawlers.block import clean

FIELDS = (
    *("Label", "ContentProducer", "ProduceID", "ReservedCode1"),
    *("ContentPropagator", "PropagateID", "ReservedCode2"),
)
GENERATOR = "Generator"  # our own field: what a generator wrote of its settings
_CERTAINTY = {"1": 3, "2": 2, "3": 1}  # by Label
_GENERATED = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
_LONGEST_LABEL = 65_536  # characters: the fields are codes and names
_LONGEST_FIELD = 256  # characters kept of each
_BARE = re.compile(r"[\"']?Label[\"']?\s{0,20}[:=]\s{0,20}[\"']?([123])\b")  # in a label that is no sound JSON


def label(text: str) -> dict[str, str]:
    """The fields of one label; of a broken one, its Label where that can be seen; empty when it is none.

    >>> label('{"Label": "1", "ContentProducer": "某公司"}')
    {'Label': '1', 'ContentProducer': '某公司'}
    >>> label('{"AIGC": {"Label": 2}}'), label('{"Label": "1",'), label("{}")
    ({'Label': '2'}, {'Label': '1'}, {})
    """
    value: Any = None
    if len(text) <= _LONGEST_LABEL:
        try:
            value = json.loads(text.strip().strip("\0"))
        except (ValueError, RecursionError):
            value = None
    if isinstance(value, dict) and isinstance(value.get("AIGC"), dict):
        value = value["AIGC"]
    if not isinstance(value, dict):
        found = _BARE.search(text[:_LONGEST_LABEL])
        value = {"Label": found.group(1)} if found else {}
    known = {name: str(value[name]) for name in FIELDS if isinstance(value.get(name), (str, int))}
    return kept(known)


def kept(fields: dict[str, str]) -> dict[str, str]:
    """The fields of a label that the standard knows and that say something.

    >>> kept({"Label": "1", "ProduceID": "", "Colour": "red"})
    {'Label': '1'}
    """
    return {name: text for name in FIELDS if (text := clean(fields.get(name, ""), _LONGEST_FIELD))}


def generator(keyword: str, text: str) -> dict[str, str]:
    """What the texts that image generators put into a PNG say: Stable Diffusion's parameters, ComfyUI's prompt.

    >>> generator("parameters", "a cat\\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1")
    {'Generator': 'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1'}
    """
    if keyword == "parameters" and (found := re.search(r"^Steps: \d+, .*", text, re.MULTILINE)):
        return {GENERATOR: clean(found.group(), _LONGEST_FIELD)}
    if keyword == "prompt" and '"class_type"' in text and '"KSampler' in text:
        return {GENERATOR: "ComfyUI"}
    return {}


def strongest(labels: list[dict[str, str]]) -> str:
    """The label that says the most, as JSON with sorted keys; '' when there is none."""
    said = [label for label in labels if label]
    return json.dumps(max(said, key=_certainty), ensure_ascii=False, sort_keys=True) if said else ""


def _certainty(label: dict[str, str]) -> int:
    return 3 if GENERATOR in label else _CERTAINTY.get(label.get("Label", ""), 0)


def is_generated(digital_source: str) -> bool:
    """Whether one of IPTC's source types, by its last part, says that generative AI made the picture or part of it."""
    return digital_source in _GENERATED


def ai_generated(digital_source: str, ai_label: str) -> int:
    """How far a picture says that AI made it or part of it, by two columns of the crawl's log.

    0 when nothing says so, 1 when it is suspected, 2 when it may be, 3 when it is.

    >>> ai_generated("trainedAlgorithmicMedia", ""), ai_generated("digitalCapture", '{"Label": "2"}')
    (3, 2)
    """
    said = _certainty(json.loads(ai_label)) if ai_label else 0
    return max(said, 3 if is_generated(digital_source) else 0)
