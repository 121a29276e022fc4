"""Redacting a TIFF of one page: lossless, in the depth it is stored in; a thumbnail page is dropped."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size
from streetveil.domain.options import MetadataPolicy
from streetveil.errors import RedactionFailedError, UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging import decoders, jpeg, tiff, tiff_picture, tiff_writer
from streetveil.imaging import tiff_picture as tp
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.imaging.tiff_writer import Field
from streetveil.redaction import effects, hidden, invisible, png_encoder, tiff_tags
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.regions import Area

_SHORT, _LONG = 3, 4
_ROWS_PER_STRIP, _COLOUR_MAP = 278, 320
_NONE, _JPEG, _DEFLATE = 1, 7, 8
_GREY, _RGB, _PALETTE, _CMYK = 1, 2, 3, 5
_UNSPECIFIED, _PREMULTIPLIED, _ALPHA = 0, 1, 2
_BEHIND_TABLES = 2  # which begin as a JPEG file does
_STRIP_BYTES = 1 << 18
_LAYOUTS = {
    "1": (_GREY, None), "L": (_GREY, None), "LA": (_GREY, _ALPHA), "P": (_PALETTE, None), "RGB": (_RGB, None),
    "RGBX": (_RGB, _UNSPECIFIED), "RGBA": (_RGB, _ALPHA), "CMYK": (_CMYK, None),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Raster:
    """Decoded samples: (height, width, channels), and what a TIFF says about them."""

    pixels: effects.Pixels
    bits: int
    photometric: int
    extra: int | None


def rewrite(picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:
    """The TIFF with `found` painted over, in strips, with Deflate where it was compressed in any way.

    Nothing is copied, so that nothing stays which viewers do not show: rows and columns beyond the picture in its
    strips and tiles, data behind them, colours that are fully transparent. Without `found` the strips and tiles of a
    picture coded as JPEG stay, where they are of its very size.
    """
    reader = Reader(picture.data, complete=True)
    page = tiff_picture.read_page(reader, lambda _: None)
    kept = tiff_tags.surviving(reader, page, policy)
    entries = page.directory.entries
    coded = None if found or page.compression != _JPEG else _jpegs(reader, page)
    if coded is None:
        fields, pieces = _painted(reader, page, found)
    else:
        fields = [tiff_writer.copy_field(reader, e) for tag, e in entries.items() if tag in tiff_writer.STRUCTURAL]
        pieces = coded
        if any(hidden.holds_file(field.value, _BEHIND_TABLES) for field in fields):
            raise RedactionFailedError("The file hides another one between its pixels.")
    tiled = coded is not None and tp.TILE_OFFSETS in entries
    return RedactedFile(tiff_writer.write(page.order, [*fields, *kept], pieces, tiled=tiled), lossless=True)


def _jpegs(reader: Reader, page: tp.Page) -> list[bytes] | None:
    """The strips or tiles, without the metadata that may stand in them; None where they are larger than the picture."""
    layouts = []
    for place in tiff_picture.pieces(reader, page):
        piece = reader.data[place]
        layouts.append((piece, jpeg.take_apart(piece)))
    if [layout.frame.size for _, layout in layouts] != _piece_sizes(reader, page):
        return None
    pieces = []
    for piece, layout in layouts:
        tables = [piece[s.start : s.end] for s in layout.segments if not jpeg.is_application(s)]
        pieces.append(b"".join([piece[:2], *tables, *(piece[scan] for scan in layout.scans)]))
    return pieces


def _piece_sizes(reader: Reader, page: tp.Page) -> list[Size]:
    """What each strip or tile of a picture must measure, so that it holds nothing else; none where tiles stand over."""

    def value(tag: int, default: int) -> int:
        entry = page.directory.entries.get(tag)
        return default if entry is None else tiff.integers(reader, page.order, entry)[0]

    width, height = page.size
    if tp.TILE_OFFSETS in page.directory.entries:
        tile = Size(value(tp.TILE_WIDTH, 0), value(tp.TILE_LENGTH, 0))
        if not tile.pixels or width % tile.width or height % tile.height:
            return []
        return [tile] * (page.size.pixels // tile.pixels)
    rows = value(_ROWS_PER_STRIP, height) or height
    return [Size(width, min(rows, height - top)) for top in range(0, height, rows)]


def _painted(reader: Reader, page: tp.Page, found: Sequence[Area]) -> tuple[list[Field], list[bytes]]:
    """Tags and strips of the picture with the areas made unrecognisable."""
    raster = _decode(reader, page)
    pixels, order = raster.pixels, page.order
    fields = []
    if raster.photometric == _PALETTE:
        table = _colour_map(reader, page)
        effects.paint_indices(pixels[..., 0], (table[: 1 << page.bits] >> 8).astype(np.uint8), found)
        invisible.blank_unused(table, pixels[..., 0])
        fields.append(Field(_COLOUR_MAP, _SHORT, table.size, table.T.astype(order + "u2").tobytes()))
    else:
        if raster.extra == _ALPHA:
            invisible.blank(pixels)
        effects.paint(pixels, found, maximum=(1 << raster.bits) - 1, alpha=raster.extra == _ALPHA)
    rows = _as_bytes(raster, order)
    strip_rows = max(1, min(len(rows), _STRIP_BYTES // rows.shape[1]))
    coding = _NONE if page.compression == _NONE else _DEFLATE
    fields += [
        _integers(order, tp.WIDTH, _LONG, page.size.width),
        _integers(order, tp.LENGTH, _LONG, page.size.height),
        _integers(order, tp.BITS, _SHORT, *[raster.bits] * pixels.shape[2]),
        _integers(order, tp.COMPRESSION, _SHORT, coding),
        _integers(order, tp.PHOTOMETRIC, _SHORT, raster.photometric),
        _integers(order, tp.SAMPLES, _SHORT, pixels.shape[2]),
        _integers(order, tp.PLANAR, _SHORT, 1),
        _integers(order, _ROWS_PER_STRIP, _LONG, strip_rows),
    ]
    if raster.extra is not None:
        fields.append(_integers(order, tp.EXTRA_SAMPLES, _SHORT, raster.extra))
    strips = [rows[top : top + strip_rows].tobytes() for top in range(0, len(rows), strip_rows)]
    return fields, strips if coding == _NONE else [zlib.compress(strip) for strip in strips]


def _decode(reader: Reader, page: tp.Page) -> _Raster:
    bare = tiff_writer.minimal(reader.data, page)
    if page.bits == 16:
        return _decode_deep(bare, reader, page)
    image = decoders.decode(bare, ImageFormat.TIFF, page.size)
    if image.mode not in _LAYOUTS:
        raise UnsupportedPixelFormatError(f"A TIFF of {image.mode} pixels cannot be written back as it was.")
    photometric, extra = _LAYOUTS[image.mode]
    pixels = np.array(image).astype(np.uint8).reshape(page.size.height, page.size.width, -1)
    return _Raster(pixels, 1 if image.mode == "1" else 8, photometric, extra)


def _decode_deep(bare: bytes, reader: Reader, page: tp.Page) -> _Raster:
    """16-bit samples, which Pillow would cut to 8 bits where they are colours."""
    entry = page.directory.entries.get(tp.EXTRA_SAMPLES)
    extra = tiff.integers(reader, page.order, entry)[0] if entry and entry.count else None
    layouts = {(_GREY, 1): None, (_RGB, 3): None, (_RGB, 4): _UNSPECIFIED if extra is None else extra}
    if (page.photometric, page.samples) not in layouts or extra == _PREMULTIPLIED:
        raise UnsupportedPixelFormatError("A 16-bit TIFF of this colour model cannot be written back as it was.")
    decoded = cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise UndecodableImageError("The TIFF's 16-bit samples could not be read.")
    pixels = decoded.reshape(*decoded.shape[:2], -1)
    if pixels.shape != (page.size.height, page.size.width, page.samples):
        raise UndecodableImageError("The TIFF's 16-bit samples were not read as they are stored.")
    in_order = pixels if page.samples == 1 else pixels[..., [2, 1, 0, 3][: page.samples]]
    samples = np.array(in_order, np.uint16)
    return _Raster(samples, 16, page.photometric, layouts[page.photometric, page.samples])


def _colour_map(reader: Reader, page: tp.Page) -> npt.NDArray[np.uint16]:
    """The colours as (256, 3) of 16 bits, filled up to what 8-bit indices need."""
    entry = page.directory.entries.get(_COLOUR_MAP)
    entries = 1 << page.bits
    if entry is None or entry.count != 3 * entries:
        raise UndecodableImageError("The TIFF's colour map is missing or has a wrong length.")
    table = np.zeros((256, 3), np.uint16)
    table[:entries] = np.array(tiff.integers(reader, page.order, entry), np.uint16).reshape(3, entries).T
    return table


def _as_bytes(raster: _Raster, order: str) -> npt.NDArray[np.uint8]:
    """Rows as they stand in a file."""
    if raster.bits == 1:
        return png_encoder.pack_bits(raster.pixels[..., 0].astype(np.uint8), 1)
    stored = raster.pixels.astype(order + "u2") if raster.bits == 16 else raster.pixels
    return np.ascontiguousarray(stored).reshape(len(stored), -1).view(np.uint8)


def _integers(order: str, tag: int, kind: int, *values: int) -> Field:
    code = "H" if kind == _SHORT else "I"
    return Field(tag, kind, len(values), struct.pack(f"{order}{len(values)}{code}", *values))
