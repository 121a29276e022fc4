"""Faces, plates and vehicles of whole pictures: the three models composed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from streetveil.detection.base import Found, Query, Scene
from streetveil.detection.decoders import Candidates, Floats
from streetveil.detection.detector import Detector, Traits
from streetveil.detection.merge import merge
from streetveil.detection.passes import Pass, crop_passes, needed, plan_passes, view
from streetveil.detection.preprocess import View
from streetveil.detection.profiles import Plan
from streetveil.detection.tiling import is_panorama
from streetveil.domain.detections import Detections, Label
from streetveil.domain.geometry import Size
from streetveil.imaging.picture import Picture
from streetveil.observability.stopwatch import Stopwatch

_NEVER = math.inf


@dataclass(slots=True, eq=False)
class _Subject:
    """One picture while it is being looked at.

    Attributes:
        size: of the upright picture.
        scales: what was decoded so far, each as large as the passes known by then need, the smallest first.
        vehicles: all vehicles that may carry a plate, however doubtful.
    """

    picture: Picture
    query: Query
    size: Size
    watch: Stopwatch
    scales: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    vehicles: Candidates | None = None

    def wants(self, detector: Detector) -> bool:
        return not self.query.labels.isdisjoint(detector.traits.labels)

    def plan(self, detector: Detector) -> Plan:
        return detector.traits.plans[self.query.profile]

    def sharpen(self, passes: Sequence[Pass]) -> None:
        """Decodes anew where `passes` need more pixels than there are."""
        wanted = needed(self.size, passes) or self.size
        if self.scales and _covers(self.scales[-1], wanted):
            return
        with self.watch.stage("decode"):
            self.scales.append(self.picture.pixels(wanted if wanted != self.size else None))

    def view(self, item: Pass) -> View:
        """What a pass shows, out of the smallest decoded scale that is sharp enough: shrinking costs time."""
        wanted = needed(self.size, [item]) or self.size
        pixels = next((scale for scale in self.scales if _covers(scale, wanted)), self.scales[-1])
        return view(item, pixels, self.size)


def _covers(pixels: npt.NDArray[np.uint8], wanted: Size) -> bool:
    height, width = pixels.shape[:2]
    return bool(width >= wanted.width and height >= wanted.height)


class ProfiledSceneDetector:
    """A `SceneDetector` that spends on each picture what its query's profile allows.

    Args:
        faces, plates, vehicles: one model for each task.
        thresholds: the service's lowest score per class, for queries that name none; a class in
            neither has its model's calibrated default.
    """

    def __init__(
        self, faces: Detector, plates: Detector, vehicles: Detector, *, thresholds: Mapping[Label, float] | None = None
    ) -> None:
        self._faces = faces
        self._plates = plates
        self._vehicles = vehicles
        self._defaults = dict(thresholds or {})

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        watch = Stopwatch()
        subjects = [self._open(picture, query, watch) for picture, query in zip(pictures, queries, strict=True)]
        with watch.stage("faces"):
            faces = self._look_for(self._faces, [item for item in subjects if item.wants(self._faces)])
        with watch.stage("vehicles"):
            vehicles = self._look_for(self._vehicles, [item for item in subjects if self._wants_vehicles(item)])
        for subject in subjects:
            subject.vehicles = vehicles.get(id(subject))
        with watch.stage("plates"):
            plates = self._look_for(self._plates, [item for item in subjects if item.wants(self._plates)])
        shares = {stage: seconds / len(subjects) for stage, seconds in watch.seconds.items() if subjects}
        return [
            Scene(
                faces=self._found(self._faces, item, faces),
                plates=self._found(self._plates, item, plates),
                vehicles=self._found(self._vehicles, item, vehicles) if item.wants(self._vehicles) else None,
                seconds=shares,
            )
            for item in subjects
        ]

    def _open(self, picture: Picture, query: Query, watch: Stopwatch) -> _Subject:
        """Decodes once, as large as the largest of the passes that are known beforehand."""
        size = picture.header.upright
        subject = _Subject(picture, query, size, watch)
        passes = [
            item
            for detector in (self._faces, self._plates, self._vehicles)
            if subject.wants(detector) or (detector is self._vehicles and self._wants_vehicles(subject))
            for item in plan_passes(size, subject.plan(detector))
        ]
        subject.sharpen(passes)
        return subject

    def _wants_vehicles(self, subject: _Subject) -> bool:
        return subject.wants(self._vehicles) or self._searches_vehicles(subject)

    def _searches_vehicles(self, subject: _Subject) -> bool:
        return subject.wants(self._plates) and subject.plan(self._plates).crop is not None

    def _look_for(self, detector: Detector, subjects: Sequence[_Subject]) -> dict[int, Candidates]:
        """What one model finds in each picture, by the subject's id()."""
        passes = [self._passes(detector, subject) for subject in subjects]
        views, thresholds = [], []
        for subject, items in zip(subjects, passes, strict=True):
            subject.sharpen(items)
            views += [subject.view(item) for item in items]
            thresholds += [self._thresholds(detector, subject)] * len(items)
        answers = iter(detector.detect(views, thresholds))
        found = {}
        for subject, items in zip(subjects, passes, strict=True):
            found[id(subject)] = merge(
                [(item, next(answers)) for item in items],
                subject.size,
                wraps=subject.plan(detector).tile is not None and is_panorama(subject.size),
                iou=detector.traits.iou,
                margin=detector.traits.margin,
            )
        return found

    def _passes(self, detector: Detector, subject: _Subject) -> list[Pass]:
        plan = subject.plan(detector)
        passes = plan_passes(subject.size, plan)
        if detector is self._plates and plan.crop is not None and subject.vehicles is not None:
            boxes = subject.vehicles.boxes
            passes += crop_passes(boxes, subject.size, plan.crop, passes, most=plan.crops_most)
        return passes

    def _thresholds(self, detector: Detector, subject: _Subject) -> Floats:
        """Lowest score per class channel; for vehicles the gate's where plates are looked for in them."""
        gate = (
            detector.traits.gate_threshold
            if detector is self._vehicles and self._searches_vehicles(subject)
            else _NEVER
        )
        limits = self._limits(detector.traits, subject.query)
        known = np.array([label is not None for label in detector.traits.labels])
        return np.where(known, np.minimum(limits, gate), _NEVER).astype(np.float32)

    def _found(self, detector: Detector, subject: _Subject, answers: dict[int, Candidates]) -> Found | None:
        candidates = answers.get(id(subject))
        if candidates is None:
            return None
        traits = detector.traits
        candidates = candidates.take(candidates.scores >= self._limits(traits, subject.query)[candidates.classes])
        labels = tuple(label for index in candidates.classes.tolist() if (label := traits.labels[index]) is not None)
        return Found(Detections(candidates.boxes, candidates.scores, labels), traits.identity, traits.margin)

    def _limits(self, traits: Traits, query: Query) -> Floats:
        """Lowest score per class channel that counts for the result."""
        chosen = {**self._defaults, **query.thresholds}
        wanted = [label if label in query.labels else None for label in traits.labels]
        return np.array(
            [_NEVER if label is None else chosen.get(label, traits.threshold) for label in wanted], np.float32
        )
