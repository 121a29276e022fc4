"""From regions of the upright picture to whole pixels of the stored one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation, Size
from streetveil.domain.options import Style
from streetveil.redaction.base import Region, Shape

_CIRCUMSCRIBED = math.sqrt(2)
"""Factor by which the axes of an ellipse exceed the sides of the box whose corners lie on it."""

_MOST_CELLS = {Label.LICENSE_PLATE: (3, 2)}
_MOST_CELLS_OTHERWISE = (4, 4)
"""Most cells along the longer and the shorter side; docs/redaction.md tells why no more."""


@dataclass(frozen=True, slots=True)
class Area:
    """One region in whole pixels of the stored picture.

    Attributes:
        left, top, right, bottom: the pixels touched, clipped to the picture, right and bottom exclusive.
        ellipse: centre x, centre y and both semi-axes, in pixels; None for a rectangle.
        cells: most cells across and down that may be told apart afterwards.
    """

    left: int
    top: int
    right: int
    bottom: int
    style: Style
    cells: tuple[int, int]
    ellipse: tuple[float, float, float, float] | None = None

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array of pixels with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def spans(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Which pixels are replaced: of each row of the window the first column, and the one behind the last.

        Columns are the picture's. All or nothing, so that no pixel keeps a share of itself: a pixel counts as soon as
        the ellipse touches any part of it. A row without any has twice the same number.
        """
        height = self.bottom - self.top
        if self.ellipse is None:
            return np.full(height, self.left), np.full(height, self.right)
        centre_x, centre_y, across, down = self.ellipse
        rows = np.arange(self.top, self.bottom, dtype=np.float64) + 0.5
        away = np.maximum(np.abs(rows - centre_y) - 0.5, 0) / down
        share = 1 + 1e-9 - away**2
        reach = across * np.sqrt(np.maximum(share, 0))
        # Pixel x lies between x and x + 1, both included.
        first = np.clip(np.ceil(centre_x - reach - 1), self.left, self.right).astype(np.intp)
        past = np.clip(np.floor(centre_x + reach) + 1, self.left, self.right).astype(np.intp)
        return first, np.where(share < 0, first, past)

    def mask(self) -> npt.NDArray[np.bool_]:
        """The same as one truth for each pixel of the window."""
        first, past = (column[:, None] for column in self.spans())
        columns = np.arange(self.left, self.right)
        return (columns >= first) & (columns < past)


def areas(regions: Sequence[Region], stored: Size, orientation: Orientation) -> list[Area]:
    """The stored pixels of each region; regions outside the picture or without an extent are left out."""
    found = []
    for region in regions:
        box = orientation.to_stored(region.box, stored)
        if not box.area:
            continue
        centre_x, centre_y = box.centre
        ellipse = None
        if region.shape is Shape.ELLIPSE:
            across, down = box.width / 2 * _CIRCUMSCRIBED, box.height / 2 * _CIRCUMSCRIBED
            ellipse = (centre_x, centre_y, across, down)
            box = Box(centre_x - across, centre_y - down, centre_x + across, centre_y + down)
        inside = box.clipped(stored)
        if inside is None:
            continue
        longer, shorter = _MOST_CELLS.get(region.label, _MOST_CELLS_OTHERWISE)
        cells = (longer, shorter) if box.width >= box.height else (shorter, longer)
        found.append(Area(*inside.outer_pixels(), region.style, cells, ellipse))
    return found
