"""Pictures of what was redacted: PNG masks, computed from the regions alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np

from streetveil.domain.geometry import Orientation, Size
from streetveil.redaction.base import Region
from streetveil.redaction.regions import areas

MEDIA_TYPE = "image/png"
HIGHEST_NUMBER = 65535
_BAND_BYTES = 2 * 1024 * 1024
_LEVEL = 1  # long runs of equal bytes: higher levels gain nothing worth their time


class MaskKind(StrEnum):
    """What a pixel of a mask tells.

    BINARY: 8 bits, 255 where the picture was redacted and 0 elsewhere.
    INSTANCE: 16 bits, the number of the region that covers the pixel, counted from 1 in the order of the list, and
    0 elsewhere; of several the last one, as it was painted last. Numbers over 65535 are written as 65535.
    """

    BINARY = "binary"
    INSTANCE = "instance"


def mask_png(regions: Sequence[Region], upright: Size, kind: MaskKind) -> Iterator[bytes]:
    """The mask as pieces of a grey PNG of the size of the upright picture, in pixels of that picture.

    Exactly those pixels are marked that redaction painted. Rows are made in bands, so that memory does not grow
    with the picture.

    Args:
        regions: as they were redacted, in pixels of the upright picture.
        upright: size of the upright picture.
        kind: what a pixel tells.
    """
    sample = np.dtype(">u2") if kind is MaskKind.INSTANCE else np.dtype(np.uint8)
    covered = [
        (min(number, HIGHEST_NUMBER) if kind is MaskKind.INSTANCE else 255, area)
        for number, region in enumerate(regions, start=1)
        for area in areas([region], upright, Orientation.UPRIGHT)
    ]
    header = upright.width.to_bytes(4) + upright.height.to_bytes(4) + bytes([8 * sample.itemsize, 0, 0, 0, 0])
    yield b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    squeeze = zlib.compressobj(_LEVEL)
    rows = max(1, _BAND_BYTES // (upright.width * sample.itemsize))
    for start in range(0, upright.height, rows):
        end = min(start + rows, upright.height)
        band = np.zeros((end - start, upright.width), sample)
        for value, area in covered:
            part = replace(area, top=max(area.top, start), bottom=min(area.bottom, end))
            if part.top < part.bottom:
                band[part.top - start : part.bottom - start, part.left : part.right][part.mask()] = value
        lines = np.zeros((len(band), 1 + upright.width * sample.itemsize), np.uint8)  # first byte: no filter
        lines[:, 1:] = band.view(np.uint8)
        piece = squeeze.compress(lines.tobytes())
        if piece:
            yield _chunk(b"IDAT", piece)
    yield _chunk(b"IDAT", squeeze.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
