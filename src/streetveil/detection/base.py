"""What detection promises to the use cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streetveil.domain.detections import REDACTABLE, VEHICLES, Detections, Label
from streetveil.domain.options import Profile
from streetveil.imaging.picture import Picture


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights produced a result."""

    name: str
    version: str
    sha256: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for in one picture.

    Attributes:
        labels: the classes wanted; models none of whose classes are wanted do not run,
            but for vehicles where plates are searched inside them.
        thresholds: lowest score per class; a class not named has its model's calibrated default.
    """

    labels: frozenset[Label] = REDACTABLE | VEHICLES
    profile: Profile = Profile.BALANCED
    thresholds: Mapping[Label, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One model's answer for one picture.

    Attributes:
        detections: in pixels of the upright picture, not grown.
        margin: fraction of its own width and height by which a box must be grown on each side
            before redaction covers the object whole (measured per model, part of its card).
    """

    detections: Detections
    model: ModelIdentity
    margin: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything found in one picture; None where that model was not asked.

    Attributes:
        seconds: how long decoding took, and each model, by the names in `domain/measurements.py`.
    """

    faces: Found | None
    plates: Found | None
    vehicles: Found | None
    seconds: Mapping[str, float] = field(default_factory=dict)


class SceneDetector(Protocol):
    """Runs the models over pictures. Safe to call from several threads at once."""

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        """One scene per picture, in order.

        Raises:
            UndecodableImageError: a picture's pixels cannot be read.
        """
        ...
