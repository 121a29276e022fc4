"""Boxes and sizes in pixels; x to the right, y down, origin at the top left corner of the picture.

A box covers the half-open area [x1, x2) x [y1, y2): a box of one pixel at the origin is (0, 0, 1, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def transposed(self) -> Size:
        return Size(self.height, self.width)


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels (float), x1 <= x2 and y1 <= y2.

    Raises:
        ValueError: a coordinate is not finite, or the corners are the wrong way round.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.x1, self.y1, self.x2, self.y2)):
            raise ValueError(f"box has a coordinate that is not finite: {self}")
        if self.x1 > self.x2 or self.y1 > self.y2:
            raise ValueError(f"box has its corners the wrong way round: {self}")

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def grown(self, fraction: float) -> Box:
        """This box with `fraction` of its own width (height) added on the left and right (top and bottom)."""
        dx, dy = self.width * fraction, self.height * fraction
        return Box(self.x1 - dx, self.y1 - dy, self.x2 + dx, self.y2 + dy)

    def clipped(self, size: Size) -> Box | None:
        """The part inside a picture of `size`; None where nothing is left."""
        x1, y1 = max(self.x1, 0.0), max(self.y1, 0.0)
        x2, y2 = min(self.x2, float(size.width)), min(self.y2, float(size.height))
        return Box(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def intersection(self, other: Box) -> float:
        """Area shared with `other`, in square pixels."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        return width * height if width > 0 and height > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def outer_pixels(self) -> tuple[int, int, int, int]:
        """The smallest whole-pixel box around this one: nothing of the box is left out by rounding."""
        return math.floor(self.x1), math.floor(self.y1), math.ceil(self.x2), math.ceil(self.y2)

    def as_tuple(self) -> tuple[float, float, float, float]:
        return self.x1, self.y1, self.x2, self.y2


class Orientation(IntEnum):
    """EXIF orientation (tag 0x0112, CIPA DC-008): how stored rows and columns are shown upright."""

    UPRIGHT = 1
    MIRRORED = 2
    ROTATED_180 = 3
    FLIPPED = 4
    TRANSPOSED = 5
    ROTATED_90 = 6
    TRANSVERSED = 7
    ROTATED_270 = 8

    @classmethod
    def parse(cls, value: object) -> Self:
        """The orientation a file claims; anything but 1..8 counts as upright, as viewers do."""
        return cls(value) if isinstance(value, int) and 1 <= value <= 8 else cls(1)

    @property
    def swaps_axes(self) -> bool:
        return self >= 5

    def upright_size(self, stored: Size) -> Size:
        return stored.transposed if self.swaps_axes else stored

    def to_stored(self, box: Box, stored: Size) -> Box:
        """Maps a box of the upright picture to the stored one of size `stored`."""
        w, h = float(stored.width), float(stored.height)
        x1, y1, x2, y2 = box.as_tuple()
        match self:
            case Orientation.UPRIGHT:
                return box
            case Orientation.MIRRORED:
                return Box(w - x2, y1, w - x1, y2)
            case Orientation.ROTATED_180:
                return Box(w - x2, h - y2, w - x1, h - y1)
            case Orientation.FLIPPED:
                return Box(x1, h - y2, x2, h - y1)
            case Orientation.TRANSPOSED:
                return Box(y1, x1, y2, x2)
            case Orientation.ROTATED_90:
                return Box(y1, h - x2, y2, h - x1)
            case Orientation.TRANSVERSED:
                return Box(w - y2, h - x2, w - y1, h - x1)
            case Orientation.ROTATED_270:
                return Box(w - y2, x1, w - y1, x2)
