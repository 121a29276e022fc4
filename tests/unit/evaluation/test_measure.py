from io import BytesIO

import pytest
from PIL import Image

from streetveil.detection.base import Found, ModelIdentity, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import Style
from streetveil.errors import DatasetError
from streetveil.evaluation.dataset import LabelledImage, LabelledObject, Subset
from streetveil.evaluation.measure import VEHICLE, measure, wilson
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region

ALL = frozenset(Label)


@pytest.fixture
def photo(tmp_path):
    stream = BytesIO()
    Image.new("RGB", (100, 100)).save(stream, "PNG")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    return tmp_path / "a.png"


def subset_of(photo, *objects, labelled=ALL):
    items = tuple(LabelledObject(label, Box(*[value / 100 for value in corners])) for label, corners in objects)
    return [Subset("street", frozenset(labelled), (LabelledImage(photo, items),))]


def finding(regions=(), vehicles=()):
    def examine(data):
        found = Detections.of([Detection(Label.CAR, Box(*box), 0.9) for box in vehicles])
        scene = Scene(None, None, Found(found, ModelIdentity("m", "1", ""), 0.0))
        areas = [Region(Box(*box), label, 0.9, Style.SOLID) for label, box in regions]
        return Picture.open(data, max_pixels=10**6), scene, areas

    return examine


def test_objects_are_sorted_by_how_much_of_them_is_covered(photo):
    subset = subset_of(
        photo,
        (Label.FACE, (0, 0, 10, 10)),
        (Label.FACE, (20, 0, 30, 10)),
        (Label.FACE, (40, 0, 50, 10)),
        (Label.FACE, (60, 0, 70, 10)),
    )
    regions = [
        (Label.FACE, (0, 0, 10, 10)),
        (Label.FACE, (20, 0, 29, 10)),
        (Label.FACE, (40, 0, 47, 10)),
        (Label.LICENSE_PLATE, (60, 0, 70, 10)),
    ]
    report = measure(subset, finding(regions), frozenset({Label.FACE}))
    tally = report.tallies["street", "face"]
    assert (tally.whole, tally.mostly, tally.missed, tally.stray) == (1, 1, 2, 0)
    assert [round(miss.covered, 2) for miss in report.misses] == [0.7, 0]
    assert ("street", "license_plate") not in report.tallies


def test_regions_on_no_labelled_object_are_counted_as_stray_only_where_the_class_is_labelled(photo):
    regions = [(Label.FACE, (80, 80, 90, 90)), (Label.LICENSE_PLATE, (80, 80, 90, 90))]
    subset = subset_of(photo, (Label.FACE, (0, 0, 10, 10)), labelled={Label.FACE})
    report = measure(subset, finding(regions), ALL)
    assert report.tallies["street", "face"].stray == 1
    assert list(report.tallies) == [("street", "face")]


def test_a_vehicle_counts_as_found_whichever_of_the_classes_it_is_taken_for(photo):
    subset = subset_of(photo, (Label.TRUCK, (0, 0, 50, 50)), (Label.CAR, (60, 60, 70, 70)))
    report = measure(subset, finding(vehicles=[(0, 0, 50, 40), (0, 0, 50, 45)]), frozenset({Label.TRUCK, Label.CAR}))
    tally = report.tallies["street", VEHICLE]
    assert (tally.objects, tally.found, tally.missed) == (2, 1, 1)
    assert report.as_dict()["classes"][0]["recall_iou_50"] == 0.5


def test_figures_are_plain_json_with_an_interval(photo):
    report = measure(subset_of(photo, (Label.FACE, (0, 0, 10, 10))), finding(), frozenset({Label.FACE}))
    figures = report.as_dict()
    assert figures["images"] == 1
    [row] = figures["classes"]
    assert (row["missed"], row["leak_rate"]) == (1, 1.0)
    assert row["leak_rate_95"] == pytest.approx((0.2065, 1.0), abs=1e-3)
    assert figures["misses"][0]["box"] == [0, 0, 10, 10]


def test_a_photo_that_cannot_be_read_is_named(photo):
    photo.write_bytes(b"not a photo at all")
    with pytest.raises(DatasetError, match=r"a\.png"):
        measure(subset_of(photo), finding(), ALL)


@pytest.mark.parametrize(
    ("hits", "total", "expected"),
    [(0, 18, (0.0, 0.1759)), (2, 76, (0.0072, 0.0910)), (50, 100, (0.4038, 0.5962)), (10, 10, (0.7225, 1.0))],
)
def test_wilson_interval(hits, total, expected):
    assert wilson(hits, total) == pytest.approx(expected, abs=1e-3)


def test_nothing_counted_has_no_interval():
    assert wilson(0, 0) is None
