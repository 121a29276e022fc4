"""Redaction through decoded pixels: works for every accepted format, and is the reference for all other ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from streetveil.redaction import bmp_file, hidden, jpeg_file, png_file, tiff_file, webp_file
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
        try:
            result = _REWRITES[header.format](picture, areas(regions, header.stored, header.orientation), metadata)
        except (UndecodableImageError, UnsupportedPixelFormatError):
            raise
        except (StreetveilError, *DECODER_ERRORS) as error:
            raise RedactionFailedError(f"The picture could not be written: {error}.") from error
        verify(result.data, picture)
        return result


def verify(data: bytes, original: Picture, read: Callable[[Picture], None] = Picture.check) -> None:
    """Makes sure that a redacted file is read as the picture it was made of.

    Args:
        data: the redacted file.
        original: what it was made of.
        read: raises a StreetveilError where the pixels cannot be read.

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
    except StreetveilError as error:
        raise RedactionFailedError(f"The redacted file cannot be read back: {error}") from error
    if written.header != expected:
        raise RedactionFailedError(f"The redacted file reads as {written.header}, not as {expected}.")
