"""How much of an object lies under the regions that are redacted."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Box
from streetveil.redaction.base import Shape

_SAMPLES = 200
_EDGE = 1e-9


def covered_fraction(target: Box, regions: Iterable[tuple[Box, Shape]]) -> float:
    """The share of `target` that lies under the union of `regions`, 0..1.

    Measured on a grid of 200 x 200 points, whatever the object's size: fine enough to tell 99.5 %
    from whole, and independent of how redaction rounds to pixels (it only ever rounds outwards).
    """
    if not target.area:
        return 1.0
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x = target.x1 + target.width * steps
    y = target.y1 + target.height * steps
    covered = np.zeros((_SAMPLES, _SAMPLES), np.bool_)
    for box, shape in regions:
        if box.area:
            covered |= _inside(x, y, box, shape)
    return float(covered.mean())


def _inside(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], box: Box, shape: Shape) -> npt.NDArray[np.bool_]:
    if shape is Shape.RECTANGLE:
        across = (x >= box.x1 - _EDGE) & (x < box.x2 + _EDGE)
        down = (y >= box.y1 - _EDGE) & (y < box.y2 + _EDGE)
        return np.asarray(down[:, None] & across, np.bool_)
    centre_x, centre_y = box.centre
    # the ellipse through the box's corners: its axes are the sides times the root of two
    dx = (x - centre_x) / (box.width / 2 * math.sqrt(2))
    dy = (y - centre_y) / (box.height / 2 * math.sqrt(2))
    return np.asarray((dy**2)[:, None] + dx**2 <= 1 + _EDGE, np.bool_)
