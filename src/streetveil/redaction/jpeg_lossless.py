"""Redacting a JPEG through its DCT coefficients: nothing outside the regions is coded a second time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import RedactionFailedError
from streetveil.imaging import jpeg, jpeg_pixels
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.redaction import jpeg_segments
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.coefficients import CoefficientEdit
from streetveil.redaction.colour_spaces import ColourSpace
from streetveil.redaction.footprint import Grid
from streetveil.redaction.planes import Plane
from streetveil.redaction.regions import Area
from streetveil.redaction.turbojpeg import TurboJpeg, TurboJpegError

# Where coefficient k of a table as stored (zigzag, T.81 figure 5) stands in natural order.
_ZIGZAG = np.array(
    sorted(range(64), key=lambda k: (k // 8 + k % 8, k // 8 if (k // 8 + k % 8) % 2 else k % 8)), np.intp
)


_Result = TypeVar("_Result")


class NotLosslessError(Exception):
    """This file cannot be edited in its coefficients; the message says why. Never leaves `streetveil.redaction`."""


def rewrite(library: TurboJpeg, picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:
    """The JPEG with `found` painted over; blocks that no area touches are bit for bit those of the original.

    Size, sampling factors, quantisation tables, sequential or progressive mode and the restart interval stay.

    Raises:
        NotLosslessError: the file is not of the kinds that TurboJPEG transforms, or is damaged.
        UndecodableImageError, UnsupportedPixelFormatError: the structure is broken or unknown.
        RedactionFailedError: the library returned a file without having seen all of the picture.
    """
    layout = picture.jpeg_layout
    bare = jpeg.picture_only(picture.data, layout)
    try:
        size, colours = library.describe(bare)
    except TurboJpegError as error:
        raise NotLosslessError(f"libturbojpeg cannot transform this JPEG: {error}.") from error
    if size != layout.frame.size or size != picture.header.stored:
        raise NotLosslessError("libturbojpeg reads another size than the header promises.")
    space = ColourSpace(colours)
    tables = quantisation(picture.data, layout)

    def edited(data: bytes) -> bytes:
        edit = CoefficientEdit(layout_planes(layout.frame, tables), space, found)
        coded = library.rewrite(
            data,
            edit,
            progressive=layout.frame.progressive,
            restart_interval=jpeg.restart_interval(layout),
        )
        if not edit.done:
            raise RedactionFailedError("The JPEG was written before all of its regions were painted over.")
        return coded

    try:
        coded = without_padding(bare, edited)
    except TurboJpegError as error:
        raise NotLosslessError(f"libturbojpeg cannot transform this JPEG: {error}.") from error
    # The samples mean what they meant, so what said so must stay: libjpeg adds an Adobe marker to CMYK where none was,
    # which would invert the picture for some readers.
    pieces, colour = _pieces(coded, layout.frame), layout.segments
    return RedactedFile(jpeg_segments.rewrap(layout, pieces, colour, picture.header.orientation, policy), lossless=True)


def without_padding(data: bytes, run: Callable[[bytes], _Result]) -> _Result:
    """Runs what reads coefficients; where it stumbles over bytes between the last pixel and EOI, again without them.

    Args:
        data: ends with EOI.
        run: raises TurboJpegError.

    Raises:
        TurboJpegError: from `run`, for any other reason.
    """
    try:
        return run(data)
    except TurboJpegError as error:
        count = jpeg_pixels.padding(str(error))
        if not count:
            raise
        return run(data[: -2 - count] + data[-2:])


def quantisation(data: bytes, layout: jpeg.Layout) -> dict[int, npt.NDArray[np.float32]]:
    """Quantisation tables by number: float (64,), natural order.

    Raises:
        NotLosslessError: a table is broken, or is defined again between scans.
    """
    if any(data[jpeg.marker_at(data, piece.start)] == jpeg.DQT for piece in layout.scans):
        raise NotLosslessError("The JPEG defines quantisation tables between its scans.")
    tables: dict[int, npt.NDArray[np.float32]] = {}
    for segment in layout.segments:
        rest = segment.payload if segment.marker == jpeg.DQT else b""
        while rest:
            wide, number = rest[0] >> 4, rest[0] & 15
            length = 128 if wide else 64
            steps = np.frombuffer(rest[1 : 1 + length], ">u2" if wide else np.uint8)
            if len(steps) != 64 or not steps.all():
                raise NotLosslessError("A quantisation table of the JPEG is broken.")
            tables[number] = np.empty(64, np.float32)
            tables[number][_ZIGZAG] = steps
            rest = rest[1 + length :]
    return tables


def layout_planes(frame: jpeg.Frame, tables: dict[int, npt.NDArray[np.float32]]) -> list[Plane]:
    """The components of a frame, in its order.

    Raises:
        NotLosslessError: sampling factors that do not divide the largest, or a table that is missing.
    """
    most = max(h for h, _ in frame.sampling), max(v for _, v in frame.sampling)
    if any(not h or not v or most[0] % h or most[1] % v for h, v in frame.sampling):
        raise NotLosslessError("A component of the JPEG has samples that are not of whole pixels.")
    try:
        used = [tables[number] for number in frame.tables]
    except KeyError as error:
        raise NotLosslessError("A component of the JPEG has no quantisation table.") from error
    return [
        Plane(Grid.of(frame.size, most[0] // h, most[1] // v), table)
        for (h, v), table in zip(frame.sampling, used, strict=True)
    ]


def _pieces(coded: bytes, frame: jpeg.Frame) -> list[bytes]:
    """What the library has written, without its markers about colour, and with the original's factors of a single
    component, for which it writes 1 x 1.
    """
    *segments, scan = jpeg.header_segments(Reader(coded, complete=True))
    pieces = []
    for segment in segments:
        piece = coded[segment.start : segment.end]
        if jpeg.read_frame(segment) and frame.components == 1:
            horizontal, vertical = frame.sampling[0]
            piece = piece[:-2] + bytes([horizontal << 4 | vertical]) + piece[-1:]
        if not jpeg.is_application(segment):
            pieces.append(piece)
    return [*pieces, coded[scan.start :]]
