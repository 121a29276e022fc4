"""Regions as results tell them: what is stored is what was painted, so that masks can be drawn from it later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import Style
from streetveil.redaction.base import Region, Shape

_STEPS = 10  # per pixel


def snapped(box: Box) -> Box:
    """The box on a grid of tenths of a pixel, as it is written down: nothing of it is left out by rounding."""
    return Box(_floor(box.x1), _floor(box.y1), _ceil(box.x2), _ceil(box.y2))


def region_as_dict(region: Region) -> dict[str, Any]:
    """One of the `regions` of `blur_metadata`; a region with a snapped box comes back from it unchanged."""
    return {
        "class": region.label.value,
        "box": [round(value, 1) for value in region.box.as_tuple()],
        "confidence": round(region.confidence, 4),
        "style": region.style.value,
        "shape": region.shape.value,
    }


def regions_in(blur_metadata: Mapping[str, Any]) -> list[Region]:
    """The regions that a result tells of, in their order."""
    return [
        Region(
            box=Box(*item["box"]),
            label=Label(item["class"]),
            confidence=item["confidence"],
            style=Style(item["style"]),
            shape=Shape(item["shape"]),
        )
        for item in blur_metadata["regions"]
    ]


# Six decimals of a tenth: 84.00000000000001 is the noise of one addition, and must not become 84.1.
def _floor(value: float) -> float:
    return math.floor(round(value * _STEPS, 6)) / _STEPS


def _ceil(value: float) -> float:
    return math.ceil(round(value * _STEPS, 6)) / _STEPS
