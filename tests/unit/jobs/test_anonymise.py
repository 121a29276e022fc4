"""One photo through the real redactor, with a detector that finds what the test says."""

import io

import numpy as np
import pytest
from PIL import Image

from streetveil.detection.base import Found, ModelIdentity, Scene
from streetveil.domain.detections import REDACTABLE, VEHICLES, Detection, Detections, Label
from streetveil.domain.geometry import Box, Orientation, Size
from streetveil.domain.options import JobOptions, Profile, Style
from streetveil.errors import TooManyPixelsError, UndecodableImageError, UnsupportedMediaError
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.redaction.pixels import PixelRedactor

FACES = ModelIdentity("faces", "1", "aa")
PLATES = ModelIdentity("plates", "2", "bb")
VEHICLE_MODEL = ModelIdentity("vehicles", "3", "cc")


def found(model, margin, *items):
    return Found(Detections.of(Detection(label, Box(*box), score) for label, box, score in items), model, margin)


class StubDetector:
    """Answers every picture with one scene, and remembers what it was asked."""

    def __init__(self, faces=(), plates=(), vehicles=()):
        self.faces = found(FACES, 0.1, *faces)
        self.plates = found(PLATES, 0.25, *plates)
        self.vehicles = found(VEHICLE_MODEL, 0.0, *vehicles)
        self.queries = []

    def detect(self, pictures, queries):
        self.queries += queries
        return [
            Scene(
                faces=self.faces if Label.FACE in query.labels else None,
                plates=self.plates if Label.LICENSE_PLATE in query.labels else None,
                vehicles=self.vehicles,
            )
            for _, query in zip(pictures, queries, strict=True)
        ]


def photo(width=120, height=80, kind="PNG", orientation=1):
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, kind, exif=exif)
    return encoded.getvalue()


def anonymise(detector, data, options=None, max_pixels=10**6):
    return Anonymiser(detector, PixelRedactor(), max_pixels=max_pixels)(data, options or JobOptions())


def pixels(data):
    return Picture.open(data, max_pixels=10**9).pixels().astype(int)


def changed(before, after):
    """Smallest box around the pixels that differ, as x1, y1, x2, y2."""
    ys, xs = np.nonzero((pixels(before) != pixels(after)).any(axis=2))
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def test_the_result_is_described_as_the_contract_says():
    detector = StubDetector(
        faces=[(Label.FACE, (10, 10, 30, 40), 0.87654321)],
        plates=[(Label.LICENSE_PLATE, (60, 50, 80, 58), 0.5)],
        vehicles=[(Label.BUS, (1.26, 2, 100, 70), 0.75)],
    )

    result = anonymise(detector, photo())

    assert result.header.upright == Size(120, 80)
    assert result.blur_metadata == {
        "regions": [
            {
                "class": "face",
                "box": [8.0, 7.0, 32.0, 43.0],
                "confidence": 0.8765,
                "style": "gaussian",
                "shape": "ellipse",
            },
            {
                "class": "license_plate",
                "box": [55.0, 48.0, 85.0, 60.0],
                "confidence": 0.5,
                "style": "gaussian",
                "shape": "rectangle",
            },
        ],
        "faces_blurred": 1,
        "plates_blurred": 1,
        "lossless": True,
        "model": FACES.as_dict(),
        "models": [FACES.as_dict(), PLATES.as_dict()],
    }
    assert result.detection_metadata == {
        "vehicles": [{"class": "bus", "box": [1.3, 2.0, 100.0, 70.0], "confidence": 0.75}],
        "is_vehicle_detected": True,
        "is_face_detected": True,
        "is_face_blurred": True,
        "is_plate_blurred": True,
        "model": VEHICLE_MODEL.as_dict(),
    }


def test_a_photo_of_nothing_keeps_its_pixels_and_says_so():
    data = photo()

    result = anonymise(StubDetector(), data)

    assert (pixels(result.file.data) == pixels(data)).all()
    assert result.blur_metadata["regions"] == []
    assert (result.blur_metadata["faces_blurred"], result.blur_metadata["plates_blurred"]) == (0, 0)
    assert result.blur_metadata["lossless"] is True
    flags = {name: value for name, value in result.detection_metadata.items() if name.startswith("is_")}
    assert set(flags.values()) == {False}
    assert result.detection_metadata["vehicles"] == []


def test_a_plate_is_covered_to_its_models_margin_and_nothing_beyond_is_touched():
    detector = StubDetector(plates=[(Label.LICENSE_PLATE, (60, 50, 80, 58), 0.5)])
    data = photo()

    result = anonymise(detector, data, JobOptions(style=Style.SOLID))

    assert changed(data, result.file.data) == (55, 48, 85, 60)


