"""What the first bytes of a file promise, read before anything is decoded or allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import AnimatedImageError, TooManyPixelsError, UndecodableImageError
from streetveil.imaging import bmp, jpeg, png, tiff, tiff_picture, webp
from streetveil.imaging.formats import SNIFF_BYTES, ImageFormat, sniff
from streetveil.imaging.reader import MoreBytesNeeded, Reader

_SizeCheck = Callable[[Size], None]


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


def read_header(head: bytes, *, complete: bool, max_pixels: int) -> ImageHeader | None:
    """Reads format, size and orientation from the first bytes of a file; None means that more bytes are needed.

    Refusals come as early as the bytes allow: a size over the limit as soon as the size has arrived, also
    where orientation stands further on (in a WebP behind the picture, in a TIFF anywhere).

    Args:
        head: the first bytes, as many as there are so far.
        complete: `head` is the whole file; the answer is then never None.
        max_pixels: most pixels allowed, width times height.

    Raises:
        EmptyFileError: there are no bytes, and none will come.
        UnsupportedMediaError: no accepted format.
        AnimatedImageError: several frames or pages. A thumbnail page of a TIFF and the secondary pictures
            that cameras append to a JPEG (CIPA DC-007) do not count: redaction drops them.
        UnsupportedPixelFormatError: a layout that cannot be written back as it was.
        TooManyPixelsError: more than `max_pixels`.
        UndecodableImageError: the structure is broken or, where complete, ends early.
    """
    if not complete and len(head) < SNIFF_BYTES:
        return None
    kind = sniff(head)
    reader = Reader(head, complete=complete)

    def check(size: Size) -> None:
        if size.pixels > max_pixels:
            raise TooManyPixelsError(
                f"The picture has {size.width} x {size.height} pixels; at most {max_pixels} are allowed."
            )

    try:
        stored, orientation = _READERS[kind](reader, check)
    except MoreBytesNeeded:
        return None
    return ImageHeader(kind, stored, orientation)


def _jpeg(reader: Reader, check: _SizeCheck) -> tuple[Size, Orientation]:
    size: Size | None = None
    orientation: Orientation | None = None
    for segment in jpeg.header_segments(reader):
        if frame := jpeg.read_frame(segment):
            size = frame.size
            check(size)
        if orientation is None:
            orientation = jpeg.orientation_of(segment)
        if segment.marker == jpeg.EOI:
            break
    if size is None:
        raise UndecodableImageError("The JPEG has no frame header.")
    return size, orientation or Orientation.UPRIGHT


def _png(reader: Reader, check: _SizeCheck) -> tuple[Size, Orientation]:
    # The size must be refused before a checksum far behind is waited for.
    size = Size(*reader.unpack(">II", 16))
    check(size)
    orientation = Orientation.UPRIGHT
    for index, chunk in enumerate(png.chunks(reader)):
        if index == 0:
            png.read_ihdr(chunk)
        elif chunk.kind == b"acTL":
            raise AnimatedImageError("The PNG is animated; only still pictures are redacted.")
        elif chunk.kind == b"eXIf":
            orientation = tiff.exif_orientation(chunk.body)
        elif chunk.kind == b"IDAT":
            return size, orientation  # as libpng's users, we take no orientation from behind the pixels
    raise UndecodableImageError("The PNG has no pixels.")


def _webp(reader: Reader, check: _SizeCheck) -> tuple[Size, Orientation]:
    size: Size | None = None
    extended: webp.Extended | None = None
    for index, chunk in enumerate(webp.chunks(reader)):
        if chunk.kind == b"VP8X" and index == 0:
            extended = webp.read_extended(reader, chunk)
            if extended.animated:
                raise AnimatedImageError("The WebP is animated; only still pictures are redacted.")
            check(extended.canvas)
        elif chunk.kind in {b"ANIM", b"ANMF"}:
            raise AnimatedImageError("The WebP is animated; only still pictures are redacted.")
        elif chunk.kind in {b"VP8 ", b"VP8L"} and size is None:
            size = webp.bitstream_size(reader, chunk)
            check(size)
            if extended and extended.canvas != size:
                raise UndecodableImageError("The WebP's canvas and picture differ in size.")
            if not (extended and extended.exif):
                return size, Orientation.UPRIGHT
        elif chunk.kind == b"EXIF" and size:
            block = reader.take(chunk.start, chunk.end - chunk.start)
            return size, tiff.exif_orientation(block.removeprefix(jpeg.EXIF_SIGNATURE))
    if size is None:
        raise UndecodableImageError("The WebP has no picture.")
    return size, Orientation.UPRIGHT


def _tiff(reader: Reader, check: _SizeCheck) -> tuple[Size, Orientation]:
    page = tiff_picture.read_page(reader, check)
    return page.size, page.orientation


def _bmp(reader: Reader, check: _SizeCheck) -> tuple[Size, Orientation]:
    header = bmp.read(reader)
    check(header.size)
    if reader.complete:
        reader.require(header.pixels_at, header.pixels_end - header.pixels_at)
    return header.size, Orientation.UPRIGHT


_READERS: dict[ImageFormat, Callable[[Reader, _SizeCheck], tuple[Size, Orientation]]] = {
    ImageFormat.JPEG: _jpeg,
    ImageFormat.PNG: _png,
    ImageFormat.WEBP: _webp,
    ImageFormat.TIFF: _tiff,
    ImageFormat.BMP: _bmp,
}
