"""Redaction through decoded pixels: works for every accepted format, and is the reference for all other ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import (
    RedactionFailedError,
    StreetveilError,
    UndecodableImageError,
    UnsupportedPixelFormatError,
)
from streetveil.imaging.decoders import DECODER_ERRORS
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction import bmp_file, hidden, jpeg_file, jpeg_segments, png_file, tiff_file, webp_file
from streetveil.redaction.base import RedactedFile, Region
from streetveil.redaction.regions import Area, areas

_Rewrite = Callable[[Picture, Sequence[Area], MetadataPolicy], RedactedFile]
_REWRITES: dict[ImageFormat, _Rewrite] = {
    ImageFormat.JPEG: jpeg_file.rewrite,
    ImageFormat.PNG: png_file.rewrite,
    ImageFormat.WEBP: webp_file.rewrite,
    ImageFormat.TIFF: tiff_file.rewrite,
    ImageFormat.BMP: bmp_file.rewrite,
}
_BEHIND_SIGNATURE = 16  # of each format; a TIFF may consist of JPEG files, and looks into its pieces itself


class PixelRedactor:
    """Implements `Redactor`. Holds no state: safe to call from several threads at once."""

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:
        """As `Redactor.redact`; without regions JPEG, PNG, WebP, TIFF and BMP keep their coded pixels."""
        picture.check()
        header = picture.header
        found = areas(regions, header.stored, header.orientation)
        try:
            result = _REWRITES[header.format](picture, found, metadata)
        except (UndecodableImageError, UnsupportedPixelFormatError):
            raise
        except (StreetveilError, *DECODER_ERRORS) as error:
            raise RedactionFailedError(f"The picture could not be written: {error}.") from error
        copied = header.format is ImageFormat.JPEG and not found
        verify(result.data, picture, partial(_check_copy, picture) if copied else Picture.check)
        return result


def verify(data: bytes, original: Picture, read: Callable[[Picture], None] = Picture.check) -> None:
    """Makes sure that a redacted file is read as the picture it was made of.

    Args:
        data: the redacted file.
        original: what it was made of.
        read: raises a StreetveilError where the pixels cannot be read; by default they are decoded, at the scale that
            costs least, which still reads all coded data.

    Raises:
        RedactionFailedError: another format, size or orientation, pixels that do not decode, or a second picture file
            in it, which must be among the compressed pixels, as nothing else is copied unseen.
    """
    expected = original.header
    if expected.format is not ImageFormat.TIFF and hidden.holds_file(data, _BEHIND_SIGNATURE):
        raise RedactionFailedError("The file hides another one between its pixels.")
    try:
        written = Picture.open(data, max_pixels=expected.stored.pixels)
        read(written)
        if expected.format is ImageFormat.JPEG:
            jpeg_segments.require_nothing_else(written)
    except StreetveilError as error:
        raise RedactionFailedError(f"The redacted file cannot be read back: {error}") from error
    if written.header != expected:
        raise RedactionFailedError(f"The redacted file reads as {written.header}, not as {expected}.")


def _check_copy(original: Picture, written: Picture) -> None:
    """As `Picture.check`; a copy of what has been decoded already need not be decoded again."""
    if not jpeg_segments.same_picture(original, written):
        written.check()
