"""Which pieces of a picture a model is shown, and how large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from streetveil.detection.preprocess import Budget, View
from streetveil.detection.profiles import TILE_OVERLAP, Plan
from streetveil.detection.tiling import Tile, borders, cut_out, is_panorama, tiles
from streetveil.domain.geometry import Box, Size

_CROP_GROWTH = 0.1
_LEAST_CROP = 96 * 96
"""Input pixels below which a vehicle shows no plate."""
_CONTAINED = 0.85
"""The growth counted in, a vehicle so far inside another pass is whole in it."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at one piece.

    Attributes:
        tile: the piece, in pixels of the upright picture.
        cuts: whether its left, top, right and bottom border may cut objects in two.
    """

    tile: Tile
    budget: Budget
    cuts: tuple[bool, bool, bool, bool]

    @property
    def size(self) -> Size:
        return Size(self.tile.x2 - self.tile.x1, self.tile.y2 - self.tile.y1)

    @property
    def scale(self) -> float:
        """Input pixels per pixel of the picture."""
        return self.budget.scale_for(self.size)


def plan_passes(size: Size, plan: Plan) -> list[Pass]:
    """The passes that need nothing but the picture's size.

    Tiles are left out where the pass over the whole picture already shows every pixel, but for the
    seam of a panorama, which only tiles look across.
    """
    wraps = plan.tile is not None and is_panorama(size)
    found = []
    if plan.whole is not None:
        whole = Tile(0, 0, size.width, size.height)
        found.append(Pass(whole, plan.whole, borders(whole, size, wraps=wraps)))
    if plan.tile is not None and (wraps or not found or found[0].scale < 1):
        budget = Budget(plan.tile * plan.tile)
        overlap = round(plan.tile * TILE_OVERLAP)
        found += [
            Pass(tile, budget, borders(tile, size, wraps=wraps))
            for tile in tiles(size, plan.tile, overlap, wraps=wraps)
        ]
    return found


def crop_passes(
    boxes: npt.NDArray[np.float32], size: Size, budget: Budget, planned: Sequence[Pass], *, most: int
) -> list[Pass]:
    """A pass over each of `boxes` (n, 4), grown a little, that no larger pass shows as sharply already.

    Where the passes would cost more than `most` input pixels, the costliest are shown smaller; none is left out.
    """
    crops = []
    for box in boxes.tolist():
        grown = Box(*box).grown(_CROP_GROWTH).clipped(size)
        if grown is not None:
            tile = Tile(*grown.outer_pixels())
            crops.append(Pass(tile, budget, borders(tile, size, wraps=False)))
    kept: list[Pass] = []
    for crop in sorted(crops, key=lambda item: item.size.pixels, reverse=True):
        if not any(_shows(other, crop) for other in (*planned, *kept)):
            kept.append(crop)
    limit = _level([_cost(item) for item in kept], most)
    return [replace(item, budget=replace(budget, pixels=min(budget.pixels, limit))) for item in kept]


def _cost(item: Pass) -> int:
    """Input pixels of a pass."""
    return math.ceil(item.size.pixels * item.scale**2)


def _level(costs: Sequence[int], most: int) -> int:
    """The greatest limit on each cost at which their sum is at most `most`; but not below what shows anything."""
    rest = most
    for index, cost in enumerate(sorted(costs)):
        share = rest // (len(costs) - index)
        if cost > share:
            return max(share, _LEAST_CROP)
        rest -= cost
    return most


def _shows(other: Pass, crop: Pass) -> bool:
    shared = Box(*other.tile).intersection(Box(*crop.tile))
    return other.scale >= crop.scale and shared >= _CONTAINED * crop.size.pixels


def needed(size: Size, passes: Sequence[Pass]) -> Size | None:
    """The decoded size at which no pass has to enlarge pixels that the file has; None for all of them."""
    scale = max((item.scale for item in passes), default=0.0)
    if scale >= 1:
        return None
    return Size(max(1, math.ceil(size.width * scale)), max(1, math.ceil(size.height * scale)))


def view(item: Pass, pixels: npt.NDArray[np.uint8], size: Size) -> View:
    """The pass's piece out of the decoded pixels, which may be smaller than the picture of `size`."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return View(cut_out(pixels, item.tile), Box(*item.tile), item.budget)
    across, down = width / size.width, height / size.height
    x1, y1 = math.floor(item.tile.x1 * across), math.floor(item.tile.y1 * down)
    x2 = max(x1 + 1, min(width, math.ceil(item.tile.x2 * across)))
    y2 = max(y1 + 1, min(height, math.ceil(item.tile.y2 * down)))
    return View(pixels[y1:y2, x1:x2], Box(x1 / across, y1 / down, x2 / across, y2 / down), item.budget)
