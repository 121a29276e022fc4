"""Which samples and blocks of one component an area replaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size
from streetveil.redaction.regions import Area
from streetveil.redaction.turbojpeg import BLOCK

Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Grid:
    """How a component lies in the picture.

    Attributes:
        across, down: picture pixels per sample, in each direction.
        width, height: samples that are shown; the last blocks may have more.
    """

    across: int
    down: int
    width: int
    height: int

    @classmethod
    def of(cls, picture: Size, across: int, down: int) -> Grid:
        """The component of a picture, in pixels, with samples of `across` x `down` pixels."""
        return cls(across, down, math.ceil(picture.width / across), math.ceil(picture.height / down))

    @property
    def blocks(self) -> Size:
        """Blocks in each direction."""
        return Size(math.ceil(self.width / BLOCK), math.ceil(self.height / BLOCK))


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """An area in one component: a span of samples in each row, as an area has a span of pixels.

    Every sample that stands for a pixel of the area is replaced. Where a component has fewer samples than pixels,
    decoders blend neighbours (libjpeg's "fancy upsampling"): there one more sample around is replaced too, so that no
    colour of the original reaches into the area, nor out of it. What encoders repeat behind the edge of the picture
    goes with the samples that it repeats.

    Attributes:
        rows, columns: the blocks that may be touched.
        first, past: of each row of samples of those blocks the first that is replaced and the one behind the last,
            counted from the component's left edge; where none is, `first` lies behind the right edge, and `past` is 0.
        whole: of each row of blocks the first that is replaced as a whole, and the one behind the last.
    """

    rows: range
    columns: range
    first: Columns
    past: Columns
    whole: tuple[Columns, Columns]

    @classmethod
    def of(cls, grid: Grid, area: Area) -> Footprint:
        """The samples of one component that an area replaces."""
        rows = block_rows(grid, area)
        columns = _block_columns(grid, area)
        samples = np.minimum(np.arange(rows.start * BLOCK, rows.stop * BLOCK), grid.height - 1)
        around = int(grid.down > 1)
        # All rows of pixels that a row of samples stands for, and where samples are blended, its neighbours.
        reached = np.arange(-around * grid.down, (1 + around) * grid.down)
        pixels = samples[:, None] * grid.down + reached - area.top
        inside = (pixels >= 0) & (pixels < area.bottom - area.top)
        first, past = (side[np.where(inside, pixels, 0)] for side in area.spans())
        inside &= first < past
        edge = grid.blocks.width * BLOCK
        left = np.where(inside, first, edge * grid.across).min(axis=1)
        right = np.where(inside, past, 0).max(axis=1)
        around = int(grid.across > 1)
        starts = np.maximum(left // grid.across - around, 0)
        ends = np.minimum(-(-right // grid.across) + around, grid.width)
        ends[ends == grid.width] = edge
        starts[right == 0], ends[right == 0] = edge, 0
        whole = -(-starts.reshape(-1, BLOCK).max(axis=1) // BLOCK)
        return cls(
            rows, columns, starts, ends, (whole, np.maximum(whole, ends.reshape(-1, BLOCK).min(axis=1) // BLOCK))
        )

    def whole_blocks(self) -> npt.NDArray[np.bool_]:
        """Which blocks are replaced as a whole: (rows, columns)."""
        starts, ends = (side[:, None] for side in self.whole)
        columns = np.arange(self.columns.start, self.columns.stop)
        return (columns >= starts) & (columns < ends)

    def partly(self) -> npt.NDArray[np.intp]:
        """Row and column of the blocks of which some samples are replaced and others stay: (blocks, 2)."""
        # The spans of rows beside each other overlap, so that between the outermost of them all blocks are touched.
        begin = self.first.reshape(-1, BLOCK).min(axis=1, keepdims=True) // BLOCK
        end = -(-self.past.reshape(-1, BLOCK).max(axis=1, keepdims=True) // BLOCK)
        columns = np.arange(self.columns.start, self.columns.stop)
        border = (columns >= begin) & (columns < end) & ~self.whole_blocks()
        places: npt.NDArray[np.intp] = np.argwhere(border) + np.array([self.rows.start, self.columns.start])
        return places

    def mask(self, blocks: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Which samples of some blocks are replaced: (blocks, 8, 8), of rows and columns (blocks, 2)."""
        rows = blocks[:, 0] - self.rows.start
        first, past = (side.reshape(-1, BLOCK)[rows][..., None] for side in (self.first, self.past))
        columns = (blocks[:, 1, None] * BLOCK + np.arange(BLOCK))[:, None, :]
        return (columns >= first) & (columns < past)


def block_rows(grid: Grid, area: Area) -> range:
    """The rows of blocks that an area may touch."""
    return _blocks(_reach(area.top, area.bottom, grid.down, grid.height))


def share_blocks(grid: Grid, one: Area, other: Area) -> bool:
    """True where two areas may touch the same block; in doubt it is True."""
    return all(
        max(mine.start, theirs.start) < min(mine.stop, theirs.stop)
        for mine, theirs in (
            (block_rows(grid, one), block_rows(grid, other)),
            (_block_columns(grid, one), _block_columns(grid, other)),
        )
    )


def _block_columns(grid: Grid, area: Area) -> range:
    return _blocks(_reach(area.left, area.right, grid.across, grid.width))


def _reach(begin: int, end: int, pixels: int, most: int) -> range:
    """The samples, of so many pixels each, that an area from `begin` to `end` may replace."""
    around = int(pixels > 1)
    return range(max(begin // pixels - around, 0), min(math.ceil(end / pixels) + around, most))


def _blocks(samples: range) -> range:
    return range(samples.start // BLOCK, math.ceil(samples.stop / BLOCK))
