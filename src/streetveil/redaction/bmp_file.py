"""Redacting a Windows bitmap in place: its rows lie in the file as they are, so nothing is decoded or coded."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streetveil.domain.options import MetadataPolicy
from streetveil.imaging import bmp
from streetveil.imaging.bmp import BmpHeader
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.redaction import effects, invisible, png_encoder, profile
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.regions import Area

_V5 = 124
_PROFILE_FIELDS = 14 + 112  # offset (from byte 14) and length of the embedded profile
_EMBEDDED = b"DEBM"  # 'MBED', little-endian
_COLOUR_SPACE = 14 + 56
_NO_PROFILE = b"BGRs"  # 'sRGB', little-endian


def rewrite(picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:  # noqa: ARG001
    """The bitmap with `found` painted over. The format has no metadata but the profile; what else stands in
    the file's gaps or behind its pixels goes.
    """
    header = bmp.read(Reader(picture.data, complete=True))
    colours = _embedded_profile(picture.data, header)
    palette_at = 14 + header.header_bytes
    data = bytearray(picture.data[: header.pixels_end])
    used = min(palette_at + _table_bytes(header, data), header.pixels_at)
    data[used : header.pixels_at] = bytes(header.pixels_at - used)
    rows = np.frombuffer(data, np.uint8, offset=header.pixels_at).reshape(header.size.height, header.row_bytes)
    top_down = rows if header.top_down else rows[::-1]
    if found or header.alpha:
        _paint(top_down, header, _palette(data, header), found)
    del rows, top_down  # they lend the buffer, which grows now
    if header.header_bytes == _V5:
        place = len(data) - 14 if colours else 0
        data[_PROFILE_FIELDS : _PROFILE_FIELDS + 8] = struct.pack("<II", place, len(colours))
        if not colours and data[_COLOUR_SPACE : _COLOUR_SPACE + 4] in {_EMBEDDED, b"KNIL"}:
            data[_COLOUR_SPACE : _COLOUR_SPACE + 4] = _NO_PROFILE
    data += colours
    data[2:6] = struct.pack("<I", len(data) & 0xFFFFFFFF)
    return RedactedFile(bytes(data), lossless=True)


def _paint(
    rows: npt.NDArray[np.uint8], header: BmpHeader, palette: npt.NDArray[np.uint8], found: Sequence[Area]
) -> None:
    """Paints rows of bytes, the upper first, and clears what the palette has for others, both in place."""
    width, height = header.size
    if header.bits >= 24:
        channels = header.bits // 8
        pixels = rows[:, : width * channels].reshape(height, width, channels)
        if header.alpha:
            invisible.blank(pixels)
        effects.paint(pixels, found, maximum=255, alpha=header.alpha)
        rows[:, : width * channels] = pixels.reshape(height, -1)
    elif header.bits == 16:
        _paint_packed(rows, header, found)
    else:
        bits = np.unpackbits(rows, axis=1)[:, : width * header.bits].reshape(height, width, header.bits)
        places = 1 << np.arange(header.bits - 1, -1, -1, dtype=np.uint8)
        indices = (bits * places).sum(axis=2, dtype=np.uint8)
        effects.paint_indices(indices, palette[:, 2::-1], found)
        # Evenly spaced greys are how a grey picture is told from others, and tell nothing of it.
        if not np.array_equal(palette[:, :3], np.linspace((0,) * 3, 255, len(palette)).round()):
            invisible.blank_unused(palette, indices)
        packed = png_encoder.pack_bits(indices, header.bits)
        rows[:, : packed.shape[1]] = packed


def _paint_packed(rows: npt.NDArray[np.uint8], header: BmpHeader, found: Sequence[Area]) -> None:
    """16 bits: three fields, each painted on its own scale."""
    width = header.size.width
    words = np.ascontiguousarray(rows[:, : width * 2]).view("<u2")
    for mask in header.fields:
        shift = (mask & -mask).bit_length() - 1
        field = ((words & mask) >> shift).astype(np.uint8)[..., None]
        effects.paint(field, found, maximum=mask >> shift)
        words = (words & ~np.uint16(mask)) | (field[..., 0].astype("<u2") << shift)
    rows[:, : width * 2] = words.astype("<u2").view(np.uint8)


def _palette(data: bytearray, header: BmpHeader) -> npt.NDArray[np.uint8]:
    """The entries as they stand in `data`, to be changed there: blue, green, red, and where there are four a spare."""
    entry = 3 if header.header_bytes == bmp.CORE_HEADER else 4
    count = _table_bytes(header, data) // entry
    if not count:
        return np.zeros((1, entry), np.uint8)
    return np.frombuffer(data, np.uint8, count * entry, 14 + header.header_bytes).reshape(-1, entry)


def _table_bytes(header: BmpHeader, data: bytearray) -> int:
    """Length of what belongs between header and pixels: palette, or masks behind the old header."""
    if header.header_bytes == bmp.CORE_HEADER:
        return 3 << header.bits if header.bits <= 8 else 0
    (used,) = struct.unpack_from("<I", data, 46)
    entries = min(used or 1 << header.bits, 1 << header.bits) if header.bits <= 8 else 0
    masks = header.mask_bytes
    return min(4 * entries + masks, header.pixels_at - 14 - header.header_bytes)


def _embedded_profile(data: bytes, header: BmpHeader) -> bytes:
    """The ICC profile of a version 5 header; empty where there is none, or only the path to one."""
    if header.header_bytes != _V5 or data[_COLOUR_SPACE : _COLOUR_SPACE + 4] != _EMBEDDED:
        return b""
    start, size = struct.unpack_from("<II", data, _PROFILE_FIELDS)
    start += 14
    if start < header.pixels_end or start + size > len(data):
        return b""
    return profile.surviving(data[start : start + size]) or b""
