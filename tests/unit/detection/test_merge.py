import numpy as np
import pytest

from streetveil.detection.decoders import Candidates
from streetveil.detection.merge import merge
from streetveil.detection.passes import Pass
from streetveil.detection.preprocess import Budget
from streetveil.detection.tiling import Tile, borders
from streetveil.domain.geometry import Box, Size

PANORAMA = Size(2000, 1000)


def look(tile, *boxes, size=PANORAMA, wraps=False):
    item = Pass(Tile(*tile), Budget(10**7), borders(Tile(*tile), size, wraps=wraps))
    found = Candidates(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.5, np.float32),
        np.zeros(len(boxes), np.intp),
    )
    return item, found


def boxes_of(looks, *, wraps, margin=0.0):
    return merge(looks, PANORAMA, wraps=wraps, iou=0.5, margin=margin).boxes.tolist()


def test_the_same_object_in_two_tiles_is_one():
    first = look((0, 0, 640, 640), [500, 100, 600, 200])
    second = look((480, 0, 1120, 640), [502, 100, 601, 200])
    assert len(boxes_of([first, second], wraps=False)) == 1


def test_an_object_cut_by_both_tiles_is_one_box_around_both_pieces():
    first = look((0, 0, 640, 640), [300, 100, 640, 300])
    second = look((480, 0, 1120, 640), [480, 100, 900, 300])
    assert boxes_of([first, second], wraps=False) == [[300, 100, 900, 300]]


def test_boxes_are_clipped_to_the_picture_and_those_outside_dropped():
    found = boxes_of([look((0, 0, 2000, 1000), [-20, -10, 50, 60], [2100, 0, 2200, 50])], wraps=False)
    assert found == [[0, 0, 50, 60]]


@pytest.mark.parametrize("reach", [1, 20, 39])
def test_a_face_across_the_seam_is_covered_on_both_sides_with_its_margin(reach):
    seam = look((1700, 0, 2340, 640), [2000 - 40 + reach, 100, 2000 + reach, 160], wraps=True)
    left_piece = look((0, 0, 640, 640), [0, 100, reach, 160], wraps=True)
    found = [Box(*box).grown(0.15) for box in boxes_of([left_piece, seam], wraps=True, margin=0.15)]
    assert len(found) == 2
    whole = Box(2000 - 40 + reach, 100, 2000 + reach, 160).grown(0.15)
    at_left = next(box for box in found if box.x1 <= 0)
    at_right = next(box for box in found if box.x2 >= 2000)
    assert at_left.x2 >= whole.x2 - 2000 - 0.01
    assert at_right.x1 <= whole.x1 + 0.01
    assert at_left.width < 60
    assert at_right.width < 60


def test_an_object_beyond_the_seam_is_the_one_at_the_left_edge():
    seam = look((1700, 0, 2340, 640), [2050, 100, 2100, 160], wraps=True)
    left = look((0, 0, 640, 640), [51, 100, 100, 160], wraps=True)
    found = boxes_of([seam, left], wraps=True)
    assert len(found) == 1
    assert found[0][0] < 100


def test_an_object_in_the_middle_of_a_panorama_stays_one():
    first = look((600, 0, 1240, 640), [980, 100, 1030, 160], wraps=True)
    second = look((900, 0, 1540, 640), [979, 100, 1018, 160], wraps=True)
    assert len(boxes_of([first, second], wraps=True)) == 1


def test_no_looks_find_nothing():
    assert boxes_of([], wraps=True) == []
