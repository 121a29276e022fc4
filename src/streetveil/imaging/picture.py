"""One encoded picture in memory: its header, and its pixels at the scale a caller needs."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import UndecodableImageError
from streetveil.imaging import decoders, jpeg, jpeg_pixels
from streetveil.imaging.colours import as_rgb
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.header import ImageHeader, read_header

__all__ = ["ImageHeader", "Picture"]


class Picture:
    """One encoded picture whose header has been checked. Pixels are decoded on demand and kept while it lives.

    Safe to use from several threads: a scale is decoded once, and the others wait for it.

    Attributes:
        data: the whole file.
        header: what the file promises; decoding may still fail.
    """

    def __init__(self, data: bytes, header: ImageHeader) -> None:
        self.data = data
        self.header = header
        self._scales: dict[Size, npt.NDArray[np.uint8]] = {}
        self._lock = threading.Lock()
        self._layout: jpeg.Layout | None = None

    @classmethod
    def open(cls, data: bytes, *, max_pixels: int) -> Picture:
        """Checks the header of an encoded picture without decoding it.

        Raises:
            EmptyFileError, UnsupportedMediaError, AnimatedImageError, UnsupportedPixelFormatError: not for us.
            UndecodableImageError: the header is broken.
            TooManyPixelsError: it promises more than `max_pixels`.
        """
        header = read_header(data, complete=True, max_pixels=max_pixels)
        if header is None:  # cannot be where the file is complete
            raise UndecodableImageError("The picture's header is not complete.")
        return cls(data, header)

    @property
    def jpeg_layout(self) -> jpeg.Layout:
        """A JPEG taken apart, which is done once.

        Raises:
            UndecodableImageError, UnsupportedPixelFormatError: as `jpeg.take_apart`.
        """
        if self._layout is None:  # two threads at once would both find the same
            self._layout = jpeg.take_apart(self.data)
        return self._layout

    def pixels(self, at_least: Size | None = None) -> npt.NDArray[np.uint8]:
        """Upright RGB pixels, uint8 (height, width, 3), read-only.

        Of the scales the decoder offers cheaply (JPEG: eighths) the smallest whose width and height are
        both at least those of `at_least` is taken; None asks for the full size. Never enlarged.

        Raises:
            UndecodableImageError: the data is broken or ends early.
        """
        stored = self.header.stored
        target = stored
        if at_least is not None and self.header.format is ImageFormat.JPEG:
            target = jpeg_pixels.scaled_size(stored, self.header.orientation.upright_size(at_least))
        with self._lock:
            if target not in self._scales:
                self._scales[target] = _turned(self._decode(target), self.header.orientation)
            return self._scales[target]

    def check(self) -> None:
        """Makes sure that the pixels can be read, at the least cost: nothing where some scale already was.

        Raises:
            UndecodableImageError: they cannot.
        """
        if not self._scales:
            self.pixels(Size(1, 1))

    def _decode(self, size: Size) -> npt.NDArray[np.uint8]:
        kind = self.header.format
        if kind is ImageFormat.JPEG:
            return jpeg_pixels.decode_rgb(self.data, self.jpeg_layout, self.header.stored, size)
        return as_rgb(decoders.decode(decoders.pixels_only(self.data, kind), kind, size))


def _turned(stored: npt.NDArray[np.uint8], orientation: Orientation) -> npt.NDArray[np.uint8]:
    """Stored rows and columns as a viewer shows them."""
    if orientation.swaps_axes:
        stored = stored.transpose(1, 0, 2)
    mirror = {Orientation.MIRRORED, Orientation.ROTATED_180, Orientation.ROTATED_90, Orientation.TRANSVERSED}
    flip = {Orientation.FLIPPED, Orientation.ROTATED_180, Orientation.ROTATED_270, Orientation.TRANSVERSED}
    if orientation in mirror:
        stored = stored[:, ::-1]
    if orientation in flip:
        stored = stored[::-1]
    upright = np.ascontiguousarray(stored)
    upright.setflags(write=False)
    return upright
