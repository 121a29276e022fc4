"""A scene detector for callers who report no vehicles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streetveil.detection.base import Query, Scene, SceneDetector
from streetveil.domain.detections import VEHICLES
from streetveil.imaging.picture import Picture


class UnreportedVehicles:
    """Looks for vehicles only where plates are searched in them: faces alone then cost one model instead of two."""

    def __init__(self, detector: SceneDetector) -> None:
        self._detector = detector

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        """As `SceneDetector.detect`; scenes have no vehicles."""
        return self._detector.detect(pictures, [replace(query, labels=query.labels - VEHICLES) for query in queries])
