"""Whole pictures through Pillow, which is only ever given the picture itself: no metadata, no second picture.

Every file is first reduced to what its pixels need. So a decoder never meets the parts that are most often
broken or hostile, and what it decodes is exactly what a redacted file will hold.
"""

from __future__ import annotations

import io
import struct
import zlib

from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError
from streetveil.imaging import jpeg, png, tiff_picture, tiff_writer, webp
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.reader import Reader

DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for broken files, as found by feeding it such."""

# The classes themselves and not Image.open: its limit on pixels is one for the whole process, ours is per call.
_PLUGINS: dict[ImageFormat, type[ImageFile.ImageFile]] = {
    ImageFormat.JPEG: JpegImagePlugin.JpegImageFile,
    ImageFormat.PNG: PngImagePlugin.PngImageFile,
    ImageFormat.WEBP: WebPImagePlugin.WebPImageFile,
    ImageFormat.TIFF: TiffImagePlugin.TiffImageFile,
    ImageFormat.BMP: BmpImagePlugin.BmpImageFile,
}
_PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def decode(data: bytes, kind: ImageFormat, size: Size) -> Image.Image:
    """The picture in Pillow's mode nearest to the stored layout, not turned, loaded.

    Args:
        data: as `pixels_only` returns it.
        kind: its format.
        size: what the header promised; another one is refused before anything is allocated.

    Raises:
        UndecodableImageError: broken, truncated, or not what the header promised.
    """
    try:
        image = _PLUGINS[kind](io.BytesIO(data))
        if image.size != size:
            raise UndecodableImageError("The picture is not of the size that its header promises.")
        image.load()
    except DECODER_ERRORS as error:
        raise UndecodableImageError(f"The {kind.label} picture cannot be decoded: {error}.") from error
    return image


def pixels_only(data: bytes, kind: ImageFormat) -> bytes:
    """The file without anything that its stored pixels do not need.

    Raises:
        UndecodableImageError: the structure is broken.
    """
    reader = Reader(data, complete=True)
    match kind:
        case ImageFormat.JPEG:
            return jpeg.picture_only(data, jpeg.take_apart(data))
        case ImageFormat.PNG:
            found = [chunk for chunk in png.chunks(reader) if chunk.kind in _PNG_PIXELS]
            return png.SIGNATURE + b"".join(chunk.encode() for chunk in found)
        case ImageFormat.WEBP:
            return webp.picture_only(reader)
        case ImageFormat.TIFF:
            return tiff_writer.minimal(data, tiff_picture.read_page(reader, lambda _: None))
        case ImageFormat.BMP:
            return data
