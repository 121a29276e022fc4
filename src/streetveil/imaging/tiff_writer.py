"""Writes a TIFF of one page from tags and compressed pieces that are already there."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from streetveil.imaging import tiff
from streetveil.imaging import tiff_picture as tp
from streetveil.imaging.reader import Reader

STRUCTURAL = frozenset({
    tp.WIDTH, tp.LENGTH, tp.BITS, tp.COMPRESSION, tp.PHOTOMETRIC, tp.SAMPLES, tp.PLANAR, tp.TILE_WIDTH, tp.TILE_LENGTH,
    tp.EXTRA_SAMPLES, tp.SAMPLE_FORMAT,
    266,  # FillOrder
    278,  # RowsPerStrip
    292, 293,  # T4Options, T6Options
    317,  # Predictor
    320,  # ColorMap
    332,  # InkSet
    347,  # JPEGTables
    529, 530, 531, 532,  # YCbCrCoefficients, YCbCrSubSampling, YCbCrPositioning, ReferenceBlackWhite
})  # fmt: skip
"""Tags without which the pixels do not decode as before."""


@dataclass(frozen=True, slots=True)
class Field:
    """One tag with its values as they stand in the file.

    Attributes:
        directory: fields of the directory that the tag points to, in place of a value.
    """

    tag: int
    kind: int
    count: int
    value: bytes
    directory: tuple[Field, ...] = ()


def copy_field(reader: Reader, entry: tiff.Entry) -> Field:
    """The entry with its values.

    Raises:
        UndecodableImageError: they lie outside the file.
    """
    return Field(entry.tag, entry.kind, entry.count, reader.take(entry.at, entry.size))


def write(order: str, fields: Sequence[Field], pieces: Sequence[bytes], *, tiled: bool = False) -> bytes:
    """A whole file in the byte order `order` (struct prefix), which the values of `fields` are already in.

    `fields` are without those that say where the pieces (compressed strips or tiles) lie.
    """
    places, lengths = (tp.TILE_OFFSETS, tp.TILE_BYTES) if tiled else (tp.STRIP_OFFSETS, tp.STRIP_BYTES)
    sizes = [len(piece) for piece in pieces]
    layout = f"{order}{len(pieces)}I"
    size_field = Field(lengths, 4, len(pieces), struct.pack(layout, *sizes))
    body = bytearray()
    # The offsets are known once the directory's own length is: written twice, which is simpler than reckoning it.
    for start in (0, None):
        first = 8 + len(body) if start is None else start
        offsets = [first]
        for size in sizes[:-1]:
            offsets.append(offsets[-1] + size + size % 2)
        place_field = Field(places, 4, len(pieces), struct.pack(layout, *offsets))
        body = bytearray()
        _directory(body, order, [*fields, place_field, size_field])
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8)
    return b"".join([head, bytes(body), *(piece + b"\0" * (len(piece) % 2) for piece in pieces)])


def minimal(data: bytes, page: tp.Page) -> bytes:
    """The picture alone, as stored: no metadata, thumbnails or orientation, for decoders to read safely."""
    reader = Reader(data, complete=True)
    fields = [copy_field(reader, entry) for tag, entry in page.directory.entries.items() if tag in STRUCTURAL]
    places = tp.pieces(reader, page)
    return write(page.order, fields, [data[place] for place in places], tiled=tp.TILE_OFFSETS in page.directory.entries)


def _directory(body: bytearray, order: str, fields: Sequence[Field]) -> None:
    """Appends a directory and its values; the body's first byte stands at offset 8 of the file."""
    fields = sorted(fields, key=lambda field: field.tag)
    start = len(body)
    body += struct.pack(order + "H", len(fields)) + bytes(12 * len(fields) + 4)
    for index, field in enumerate(fields):
        value = field.value
        if field.directory:
            value = struct.pack(order + "I", 8 + len(body))
            _directory(body, order, field.directory)
        elif len(value) > 4:
            at = struct.pack(order + "I", 8 + len(body))
            body += value + b"\0" * (len(value) % 2)
            value = at
        place = start + 2 + 12 * index
        body[place : place + 12] = struct.pack(order + "HHI", field.tag, field.kind, field.count) + value.ljust(
            4, b"\0"
        )
