"""What Panoramax reads from a blurring service: the JSON of a form's part, or of a header.

The form is that of the specification "Blur API" in Panoramax's documentation; the header `x-sgblur` is older, and named
after the service that brought it in. docs/panoramax.md tells what is read and what is not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Orientation, Size
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.regions import regions_in
from streetveil.redaction.regions import areas

SERVICE_NAME = "Streetveil"
HEADER = "x-sgblur"
MAX_HEADER = 3072
"""Characters; proxies commonly refuse answers whose headers are over 4 or 8 KiB in all."""

# The names that readers of the header know.
_HEADER_CLASSES = {Label.FACE: "face", Label.LICENSE_PLATE: "plate"}


def metadata(result: Anonymised, *, blurring_id: str | None, vehicles: bool) -> dict[str, Any]:
    """The part `metadata`.

    Args:
        result: boxes in pixels of the upright picture, which is also the picture that is sent.
        blurring_id: what the instance may note; None where that would promise that the blur can be undone.
        vehicles: whether `annotations` has them.
    """
    found = result.detection_metadata
    size = result.header.upright
    annotations = [_annotation(item, found["model"], size) for item in found["vehicles"]] if vehicles else []
    # Of two annotations with the same outline Panoramax would refuse the second, and all behind it.
    unique = {tuple(item["shape"]): item for item in reversed(annotations)}
    return {
        "annotations": list(reversed(unique.values())),
        "blurring_id": blurring_id,
        "service_name": SERVICE_NAME,
        "kept": False,
    }


def header(result: Anonymised) -> str:
    """The value of `x-sgblur`: as many entries as fit, regions first; `truncated` where some did not."""
    entries = _header_regions(result) + _header_vehicles(result)
    text = _header_json(entries, truncated=False)
    while len(text) > MAX_HEADER:
        entries = entries[: len(entries) * MAX_HEADER // len(text)]
        text = _header_json(entries, truncated=True)
    return text


def _header_json(entries: list[dict[str, Any]], *, truncated: bool) -> str:
    # A salt is what kept parts could be found by; there are none.
    document: dict[str, Any] = {"info": entries, "salt": None}
    if truncated:
        document["truncated"] = True
    return json.dumps(document, separators=(",", ":"))


def _header_regions(result: Anonymised) -> list[dict[str, Any]]:
    entries = []
    for region in regions_in(result.blur_metadata):
        for area in areas([region], result.header.upright, Orientation.UPRIGHT):
            blurred = area.left, area.top, area.right, area.bottom
            box = _whole(region.box.as_tuple(), result.header.upright)
            entries.append(_entry(_HEADER_CLASSES[region.label], region.confidence, blurred, box))
    return entries


def _header_vehicles(result: Anonymised) -> list[dict[str, Any]]:
    entries = []
    for item in result.detection_metadata["vehicles"]:
        box = _whole(item["box"], result.header.upright)
        entries.append(_entry(item["class"], item["confidence"], box, box))
    return entries


def _entry(
    name: str, confidence: float, area: tuple[int, int, int, int], box: tuple[int, int, int, int]
) -> dict[str, Any]:
    x1, y1, x2, y2 = area
    return {
        "class": name,
        "confidence": round(confidence, 3),
        "xywh": [x1, y1, x2 - x1, y2 - y1],
        "bbox": list(box),
    }


def _annotation(vehicle: Mapping[str, Any], model: Mapping[str, Any], size: Size) -> dict[str, Any]:
    """One vehicle in Panoramax's terms: a box in whole pixels, and tags whose qualifiers say who found it."""
    name = str(vehicle["class"])
    return {
        "shape": list(_whole(vehicle["box"], size)),
        "semantics": [
            {"key": "vehicle", "value": name},
            {
                "key": f"detection_model[vehicle={name}]",
                "value": f"{SERVICE_NAME}-{model['name']}/{model['version']}",
            },
            {"key": f"detection_confidence[vehicle={name}]", "value": f"{vehicle['confidence']:.3f}"},
        ],
    }


def _whole(box: Any, size: Size) -> tuple[int, int, int, int]:  # noqa: ANN401 - four numbers out of JSON
    """The box in whole pixels, nothing of it outside the picture: Panoramax refuses what is."""
    x1, y1, x2, y2 = box
    return (
        max(math.floor(x1), 0),
        max(math.floor(y1), 0),
        min(math.ceil(x2), size.width),
        min(math.ceil(y2), size.height),
    )
