from __future__ import annotations

import numpy as np
import pytest

from streetveil.domain.options import Style
from streetveil.redaction import effects
from streetveil.redaction.regions import Area

BLURS = [Style.GAUSSIAN, Style.PIXELATE]
DEPTHS = [(np.uint8, 255), (np.uint16, 65535)]
AREA = (8, 8, 72, 72)
CELL = 16  # of 4 x 4 in that area


def area(style: Style, *, ellipse: bool = False, box: tuple[int, int, int, int] = AREA) -> Area:
    left, top, right, bottom = box
    around = ((left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2)
    return Area(left, top, right, bottom, style, (4, 4), around if ellipse else None)


def noise(depth: type, maximum: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, maximum, (80, 80, channels), endpoint=True).astype(depth)


def shuffled_inside_cells(pixels: np.ndarray) -> np.ndarray:
    """The same means in every cell, all other detail different."""
    other = pixels.copy()
    rng = np.random.default_rng(1)
    for top in range(8, 72, CELL):
        for left in range(8, 72, CELL):
            cell = other[top : top + CELL, left : left + CELL]
            other[top : top + CELL, left : left + CELL] = rng.permutation(cell.reshape(-1, cell.shape[2])).reshape(
                cell.shape
            )
    return other


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize(("depth", "maximum"), DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_that_differ_only_in_detail_become_the_same(style, depth, maximum, channels):
    first = noise(depth, maximum, channels)
    second = shuffled_inside_cells(first)
    assert (first != second).mean() > 0.5
    for pixels in (first, second):
        effects.paint(pixels, [area(style)], maximum=maximum)
    assert np.array_equal(first, second)


def test_pictures_that_differ_only_in_detail_become_the_same_also_under_transparency():
    first = noise(np.uint8, 255, 4)
    second = shuffled_inside_cells(first)
    for pixels in (first, second):
        effects.paint(pixels, [area(Style.GAUSSIAN)], maximum=255, alpha=True)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("style", BLURS)
def test_means_that_differ_by_little_become_the_same(style):
    first = np.full((80, 80, 3), 100, np.uint8)
    second = np.full((80, 80, 3), 107, np.uint8)
    for pixels in (first, second):
        effects.paint(pixels, [area(style)], maximum=255)
    assert np.array_equal(first[8:72, 8:72], second[8:72, 8:72])


def test_a_solid_region_is_the_same_whatever_was_there():
    first, second = noise(np.uint8, 255), noise(np.uint8, 255, seed=5)
    for pixels in (first, second):
        effects.paint(pixels, [area(Style.SOLID)], maximum=255)
    assert np.array_equal(first[8:72, 8:72], second[8:72, 8:72])
    assert len(np.unique(first[8:72, 8:72])) == 1


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("ellipse", [False, True])
def test_pixels_outside_stay_exactly_as_they_were(style, ellipse):
    before = noise(np.uint8, 255)
    after = before.copy()
    where = area(style, ellipse=ellipse)
    effects.paint(after, [where], maximum=255)
    inside = np.zeros((80, 80), bool)
    inside[where.window] = where.mask()
    assert np.array_equal(after[~inside], before[~inside])
    assert (after[inside] != before[inside]).any(axis=-1).mean() > 0.9


def test_pixels_outside_the_ellipse_do_not_colour_it():
    pixels = np.zeros((80, 80, 3), np.uint8)
    where = area(Style.GAUSSIAN, ellipse=True)
    pixels[~np.pad(where.mask(), 8)] = 255
    effects.paint(pixels, [where], maximum=255)
    assert pixels[where.window][where.mask()].max() <= 8


@pytest.mark.parametrize(("size", "colours"), [(1, 1), (7, 1), (15, 1), (16, 4), (31, 9), (32, 16), (640, 16)])
def test_no_more_cells_are_kept_than_sixteen_of_eight_pixels_or_more(size, colours):
    values = (np.indices((size, size)).sum(axis=0) * 37 % 256).astype(np.uint8)[..., None]
    effects.paint(values, [area(Style.PIXELATE, box=(0, 0, size, size))], maximum=255)
    changes_down = (np.diff(values[..., 0].astype(int), axis=0) != 0).any(axis=1).sum() + 1
    changes_across = (np.diff(values[..., 0].astype(int), axis=1) != 0).any(axis=0).sum() + 1
    assert changes_down * changes_across <= colours


def test_gaussian_is_smooth_where_pixelate_has_edges():
    pixels = np.zeros((80, 80, 1), np.uint8)
    pixels[:, 40:] = 255
    jumps = {}
    for style in BLURS:
        copy = pixels.copy()
        effects.paint(copy, [area(style)], maximum=255)
        jumps[style] = int(np.abs(np.diff(copy[8:72, 8:72, 0].astype(int), axis=1)).max())
    assert jumps[Style.GAUSSIAN] < 20
    assert jumps[Style.PIXELATE] > 200


def test_a_second_region_sees_only_what_the_first_left():
    first = noise(np.uint8, 255)
    second = shuffled_inside_cells(first)
    later = area(Style.PIXELATE, box=(20, 20, 60, 60))
    for pixels in (first, second):
        effects.paint(pixels, [area(Style.GAUSSIAN), later], maximum=255)
    assert np.array_equal(first, second)


def test_an_opaque_picture_stays_opaque_and_a_clear_one_clear():
    for opacity in (0, 255):
        pixels = noise(np.uint8, 255, 4)
        pixels[..., 3] = opacity
        effects.paint(pixels, [area(Style.GAUSSIAN)], maximum=255, alpha=True)
        assert (pixels[8:72, 8:72, 3] == opacity).all()


def test_colours_hidden_by_transparency_neither_stay_nor_come_to_light():
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[..., :3] = noise(np.uint8, 255)
    pixels[:, ::2, :3] = 200
    pixels[:, ::2, 3] = 255
    effects.paint(pixels, [area(Style.PIXELATE)], maximum=255, alpha=True)
    assert (pixels[8:72, 8:72, :3] == 200).all()


def test_palette_pictures_take_the_nearest_colour_of_their_own():
    palette = np.array([[0, 0, 0], [250, 0, 0], [120, 5, 5]], np.uint8)
    indices = np.tile(np.array([[0, 1], [1, 0]], np.uint8), (20, 20))
    effects.paint_indices(indices, palette, [area(Style.GAUSSIAN, box=(8, 8, 32, 32))])
    assert (indices[8:32, 8:32] == 2).all()
    assert set(np.unique(indices[:8])) == {0, 1}


def test_one_bit_pictures_are_black_or_white():
    pixels = np.zeros((80, 80, 1), np.uint8)
    pixels[:, 40:] = 1
    effects.paint(pixels, [area(Style.GAUSSIAN)], maximum=1)
    assert not pixels[8:72, 8:40].any()
    assert pixels[8:72, 40:72].all()
