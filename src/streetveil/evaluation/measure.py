"""Counts what was covered, what leaked and what was redacted for nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from streetveil.detection.base import Scene
from streetveil.domain.detections import VEHICLES, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.errors import DatasetError, StreetveilError
from streetveil.evaluation.coverage import covered_fraction
from streetveil.evaluation.dataset import LabelledImage, Subset
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region, Shape

WHOLE = 0.995
MOSTLY = 0.8
_FOUND_IOU = 0.5
_TOUCHES = 0.3

Examine = Callable[[bytes], tuple[Picture, Scene, Sequence[Region]]]
"""Finds everything in one encoded photo, and says what would be redacted."""


@dataclass(slots=True)
class Tally:
    """What happened to the labelled objects of one class in one subset.

    Attributes:
        images: photos looked at.
        whole: objects covered to 99.5 % or more.
        mostly: covered to 80 % or more, but not whole.
        missed: covered less: leaks.
        found: vehicles only: objects that a detected vehicle, of whichever class, matches at IoU 0.5.
        stray: regions (of vehicles: detections) that lie on no labelled object.
    """

    images: int = 0
    whole: int = 0
    mostly: int = 0
    missed: int = 0
    found: int = 0
    stray: int = 0

    @property
    def objects(self) -> int:
        return self.whole + self.mostly + self.missed

    def count(self, covered: float) -> None:
        if covered >= WHOLE:
            self.whole += 1
        elif covered >= MOSTLY:
            self.mostly += 1
        else:
            self.missed += 1

    def as_dict(self) -> dict[str, Any]:
        rate = self.missed / self.objects if self.objects else None
        return {
            "images": self.images,
            "objects": self.objects,
            "whole": self.whole,
            "over_80_percent": self.mostly,
            "missed": self.missed,
            "leak_rate": rate,
            "leak_rate_95": wilson(self.missed, self.objects),
            "stray": self.stray,
            "stray_per_image": self.stray / self.images if self.images else None,
        }


@dataclass(frozen=True, slots=True)
class Miss:
    """One object that was not covered."""

    image: Path
    label: Label
    box: Box
    covered: float


@dataclass(slots=True)
class Report:
    """All figures of one run.

    Attributes:
        tallies: by name of the subset and class; all vehicles together under `VEHICLE`.
        seconds: time spent looking at photos, reading them from disk not counted.
    """

    tallies: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    misses: list[Miss] = field(default_factory=list)
    images: int = 0
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        classes = []
        for (subset, name), tally in self.tallies.items():
            row = {"subset": subset, "class": name} | tally.as_dict()
            if name == VEHICLE:
                row["recall_iou_50"] = tally.found / tally.objects if tally.objects else None
            classes.append(row)
        return {
            "images": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 3),
            "classes": classes,
            "misses": [
                {
                    "image": str(miss.image),
                    "class": miss.label.value,
                    "box": [round(value, 1) for value in miss.box.as_tuple()],
                    "covered": round(miss.covered, 4),
                }
                for miss in self.misses
            ],
        }


VEHICLE = "vehicle"
"""What the figures of all vehicle classes together go by: which of them a van is matters to nobody's privacy."""


def wilson(hits: int, total: int) -> tuple[float, float] | None:
    """The 95 % confidence interval of a share (Wilson 1927); None where nothing was counted."""
    if not total:
        return None
    z = 1.959964
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def measure(
    subsets: Sequence[Subset],
    examine: Examine,
    wanted: frozenset[Label],
    on_image: Callable[[], None] = lambda: None,
) -> Report:
    """Looks at every photo of every subset, and compares with its labels.

    Args:
        subsets: what to look at.
        examine: the detector under test.
        wanted: classes to measure; a subset's other classes are left out.
        on_image: called after each photo.

    Raises:
        DatasetError: a photo cannot be read.
    """
    report = Report()
    for subset in subsets:
        for image in subset.images:
            _measure_image(report, subset, image, examine, subset.labelled & wanted)
            on_image()
    return report


def _measure_image(
    report: Report, subset: Subset, image: LabelledImage, examine: Examine, labels: frozenset[Label]
) -> None:
    try:
        data = image.path.read_bytes()
        start = perf_counter()
        picture, scene, regions = examine(data)
    except (OSError, StreetveilError) as error:
        raise DatasetError(f"{image.path} cannot be measured: {error}") from error
    report.seconds += perf_counter() - start
    report.images += 1
    size = picture.header.upright
    for label in sorted(labels - VEHICLES):
        targets = [item.box(size) for item in image.objects if item.label is label]
        shapes = [(region.box, region.shape) for region in regions if region.label is label]
        _compare(report, (subset.name, label.value), image, label, targets, shapes)
    if labels & VEHICLES:
        key = (subset.name, VEHICLE)
        vehicles = scene.vehicles.detections if scene.vehicles is not None else Detections.none()
        boxes = [item.box for item in vehicles]
        objects = [item for item in image.objects if item.label in VEHICLES]
        targets = [item.box(size) for item in objects]
        _compare(report, key, image, Label.CAR, targets, [(box, Shape.RECTANGLE) for box in boxes])
        report.tallies[key].found += _matched(targets, boxes)


def _compare(
    report: Report,
    key: tuple[str, str],
    image: LabelledImage,
    label: Label,
    targets: Sequence[Box],
    shapes: Sequence[tuple[Box, Shape]],
) -> None:
    tally = report.tallies[key]
    tally.images += 1
    for target in targets:
        covered = covered_fraction(target, shapes)
        tally.count(covered)
        if covered < MOSTLY:
            report.misses.append(Miss(image.path, label, target, covered))
    tally.stray += sum(not any(_touches(box, target) for target in targets) for box, _ in shapes)


def _touches(box: Box, target: Box) -> bool:
    return box.intersection(target) >= _TOUCHES * min(box.area, target.area)


def _matched(targets: Sequence[Box], boxes: Sequence[Box]) -> int:
    """How many targets have a box of their own at IoU 0.5; the best pairs are taken first."""
    pairs = sorted(
        ((box.iou(target), i, j) for i, target in enumerate(targets) for j, box in enumerate(boxes)), reverse=True
    )
    taken_targets: set[int] = set()
    taken_boxes: set[int] = set()
    for iou, i, j in pairs:
        if iou >= _FOUND_IOU and i not in taken_targets and j not in taken_boxes:
            taken_targets.add(i)
            taken_boxes.add(j)
    return len(taken_targets)
