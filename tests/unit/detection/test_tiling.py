import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streetveil.detection.tiling import Tile, borders, cut_out, is_panorama, tiles
from streetveil.domain.geometry import Size

SIDE = st.integers(32, 700)
SIZES = st.builds(Size, st.integers(1, 3000), st.integers(1, 3000))


@settings(deadline=None)
@given(SIZES, SIDE, st.booleans())
def test_every_pixel_is_in_some_tile(size, side, wraps):
    seen = np.zeros((size.height, size.width), np.bool_)
    for x1, y1, x2, y2 in tiles(size, side, side // 4, wraps=wraps):
        assert 0 <= x1 < size.width
        assert 0 <= y1 < y2 <= size.height
        assert x2 - x1 <= side
        assert y2 - y1 <= side
        seen[y1:y2, x1 : min(x2, size.width)] = True
        seen[y1:y2, : max(0, x2 - size.width)] = True
    assert seen.all()


@settings(deadline=None)
@given(SIZES, SIDE, st.booleans(), st.data())
def test_whatever_is_no_larger_than_the_overlap_lies_whole_in_a_tile(size, side, wraps, data):
    overlap = side // 4
    width, height = min(overlap, size.width), min(overlap, size.height)
    x = data.draw(st.integers(0, size.width - (1 if wraps else width)))
    y = data.draw(st.integers(0, size.height - height))
    assert any(
        x1 <= start and start + width <= x2 and y1 <= y and y + height <= y2
        for x1, y1, x2, y2 in tiles(size, side, overlap, wraps=wraps)
        for start in ((x, x + size.width) if wraps else (x,))
    )


def test_a_small_picture_is_one_tile():
    assert tiles(Size(300, 200), 640, 160, wraps=False) == [Tile(0, 0, 300, 200)]


def test_a_tile_across_the_seam_continues_at_the_left_edge():
    pixels = np.arange(10, dtype=np.uint8).reshape(1, 10, 1).repeat(3, axis=2)
    assert cut_out(pixels, Tile(8, 0, 12, 1))[0, :, 0].tolist() == [8, 9, 0, 1]


def test_a_tile_away_from_the_seam_is_not_copied():
    pixels = np.zeros((10, 10, 3), np.uint8)
    assert cut_out(pixels, Tile(2, 2, 6, 6)).base is pixels


def test_the_edges_of_a_picture_cut_nothing_but_at_a_seam():
    size = Size(100, 50)
    assert borders(Tile(0, 0, 100, 50), size, wraps=False) == (False, False, False, False)
    assert borders(Tile(0, 0, 100, 50), size, wraps=True) == (True, False, True, False)
    assert borders(Tile(30, 10, 60, 40), size, wraps=False) == (True, True, True, True)


def test_only_two_to_one_pictures_count_as_panoramas():
    assert is_panorama(Size(8000, 4000))
    assert not is_panorama(Size(8000, 4001))
