"""The chunks of a PNG file (W3C PNG, third edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError
from streetveil.imaging.reader import Reader

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_DEPTHS = {GREY: {1, 2, 4, 8, 16}, RGB: {8, 16}, PALETTE: {1, 2, 4, 8}, GREY_ALPHA: {8, 16}, RGBA: {8, 16}}
_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and the steps to the next ones, of each pass of an interlaced picture."""

_PIECE = 1 << 20
_MAX_CHUNKS = 200_000  # IDAT chunks of 8 KiB are usual, also in large files


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk whose checksum is right."""

    kind: bytes
    body: bytes

    def encode(self) -> bytes:
        return (
            len(self.body).to_bytes(4)
            + self.kind
            + self.body
            + zlib.crc32(self.body, zlib.crc32(self.kind)).to_bytes(4)
        )


@dataclass(frozen=True, slots=True)
class PngHeader:
    """IHDR."""

    size: Size
    depth: int
    colour: int
    interlaced: bool

    @property
    def channels(self) -> int:
        """Samples per pixel; a palette index is one."""
        return _CHANNELS[self.colour]

    @property
    def stream_bytes(self) -> int:
        """Length of all rows, uncompressed, each with the byte that names its filter."""
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, across, down in passes:
            width = -(-(self.size.width - left) // across)
            height = -(-(self.size.height - top) // down)
            if width > 0 and height > 0:
                total += height * (1 + (width * self.channels * self.depth + 7) // 8)
        return total


def chunks(reader: Reader) -> Iterator[Chunk]:
    """The chunks in order, through IEND; what follows it is no part of the picture.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; a wrong checksum or length.
    """
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        (length,) = reader.unpack(">I", position)
        if length > 0x7FFFFFFF:
            raise UndecodableImageError(f"The PNG has a chunk of impossible length at byte {position}.")
        kind = reader.take(position + 4, 4)
        if not kind.isalpha():
            raise UndecodableImageError(f"The PNG has no chunk name where one must be, at byte {position + 4}.")
        body = reader.take(position + 8, length)
        (checksum,) = reader.unpack(">I", position + 8 + length)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise UndecodableImageError(f"The PNG's chunk at byte {position} has a wrong checksum.")
        yield Chunk(kind, body)
        if kind == b"IEND":
            return
        position += 12 + length
    raise UndecodableImageError("The PNG has too many chunks.")


def read_ihdr(chunk: Chunk) -> PngHeader:
    """The header in the first chunk.

    Raises:
        UndecodableImageError: it is none, or holds what the specification forbids.
    """
    if chunk.kind != b"IHDR" or len(chunk.body) != 13:
        raise UndecodableImageError("The PNG does not begin with its header.")
    size = Size(int.from_bytes(chunk.body[0:4]), int.from_bytes(chunk.body[4:8]))
    depth, colour, compression, filtering, interlace = chunk.body[8:]
    if not size.pixels:
        raise UndecodableImageError("The PNG says that it has no pixels.")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise UndecodableImageError("The PNG's header holds values that do not exist.")
    return PngHeader(size, depth, colour, bool(interlace))


def holds_pixels_only(chunks: Iterable[Chunk], header: PngHeader) -> bool:
    """True where the compressed data are the picture's rows and nothing else.

    A picture that was cropped in its header has more rows than it shows, and behind the end of the stream there may
    be anything: viewers pass over both. Takes the time to inflate the data, and the memory of one piece of them.

    Raises:
        UndecodableImageError: the data are damaged or end before the last row, which viewers fill up in silence.
    """
    stream = zlib.decompressobj()
    missing = header.stream_bytes
    more = False
    try:
        for chunk in chunks:
            data = chunk.body if chunk.kind == b"IDAT" else b""
            while data and not more:
                missing -= len(stream.decompress(data, _PIECE))
                data = stream.unconsumed_tail
                more = missing < 0 or bool(stream.unused_data) or (stream.eof and bool(data))
        missing -= 0 if more else len(stream.flush())
    except zlib.error as error:
        raise UndecodableImageError(f"The PNG's compressed data are damaged: {error}.") from error
    if missing > 0:
        raise UndecodableImageError("The PNG's pixels end before its last row.")
    return not more and not missing and stream.eof
