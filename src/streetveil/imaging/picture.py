"""One encoded picture in memory: its header, and its pixels at the scale a caller needs."""

from __future__ import annotations

from dataclasses import dataclass

from streetveil.domain.geometry import Orientation, Size
from streetveil.imaging.formats import ImageFormat


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the first bytes of a file promise.

    Attributes:
        stored: size as stored, before EXIF orientation.
    """

    format: ImageFormat
    stored: Size
    orientation: Orientation

    @property
    def upright(self) -> Size:
        """Size as a viewer shows it."""
        return self.orientation.upright_size(self.stored)
