"""One encoded picture in memory: its header, and its pixels at the scale a caller needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


class Picture:
    """One encoded picture whose header has been checked. Pixels are decoded on demand and kept while it lives.

    Attributes:
        data: the whole file.
        header: what the file promises; decoding may still fail.
    """

    def __init__(self, data: bytes, header: ImageHeader) -> None:
        self.data = data
        self.header = header

    @classmethod
    def open(cls, data: bytes, *, max_pixels: int) -> Picture:
        """Checks the header of an encoded picture without decoding it.

        Raises:
            EmptyFileError, UnsupportedMediaError, AnimatedImageError, UnsupportedPixelFormatError: not for us.
            UndecodableImageError: the header is broken.
            TooManyPixelsError: it promises more than `max_pixels`.
        """
        raise NotImplementedError

    def pixels(self, at_least: Size | None = None) -> npt.NDArray[np.uint8]:
        """Upright RGB pixels, uint8 (height, width, 3), read-only.

        Of the scales the decoder offers cheaply (JPEG: eighths) the smallest whose width and height are
        both at least those of `at_least` is taken; None asks for the full size. Never enlarged.

        Raises:
            UndecodableImageError: the data is broken or ends early.
        """
        raise NotImplementedError
