"""The marker segments of a JPEG file (ITU-T T.81, annex B), read without touching the compressed data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging import tiff
from streetveil.imaging.reader import Reader

SOI, EOI, SOS, DQT, DHT, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
APP0, APP1, APP2, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
EXIF_SIGNATURE = b"Exif\x00\x00"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE, _ARITHMETIC = frozenset({0xC2, 0xCA}), frozenset({0xC9, 0xCA})
_KNOWN = frozenset({0xC0, 0xC1}) | _PROGRESSIVE | _ARITHMETIC
_DAC, _DNL = 0xCC, 0xDC
_PICTURE = _FRAMES | {DHT, _DAC, SOS, DQT, _DNL, DRI}
_LONGEST = {_DAC: 64, _DNL: 2}  # bytes of parameters; decoders skip these two where they have no use for them
_MAX_SEGMENTS = 20_000  # extended XMP and ICC come in pieces of 64 KiB; a gigabyte of them is no photo
_MAX_SCANS = 128  # each scan is a pass over all coefficients; usual progressive files have about ten
_MOST_PASSES = {False: 2_000_000_000, True: 100_000_000}
"""Pixels times scans, by whether coding is arithmetic: a few hundred bytes can ask for pass after pass over a huge
picture, each of 1 to 5 ns a pixel, or up to 110 ns where coding is arithmetic."""
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed 0xFF nor a restart


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker and its parameters.

    Attributes:
        start: where its 0xFF stands.
        end: first byte behind its parameters; for SOS the compressed data begin there.
        payload: the parameters, without the marker and the two length bytes.
    """

    marker: int
    start: int
    end: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame header (SOF) says.

    Attributes:
        arithmetic: the entropy coding is arithmetic (T.81, annex D), not Huffman's.
        sampling: horizontal and vertical factor of each component; tables: its quantisation table's number.
    """

    size: Size
    progressive: bool
    ids: tuple[int, ...]
    sampling: tuple[tuple[int, int], ...]
    tables: tuple[int, ...]
    arithmetic: bool = False

    @property
    def components(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole file taken apart.

    Attributes:
        segments: all before the first scan.
        frame: the frame header.
        scans: where the scans, the tables between them and EOI lie; what else stands there is left out.
        end: first byte behind EOI; what follows is no part of the picture.
    """

    segments: tuple[Segment, ...]
    frame: Frame
    scans: tuple[slice, ...]
    end: int


def header_segments(reader: Reader) -> Iterator[Segment]:
    """The segments in order, up to and including the first SOS.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`, and where something else than a marker stands.
    """
    position = 2
    for _ in range(_MAX_SEGMENTS):
        segment = _segment(reader, position)
        yield segment
        if segment.marker == SOS:
            return
        position = segment.end
    raise UndecodableImageError("The JPEG has too many segments.")


def read_frame(segment: Segment) -> Frame | None:
    """The frame header in `segment`; None where it is of another kind.

    Raises:
        UnsupportedPixelFormatError: lossless or hierarchical coding, 12 bits, 2 or more than 4 components.
        UndecodableImageError: lengths or sizes make no sense.
    """
    if segment.marker not in _FRAMES:
        return None
    if segment.marker not in _KNOWN:
        raise UnsupportedPixelFormatError("The JPEG is of a rare kind (lossless or hierarchical coding).")
    payload = segment.payload
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise UndecodableImageError("The JPEG's frame header has a wrong length.")
    if payload[0] != 8:
        raise UnsupportedPixelFormatError(f"The JPEG has {payload[0]} bits per sample, not 8.")
    if payload[5] not in {1, 3, 4}:
        raise UnsupportedPixelFormatError(f"The JPEG has {payload[5]} components, not 1, 3 or 4.")
    size = Size(int.from_bytes(payload[3:5]), int.from_bytes(payload[1:3]))
    if not size.pixels:
        raise UndecodableImageError("The JPEG says that it has no pixels.")
    factors = payload[7::3]
    sampling = tuple((factor >> 4, factor & 15) for factor in factors)
    progressive, arithmetic = segment.marker in _PROGRESSIVE, segment.marker in _ARITHMETIC
    return Frame(size, progressive, tuple(payload[6::3]), sampling, tuple(payload[8::3]), arithmetic)


