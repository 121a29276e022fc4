"""The chunks of a WebP file (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError
from streetveil.imaging.reader import Reader

_MAX_CHUNKS = 10_000
_BITSTREAM_HEADER_BYTES = 10
_ALPHA = 0x10


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Extended:
    """VP8X: the canvas and which chunks are promised."""

    canvas: Size
    animated: bool
    alpha: bool
    exif: bool


def chunks(reader: Reader) -> Iterator[Chunk]:
    """The chunks in order. Contents are not read, and may lie beyond the bytes that are there.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; lengths that cannot be.
    """
    (riff_length,) = reader.unpack("<I", 4)
    end = 8 + riff_length
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            return
        kind = reader.take(position, 4)
        (length,) = reader.unpack("<I", position + 4)
        start = position + 8
        if start + length > end:
            raise UndecodableImageError(f"The WebP has a chunk that is longer than the file, at byte {position}.")
        if reader.complete:
            reader.require(start, length)
        yield Chunk(kind, start, start + length)
        position = start + length + length % 2
    raise UndecodableImageError("The WebP has too many chunks.")


def read_extended(reader: Reader, chunk: Chunk) -> Extended:
    """The content of VP8X; raises as `Reader`."""
    if chunk.end - chunk.start < 10:
        raise UndecodableImageError("The WebP's extended header is too short.")
    body = reader.take(chunk.start, 10)
    canvas = Size(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
    return Extended(canvas, bool(body[0] & 0x02), bool(body[0] & _ALPHA), bool(body[0] & 0x08))


def bitstream_size(reader: Reader, chunk: Chunk) -> Size:
    """Width and height that the compressed data in a `VP8 ` or `VP8L` chunk themselves claim.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; no key frame starts there.
    """
    body = reader.take(chunk.start, min(_BITSTREAM_HEADER_BYTES, chunk.end - chunk.start))
    if chunk.kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if chunk.kind == b"VP8 " and len(body) == _BITSTREAM_HEADER_BYTES and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8))
        if width and height and not body[0] & 1:
            return Size(width, height)
    raise UndecodableImageError("The WebP's compressed data do not begin as they must.")


def picture_only(reader: Reader) -> bytes:
    """The file without profile, EXIF, XMP and unknown chunks.

    Raises:
        UndecodableImageError: as `chunks`.
    """
    return assemble(picture_chunks(reader))


def picture_chunks(reader: Reader) -> dict[bytes, bytes]:
    """The contents of the chunks that make the picture itself, by name; raises as `chunks`."""
    bodies: dict[bytes, bytes] = {}
    for chunk in chunks(reader):
        if chunk.kind in {b"VP8X", b"ALPH", b"VP8 ", b"VP8L"}:
            bodies.setdefault(chunk.kind, reader.take(chunk.start, chunk.end - chunk.start))
    return bodies


def assemble(
    picture: Mapping[bytes, bytes],
    *,
    profile: bytes | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    canvas: Size | None = None,
) -> bytes:
    """A file of a picture's chunks and metadata, in the order and with the flags that the format asks for.

    `canvas` is needed where metadata are added to a picture that had no VP8X.
    """
    coded = {kind: picture[kind] for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in picture}
    before = {b"ICCP": profile} if profile is not None else {}
    behind = {kind: body for kind, body in ((b"EXIF", exif), (b"XMP ", xmp)) if body is not None}
    extended = {}
    if b"VP8X" in picture or before or behind:
        old = picture.get(b"VP8X", bytes(10))
        alpha = old[0] & _ALPHA if b"VP8X" in picture else _ALPHA * _lossless_alpha(picture)
        flags = alpha | 0x20 * (b"ICCP" in before) | 0x08 * (b"EXIF" in behind) | 0x04 * (b"XMP " in behind)
        sides = b"".join((side - 1).to_bytes(3, "little") for side in canvas) if canvas else old[4:10]
        extended = {b"VP8X": bytes([flags, 0, 0, 0]) + sides}
    content = b"".join(
        kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        for kind, body in {**extended, **before, **coded, **behind}.items()
    )
    return b"RIFF" + (4 + len(content)).to_bytes(4, "little") + b"WEBP" + content


def _lossless_alpha(picture: Mapping[bytes, bytes]) -> bool:
    """The hint in a VP8L header that some pixels are not opaque."""
    body = picture.get(b"VP8L", b"")
    return len(body) >= 5 and bool(body[4] & 0x10)
