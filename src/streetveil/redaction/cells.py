"""The coarse grid of colours that is all that stays of an area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streetveil.domain.options import Style
from streetveil.redaction.regions import Area

_SMALLEST = 8
"""Pixels; a region too small for several such cells keeps one colour."""

_STEPS = 16
_SPREAD = 0.6
"""Standard deviation of the Gaussian around each cell's centre, in cells: smooth, yet not one flat colour."""

Edges = npt.NDArray[np.intp]
Weights = npt.NDArray[np.float32]
Colours = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where the cells lie in an area's window, and how they blend.

    What is painted at row y and column x is the sum over all cells of `down[y, row] * across[x, column]` times the
    cell's colour.

    Attributes:
        rows, columns: where cells begin and end along each side, in pixels of the window.
        down, across: float32 (pixels, cells); of each pixel they add up to one.
    """

    rows: Edges
    columns: Edges
    down: Weights
    across: Weights

    @classmethod
    def of(cls, area: Area) -> Cells:
        """The grid of an area; in `solid` one cell."""
        most = (1, 1) if area.style is Style.SOLID else area.cells
        columns, rows = _edges(area.right - area.left, most[0]), _edges(area.bottom - area.top, most[1])
        weights = _gaussian if area.style is Style.GAUSSIAN else _flat
        return cls(rows, columns, weights(rows), weights(columns))


def means(sums: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of each cell: sums of its samples over how much went into them, all (rows, columns, channels).

    A cell that weighs nothing (a corner beside the ellipse) takes the mean of all others, or none has any: zero.
    """
    total = weights.sum(axis=(0, 1))
    overall = np.divide(sums.sum(axis=(0, 1)), total, out=np.zeros_like(total), where=total > 0)
    exact: npt.NDArray[np.float64] = np.broadcast_to(overall, sums.shape).copy()
    return np.divide(sums, weights, out=exact, where=weights > 0)


def stepped(exact: npt.NDArray[np.floating], *, maximum: int, alpha: bool = False) -> Colours:
    """The colours that are kept of the cells' means: each channel the middle of one of sixteen steps.

    Args:
        exact: (rows, columns, channels), from 0 to `maximum`.
        maximum: the sample value of white; below 16 all values are kept as they are.
        alpha: the last channel is opacity.
    """
    if maximum < _STEPS:
        return exact.astype(np.float32)
    step = (maximum + 1) / _STEPS
    kept = np.floor(exact / step) * step + step / 2
    if alpha:  # steps of opacity must reach both ends, or an opaque picture would become translucent
        kept[..., -1] = np.round((kept[..., -1] - step / 2) / (maximum + 1 - step) * maximum)
    colours: Colours = kept.astype(np.float32)
    return colours


def grey(channels: int, *, maximum: int, alpha: bool = False) -> Colours:
    """The colour of `solid`, whatever was there: (1, 1, channels)."""
    flat = np.full((1, 1, channels), (maximum + 1) // 2, np.float32)
    if alpha:
        flat[..., -1] = maximum
    return flat


def _edges(extent: int, most: int) -> Edges:
    """Where cells begin and end along one side: at most `most`, each of `_SMALLEST` pixels or more."""
    count = max(1, min(most, extent // _SMALLEST))
    return np.linspace(0, extent, count + 1).round().astype(np.intp)


def _flat(edges: Edges) -> Weights:
    """One for the cell that a pixel lies in."""
    cells = np.arange(len(edges) - 1)
    return np.equal.outer(np.repeat(cells, np.diff(edges)), cells).astype(np.float32)


def _gaussian(edges: Edges) -> Weights:
    """A Gaussian around each cell's centre."""
    centres = (edges[:-1] + edges[1:]) / 2
    pixels = np.arange(edges[-1]) + 0.5
    distance = (pixels[:, None] - centres[None, :]) / (edges[-1] / (len(edges) - 1) * _SPREAD)
    weights: npt.NDArray[np.float64] = np.exp(-(distance**2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
