"""The product's redactor: a JPEG in its coefficients where that can be done, everything else through its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UnsupportedPixelFormatError
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction import jpeg_lossless
from streetveil.redaction.base import RedactedFile, Region
from streetveil.redaction.jpeg_lossless import NotLosslessError
from streetveil.redaction.pixels import PixelRedactor, verify
from streetveil.redaction.regions import areas
from streetveil.redaction.turbojpeg import LIBRARY, LibraryMissingError, TurboJpeg


class JpegCoefficientRedactor:
    """Redacts JPEG files without coding the rest of the picture again. Safe to call from several threads at once.

    Raises:
        LibraryMissingError: libturbojpeg is not installed.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        self._library = TurboJpeg(library)

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:
        """As `Redactor.redact`, for a JPEG with at least one region inside it.

        Raises:
            NotLosslessError: not this file; the message says why.
        """
        header = picture.header
        found = areas(regions, header.stored, header.orientation)
        if header.format is not ImageFormat.JPEG or not found:
            raise NotLosslessError("There is nothing to edit in coefficients.")
        result = jpeg_lossless.rewrite(self._library, picture, found, metadata)
        verify(result.data, picture)
        return result


class FileRedactor:
    """Implements `Redactor` for every accepted format. Safe to call from several threads at once."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._pixels = PixelRedactor()
        self._lossless: JpegCoefficientRedactor | None = None
        self._missing: str | None = None
        try:
            self._lossless = JpegCoefficientRedactor(library)
        except LibraryMissingError as error:
            self._missing = f"{error}."

    @property
    def missing(self) -> str | None:
        """Why no JPEG can be redacted in its coefficients here, for logs and health reports; None where they can."""
        return self._missing

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:
        """As `Redactor.redact`."""
        if picture.header.format is not ImageFormat.JPEG or not regions:
            return self._pixels.redact(picture, regions, metadata)
        reason = self._missing
        if self._lossless is not None:
            try:
                return self._lossless.redact(picture, regions, metadata)
            except NotLosslessError as error:
                reason = str(error)
        try:
            result = self._pixels.redact(picture, regions, metadata)
        except UnsupportedPixelFormatError as error:
            raise UnsupportedPixelFormatError(f"{error} {reason}") from error
        return result if result.lossless else replace(result, reason=f"{result.reason} {reason}")
