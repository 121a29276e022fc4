"""The composition, with detectors that see colours: red is a face, green a plate, blue a vehicle."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from streetveil.detection.base import ModelIdentity, Query
from streetveil.detection.decoders import Candidates, decode_centerface
from streetveil.detection.detector import Traits
from streetveil.detection.preprocess import InputSpec
from streetveil.detection.profiles import PLANS
from streetveil.detection.scene import ProfiledSceneDetector
from streetveil.domain.detections import REDACTABLE, VEHICLES, Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import Profile
from streetveil.imaging.picture import Picture

_TASKS = {"faces": (Label.FACE,), "plates": (Label.LICENSE_PLATE,), "vehicles": (Label.CAR, Label.BUS)}
_CHANNELS = {"faces": 0, "plates": 1, "vehicles": 2}


class ColourDetector:
    """Finds rectangles of one pure colour in each view; the brightness of the colour is the score."""

    def __init__(self, task):
        self.traits = Traits(
            identity=ModelIdentity(task, "1", "0" * 64),
            labels=_TASKS[task],
            spec=InputSpec(stride=32),
            decode=decode_centerface,
            threshold=0.5,
            gate_threshold=0.1,
            margin=0.1,
            plans=PLANS[task],
            iou=0.45,
        )
        self.channel = _CHANNELS[task]
        self.views = []

    def detect(self, views, thresholds):
        assert len(views) == len(thresholds)
        self.views += views
        return [self._see(view, limits) for view, limits in zip(views, thresholds, strict=True)]

    def _see(self, view, limits):
        others = [channel for channel in range(3) if channel != self.channel]
        dark = (view.pixels[..., others] < 20).all(axis=2)
        mask = (view.pixels[..., self.channel] > 20) & dark
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        boxes, scores = [], []
        across = view.area.width / view.pixels.shape[1]
        down = view.area.height / view.pixels.shape[0]
        for x, y, width, height, _ in stats[1:count]:
            score = float(view.pixels[y + height // 2, x + width // 2, self.channel]) / 255
            if score >= limits[0]:
                x1, y1 = view.area.x1 + x * across, view.area.y1 + y * down
                boxes.append([x1, y1, x1 + width * across, y1 + height * down])
                scores.append(score)
        return Candidates(
            np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.zeros(len(boxes), np.intp)
        )


@pytest.fixture
def models():
    return {task: ColourDetector(task) for task in _TASKS}


@pytest.fixture
def detector(models):
    return ProfiledSceneDetector(models["faces"], models["plates"], models["vehicles"])


def picture(width, height, *rectangles, orientation=1, file_format="PNG"):
    """A white picture with rectangles (task, x1, y1, x2, y2[, brightness])."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    for task, x1, y1, x2, y2, *brightness in rectangles:
        pixels[y1:y2, x1:x2] = 0
        pixels[y1:y2, x1:x2, _CHANNELS[task]] = brightness[0] if brightness else 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, file_format, exif=exif)
    return Picture.open(stream.getvalue(), max_pixels=10**8)


def boxes(found):
    return [detection.box.as_tuple() for detection in found.detections]


@pytest.mark.parametrize("profile", list(Profile))
def test_each_model_answers_for_its_own_classes(detector, profile):
    shown = picture(
        640, 480, ("faces", 10, 20, 60, 90), ("vehicles", 200, 100, 600, 400), ("plates", 300, 300, 380, 330)
    )
    [scene] = detector.detect([shown], [Query(profile=profile)])
    assert boxes(scene.faces) == [pytest.approx((10, 20, 60, 90), abs=2)]
    assert boxes(scene.plates) == [pytest.approx((300, 300, 380, 330), abs=2)]
    assert [item.label for item in scene.vehicles.detections] == [Label.CAR]
    assert scene.faces.model.name == "faces"
    assert scene.plates.margin == 0.1


def test_a_model_nobody_asked_for_does_not_run(detector, models):
    [scene] = detector.detect([picture(64, 64)], [Query(labels=frozenset({Label.FACE}))])
    assert (scene.plates, scene.vehicles) == (None, None)
    assert models["faces"].views
    assert not models["plates"].views
    assert not models["vehicles"].views


def test_plates_alone_are_searched_inside_vehicles_that_are_not_reported(detector, models):
    shown = picture(2000, 1500, ("vehicles", 400, 400, 700, 600), ("plates", 500, 500, 540, 512))
    [scene] = detector.detect([shown], [Query(labels=frozenset({Label.LICENSE_PLATE}))])
    assert scene.vehicles is None
    assert scene.faces is None
    assert boxes(scene.plates) == [pytest.approx((500, 500, 540, 512), abs=8)]
    crops = [view.area for view in models["plates"].views if view.area.width < 2000]
    assert [crop.as_tuple() for crop in crops] == [pytest.approx((370, 380, 730, 620), abs=2)]


def test_what_is_searched_for_plates_need_not_count_as_a_vehicle(detector, models):
    shown = picture(2000, 1500, ("vehicles", 400, 400, 700, 600, 60))  # a score of 0.24
    [scene] = detector.detect([shown], [Query()])
    assert len(scene.vehicles.detections) == 0
    assert len(models["plates"].views) == 2


