"""The headers of a Windows bitmap (BITMAPCOREHEADER to BITMAPV5HEADER)."""

from __future__ import annotations

from dataclasses import dataclass

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging.reader import Reader

CORE_HEADER = 12
_INFO_HEADER = 40
_INFO_SIZES = frozenset({_INFO_HEADER, 52, 56, 64, 108, 124})
_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_MASKS_AT = 54
_FIELDS_555 = (0x7C00, 0x03E0, 0x001F)
_BYTES = frozenset({0xFF, 0xFF00, 0xFF0000, 0xFF000000})


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """What the headers say.

    Attributes:
        header_bytes: length of the information header; 12 is the oldest kind.
        pixels_at: where the rows begin.
        top_down: the upper row comes first, unlike in most bitmaps.
        fields: for 16 bits a pixel: which bits are red, green and blue.
        mask_bytes: length of the masks where they stand behind the information header.
        alpha: for 32 bits a pixel: the last byte is opacity.
    """

    size: Size
    bits: int
    header_bytes: int
    pixels_at: int
    top_down: bool
    fields: tuple[int, ...]
    mask_bytes: int
    alpha: bool

    @property
    def row_bytes(self) -> int:
        """Length of a row, padded to four bytes."""
        return (self.size.width * self.bits + 31) // 32 * 4

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
    if header_bytes == CORE_HEADER:
        width, height, planes, bits = reader.unpack("<HHHH", 18)
        coding = _UNCOMPRESSED
    elif header_bytes in _INFO_SIZES:
        width, height, planes, bits, coding = reader.unpack("<iiHHI", 18)
    else:
        raise UndecodableImageError(f"The bitmap has a header of impossible length {header_bytes}.")
    if width <= 0 or not height or planes != 1:
        raise UndecodableImageError("The bitmap's header holds values that cannot be.")
    if bits not in {1, 4, 8, 16, 24, 32} or coding not in {_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS}:
        raise UnsupportedPixelFormatError(f"The bitmap has {bits} bits per pixel in coding {coding}.")
    masks = _masks(reader, header_bytes, bits, coding)
    mask_bytes = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}.get(coding, 0) if header_bytes == _INFO_HEADER else 0
    if pixels_at < 14 + header_bytes + mask_bytes:
        raise UndecodableImageError("The bitmap's pixels overlap its header.")
    if bits <= 8 and pixels_at == 14 + header_bytes:
        raise UndecodableImageError("The bitmap has no palette.")
    return BmpHeader(
        Size(width, abs(height)),
        bits,
        header_bytes,
        pixels_at,
        top_down=height < 0,
        fields=masks[:3],
        mask_bytes=mask_bytes,
        alpha=bits == 32 and masks[3:] == (0xFF000000,),
    )


def _masks(reader: Reader, header_bytes: int, bits: int, coding: int) -> tuple[int, ...]:
    """Which bits are red, green, blue and, where given, opacity."""
    if coding == _UNCOMPRESSED:
        return _FIELDS_555 if bits == 16 else ()
    has_alpha = coding == _ALPHA_BITFIELDS or header_bytes >= 56
    masks = reader.unpack("<4I" if has_alpha else "<3I", _MASKS_AT)
    colours = masks[:3]
    if bits == 16:
        allowed = all(_is_one_run(mask) and mask < 1 << 16 for mask in colours)
    else:
        allowed = bits == 32 and set(colours) <= _BYTES
    if not allowed or colours[0] & colours[1] or (colours[0] | colours[1]) & colours[2]:
        raise UnsupportedPixelFormatError("The bitmap's colour masks are of a kind that is not handled.")
    return masks


def _is_one_run(mask: int) -> bool:
    """True for bits that stand side by side, 8 at most."""
    run = mask // (mask & -mask) if mask else 0
    return 0 < run <= 0xFF and run & (run + 1) == 0
