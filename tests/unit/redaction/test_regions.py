from __future__ import annotations

import numpy as np
import pytest

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation, Size
from streetveil.domain.options import Style
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.regions import Area, areas

SIZE = Size(100, 60)


def one(box: Box, shape: Shape = Shape.RECTANGLE, orientation: Orientation = Orientation.UPRIGHT) -> Area:
    (area,) = areas([Region(box, Label.FACE, 0.9, Style.SOLID, shape)], SIZE, orientation)
    return area


def painted(area: Area) -> np.ndarray:
    canvas = np.zeros((SIZE.height, SIZE.width), bool)
    canvas[area.window] = area.mask()
    return canvas


def test_a_rectangle_covers_every_pixel_its_box_touches():
    canvas = painted(one(Box(10.2, 20.9, 12.1, 22.0)))
    assert np.argwhere(canvas).tolist() == [[y, x] for y in (20, 21) for x in (10, 11, 12)]


BOXES = [Box(20, 10, 60, 50), Box(30.3, 12.7, 47.9, 51.2), Box(0, 0, 99, 3), Box(5, 5, 6, 6)]


@pytest.mark.parametrize("box", BOXES)
def test_an_ellipse_covers_its_whole_box_corners_included(box):
    canvas = painted(one(box, Shape.ELLIPSE))
    x1, y1, x2, y2 = box.outer_pixels()
    assert canvas[y1:y2, x1:x2].all()


@pytest.mark.parametrize("box", BOXES)
def test_an_ellipse_paints_exactly_the_pixels_it_touches(box):
    (centre_x, centre_y), circumscribed = box.centre, 2**0.5
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    nearest_x, nearest_y = np.clip(centre_x, x, x + 1), np.clip(centre_y, y, y + 1)
    across = (nearest_x - centre_x) / (box.width / 2 * circumscribed)
    down = (nearest_y - centre_y) / (box.height / 2 * circumscribed)
    assert (painted(one(box, Shape.ELLIPSE)) == (across**2 + down**2 <= 1)).all()


def test_an_ellipse_leaves_the_corners_around_it_alone():
    area = one(Box(40, 20, 60, 40), Shape.ELLIPSE)
    mask = area.mask()
    assert not mask[0, 0]
    assert not mask[-1, -1]
    assert 0.7 < mask.mean() < 0.9


def test_regions_at_borders_are_clipped_and_those_outside_left_out():
    area = one(Box(-30, -30, 10, 10), Shape.ELLIPSE)
    assert (area.left, area.top) == (0, 0)
    assert area.mask()[:10, :10].all()
    outside = [Box(100, 0, 120, 20), Box(-9, -9, -1, -1), Box(0, 60, 5, 90), Box(5, 5, 5, 9)]
    regions = [Region(box, Label.FACE, 1, Style.SOLID) for box in outside]
    assert areas(regions, SIZE, Orientation.UPRIGHT) == []


def test_a_plate_keeps_three_cells_along_it_and_two_across_however_the_picture_is_turned():
    region = Region(Box(0, 0, 50, 20), Label.LICENSE_PLATE, 1, Style.GAUSSIAN)
    assert areas([region], SIZE, Orientation.UPRIGHT)[0].cells == (3, 2)
    assert areas([region], SIZE, Orientation.ROTATED_90)[0].cells == (2, 3)
