"""The file formats that are accepted, told apart by content alone: neither name nor declared type is believed."""

from __future__ import annotations

from enum import Enum

from streetveil.errors import EmptyFileError, UnsupportedMediaError

SNIFF_BYTES = 16
"""So many bytes of a file are enough to tell its format."""


class ImageFormat(Enum):
    """An accepted format: its name, its media type (RFC 6838) and the extension results carry."""

    JPEG = ("jpeg", "image/jpeg", "jpg")
    PNG = ("png", "image/png", "png")
    WEBP = ("webp", "image/webp", "webp")
    TIFF = ("tiff", "image/tiff", "tif")
    BMP = ("bmp", "image/bmp", "bmp")

    def __init__(self, label: str, media_type: str, extension: str) -> None:
        self.label = label
        self.media_type = media_type
        self.extension = extension


def sniff(head: bytes) -> ImageFormat:
    """The format of a file whose first bytes (at least `SNIFF_BYTES`, or all there are) are `head`.

    Raises:
        EmptyFileError: there are no bytes.
        UnsupportedMediaError: it is none of the accepted formats.
    """
    if not head:
        raise EmptyFileError("The file is empty.")
    if head.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[:4] in (b"II*\x00", b"MM\x00*"):
        return ImageFormat.TIFF
    # "BM" alone opens many a text; the four reserved bytes of a bitmap are zero in every known writer.
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return ImageFormat.BMP
    raise UnsupportedMediaError("The content is not a JPEG, PNG, WebP, TIFF or BMP picture.")
