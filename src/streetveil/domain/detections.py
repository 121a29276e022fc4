"""What a detector found in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Box


class Label(StrEnum):
    """The classes the product knows. The first two are redacted, the others are vehicles."""

    FACE = "face"
    LICENSE_PLATE = "license_plate"
    CAR = "car"
    MOTORCYCLE = "motorcycle"
    BUS = "bus"
    TRUCK = "truck"


REDACTABLE = frozenset({Label.FACE, Label.LICENSE_PLATE})
VEHICLES = frozenset({Label.CAR, Label.MOTORCYCLE, Label.BUS, Label.TRUCK})


@dataclass(frozen=True, slots=True)
class Detection:
    """One object: its class, box in pixels of the upright picture, and the model's score 0..1."""

    label: Label
    box: Box
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """All objects found in one picture, best score first.

    Attributes:
        boxes: float32 (n, 4): x1, y1, x2, y2 in pixels of the upright picture.
        scores: float32 (n,): 0..1, descending.
        labels: one label per box.

    Raises:
        ValueError: shapes differ, a number is not finite, a score is outside 0..1, corners are swapped.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float32).reshape(-1, 4)
        scores = np.asarray(self.scores, np.float32).reshape(-1)
        if not len(boxes) == len(scores) == len(self.labels):
            raise ValueError(f"{len(boxes)} boxes, {len(scores)} scores, {len(self.labels)} labels")
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError("a box or score is not finite")
        if ((scores < 0) | (scores > 1)).any():
            raise ValueError("a score is outside 0..1")
        if (boxes[:, :2] > boxes[:, 2:]).any():
            raise ValueError("a box has its corners the wrong way round")
        order = np.argsort(-scores, kind="stable")
        boxes, scores = boxes[order], scores[order]
        boxes.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "labels", tuple(self.labels[i] for i in order))

    @classmethod
    def none(cls) -> Detections:
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), ())

    @classmethod
    def of(cls, detections: Iterable[Detection]) -> Detections:
        items = list(detections)
        return cls(
            np.array([item.box.as_tuple() for item in items], np.float32).reshape(-1, 4),
            np.array([item.score for item in items], np.float32),
            tuple(item.label for item in items),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Detection]:
        for box, score, label in zip(self.boxes.tolist(), self.scores.tolist(), self.labels, strict=True):
            yield Detection(label, Box(*box), score)

    def at_least(self, score: float) -> Detections:
        """Those with `score` or more."""
        count = int(np.count_nonzero(self.scores >= score))
        return Detections(self.boxes[:count], self.scores[:count], self.labels[:count])
