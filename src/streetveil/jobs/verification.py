"""After redaction: what the detectors still find in the result, and how that is redacted once more.

A finding counts where it would have been redacted had it been there in the original: the same classes, thresholds and
profile. It never makes a region smaller: each further round paints the original anew with the union of all areas, so
that the quality does not suffer and a lossless result stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from streetveil.domain.geometry import Box, Size
from streetveil.jobs.regions import region_as_dict, snapped
from streetveil.redaction.base import Region

_TOUCHES = 0.3
"""Share of the smaller of two boxes from which on a finding belongs to what was redacted there."""

MARGINS = (0.3, 0.6)
"""One for each further round: the fraction of its own width and height by which the union of an area and what was found
at it grows on each side. docs/redaction.md has the figures that they were chosen by. An ellipse around a box goes 0.21
of its width and height beyond it: margins above that leave nothing open that was painted before.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a result.

    Attributes:
        round: how often areas had been redacted again before it was found.
        region: the area that it would take, at the model's margin.
        again: True where it lies at an area that was redacted, False where it is new.
    """

    round: int
    region: Region
    again: bool

    def as_dict(self) -> dict[str, Any]:
        described = region_as_dict(self.region)
        return {
            "round": self.round,
            "class": described["class"],
            "box": described["box"],
            "confidence": described["confidence"],
            "again": self.again,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of looking again.

    Attributes:
        rounds: how often areas were redacted again.
        found: everything that was found in results on the way.
        passed: True where nothing was found in the last one.
    """

    rounds: int
    found: tuple[Finding, ...]
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """The `verification` of `blur_metadata`."""
        return {"rounds": self.rounds, "found": [finding.as_dict() for finding in self.found], "passed": self.passed}


def touches(region: Region, other: Region) -> bool:
    """Whether two areas are those of the same object, or of parts of it."""
    smaller = min(region.box.area, other.box.area)
    return region.label is other.label and region.box.intersection(other.box) >= _TOUCHES * smaller > 0


def widened(regions: Sequence[Region], found: Sequence[Region], margin: float, size: Size) -> list[Region]:
    """All areas for the next round, none smaller than before, in their order and then the new ones.

    Args:
        regions: what was redacted so far.
        found: what was found in the result.
        margin: one of `MARGINS`.
        size: of the upright picture.
    """
    wider = []
    for region in regions:
        rests = [item.box for item in found if touches(item, region)]
        wider.append(_grown(region, rests, margin, size) if rests else region)
    new = [item for item in found if not any(touches(item, region) for region in regions)]
    return wider + [_grown(item, [], margin, size) for item in new]


def _grown(region: Region, rests: Sequence[Box], margin: float, size: Size) -> Region:
    boxes = [region.box, *rests]
    union = Box(
        min(box.x1 for box in boxes),
        min(box.y1 for box in boxes),
        max(box.x2 for box in boxes),
        max(box.y2 for box in boxes),
    )
    return replace(region, box=snapped(union.grown(margin).clipped(size) or region.box))
