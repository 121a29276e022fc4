import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streetveil.detection.preprocess import MAX_INPUT_SIDE, Budget, InputSpec, View, make_input, place
from streetveil.domain.geometry import Box, Size

FREE = InputSpec(stride=32, pad_value=114)


def test_the_input_follows_the_shape_of_the_picture_without_padding():
    placement = place(Size(1920, 1080), Budget(640 * 360), FREE)
    assert placement.size == placement.content == Size(640, 352)


def test_a_portrait_costs_what_a_landscape_costs():
    assert place(Size(1080, 1920), Budget(640 * 360), FREE).size == Size(352, 640)


def test_small_pictures_are_enlarged_only_as_far_as_allowed():
    assert place(Size(160, 96), Budget(640 * 640, enlarge=2), FREE).content == Size(320, 192)


def test_a_strip_keeps_its_detail_as_its_area_sets_the_scale():
    placement = place(Size(20000, 50), Budget(640 * 360), FREE)
    assert placement.content.width > 8000
    assert placement.size.pixels < 4 * 640 * 360


@settings(deadline=None)
@given(st.integers(1, 60000), st.integers(1, 60000))
def test_any_shape_of_picture_gives_a_bounded_input_in_whole_strides(width, height):
    placement = place(Size(width, height), Budget(640 * 360, enlarge=2), FREE)
    assert placement.size.width % 32 == placement.size.height % 32 == 0
    assert 1 <= placement.content.width <= placement.size.width <= MAX_INPUT_SIDE + 32
    assert 1 <= placement.content.height <= placement.size.height <= MAX_INPUT_SIDE + 32


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.booleans())
def test_boxes_come_back_to_where_they_were(width, height, fixed):
    spec = InputSpec(stride=32, fixed=Size(640, 640)) if fixed else FREE
    placement = place(Size(width, height), Budget(640 * 360), spec)
    content = placement.content
    whole = [placement.left, placement.top, placement.left + content.width, placement.top + content.height]
    area = Box(100, 50, 100 + width, 50 + height)
    back = placement.to_picture(np.array([whole], np.float32), area)
    assert back[0] == pytest.approx(area.as_tuple(), rel=1e-5)


def test_a_fixed_input_is_letterboxed_in_the_middle_with_the_padding_grey():
    spec = InputSpec(stride=32, pad_value=114, fixed=Size(64, 64))
    pixels = np.full((10, 20, 3), 200, np.uint8)
    placement = place(Size(20, 10), Budget(1), spec)
    tensor = make_input([View(pixels, Box(0, 0, 20, 10), Budget(1))], placement, spec)
    assert tensor.shape == (1, 3, 64, 64)
    assert (tensor[0, :, 16:48] == 200).all()
    assert (tensor[0, :, :16] == 114).all()
    assert (tensor[0, :, 48:] == 114).all()


def test_channels_scale_and_type_are_as_the_network_wants_them():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[..., 0] = 255
    spec = InputSpec(stride=32, scale=1 / 255, bgr=True, dtype=np.float16)
    view = View(pixels, Box(0, 0, 32, 32), Budget(32 * 32))
    tensor = make_input([view], place(Size(32, 32), view.budget, spec), spec)
    assert tensor.dtype == np.float16
    assert (tensor[0, 2] == 1).all()
    assert (tensor[0, :2] == 0).all()


def test_shrinking_far_averages_instead_of_skipping_rows():
    pixels = np.zeros((640, 640, 3), np.uint8)
    pixels[::2] = 255
    view = View(pixels, Box(0, 0, 640, 640), Budget(64 * 64))
    tensor = make_input([view], place(Size(640, 640), view.budget, FREE), FREE)
    assert abs(tensor - 127.5).max() < 2
