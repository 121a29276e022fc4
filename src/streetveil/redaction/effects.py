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
from streetveil.redaction.regions import Area

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_SMALLEST_CELL = 8
"""Pixels; a region too small for several such cells keeps one colour."""

_STEPS = 16
_SPREAD = 0.6
"""Standard deviation of the Gaussian around each cell's centre, in cells: smooth, yet not one flat colour."""

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
    height, width, channels = block.shape
    if area.style is Style.SOLID:
        flat = np.full(channels, (maximum + 1) // 2, np.float32)
        if alpha:
            flat[-1] = maximum
        grid, across, down = flat.reshape(1, 1, -1), np.ones((width, 1), np.float32), np.ones((height, 1), np.float32)
    else:
        columns, rows = _edges(width, area.cells[0]), _edges(height, area.cells[1])
        grid = _cell_means(block, mask, columns, rows, maximum=maximum, alpha=alpha)
        weights = _flat_weights if area.style is Style.PIXELATE else _gaussian_weights
        across, down = weights(columns), weights(rows)
    wide = np.einsum("xc,rck->rxk", across, grid)
    chosen = mask.view(np.uint8)
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        painted = np.einsum("yr,rxk->yxk", down[band], wide)
        painted += np.float32(0.5)
        exact = np.minimum(painted, np.float32(maximum), out=painted).astype(block.dtype)
        # What OpenCV returns is taken, and not what it may or may not have written in place.
        block[band] = cv2.copyTo(exact, chosen[band], block[band]).reshape(exact.shape)
    return block


def _edges(extent: int, most: int) -> npt.NDArray[np.intp]:
    """Where cells begin and end along one side: at most `most`, each of `_SMALLEST_CELL` pixels or more."""
    count = max(1, min(most, extent // _SMALLEST_CELL))
    return np.linspace(0, extent, count + 1).round().astype(np.intp)


def _cell_means(
    block: Pixels,
    mask: npt.NDArray[np.bool_],
    columns: npt.NDArray[np.intp],
    rows: npt.NDArray[np.intp],
    *,
    maximum: int,
    alpha: bool,
) -> npt.NDArray[np.float32]:
    """Mean of each cell's masked pixels in steps: (rows, columns, channels).

    A cell without any (a corner beside the ellipse) takes the mean of all others.
    """
    channels = block.shape[2]
    sums = np.zeros((len(rows) - 1, len(columns) - 1, channels))
    weights = np.zeros_like(sums)
    for i, (top, bottom) in enumerate(pairwise(rows)):
        inside, pixels = mask[top:bottom], block[top:bottom]
        if alpha:
            opacity = np.repeat(inside[..., None], channels, axis=2).astype(np.float64)
            opacity[..., :-1] *= pixels[..., -1:]
            weight, chosen = _column_sums(opacity), _column_sums(pixels * opacity)
        else:
            covered = inside.view(np.uint8)
            weight = _column_sums(covered[..., None])
            chosen = _column_sums(cv2.copyTo(pixels, covered, np.zeros_like(pixels)).reshape(pixels.shape))
        sums[i] = np.add.reduceat(chosen, columns[:-1])
        weights[i] = np.add.reduceat(weight, columns[:-1])
    total = weights.sum(axis=(0, 1))
    overall = np.divide(sums.sum(axis=(0, 1)), total, out=np.full(channels, maximum / 2), where=total > 0)
    means = np.where(weights > 0, sums / np.maximum(weights, 1), overall)
    if maximum >= _STEPS:
        step = (maximum + 1) / _STEPS
        means = np.floor(means / step) * step + step / 2
        if alpha:  # steps of opacity must reach both ends, or an opaque picture would become translucent
            means[..., -1] = np.round((means[..., -1] - step / 2) / (maximum + 1 - step) * maximum)
    return means.astype(np.float32)


def _column_sums(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Exact sums over the rows: (rows, width, channels) to (width, channels)."""
    _, width, channels = pixels.shape
    sums = cv2.reduce(pixels.reshape(len(pixels), -1), 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F)
    return np.asarray(sums, np.float64).reshape(width, channels)


def _flat_weights(edges: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """(pixels, cells): one for the cell that a pixel lies in."""
    cells = np.arange(len(edges) - 1)
    return np.equal.outer(np.repeat(cells, np.diff(edges)), cells).astype(np.float32)


def _gaussian_weights(edges: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """(pixels, cells): a Gaussian around each cell's centre, normalised to a sum of one per pixel."""
    centres = (edges[:-1] + edges[1:]) / 2
    pixels = np.arange(edges[-1]) + 0.5
    distance = (pixels[:, None] - centres[None, :]) / (edges[-1] / (len(edges) - 1) * _SPREAD)
    weights: npt.NDArray[np.float64] = np.exp(-(distance**2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


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
