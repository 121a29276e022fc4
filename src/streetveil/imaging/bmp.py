"""The headers of a Windows bitmap (BITMAPCOREHEADER to BITMAPV5HEADER)."""

from __future__ import annotations

from dataclasses import dataclass

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging.reader import Reader

_CORE = 12
_INFO_SIZES = frozenset({40, 52, 56, 64, 108, 124})
_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """What the headers say.

    Attributes:
        header_bytes: length of the information header; 12 is the oldest kind.
        pixels_at: where the rows begin; row_bytes: length of one, padded to four bytes.
    """

    size: Size
    bits: int
    header_bytes: int
    pixels_at: int
    row_bytes: int

    @property
    def pixels_end(self) -> int:
        return self.pixels_at + self.row_bytes * self.size.height


def read(reader: Reader) -> BmpHeader:
    """Both headers.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; sizes that cannot be.
        UnsupportedPixelFormatError: run-length coding, an embedded JPEG or PNG, a depth nobody uses.
    """
    pixels_at, header_bytes = reader.unpack("<II", 10)
    if header_bytes == _CORE:
        width, height, planes, bits = reader.unpack("<HHHH", 18)
        compression = _UNCOMPRESSED
    elif header_bytes in _INFO_SIZES:
        width, height, planes, bits, compression = reader.unpack("<iiHHI", 18)
    else:
        raise UndecodableImageError(f"The bitmap has a header of impossible length {header_bytes}.")
    size = Size(width, abs(height))  # a negative height means that the top row comes first
    if width <= 0 or not height or planes != 1:
        raise UndecodableImageError("The bitmap's header holds values that cannot be.")
    if bits not in {1, 4, 8, 16, 24, 32} or compression not in {_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS}:
        raise UnsupportedPixelFormatError(f"The bitmap has {bits} bits per pixel in coding {compression}.")
    if pixels_at < 14 + header_bytes:
        raise UndecodableImageError("The bitmap's pixels overlap its header.")
    return BmpHeader(size, bits, header_bytes, pixels_at, (width * bits + 31) // 32 * 4)
