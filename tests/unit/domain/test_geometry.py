import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from streetveil.domain.geometry import Box, Orientation, Size

coordinates = st.floats(-1000, 1000)
sizes = st.builds(Size, st.integers(1, 200), st.integers(1, 200))


@st.composite
def boxes(draw, values=coordinates):
    x1, x2 = sorted((draw(values), draw(values)))
    y1, y2 = sorted((draw(values), draw(values)))
    return Box(x1, y1, x2, y2)


@st.composite
def boxes_inside(draw, size):
    x1, x2 = sorted((draw(st.integers(0, size.width)), draw(st.integers(0, size.width))))
    y1, y2 = sorted((draw(st.integers(0, size.height)), draw(st.integers(0, size.height))))
    return Box(x1, y1, x2, y2)


def upright_by_pillow(stored, orientation):
    """What a viewer shows, as Pillow turns it."""
    image = Image.fromarray(stored)
    exif = Image.Exif()
    exif[0x0112] = int(orientation)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(encoded)))


@pytest.mark.parametrize("orientation", Orientation)
def test_a_box_of_the_upright_picture_cuts_the_same_pixels_out_of_the_stored_one(orientation):
    stored = np.arange(5 * 8, dtype=np.uint8).reshape(5, 8)
    upright = upright_by_pillow(stored, orientation)
    size = Size(8, 5)

    assert orientation.upright_size(size) == Size(upright.shape[1], upright.shape[0])
    for x in range(upright.shape[1]):
        for y in range(upright.shape[0]):
            box = orientation.to_stored(Box(x, y, x + 1, y + 1), size)
            x1, y1, x2, y2 = map(int, box.as_tuple())
            assert (x2 - x1, y2 - y1) == (1, 1)
            assert stored[y1, x1] == upright[y, x]


@given(st.sampled_from(Orientation), sizes, st.data())
def test_mapping_keeps_area_and_stays_inside_the_picture(orientation, stored, data):
    box = data.draw(boxes_inside(orientation.upright_size(stored)))

    mapped = orientation.to_stored(box, stored)

    assert mapped.area == box.area
    assert mapped.clipped(stored) == (mapped if box.area else mapped.clipped(stored))
    sides = (box.height, box.width) if orientation.swaps_axes else (box.width, box.height)
    assert (mapped.width, mapped.height) == sides


@pytest.mark.parametrize("claimed", [0, 9, -1, 65_535, None, "6", 6.0, b"\x06", (6,)])
def test_an_orientation_that_does_not_exist_counts_as_upright(claimed):
    assert Orientation.parse(claimed) is Orientation.UPRIGHT


def test_every_orientation_that_exists_is_taken():
    assert [Orientation.parse(number) for number in range(1, 9)] == list(Orientation)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("position", range(4))
def test_a_box_with_a_coordinate_that_is_not_finite_is_refused(position, value):
    corners = [0.0, 0.0, 1.0, 1.0]
    corners[position] = value

    with pytest.raises(ValueError, match="not finite"):
        Box(*corners)


@pytest.mark.parametrize("corners", [(2, 0, 1, 1), (0, 2, 1, 1)])
def test_a_box_with_swapped_corners_is_refused(corners):
    with pytest.raises(ValueError, match="wrong way round"):
        Box(*corners)


def test_a_grown_box_has_its_margin_on_every_side():
    assert Box(10, 20, 20, 60).grown(0.1) == Box(9, 16, 21, 64)


@given(boxes(), st.floats(0, 2))
def test_a_grown_box_contains_the_one_it_was_made_of(box, fraction):
    grown = box.grown(fraction)

    assert grown.intersection(box) == pytest.approx(box.area)
    assert grown.centre == pytest.approx(box.centre, abs=1e-6)


@given(boxes(), sizes)
def test_a_clipped_box_lies_inside_and_holds_all_that_was_inside(box, size):
    clipped = box.clipped(size)
    shared = box.intersection(Box(0, 0, size.width, size.height))

    if clipped is None:
        assert shared == 0
    else:
        assert 0 <= clipped.x1 < clipped.x2 <= size.width
        assert 0 <= clipped.y1 < clipped.y2 <= size.height
        assert clipped.area == pytest.approx(shared)


@pytest.mark.parametrize("box", [Box(-5, 0, 0, 10), Box(100, 0, 110, 10), Box(0, 50, 10, 60), Box(3, 3, 3, 9)])
def test_a_box_with_nothing_inside_the_picture_is_clipped_away(box):
    assert box.clipped(Size(100, 50)) is None


@given(boxes(), boxes())
def test_overlap_does_not_depend_on_the_order(first, second):
    assert first.iou(second) == second.iou(first)
    assert 0 <= first.iou(second) <= 1 + 1e-9
    assert first.intersection(second) <= min(first.area, second.area) * (1 + 1e-9)


def test_overlap_of_half_shifted_boxes():
    assert Box(0, 0, 2, 1).iou(Box(1, 0, 3, 1)) == pytest.approx(1 / 3)
    assert Box(0, 0, 1, 1).iou(Box(1, 0, 2, 1)) == 0
    assert Box(1, 1, 1, 1).iou(Box(1, 1, 1, 1)) == 0


@given(boxes())
def test_whole_pixels_leave_nothing_of_a_box_out_and_add_less_than_one(box):
    x1, y1, x2, y2 = box.outer_pixels()

    assert 0 <= box.x1 - x1 <= 1
    assert 0 <= box.y1 - y1 <= 1
    assert 0 <= x2 - box.x2 <= 1
    assert 0 <= y2 - box.y2 <= 1
