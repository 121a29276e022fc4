"""Painting over areas in the DCT coefficients of a JPEG: blocks that no area touches keep theirs bit for bit.

An area's paint is a few colours and their weights along each side (`Cells`), the same in every component. So whole
blocks under it, most of them, are computed as coefficients at once, and of what was there only the means are read.
Blocks at its border are computed as samples: those under the area are replaced, the others keep their values and are
quantised once more with the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streetveil.domain.options import Style
from streetveil.redaction.cells import Cells, Edges, Weights, grey, means, stepped
from streetveil.redaction.colour_spaces import ColourSpace
from streetveil.redaction.footprint import Footprint, Grid, block_rows, share_blocks
from streetveil.redaction.planes import Places, Plane, Samples
from streetveil.redaction.regions import Area
from streetveil.redaction.turbojpeg import BLOCK, blocks_at

_MAXIMUM = 255
_Sums = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Cover:
    """What an area covers of the components of one grid, and how its cells lie there.

    Attributes:
        border: blocks of which some samples are replaced and others stay.
        at: their rows and columns within the footprint's blocks.
        mask: which of their samples are replaced, (blocks, 8, 8).
        counts: how many samples of each of the footprint's blocks are replaced, (rows, columns).
        down, across: weights of the cells for each row and column of samples, (8 x blocks, cells).
        shares: how much of each row and column of blocks lies in each cell, (blocks, cells).
    """

    footprint: Footprint
    border: Places
    at: tuple[Places, Places]
    mask: npt.NDArray[np.bool_]
    counts: _Sums
    down: Weights
    across: Weights
    shares: tuple[_Sums, _Sums]

    @classmethod
    def of(cls, grid: Grid, area: Area, cells: Cells) -> _Cover:
        footprint = Footprint.of(grid, area)
        rows, columns = footprint.rows, footprint.columns
        border = footprint.partly()
        at = border[:, 0] - rows.start, border[:, 1] - columns.start
        mask = footprint.mask(border)
        counts = np.where(footprint.whole_blocks(), float(BLOCK * BLOCK), 0.0)
        counts[at] = mask.sum(axis=(1, 2))
        return cls(
            footprint,
            border,
            at,
            mask,
            counts,
            _per_sample(cells.down, area.top, rows, grid.down, grid.height),
            _per_sample(cells.across, area.left, columns, grid.across, grid.width),
            (
                _shares(cells.rows, area.top, rows, grid.down),
                _shares(cells.columns, area.left, columns, grid.across),
            ),
        )

    def totals(self, plane: Plane, border: Samples) -> tuple[_Sums, _Sums]:
        """Sums of the covered samples in each cell, and how many they are: both (rows, columns).

        A block that lies in several cells counts in each by its share; of whole blocks only the mean is looked at.

        Args:
            plane: the component.
            border: its samples of the blocks at the border.
        """
        sums = self.counts * plane.means(self.footprint.rows, self.footprint.columns)
        sums[self.at] = np.einsum("nyx,nyx->n", border, self.mask)
        down, across = self.shares
        return down.T @ sums @ across, down.T @ self.counts @ across

    def blend(self, colours: Samples) -> Samples:
        """What is painted at the border: (blocks, 8, 8) of one component's colours of the cells."""
        down, across = (weights.reshape(-1, BLOCK, weights.shape[1]) for weights in (self.down, self.across))
        painted: Samples = np.matmul(np.matmul(down, colours)[self.at[0]], across[self.at[1]].transpose(0, 2, 1))
        return painted


class CoefficientEdit:
    """A `RowSink` that paints over areas as soon as the last row of blocks it needs has come in. Used once.

    Attributes:
        done: all areas are painted over.
    """

    def __init__(self, planes: Sequence[Plane], colours: ColourSpace, areas: Sequence[Area]) -> None:
        self.done = False
        self._planes = planes
        self._colours = colours
        self._areas = areas
        self._wanted = [frozenset(row for area in areas for row in block_rows(plane.grid, area)) for plane in planes]
        self._missing = sum(map(len, self._wanted))

    def __call__(self, component: int, row: int, address: int, blocks: int) -> None:
        """One row of blocks; see `RowSink`."""
        if row not in self._wanted[component]:
            return
        plane = self._planes[component]
        if blocks != plane.grid.blocks.width or row in plane.rows:
            raise ValueError(f"component {component} has rows of {blocks} blocks, not {plane.grid.blocks.width}")
        plane.rows[row] = blocks_at(address, blocks)
        self._missing -= 1
        if not self._missing:
            self._paint_all()
            self.done = True

    def _paint_all(self) -> None:
        for index, area in enumerate(self._areas):
            later = self._areas[index + 1 :]
            again = any(share_blocks(plane.grid, area, other) for plane in self._planes for other in later)
            self._paint(area, again=again)

    def _paint(self, area: Area, *, again: bool) -> None:
        """`again`: a later area may touch some of the same blocks."""
        cells = Cells.of(area)
        covers = {grid: _Cover.of(grid, area, cells) for grid in {plane.grid for plane in self._planes}}
        work = [(plane, cover, plane.samples(cover.border)) for plane in self._planes for cover in [covers[plane.grid]]]
        if area.style is Style.SOLID:
            colours = grey(self._colours.components, maximum=_MAXIMUM)
        else:
            totals = [cover.totals(plane, border) for plane, cover, border in work]
            sums, weights = (np.stack(kind, axis=-1) for kind in zip(*totals, strict=True))
            colours = stepped(self._colours.colours(means(sums, weights)), maximum=_MAXIMUM)
        values = self._colours.samples(colours).astype(np.float32)
        for index, (plane, cover, border) in enumerate(work):
            plane.put_blend(cover.footprint, cover.down, cover.across, values[..., index])
            np.copyto(border, cover.blend(values[..., index]), where=cover.mask)
            plane.put(cover.border, border, again=again)


def _shares(edges: Edges, begin: int, blocks: range, pixels: int) -> _Sums:
    """How much of each block lies in each cell along one side: (blocks, cells); the outer cells have no end.

    Args:
        edges: of cells, in pixels from `begin`.
        begin: where the area begins in the picture.
        blocks: which.
        pixels: that each sample stands for.
    """
    bounds = (begin + edges) / pixels / BLOCK
    bounds[0], bounds[-1] = blocks.start, blocks.stop
    place = np.arange(blocks.start, blocks.stop)[:, None]
    shares: _Sums = np.clip(np.minimum(bounds[1:], place + 1) - np.maximum(bounds[:-1], place), 0, 1)
    return shares


def _per_sample(weights: Weights, begin: int, blocks: range, pixels: int, most: int) -> Weights:
    """Weights of pixels as weights of samples, the mean of those that each stands for: (8 x blocks, cells).

    Samples beside the area take those of its edge, and what lies behind the picture's edge those of the last sample.

    Args:
        weights: of the pixels from `begin` on.
        begin: where the area begins in the picture.
        blocks: which.
        pixels: that each sample stands for.
        most: samples that are shown.
    """
    samples = np.minimum(np.arange(blocks.start * BLOCK, blocks.stop * BLOCK), most - 1)
    places = samples[:, None] * pixels + np.arange(pixels) - begin
    chosen: Weights = weights[np.clip(places, 0, len(weights) - 1)]
    return chosen.mean(axis=1) if pixels > 1 else chosen[:, 0]