def test_a_face_at_the_corner_is_clipped_to_the_picture():
    detector = StubDetector(faces=[(Label.FACE, (-10, -10, 10, 10), 0.9)])

    result = anonymise(detector, photo(), JobOptions(style=Style.SOLID))

    [region] = result.blur_metadata["regions"]
    assert region["box"] == [0.0, 0.0, 12.0, 12.0]


def test_a_box_that_lies_outside_the_picture_is_detected_but_no_region():
    detector = StubDetector(faces=[(Label.FACE, (200, 200, 220, 220), 0.9)])
    data = photo()

    result = anonymise(detector, data)

    assert result.blur_metadata["regions"] == []
    assert result.detection_metadata["is_face_detected"] is True
    assert result.detection_metadata["is_face_blurred"] is False
    assert (pixels(result.file.data) == pixels(data)).all()


@pytest.mark.parametrize("orientation", Orientation)
def test_boxes_are_those_of_the_upright_picture_whatever_way_it_is_stored(orientation):
    detector = StubDetector(plates=[(Label.LICENSE_PLATE, (20, 10, 40, 18), 0.5)])
    data = photo(orientation=int(orientation))

    result = anonymise(detector, data, JobOptions(style=Style.SOLID))

    assert changed(data, result.file.data) == (15, 8, 45, 20)
    assert result.header.orientation is orientation
    assert result.blur_metadata["regions"][0]["box"] == [15.0, 8.0, 45.0, 20.0]


@pytest.mark.parametrize(
    ("wanted", "redacted", "models"),
    [
        ({Label.FACE}, ["face"], [FACES]),
        ({Label.LICENSE_PLATE}, ["license_plate"], [PLATES]),
        (REDACTABLE, ["face", "license_plate"], [FACES, PLATES]),
    ],
)
def test_only_the_classes_asked_for_are_redacted_and_vehicles_always_found(wanted, redacted, models):
    detector = StubDetector(
        faces=[(Label.FACE, (10, 10, 30, 40), 0.9)],
        plates=[(Label.LICENSE_PLATE, (60, 50, 80, 58), 0.5)],
        vehicles=[(Label.CAR, (1, 2, 100, 70), 0.75)],
    )

    result = anonymise(detector, photo(), JobOptions(classes=frozenset(wanted)))

    assert [region["class"] for region in result.blur_metadata["regions"]] == redacted
    assert result.blur_metadata["models"] == [model.as_dict() for model in models]
    assert result.blur_metadata["model"] == models[0].as_dict()
    assert result.detection_metadata["is_vehicle_detected"] is True
    assert detector.queries[0].labels == frozenset(wanted) | VEHICLES


def test_a_detector_that_finds_more_than_it_was_asked_for_redacts_no_more():
    detector = StubDetector()
    detector.faces = found(FACES, 0.1, (Label.CAR, (10, 10, 30, 40), 0.9))

    assert anonymise(detector, photo()).blur_metadata["regions"] == []


def test_thresholds_and_profile_reach_the_detectors():
    detector = StubDetector()
    options = JobOptions(profile=Profile.ACCURATE, face_confidence=0.1, plate_confidence=0.0, car_confidence=0.3)

    anonymise(detector, photo(), options)

    [query] = detector.queries
    assert query.profile is Profile.ACCURATE
    assert query.thresholds == {Label.FACE: 0.1, Label.LICENSE_PLATE: 0.0} | dict.fromkeys(VEHICLES, 0.3)


def test_thresholds_that_are_not_given_are_the_models_own():
    detector = StubDetector()

    anonymise(detector, photo())

    assert detector.queries[0].thresholds == {}


def test_a_recoded_photo_says_why_it_is_not_lossless():
    detector = StubDetector(faces=[(Label.FACE, (10, 10, 30, 40), 0.9)])

    result = anonymise(detector, photo(kind="JPEG"))

    assert result.blur_metadata["lossless"] is False
    assert result.blur_metadata["lossless_reason"]


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"hello", UnsupportedMediaError), (photo(kind="JPEG")[:-500], UndecodableImageError)],
)
def test_what_is_no_photo_has_no_result(data, error):
    with pytest.raises(error):
        anonymise(StubDetector(), data)


def test_a_photo_of_too_many_pixels_reaches_no_detector():
    detector = StubDetector()

    with pytest.raises(TooManyPixelsError):
        anonymise(detector, photo(), max_pixels=120 * 80 - 1)
    assert detector.queries == []


def test_detecting_changes_nothing_and_tells_what_would_be_redacted():
    detector = StubDetector(faces=[(Label.FACE, (10, 10, 30, 40), 0.9)])

    picture, scene, regions = Anonymiser(detector, PixelRedactor(), max_pixels=10**6).detect(photo(), JobOptions())

    assert picture.header.upright == Size(120, 80)
    assert scene.faces is not None
    assert len(scene.faces.detections) == 1
    assert [region.box for region in regions] == [Box(8, 7, 32, 43)]
