"""The real models look at results: what redaction did passes, what it left is found, painted over or held back."""

import pytest
from tests.support.model_cache import complete_model_cache

from streetveil.detection.factory import build_scene_detector
from streetveil.detection.models import ZIDANE
from streetveil.domain.detections import Label
from streetveil.domain.options import JobOptions, Profile
from streetveil.errors import NeedsReviewError
from streetveil.jobs.anonymise import Anonymiser
from streetveil.redaction.redactor import FileRedactor

FACES = JobOptions(frozenset({Label.FACE}), profile=Profile.FAST)


class Negligent:
    """Leaves one region out, as often as it is told to."""

    def __init__(self, times):
        self.times = times

    def redact(self, picture, regions, metadata):
        self.times -= 1
        return FileRedactor().redact(picture, regions if self.times < 0 else regions[1:], metadata)


@pytest.fixture(scope="module")
def cache():
    return complete_model_cache()


@pytest.fixture(scope="module")
def detector(cache):
    return build_scene_detector(cache)


@pytest.fixture
def photo(cache):
    return cache.path(ZIDANE).read_bytes()


def test_redacted_faces_are_not_found_again(detector, photo):
    result = Anonymiser(detector, FileRedactor(), max_pixels=10**8, verify=True)(photo, FACES)
    assert result.blur_metadata["verification"]["passed"] is True
    assert result.blur_metadata["faces_blurred"] >= 2


def test_a_face_that_was_left_open_is_found_and_redacted(detector, photo):
    result = Anonymiser(detector, Negligent(1), max_pixels=10**8, verify=True)(photo, FACES)
    verification = result.blur_metadata["verification"]
    assert (verification["rounds"] >= 1, verification["passed"]) == (True, True)
    [first, *_] = verification["found"]
    assert (first["round"], first["again"]) == (0, True)
    assert first["confidence"] > 0.5


def test_a_face_that_stays_open_is_handed_out_to_nobody(detector, photo):
    with pytest.raises(NeedsReviewError):
        Anonymiser(detector, Negligent(9), max_pixels=10**8, verify=True)(photo, FACES)