def orientation_of(segment: Segment) -> Orientation | None:
    """The EXIF orientation in `segment`; None where it holds no EXIF. Broken EXIF counts as upright."""
    if segment.marker != APP1 or not segment.payload.startswith(EXIF_SIGNATURE):
        return None
    return tiff.exif_orientation(segment.payload[len(EXIF_SIGNATURE) :])


def take_apart(data: bytes) -> Layout:
    """Finds where header, scans and picture end in a whole file.

    Raises:
        UndecodableImageError: no EOI, a component without a scan, too many scans, segments out of bounds.
        UnsupportedPixelFormatError: as `read_frame`.
    """
    reader = Reader(data, complete=True)
    segments = list(header_segments(reader))
    frames = [frame for segment in segments if (frame := read_frame(segment))]
    if len(frames) != 1:
        raise UndecodableImageError("The JPEG has no frame header, or several.")
    most_scans = min(_MAX_SCANS, _MOST_PASSES[frames[0].arithmetic] // frames[0].size.pixels)
    segment = segments.pop()
    pieces: list[slice] = []
    seen: set[int] = set()
    scans = 0
    for _ in range(_MAX_SEGMENTS):
        if segment.marker == EOI:
            pieces.append(slice(segment.start, segment.end))
            # A file cut between two scans ends properly, but what was not sent would be shown as grey.
            if not seen.issuperset(frames[0].ids):
                raise UndecodableImageError("The JPEG ends before all of its colour components.")
            return Layout(tuple(segments), frames[0], tuple(pieces), segment.end)
        end = segment.end
        if segment.marker == SOS:
            scans += 1
            if scans > most_scans or not segment.payload:
                raise UndecodableImageError("The JPEG has too many scans for its size, or one without components.")
            seen.update(segment.payload[1 : 1 + 2 * segment.payload[0] : 2])
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise UndecodableImageError("The JPEG is truncated: it has no end marker.")
            end = found.start()
        if not is_application(segment):
            pieces.append(slice(segment.start, end))
        segment = _segment(reader, end)
    raise UndecodableImageError("The JPEG has too many segments.")


def picture_only(data: bytes, layout: Layout) -> bytes:
    """The file without anything that its samples and their colours do not need.

    Args:
        data: the whole file.
        layout: `data` taken apart.
    """
    kept = [
        data[segment.start : segment.end]
        for segment in layout.segments
        if segment.marker in {APP0, APP14} or not is_application(segment)
    ]
    return b"".join([data[:2], *kept, *(data[piece] for piece in layout.scans)])


def restart_interval(layout: Layout) -> int:
    """MCUs between restart markers in the first scan; 0 where there are none."""
    intervals = [int.from_bytes(segment.payload[:2]) for segment in layout.segments if segment.marker == DRI]
    return intervals[-1] if intervals else 0


def marker_at(data: bytes, start: int) -> int:
    """Where the byte stands that names the marker of a segment from `start` on; 0xFF may fill any room before it."""
    while data[start] == 0xFF:
        start += 1
    return start


def is_application(segment: Segment) -> bool:
    """True for what is no part of the picture: APP0 to APP15 (also those that tell about colour), comments, and
    reserved markers, behind which anything may stand as every decoder skips them.
    """
    return segment.marker not in _PICTURE or len(segment.payload) > _LONGEST.get(segment.marker, 0xFFFF)


def _segment(reader: Reader, position: int) -> Segment:
    start = position
    if reader.take(position, 1) != b"\xff":
        raise UndecodableImageError(f"The JPEG has no marker where one must be, at byte {position}.")
    while reader.take(position, 1) == b"\xff":  # any number of fill bytes may precede a marker
        position += 1
        if position - start > 4096:
            raise UndecodableImageError("The JPEG has too many fill bytes.")
    marker = reader.data[position]
    position += 1
    if marker == EOI:
        return Segment(marker, start, position, b"")
    if marker in {0x00, 0x01, SOI} or 0xD0 <= marker <= 0xD7:
        raise UndecodableImageError(f"The JPEG has an unexpected marker 0x{marker:02x} at byte {start}.")
    (length,) = reader.unpack(">H", position)
    if length < 2:
        raise UndecodableImageError(f"The JPEG has a segment of impossible length at byte {start}.")
    return Segment(marker, start, position + length, reader.take(position + 2, length - 2))
