import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streetveil.detection.passes import crop_passes, needed, plan_passes, view
from streetveil.detection.preprocess import Budget
from streetveil.detection.profiles import PLANS, Plan
from streetveil.domain.geometry import Box, Size
from streetveil.domain.options import Profile

BALANCED = Plan(Budget(640 * 360, enlarge=2))
FREE = 1 << 30
TILED = Plan(Budget(640 * 360, enlarge=2), tile=640)


def test_a_plain_plan_is_one_pass_over_the_whole_picture():
    [only] = plan_passes(Size(1920, 1080), BALANCED)
    assert only.tile == (0, 0, 1920, 1080)


def test_tiles_come_on_top_of_the_whole_picture():
    passes = plan_passes(Size(1920, 1080), TILED)
    assert passes[0].tile == (0, 0, 1920, 1080)
    assert all(item.scale == 1 for item in passes[1:])
    assert len(passes) > 6


def test_a_picture_seen_at_full_size_needs_no_tiles():
    assert len(plan_passes(Size(400, 300), TILED)) == 1


def test_even_a_small_panorama_is_looked_at_across_its_seam():
    assert any(item.tile.x2 > 600 for item in plan_passes(Size(600, 300), TILED))


@settings(deadline=None)
@given(st.sampled_from(list(Profile)), st.sampled_from(sorted(PLANS)), st.integers(1, 9000), st.integers(1, 9000))
def test_the_accurate_profile_shows_every_pixel_at_full_size_and_all_show_every_pixel(profile, task, width, height):
    size = Size(width, height)
    passes = plan_passes(size, PLANS[task][profile])
    assert passes[0].tile == (0, 0, width, height)
    if profile is Profile.ACCURATE:
        sharp = [item for item in passes if item.scale >= 1 or item.tile.x2 - item.tile.x1 >= 8000]
        assert sum(item.size.pixels for item in sharp) >= size.pixels


def test_what_must_be_decoded_is_what_the_largest_pass_shows():
    size = Size(4000, 3000)
    wanted = needed(size, plan_passes(size, BALANCED))
    assert wanted is not None
    assert 480 < wanted.width < 640
    assert needed(size, plan_passes(size, TILED)) is None


def test_crops_are_grown_and_clipped():
    [crop] = crop_passes(np.array([[0, 100, 200, 200]], np.float32), Size(1000, 1000), Budget(320 * 320), [], most=FREE)
    assert crop.tile == (0, 90, 220, 210)
    assert crop.cuts == (False, True, True, True)


def test_a_vehicle_seen_as_sharply_in_a_larger_crop_is_not_looked_at_twice():
    boxes = np.array([[100, 100, 300, 300], [110, 110, 290, 290], [600, 600, 700, 700]], np.float32)
    budget = Budget(320 * 320)  # without enlarging, pieces this small all show at their own scale
    assert len(crop_passes(boxes, Size(1000, 1000), budget, [], most=FREE)) == 2


def test_a_small_vehicle_in_front_of_a_large_one_keeps_its_sharper_look():
    boxes = np.array([[0, 0, 1000, 1000], [100, 100, 300, 300]], np.float32)
    assert len(crop_passes(boxes, Size(1000, 1000), Budget(320 * 320), [], most=FREE)) == 2


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 8), st.data())
def test_a_view_of_a_smaller_decoding_knows_where_it_is(width, height, eighths, data):
    size = Size(width, height)
    decoded = np.zeros((-(-height * eighths // 8), -(-width * eighths // 8), 3), np.uint8)
    x1, y1 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x2, y2 = data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))
    for item in crop_passes(np.array([[x1, y1, x2, y2]], np.float32), size, Budget(100), [], most=FREE):
        piece = view(item, decoded, size)
        assert piece.pixels.size > 0
        tile = Box(*item.tile)
        area = piece.area
        assert area.x1 <= tile.x1 + 1e-6
        assert area.x2 >= tile.x2 - 1e-6
        assert area.y1 <= tile.y1 + 1e-6
        assert area.y2 >= tile.y2 - 1e-6


def test_a_car_park_costs_no_more_than_allowed_and_every_vehicle_is_looked_at():
    """Those that are small anyway are shown as large as ever: the others pay."""
    large = [[x, y, x + 400, y + 300] for x in range(0, 4000, 400) for y in range(0, 1500, 300)]
    small = [[x, 2000, x + 60, 2040] for x in range(0, 4000, 400)]
    boxes = np.array(large + small, np.float32)
    budget = Budget(320 * 320, enlarge=2)

    free = crop_passes(boxes, Size(4000, 3000), budget, [], most=FREE)
    bounded = crop_passes(boxes, Size(4000, 3000), budget, [], most=1_500_000)

    assert {item.tile for item in bounded} == {item.tile for item in free}
    assert sum(item.size.pixels * item.scale**2 for item in free) > 5_000_000
    assert sum(item.size.pixels * item.scale**2 for item in bounded) <= 1_500_000
    assert [item.scale for item in bounded if item.size.height < 100] == [2.0] * len(small)


def test_no_vehicle_is_shown_too_small_to_have_a_plate():
    boxes = np.array([[x, 0, x + 300, 300] for x in range(0, 4000, 300)], np.float32)

    bounded = crop_passes(boxes, Size(5000, 3000), Budget(320 * 320), [], most=1)

    assert all(item.size.pixels * item.scale**2 >= 96 * 96 - 1 for item in bounded)
