"""Results are looked at again: what is found is redacted once more, from the original, and at last held back."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from streetveil.detection.base import Found, ModelIdentity, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box, Size
from streetveil.domain.options import JobOptions, Profile, Style
from streetveil.errors import NeedsReviewError
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.regions import regions_in
from streetveil.jobs.verification import MARGINS, widened
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.masks import MaskKind, mask_png
from streetveil.redaction.pixels import PixelRedactor

MODEL = ModelIdentity("fake", "1", "aa")
SIZE = Size(240, 160)
FACE = (Label.FACE, (40, 40, 60, 70))
ELSEWHERE = (Label.FACE, (150, 90, 170, 110))
PLATE = (Label.LICENSE_PLATE, (100, 100, 140, 110))


class FakeDetector:
    """Finds in the first picture what the first of `looks` names, in the second what the second does, then the last."""

    def __init__(self, *looks):
        self.looks = list(looks)
        self.queries = []
        self.pictures = []

    def detect(self, pictures, queries):
        [picture], [query] = pictures, queries
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        self.queries.append(query)
        self.pictures.append(picture.pixels().astype(int))
        faces, plates = ([item for item in found if item[0] is label] for label in (Label.FACE, Label.LICENSE_PLATE))
        return [Scene(_found(faces), _found(plates), _found([]))]


def _found(items):
    return Found(Detections.of(Detection(label, Box(*box), 0.75) for label, box in items), MODEL, 0.1)


@pytest.fixture(scope="module")
def photo():
    noise = np.random.default_rng(7).integers(0, 255, (SIZE.height, SIZE.width, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, "PNG")
    return encoded.getvalue()


def anonymiser(detector, verify=True):
    return Anonymiser(detector, PixelRedactor(), max_pixels=10**6, verify=verify)


def pixels(data):
    return Picture.open(data, max_pixels=10**6).pixels().astype(int)


def painted(result):
    """Where the regions that are told of lie, as booleans."""
    png = b"".join(mask_png(regions_in(result.blur_metadata), SIZE, MaskKind.BINARY))
    return np.asarray(Image.open(io.BytesIO(png))) > 0


def assert_only_painted_pixels_differ(photo, result):
    changed = (pixels(photo) != pixels(result.file.data)).any(axis=2)
    assert not changed[~painted(result)].any()
    assert result.blur_metadata["lossless"] is True


def test_a_result_in_which_nothing_is_found_passes(photo):
    detector = FakeDetector([FACE], [])
    result = anonymiser(detector)(photo, JobOptions())
    assert result.blur_metadata["verification"] == {"rounds": 0, "found": [], "passed": True}
    assert result.file.data == anonymiser(FakeDetector([FACE]), verify=False)(photo, JobOptions()).file.data


def test_the_detectors_see_the_result_and_are_asked_for_what_the_job_redacts(photo):
    detector = FakeDetector([FACE], [])
    options = JobOptions(frozenset({Label.FACE}), profile=Profile.ACCURATE, face_confidence=0.5, style=Style.SOLID)
    result = anonymiser(detector)(photo, options)
    first, second = detector.queries
    assert second.labels == {Label.FACE}
    assert (second.profile, second.thresholds) == (first.profile, first.thresholds) == (Profile.ACCURATE, {"face": 0.5})
    assert (detector.pictures[1] == pixels(result.file.data)).all()


def test_classes_that_the_job_does_not_redact_hold_nothing_back(photo):
    options = JobOptions(frozenset({Label.LICENSE_PLATE}))
    result = anonymiser(FakeDetector([PLATE], [FACE]))(photo, options)
    assert result.blur_metadata["verification"] == {"rounds": 0, "found": [], "passed": True}


def test_what_is_found_once_more_is_redacted_with_a_larger_margin(photo):
    before = anonymiser(FakeDetector([FACE, PLATE]), verify=False)(photo, JobOptions())
    result = anonymiser(FakeDetector([FACE, PLATE], [FACE], []))(photo, JobOptions())
    face, plate = result.blur_metadata["regions"]
    was, same = before.blur_metadata["regions"]
    assert face["box"][0] < was["box"][0]
    assert face["box"][3] > was["box"][3]
    assert plate == same
    assert (painted(result) & ~painted(before)).any()
    assert not (painted(before) & ~painted(result)).any()
    verification = result.blur_metadata["verification"]
    assert (verification["rounds"], verification["passed"]) == (1, True)
    assert verification["found"] == [
        {"round": 0, "class": "face", "box": [38.0, 37.0, 62.0, 73.0], "confidence": 0.75, "again": True}
    ]
    assert result.blur_metadata["faces_blurred"] == 1


def test_what_is_new_becomes_a_region(photo):
    result = anonymiser(FakeDetector([PLATE], [ELSEWHERE], []))(photo, JobOptions())
    plate, new = result.blur_metadata["regions"]
    assert (plate["class"], new["class"]) == ("license_plate", "face")
    assert (result.blur_metadata["faces_blurred"], result.detection_metadata["is_face_detected"]) == (1, True)
    assert result.detection_metadata["is_face_blurred"] is True
    assert [item["again"] for item in result.blur_metadata["verification"]["found"]] == [False]
    assert_only_painted_pixels_differ(photo, result)


@pytest.mark.parametrize(
    ("found", "again"),
    [
        ((Label.FACE, (48, 48, 70, 80)), True),
        ((Label.FACE, (44, 50, 50, 56)), True),  # a part of it
        ((Label.FACE, (58, 66, 90, 110)), False),  # hardly touches it
        (ELSEWHERE, False),
        ((Label.LICENSE_PLATE, FACE[1]), False),
    ],
)
def test_it_is_the_same_object_where_it_is_of_the_same_class_and_mostly_there(photo, found, again):
    result = anonymiser(FakeDetector([FACE], [found], []))(photo, JobOptions())
    assert [item["again"] for item in result.blur_metadata["verification"]["found"]] == [again]
    assert len(result.blur_metadata["regions"]) == (1 if again else 2)


def test_each_round_starts_from_the_original(photo):
    detector = FakeDetector([FACE], [FACE], [FACE], [])
    result = anonymiser(detector)(photo, JobOptions())
    [region] = regions_in(result.blur_metadata)
    once = PixelRedactor().redact(Picture.open(photo, max_pixels=10**6), [region], JobOptions().metadata)
    assert result.file.data == once.data
    assert_only_painted_pixels_differ(photo, result)
    assert result.blur_metadata["verification"]["rounds"] == 2


def test_what_is_found_after_two_rounds_needs_review(photo):
    detector = FakeDetector([FACE])
    result = anonymiser(detector).attempt(photo, JobOptions())
    assert result.needs_review
    verification = result.blur_metadata["verification"]
    assert (verification["rounds"], verification["passed"]) == (2, False)
    assert [item["round"] for item in verification["found"]] == [0, 1, 2]
    assert len(detector.queries) == 4
    assert_only_painted_pixels_differ(photo, result)


def test_who_cannot_hold_it_back_gets_no_picture(photo):
    with pytest.raises(NeedsReviewError, match="still found"):
        anonymiser(FakeDetector([FACE]))(photo, JobOptions())


def test_a_photo_without_regions_is_not_looked_at_twice(photo):
    detector = FakeDetector([])
    result = anonymiser(detector)(photo, JobOptions())
    assert len(detector.queries) == 1
    assert result.blur_metadata["verification"]["passed"] is True


def test_unless_it_is_asked_for_nothing_is_looked_at_again(photo):
    detector = FakeDetector([FACE])
    result = anonymiser(detector, verify=False)(photo, JobOptions())
    assert len(detector.queries) == 1
    assert "verification" not in result.blur_metadata


@st.composite
def boxes(draw):
    x, y = draw(st.integers(0, SIZE.width - 1)), draw(st.integers(0, SIZE.height - 1))
    return Box(x, y, draw(st.integers(x + 1, SIZE.width)), draw(st.integers(y + 1, SIZE.height)))


@settings(max_examples=100, deadline=None)
@given(box=boxes(), other=boxes(), shape=st.sampled_from(Shape), margin=st.sampled_from(MARGINS))
def test_no_round_paints_less_than_the_one_before(box, other, shape, margin):
    region = Region(box, Label.FACE, 0.5, Style.SOLID, shape)
    rest = Region(other, Label.FACE, 0.5, Style.SOLID, Shape.ELLIPSE)
    wider, *_ = widened([region], [rest], margin, SIZE)
    masks = [
        np.asarray(Image.open(io.BytesIO(b"".join(mask_png([item], SIZE, MaskKind.BINARY)))))
        for item in (region, wider)
    ]
    assert not ((masks[0] > 0) & (masks[1] == 0)).any()
    assert (wider.style, wider.label) == (Style.SOLID, Label.FACE)
