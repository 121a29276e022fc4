import math

import pytest

from streetveil.domain.geometry import Box
from streetveil.evaluation.coverage import covered_fraction
from streetveil.redaction.base import Shape

TARGET = Box(100, 100, 200, 150)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([], 0),
        ([(Box(0, 0, 50, 50), Shape.RECTANGLE)], 0),
        ([(TARGET, Shape.RECTANGLE)], 1),
        ([(Box(100, 100, 150, 150), Shape.RECTANGLE)], 0.5),
        ([(Box(100, 100, 150, 150), Shape.RECTANGLE), (Box(150, 100, 200, 150), Shape.RECTANGLE)], 1),
        ([(Box(100, 100, 150, 150), Shape.RECTANGLE)] * 2, 0.5),
        ([(Box(100, 100, 100, 150), Shape.RECTANGLE)], 0),
    ],
    ids=["none", "elsewhere", "exact", "half", "two halves", "the same half twice", "no area"],
)
def test_the_union_of_the_regions_counts(regions, expected):
    assert covered_fraction(TARGET, regions) == pytest.approx(expected, abs=0.005)


def test_an_ellipse_around_the_box_covers_it_whole():
    assert covered_fraction(TARGET, [(TARGET, Shape.ELLIPSE)]) == 1


def test_an_ellipse_leaves_the_corners_of_what_is_larger_than_its_box():
    # a box smaller by the root of two has an ellipse that is just inscribed in the target
    shrink = (1 - 1 / math.sqrt(2)) / 2
    inner = TARGET.grown(-shrink)
    assert covered_fraction(TARGET, [(inner, Shape.ELLIPSE)]) == pytest.approx(math.pi / 4, abs=0.005)