def test_in_the_accurate_profile_plates_are_found_outside_vehicles_too(detector):
    shown = picture(2000, 1500, ("plates", 1500, 1300, 1540, 1312))
    [scene] = detector.detect([shown], [Query(profile=Profile.ACCURATE)])
    assert boxes(scene.plates) == [pytest.approx((1500, 1300, 1540, 1312), abs=1)]


def test_a_large_vehicle_is_shown_out_of_the_small_decoding_though_a_small_one_needs_the_large(detector, models):
    """Shrinking a piece of the full picture costs more than the rest of its preparation."""
    pixels = np.full((1500, 2400, 3), 255, np.uint8)
    for x1, y1, x2, y2 in ((100, 100, 1800, 1400), (2000, 600, 2160, 700)):
        pixels[y1:y2, x1:x2] = (0, 0, 255)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling=0)
    shown = Picture.open(stream.getvalue(), max_pixels=10**8)

    detector.detect([shown], [Query(labels=frozenset({Label.LICENSE_PLATE}))])

    whole, large, small = sorted(models["plates"].views, key=lambda view: -view.area.area)
    assert small.pixels.shape[1] >= small.area.width
    assert large.pixels.shape[1] < 0.5 * large.area.width
    assert whole.pixels.shape[1] < 0.5 * whole.area.width


def test_only_the_wanted_classes_of_a_model_are_reported(detector):
    shown = picture(640, 480, ("vehicles", 200, 100, 600, 400))
    [scene] = detector.detect([shown], [Query(labels=frozenset({Label.BUS}))])
    assert len(scene.vehicles.detections) == 0


def test_thresholds_of_the_query_win_over_those_of_the_service_and_those_over_the_cards(models):
    detector = ProfiledSceneDetector(
        models["faces"], models["plates"], models["vehicles"], thresholds={Label.FACE: 0.3}
    )
    shown = picture(640, 480, ("faces", 10, 20, 60, 90, 100))  # a score of 0.39
    low, high = detector.detect([shown, shown], [Query(), Query(thresholds={Label.FACE: 0.6})])
    assert len(boxes(low.faces)) == 1
    assert len(boxes(high.faces)) == 0


def test_pictures_of_a_batch_have_the_scenes_they_have_alone(detector):
    shown = [
        picture(640, 480, ("faces", 10, 20, 60, 90)),
        picture(100, 300, ("plates", 20, 40, 70, 60)),
        picture(900, 700, ("vehicles", 200, 100, 600, 400), ("plates", 300, 300, 380, 330)),
    ]
    queries = [Query(), Query(profile=Profile.ACCURATE), Query(labels=REDACTABLE)]
    together = detector.detect(shown, queries)
    for item, query, scene in zip(shown, queries, together, strict=True):
        [alone] = detector.detect([item], [query])
        for task in ("faces", "plates", "vehicles"):
            both = getattr(scene, task), getattr(alone, task)
            assert (both[0] is None) == (both[1] is None)
            if both[0] is not None:
                assert boxes(both[0]) == boxes(both[1])


def test_boxes_are_in_the_upright_picture(detector):
    # stored lying on its side: what is at the top left when shown was stored at the bottom left
    shown = picture(300, 200, ("faces", 0, 150, 80, 200), orientation=6, file_format="JPEG")
    [scene] = detector.detect([shown], [Query(labels=frozenset({Label.FACE}))])
    assert boxes(scene.faces) == [pytest.approx((0, 0, 50, 80), abs=6)]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (20000, 50), (2, 1)])
@pytest.mark.parametrize("profile", list(Profile))
def test_pictures_of_odd_shapes_are_looked_at(detector, size, profile):
    shown = picture(*size, ("faces", 0, 0, *size))
    [scene] = detector.detect([shown], [Query(profile=profile)])
    covered = [Box(*box) for box in boxes(scene.faces)]
    assert sum(box.area for box in covered) >= 0.9 * size[0] * size[1]


def test_a_face_at_the_seam_of_a_panorama_is_found_on_both_sides(detector):
    # near the zenith, where a horizontal strip through the middle would miss it
    shown = picture(3000, 1500, ("faces", 2960, 20, 3000, 80), ("faces", 0, 20, 15, 80))
    [scene] = detector.detect([shown], [Query(labels=frozenset({Label.FACE}), profile=Profile.ACCURATE)])
    found = sorted(boxes(scene.faces))
    assert len(found) == 2
    assert found[0] == pytest.approx((0, 20, 15, 80), abs=6)
    assert found[1] == pytest.approx((2960, 20, 3000, 80), abs=6)


def test_an_object_larger_than_any_tile_is_found_whole(detector):
    shown = picture(3000, 2000, ("vehicles", 100, 100, 2900, 1900))
    [scene] = detector.detect([shown], [Query(labels=VEHICLES, profile=Profile.ACCURATE)])
    assert boxes(scene.vehicles) == [pytest.approx((100, 100, 2900, 1900), abs=4)]


def test_small_objects_anywhere_in_a_large_picture_are_found_once(detector):
    spots = [(x, y) for x in range(10, 1990, 180) for y in range(10, 1490, 180)]
    shown = picture(2000, 1500, *[("faces", x, y, x + 9, y + 11) for x, y in spots])
    [scene] = detector.detect([shown], [Query(labels=frozenset({Label.FACE}), profile=Profile.ACCURATE)])
    assert len(scene.faces.detections) == len(spots)


def test_no_pictures_have_no_scenes(detector):
    assert detector.detect([], []) == []
