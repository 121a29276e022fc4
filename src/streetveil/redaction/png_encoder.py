"""Writing PNG pixels in any depth (W3C PNG, third edition, sections 7 to 10): general encoders know 8 bits only."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

_BAND = 128
_LEVEL = 6


def pack_bits(samples: npt.NDArray[np.uint8], depth: int) -> npt.NDArray[np.uint8]:
    """Rows of samples of 1, 2, 4 or 8 bits as bytes, first sample in the highest bits, each row filled up."""
    if depth == 8:
        return samples
    shifts = np.arange(depth - 1, -1, -1, dtype=np.uint8)
    bits = (samples[..., None] >> shifts) & 1
    return np.packbits(bits.reshape(len(samples), -1), axis=1)


def compress(rows: npt.NDArray[np.uint8], pixel_bytes: int, *, filtered: bool) -> bytes:
    """The content of IDAT for rows of bytes (height, row bytes), not interlaced.

    Args:
        rows: samples as they stand in the file, big-endian where of 16 bits.
        pixel_bytes: distance of a byte to the one it is compared with on its left; at least 1.
        filtered: choose a filter per row by the least sum of absolute differences, the usual heuristic;
            it pays for continuous tones only, not for palettes and depths below 8.
    """
    squeeze = zlib.compressobj(_LEVEL)
    pieces = []
    above = np.zeros(rows.shape[1], np.uint8)
    for top in range(0, len(rows), _BAND):
        band = rows[top : top + _BAND]
        over = np.vstack([above[None], band[:-1]])
        above = band[-1]
        pieces.append(squeeze.compress(_filter(band, over, pixel_bytes) if filtered else _unfiltered(band)))
    return b"".join([*pieces, squeeze.flush()])


def _unfiltered(band: npt.NDArray[np.uint8]) -> bytes:
    return np.hstack([np.zeros((len(band), 1), np.uint8), band]).tobytes()


def _filter(band: npt.NDArray[np.uint8], over: npt.NDArray[np.uint8], pixel_bytes: int) -> bytes:
    left, corner = np.zeros_like(band), np.zeros_like(band)
    left[:, pixel_bytes:] = band[:, :-pixel_bytes]
    corner[:, pixel_bytes:] = over[:, :-pixel_bytes]
    average = ((left.astype(np.uint16) + over) >> 1).astype(np.uint8)
    candidates = np.stack([band, band - left, band - over, band - average, band - _paeth(left, over, corner)])
    cost = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = cost.argmin(axis=0)
    chosen = candidates[best, np.arange(len(band))]
    return np.hstack([best[:, None].astype(np.uint8), chosen]).tobytes()


def _paeth(
    left: npt.NDArray[np.uint8], over: npt.NDArray[np.uint8], corner: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    a, b, c = left.astype(np.int16), over.astype(np.int16), corner.astype(np.int16)
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, over, corner))
