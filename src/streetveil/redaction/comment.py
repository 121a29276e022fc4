"""A comment in redacted files, which says that they were: in the place that each format has for it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import ConfigurationError
from streetveil.imaging import jpeg, png, tiff, webp
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.imaging.png import Chunk
from streetveil.imaging.reader import Reader
from streetveil.redaction.base import RedactedFile, Redactor, Region
from streetveil.redaction.pixels import verify

IMAGE_HISTORY = 0x9213
"""TIFF/EP (ISO 12234-2): "a record of what has been done to the image"."""

_LONGEST = 1000
_TEXT = 2
_EMPTY_EXIF = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"


class CommentingRedactor:
    """Implements `Redactor` by another one, and adds the comment where something was redacted.

    JPEG gets a comment segment, PNG a text `Comment`, TIFF and the EXIF block of WebP a tag `ImageHistory`; a bitmap
    has no place for one. Safe to call from several threads at once, as the other is.
    """

    def __init__(self, redactor: Redactor, comment: str) -> None:
        """Takes a comment of 1 to 1000 printable characters.

        Raises:
            ConfigurationError: it is longer, empty, or has control characters.
        """
        if not 1 <= len(comment) <= _LONGEST or not comment.isprintable():
            raise ConfigurationError(f"The comment must have 1 to {_LONGEST} printable characters.")
        self._redactor = redactor
        self._comment = comment

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:
        """As `Redactor.redact`."""
        result = self._redactor.redact(picture, regions, metadata)
        if not regions:
            return result
        data = with_comment(result.data, picture.header.format, self._comment)
        verify(data, picture)
        return replace(result, data=data)


def with_comment(data: bytes, kind: ImageFormat, comment: str) -> bytes:
    """The file with the comment in it, once: one that says the same already is left alone.

    Args:
        data: a file that this service has written.
        kind: its format.
        comment: in Unicode; JPEG, TIFF and WebP get it in UTF-8.
    """
    text = comment.encode()
    match kind:
        case ImageFormat.JPEG:
            return _in_jpeg(data, text)
        case ImageFormat.PNG:
            return _in_png(data, Chunk(b"iTXt", b"Comment" + bytes(5) + text))
        case ImageFormat.TIFF:
            return with_text(data, IMAGE_HISTORY, text)
        case ImageFormat.WEBP:
            return _in_webp(data, text)
        case ImageFormat.BMP:
            return data


def with_text(block: bytes, tag: int, text: bytes) -> bytes:
    """A TIFF file or EXIF block with `text` as this tag of its first directory.

    The directory is written anew at the end, and zeros stand where it was; nothing else moves.

    Raises:
        UndecodableImageError: the directory cannot be read.
    """
    reader = Reader(block, complete=True)
    order = tiff.byte_order(reader)
    (start,) = reader.unpack(order + "I", 4)
    (count,) = reader.unpack(order + "H", start)
    end = start + 2 + 12 * count
    old = [reader.take(at, 12) for at in range(start + 2, end, 12)]
    following = reader.take(end, 4)
    value = text + b"\0"
    value_at = len(block) + len(block) % 2
    place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", value_at)
    entries = {struct.unpack(order + "H", entry[:2])[0]: entry for entry in old}
    if tag in entries and block[struct.unpack(order + "I", entries[tag][8:])[0] :].startswith(value):
        return block
    entries[tag] = struct.pack(order + "HHI", tag, _TEXT, len(value)) + place
    value += b"\0" * (len(value) % 2)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries[key] for key in sorted(entries)) + following
    result = bytearray(block.ljust(value_at, b"\0"))
    result[4:8] = struct.pack(order + "I", value_at + len(value))
    result[start : end + 4] = bytes(end + 4 - start)
    return bytes(result) + value + directory


def _in_jpeg(data: bytes, text: bytes) -> bytes:
    segments = jpeg.take_apart(data).segments
    if any(segment.marker == jpeg.COM and segment.payload == text for segment in segments):
        return data
    at = next(segment.start for segment in segments if not jpeg.is_application(segment))
    return data[:at] + bytes([0xFF, jpeg.COM]) + (len(text) + 2).to_bytes(2) + text + data[at:]


def _in_png(data: bytes, comment: Chunk) -> bytes:
    written = comment.encode()
    at = len(png.SIGNATURE) + 12 + 13  # behind IHDR
    return data if written in data else data[:at] + written + data[at:]


def _in_webp(data: bytes, text: bytes) -> bytes:
    reader = Reader(data, complete=True)
    bodies = {chunk.kind: reader.take(chunk.start, chunk.end - chunk.start) for chunk in webp.chunks(reader)}
    block = with_text(bodies.get(b"EXIF", _EMPTY_EXIF), IMAGE_HISTORY, text)
    canvas = Picture.open(data, max_pixels=1 << 28).header.stored
    parts = webp.picture_chunks(reader)
    return webp.assemble(parts, profile=bodies.get(b"ICCP"), exif=block, xmp=bodies.get(b"XMP "), canvas=canvas)
