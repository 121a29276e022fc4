"""Making pixels unrecognisable for good.

All styles but `solid` keep the same few numbers of a region, the means of a coarse grid of cells in 16 steps, and
paint from those alone: nothing finer is in the file, so nothing finer can be computed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.domain.options import Style
from streetveil.redaction.cells import Cells, grey, means, stepped
from streetveil.redaction.regions import Area

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_BAND = 256
"""Rows painted at once, so that a region as large as the picture needs no float copy of it."""

_LUT_BITS = 5


def paint(pixels: Pixels, found: Sequence[Area], *, maximum: int, alpha: bool = False) -> None:
    """Makes areas unrecognisable, in place, one after the other.

    Args:
        pixels: (height, width, channels), 1 to 4 channels, as stored.
        found: where; later ones see what earlier ones left, never the original below it.
        maximum: the sample value of white, 1 to 65535.
        alpha: the last channel is opacity. It is averaged too, since an outline is detail, and colours
            count as much as they are visible, so that what transparency hides does not come to light.
    """
    for area in found:
        block = pixels[area.window].copy()
        pixels[area.window] = _replaced(block, area, maximum=maximum, alpha=alpha)


def paint_indices(indices: Pixels, palette: npt.NDArray[np.uint8], found: Sequence[Area]) -> None:
    """The same for a picture of palette indices, in place: each pixel becomes the entry nearest to its new colour.

    Args:
        indices: (height, width); an index beyond the palette counts as its last entry.
        palette: (entries, 3), RGB.
        found: where.
    """
    nearest = _nearest_entries(palette)
    shift = 8 - _LUT_BITS
    for area in found:
        block = indices[area.window]
        colours = _replaced(palette[np.minimum(block, len(palette) - 1)], area, maximum=255, alpha=False)
        mask = area.mask()
        red, green, blue = (colours[..., channel] >> shift for channel in range(3))
        block[mask] = nearest[red, green, blue][mask]


def _replaced(block: Pixels, area: Area, *, maximum: int, alpha: bool) -> Pixels:
    """The window of an area, contiguous, with its masked pixels painted over; may be `block` itself."""
    mask = area.mask()
    cells = Cells.of(area)
    if area.style is Style.SOLID:
        grid = grey(block.shape[2], maximum=maximum, alpha=alpha)
    else:
        grid = stepped(means(*_sums(block, mask, cells, alpha=alpha)), maximum=maximum, alpha=alpha)
    wide = np.einsum("xc,rck->rxk", cells.across, grid)
    chosen = mask.view(np.uint8)
    for top in range(0, len(block), _BAND):
        band = slice(top, top + _BAND)
        painted = np.einsum("yr,rxk->yxk", cells.down[band], wide)
        painted += np.float32(0.5)
        exact = np.minimum(painted, np.float32(maximum), out=painted).astype(block.dtype)
        # What OpenCV returns is taken, and not what it may or may not have written in place.
        block[band] = cv2.copyTo(exact, chosen[band], block[band]).reshape(exact.shape)
    return block


def _sums(
    block: Pixels, mask: npt.NDArray[np.bool_], cells: Cells, *, alpha: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums of each cell's masked pixels, and how much went into them: both (rows, columns, channels)."""
    channels = block.shape[2]
    sums = np.zeros((len(cells.rows) - 1, len(cells.columns) - 1, channels))
    weights = np.zeros_like(sums)
    for i, (top, bottom) in enumerate(pairwise(cells.rows)):
        inside, pixels = mask[top:bottom], block[top:bottom]
        if alpha:
            opacity = np.repeat(inside[..., None], channels, axis=2).astype(np.float64)
            opacity[..., :-1] *= pixels[..., -1:]
            weight, chosen = _column_sums(opacity), _column_sums(pixels * opacity)
        else:
            covered = inside.view(np.uint8)
            weight = _column_sums(covered[..., None])
            chosen = _column_sums(cv2.copyTo(pixels, covered, np.zeros_like(pixels)).reshape(pixels.shape))
        sums[i] = np.add.reduceat(chosen, cells.columns[:-1])
        weights[i] = np.add.reduceat(weight, cells.columns[:-1])
    return sums, weights


def _column_sums(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Exact sums over the rows: (rows, width, channels) to (width, channels)."""
    _, width, channels = pixels.shape
    sums = cv2.reduce(pixels.reshape(len(pixels), -1), 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F)
    return np.asarray(sums, np.float64).reshape(width, channels)


def _nearest_entries(palette: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Index of the nearest palette entry for each colour of 5 bits a channel."""
    levels = (np.arange(1 << _LUT_BITS, dtype=np.int32) << (8 - _LUT_BITS)) + (1 << (7 - _LUT_BITS))
    best = np.full((len(levels),) * 3, np.iinfo(np.int32).max, np.int32)
    nearest = np.zeros(best.shape, np.uint8)
    for index, (red, green, blue) in enumerate(palette.astype(np.int32)):
        distance = (
            ((levels - red) ** 2)[:, None, None]
            + ((levels - green) ** 2)[None, :, None]
            + ((levels - blue) ** 2)[None, None, :]
        )
        closer = distance < best
        best[closer], nearest[closer] = distance[closer], index
    return nearest
