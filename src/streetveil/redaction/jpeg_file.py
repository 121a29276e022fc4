"""Redacting a JPEG through its pixels: decoded, painted, and coded again with the same tables."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, JpegImagePlugin

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UnsupportedPixelFormatError
from streetveil.imaging import decoders, jpeg
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction import effects, jpeg_segments
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.regions import Area

REASON = "The JPEG was decoded and coded again with its own quantisation tables."
_SUBSAMPLING: dict[tuple[tuple[int, int], ...], int] = {
    ((1, 1), (1, 1), (1, 1)): 0,
    ((2, 1), (1, 1), (1, 1)): 1,
    ((2, 2), (1, 1), (1, 1)): 2,
}
_FULL_CHROMA = 0


def rewrite(picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:
    """The JPEG with `found` painted over; without any, tables and scans stay as they are byte for byte.

    Raises:
        UnsupportedPixelFormatError: arithmetic coding, which Pillow does not read.
    """
    layout, orientation = picture.jpeg_layout, picture.header.orientation
    if not found:
        pieces = jpeg_segments.pieces_of(picture.data, layout)
        return RedactedFile(jpeg_segments.rewrap(layout, pieces, layout.segments, orientation, policy), lossless=True)
    if layout.frame.arithmetic:
        raise UnsupportedPixelFormatError("A JPEG of arithmetic coding can be redacted in its coefficients alone.")
    bare = jpeg.picture_only(picture.data, layout)
    image = decoders.decode(bare, ImageFormat.JPEG, picture.header.stored)
    pixels = np.array(image)
    shaped = pixels.reshape(*pixels.shape[:2], -1)
    effects.paint(shaped, found, maximum=255)
    frame = layout.frame
    coded = _encode(Image.fromarray(pixels, image.mode), image, frame, is_rgb=_is_rgb(image, frame))
    new = jpeg.take_apart(coded)
    pieces = jpeg_segments.pieces_of(coded, new)
    whole = jpeg_segments.rewrap(layout, pieces, new.segments, orientation, policy)
    return RedactedFile(whole, lossless=False, reason=REASON)


def _encode(painted: Image.Image, original: Image.Image, frame: jpeg.Frame, *, is_rgb: bool) -> bytes:
    options = {
        "qtables": _tables(original, frame),
        "subsampling": _SUBSAMPLING.get(frame.sampling, _FULL_CHROMA),
        "progressive": frame.progressive,
        "keep_rgb": is_rgb,
    }
    try:
        return _save(painted, {**options, "optimize": True})
    except OSError:
        # Optimised and progressive coding need one buffer for the whole file, which Pillow guesses too small for
        # noise at the highest qualities; plain coding streams.
        return _save(painted, {**options, "progressive": False})


def _save(image: Image.Image, options: dict[str, object]) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", **options)
    return output.getvalue()


def _tables(original: Image.Image, frame: jpeg.Frame) -> list[list[int]]:
    """Quantisation tables for the first component and for all others, as libjpeg writes them.

    Where the others had different tables, each step is the finer of theirs.
    """
    if not isinstance(original, JpegImagePlugin.JpegImageFile):  # cannot be: a JPEG was decoded
        raise TypeError(type(original).__name__)
    by_component = [list(original.quantization[number]) for number in frame.tables]
    if frame.components == 4:  # written as CMYK, for which libjpeg has one table for all
        return [[min(steps) for steps in zip(*by_component, strict=True)]]
    others = [[min(steps) for steps in zip(*by_component[1:], strict=True)]] if by_component[1:] else []
    return [by_component[0], *others]


def _is_rgb(image: Image.Image, frame: jpeg.Frame) -> bool:
    """Three components that are red, green and blue themselves, by libjpeg's rules (jdapimin.c)."""
    if frame.components != 3 or "jfif" in image.info:
        return False
    if "adobe" in image.info:
        return image.info.get("adobe_transform") == 0
    return frame.ids == tuple(b"RGB")
