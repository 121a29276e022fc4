"""Cutting large pictures into overlapping tiles, around the seam of a panorama where there is one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size


class Tile(NamedTuple):
    """Whole pixels [x1, x2) x [y1, y2) of the picture; x2 beyond its width goes on at the left edge."""

    x1: int
    y1: int
    x2: int
    y2: int


def is_panorama(size: Size) -> bool:
    """Whether a picture is taken for a full equirectangular panorama, whose left and right edge meet."""
    return size.width == 2 * size.height


def tiles(size: Size, side: int, overlap: int, *, wraps: bool) -> list[Tile]:
    """Tiles of at most `side` x `side` that cover a picture of `size` completely.

    Neighbours share at least `overlap` pixels, so whatever is at most that large lies whole in one
    tile; with `wraps` that holds across the left and right edge too.
    """
    columns = _around(size.width, side, overlap) if wraps else _along(size.width, side, overlap)
    rows = _along(size.height, side, overlap)
    width, height = min(side, size.width), min(side, size.height)
    return [Tile(x, y, x + width, y + height) for y in rows for x in columns]


def _along(length: int, side: int, overlap: int) -> list[int]:
    """Starts of windows of `side` along a line, spread evenly from its one end to the other."""
    if length <= side:
        return [0]
    count = math.ceil((length - overlap) / (side - overlap))
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


def _around(length: int, side: int, overlap: int) -> list[int]:
    """Starts of windows of `side` around a circle."""
    side = min(side, length)
    count = math.ceil(length / max(1, side - overlap))
    return [index * length // count for index in range(count)]


def cut_out(pixels: npt.NDArray[np.uint8], tile: Tile) -> npt.NDArray[np.uint8]:
    """The tile's pixels; a view where it does not cross the seam."""
    width = pixels.shape[1]
    rows = pixels[tile.y1 : tile.y2]
    if tile.x2 <= width:
        return rows[:, tile.x1 : tile.x2]
    return np.concatenate((rows[:, tile.x1 :], rows[:, : tile.x2 - width]), axis=1)


def borders(tile: Tile, size: Size, *, wraps: bool) -> tuple[bool, bool, bool, bool]:
    """Whether the tile's left, top, right and bottom border runs inside the picture and may cut objects."""
    return (wraps or tile.x1 > 0, tile.y1 > 0, wraps or tile.x2 < size.width, tile.y2 < size.height)
