"""One photo in memory: found, redacted, described. The heart that every entrance shares.

The HTTP service, the queue's workers and the command line all call this one object, so that the same
photo with the same options has the same result wherever it came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streetveil.detection.base import Found, Query, Scene, SceneDetector
from streetveil.domain.detections import REDACTABLE, VEHICLES, Detections, Label
from streetveil.domain.measurements import Measurements, Task
from streetveil.domain.options import JobOptions
from streetveil.errors import NeedsReviewError
from streetveil.imaging.picture import ImageHeader, Picture
from streetveil.jobs.regions import region_as_dict, snapped
from streetveil.jobs.verification import MARGINS, Finding, Verification, touches, widened
from streetveil.observability.stopwatch import Stopwatch
from streetveil.redaction.base import RedactedFile, Redactor, Region, Shape
from streetveil.redaction.crops import cut

# Heads are round and plates are not: each class has the outline that covers it with the least around it.
_SHAPES = {Label.FACE: Shape.ELLIPSE, Label.LICENSE_PLATE: Shape.RECTANGLE}


@dataclass(frozen=True, slots=True)
class Anonymised:
    """The result for one photo.

    Attributes:
        file: the redacted file, in the format of the original.
        header: the original's.
        blur_metadata, detection_metadata: as the HTTP contract has them (docs/api.md); boxes are pixels
            of the upright picture, those of regions already grown by the model's margin.
        needs_review: True where something was still found in the result: a person must look before it is handed out.
        crops: what was made unrecognisable, as `redaction/crops.py` cuts it, where the options are `reversible`. In the
            clear: to be sealed, and neither stored nor logged before.
        measured: where the time went, and what was found; belongs to no result, for it is never the same twice.
    """

    file: RedactedFile
    header: ImageHeader
    blur_metadata: dict[str, Any]
    detection_metadata: dict[str, Any]
    needs_review: bool = False
    crops: bytes | None = field(default=None, repr=False)
    measured: Measurements = field(default_factory=Measurements, compare=False)


class Anonymiser:
    """Finds faces, plates and vehicles in a photo and redacts what the options name. Safe to share by threads.

    With `verify` it looks at each result again (`verification.py`).
    """

    def __init__(self, detector: SceneDetector, redactor: Redactor, *, max_pixels: int, verify: bool = False) -> None:
        self._detector = detector
        self._redactor = redactor
        self._max_pixels = max_pixels
        self._verify = verify

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        """Anonymises one encoded photo, for who hands out the result at once.

        Raises:
            NeedsReviewError: something was still found in the result.
            StreetveilError: the photo cannot be read or redacted; there is no result then.
        """
        return without_review(self.attempt(data, options))

    def attempt(self, data: bytes, options: JobOptions) -> Anonymised:
        """The same for who can hold a result back: look at its `needs_review` before it is handed out.

        Raises:
            StreetveilError: the photo cannot be read or redacted; there is no result then.
        """
        watch = Stopwatch()
        with watch.stage("decode"):
            picture, scene, regions = self.detect(data, options)
        with watch.stage("redact"):
            file = self._redactor.redact(picture, regions, options.metadata)
        verification = None
        if self._verify:
            with watch.stage("verify"):
                regions, file, verification = self._verified(picture, regions, file, options)
        return Anonymised(
            file=file,
            header=picture.header,
            blur_metadata=_blur_metadata(scene, regions, file, verification),
            detection_metadata=_detection_metadata(scene, regions),
            needs_review=verification is not None and not verification.passed,
            crops=cut(picture, regions) if options.reversible else None,
            measured=_measured(scene, watch.seconds),
        )

    def check(self) -> None:
        """Returns: with its models loaded it needs nothing more."""

    def detect(self, data: bytes, options: JobOptions) -> tuple[Picture, Scene, list[Region]]:
        """What would be redacted, and everything found, without writing anything."""
        picture = Picture.open(data, max_pixels=self._max_pixels)
        [scene] = self._detector.detect([picture], [query_for(options)])
        return picture, scene, regions_of(scene, picture, options)

    def _verified(
        self, picture: Picture, regions: list[Region], file: RedactedFile, options: JobOptions
    ) -> tuple[list[Region], RedactedFile, Verification]:
        """Looks at the result and redacts the original anew, until nothing is found or no margin is left."""
        findings: list[Finding] = []
        rounds = 0
        while True:
            found = self._left(file, regions, options)
            findings += [Finding(rounds, item, any(touches(item, region) for region in regions)) for item in found]
            if not found or rounds == len(MARGINS):
                return regions, file, Verification(rounds, tuple(findings), passed=not found)
            regions = widened(regions, found, MARGINS[rounds], picture.header.upright)
            file = self._redactor.redact(picture, regions, options.metadata)
            rounds += 1

    def _left(self, file: RedactedFile, regions: Sequence[Region], options: JobOptions) -> list[Region]:
        """What would be redacted in the result, were it a photo."""
        if not regions:
            return []  # its coded pixels are those of the original, in which nothing was found
        picture = Picture.open(file.data, max_pixels=self._max_pixels)
        [scene] = self._detector.detect([picture], [replace(query_for(options), labels=options.classes)])
        return regions_of(scene, picture, options)


def without_review(result: Anonymised) -> Anonymised:
    """The result, for who hands it out at once.

    Raises:
        NeedsReviewError: a person must look at it first.
    """
    if result.needs_review:
        raise NeedsReviewError(
            f"Something was still found in the photo after it had been redacted {1 + len(MARGINS)} times."
        )
    return result


def query_for(options: JobOptions) -> Query:
    """What the detectors are asked for: the classes to redact, and always the vehicles."""
    thresholds: dict[Label, float] = {}
    if options.face_confidence is not None:
        thresholds[Label.FACE] = options.face_confidence
    if options.plate_confidence is not None:
        thresholds[Label.LICENSE_PLATE] = options.plate_confidence
    if options.car_confidence is not None:
        thresholds |= dict.fromkeys(VEHICLES, options.car_confidence)
    return Query(labels=options.classes | VEHICLES, profile=options.profile, thresholds=thresholds)


def regions_of(scene: Scene, picture: Picture, options: JobOptions) -> list[Region]:
    """The areas to redact: found faces and plates, grown by their model's margin, clipped to the picture.

    Their boxes lie on the grid on which they are reported, so that a mask drawn from the report is exact.
    """
    regions = []
    for found in (scene.faces, scene.plates):
        if found is None:
            continue
        for detection in found.detections:
            box = detection.box.grown(found.margin).clipped(picture.header.upright)
            if box is not None and detection.label in options.classes & REDACTABLE:
                shape = _SHAPES[detection.label]
                regions.append(Region(snapped(box), detection.label, detection.score, options.style, shape))
    return regions


def _blur_metadata(
    scene: Scene, regions: list[Region], file: RedactedFile, verification: Verification | None
) -> dict[str, Any]:
    models = {found.model.name: found.model for found in (scene.faces, scene.plates) if found is not None}
    described = [model.as_dict() for model in models.values()]
    metadata: dict[str, Any] = {
        "regions": [region_as_dict(region) for region in regions],
        "faces_blurred": sum(region.label is Label.FACE for region in regions),
        "plates_blurred": sum(region.label is Label.LICENSE_PLATE for region in regions),
        "lossless": file.lossless,
        "model": described[0] if described else None,
        "models": described,
    }
    if file.reason is not None:
        metadata["lossless_reason"] = file.reason
    if verification is not None:
        metadata["verification"] = verification.as_dict()
    return metadata


def _detection_metadata(scene: Scene, regions: list[Region]) -> dict[str, Any]:
    vehicles = _detections(scene.vehicles)
    return {
        "vehicles": [
            {
                "class": detection.label.value,
                "box": _rounded(detection.box.as_tuple()),
                "confidence": round(detection.score, 4),
            }
            for detection in vehicles
        ],
        "is_vehicle_detected": len(vehicles) > 0,
        "is_face_detected": len(_detections(scene.faces)) > 0 or any(region.label is Label.FACE for region in regions),
        "is_face_blurred": any(region.label is Label.FACE for region in regions),
        "is_plate_blurred": any(region.label is Label.LICENSE_PLATE for region in regions),
        "model": scene.vehicles.model.as_dict() if scene.vehicles is not None else None,
    }


def _measured(scene: Scene, seconds: Mapping[str, float]) -> Measurements:
    """With the seconds of the scene, which passed while its photo was opened."""
    opening = max(0.0, seconds["decode"] - sum(scene.seconds.values()))
    models: dict[Task, Found | None] = {"faces": scene.faces, "plates": scene.plates, "vehicles": scene.vehicles}
    return Measurements(
        seconds={**seconds, **scene.seconds, "decode": opening + scene.seconds.get("decode", 0.0)},
        found={
            task: tuple(zip(found.detections.labels, found.detections.scores.tolist(), strict=True))
            for task, found in models.items()
            if found is not None
        },
    )


def _detections(found: Found | None) -> Detections:
    return found.detections if found is not None else Detections.none()


def _rounded(coordinates: tuple[float, ...]) -> list[float]:
    return [round(value, 1) for value in coordinates]
