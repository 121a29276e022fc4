from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation, Size
from streetveil.domain.options import Style
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.footprint import Footprint, Grid, share_blocks
from streetveil.redaction.regions import Area, areas

FACTORS = st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2), (4, 1)])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Size, Grid, list[Area]]:
    """A picture, one of its components, and two areas inside it."""
    size = Size(draw(st.integers(1, 90)), draw(st.integers(1, 90)))
    found: list[Area] = []
    while len(found) < 2:
        x, y = draw(st.floats(-30, size.width + 30)), draw(st.floats(-30, size.height + 30))
        box = Box(x, y, x + draw(st.floats(0.5, 80)), y + draw(st.floats(0.5, 80)))
        region = Region(box, Label.FACE, 1, Style.GAUSSIAN, draw(st.sampled_from(Shape)))
        found += areas([region], size, Orientation.UPRIGHT)
        found += areas([Region(Box(0, 0, 1, 1), Label.FACE, 1, Style.GAUSSIAN)], size, Orientation.UPRIGHT)
    return size, Grid.of(size, *draw(FACTORS)), found[:2]


def replaced(size: Size, grid: Grid, area: Area) -> np.ndarray:
    """Which samples of all blocks are replaced, computed pixel by pixel."""
    pixels = np.zeros((grid.height * grid.down, grid.width * grid.across), bool)
    pixels[area.window] = area.mask()
    known = pixels.reshape(grid.height, grid.down, grid.width, grid.across).any(axis=(1, 3))
    for axis, blended in ((0, grid.down > 1), (1, grid.across > 1)):
        if blended:
            padded = np.pad(known, 1)
            known = np.any([np.roll(padded, step, axis)[1:-1, 1:-1] for step in (-1, 0, 1)], axis=0)
    behind = (grid.blocks.height * 8 - grid.height, grid.blocks.width * 8 - grid.width)
    return np.pad(known, ((0, behind[0]), (0, behind[1])), mode="edge")


def in_blocks(samples: np.ndarray) -> np.ndarray:
    height, width = samples.shape
    return samples.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)


@given(cases())
def test_exactly_the_samples_are_replaced_that_stand_for_pixels_of_the_area_or_are_blended_with_such(case):
    size, grid, (area, _) = case
    footprint = Footprint.of(grid, area)

    blocks = in_blocks(np.zeros((grid.blocks.height * 8, grid.blocks.width * 8), bool))
    border = footprint.partly()
    blocks[border[:, 0], border[:, 1]] = footprint.mask(border)
    window = (slice(footprint.rows.start, footprint.rows.stop), slice(footprint.columns.start, footprint.columns.stop))
    assert not blocks[window][footprint.whole_blocks()].any()
    blocks[window][footprint.whole_blocks()] = True

    assert (blocks == in_blocks(replaced(size, grid, area))).all()


@given(cases())
def test_a_block_counts_as_whole_where_all_of_its_samples_are_replaced_and_else_as_border(case):
    size, grid, (area, _) = case
    footprint = Footprint.of(grid, area)
    blocks = in_blocks(replaced(size, grid, area))

    border = {tuple(place) for place in footprint.partly().tolist()}
    assert border == {tuple(p) for p in np.argwhere(blocks.any((2, 3)) & ~blocks.all((2, 3))).tolist()}
    starts, ends = footprint.whole
    whole = {(row, c) for row, b, e in zip(footprint.rows, starts, ends, strict=True) for c in range(b, e)}
    assert whole == {tuple(p) for p in np.argwhere(blocks.all((2, 3))).tolist()}


@given(cases())
def test_areas_that_touch_a_block_together_are_told_to_share_it(case):
    size, grid, (one, other) = case
    both = [in_blocks(replaced(size, grid, area)).any((2, 3)) for area in (one, other)]
    if (both[0] & both[1]).any():
        assert share_blocks(grid, one, other)
        assert share_blocks(grid, other, one)
