"""One component of a JPEG: its blocks as coefficients and as samples (ITU-T T.81, A.3.3 and A.3.4)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from streetveil.redaction.footprint import Footprint, Grid
from streetveil.redaction.turbojpeg import BLOCK, Coefficients

Samples = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
"""Row and column of some blocks: (blocks, 2)."""

_MIDDLE = np.float32(128)
_PIECE = 64
_BAND = 32
"""Rows of blocks worked on at once, so that an area as large as the picture needs no float copy of it."""

_HIGHEST = 1023
"""More cannot be coded in 8-bit JPEG (T.81, F.1.2): 11 bits of a difference of DC, 10 bits of AC."""


class Plane:
    """One component at its own resolution, as far as the rows that were handed in.

    Samples are not rounded and not clipped.

    Attributes:
        grid: how it lies in the picture.
        rows: blocks by row of blocks, int16 (blocks, 64), in the library's own memory.
    """

    def __init__(self, grid: Grid, table: Samples) -> None:
        """`table`: quantisation steps, (64,), natural order, all at least 1."""
        self.grid = grid
        self.rows: dict[int, Coefficients] = {}
        # Blocks that were changed in part, by row and column, as they were before quantisation.
        self._exact: dict[tuple[int, int], Samples] = {}
        basis = np.kron(_basis(), _basis())
        self._inverse = table[:, None] * basis
        self._forward = basis.T / table[None, :]
        self._step = float(table[0])
        self._finer = (1 / table).reshape(BLOCK, 1, BLOCK)

    def means(self, rows: range, columns: range) -> Samples:
        """The mean of each of some blocks, (rows, columns): what their first coefficients tell."""
        first = [self.rows[row][columns.start : columns.stop, 0] for row in rows]
        return np.stack(first) * np.float32(self._step / BLOCK) + _MIDDLE

    def samples(self, places: Places) -> Samples:
        """Some blocks, (blocks, 8, 8).

        One that was changed in part comes as it was given. Quantisation spreads what is left of the original over the
        whole block: were it read back, an area painted earlier would keep a trace of what an area beside it covers.
        """
        coefficients = np.empty((len(places), BLOCK * BLOCK), np.float32)
        for number, (row, column) in enumerate(places.tolist()):
            coefficients[number] = self.rows[row][column]
        samples = (_product(coefficients, self._inverse) + _MIDDLE).reshape(-1, BLOCK, BLOCK)
        if self._exact:
            for number, (row, column) in enumerate(places.tolist()):
                exact = self._exact.get((row, column))
                if exact is not None:
                    samples[number] = exact
        return samples

    def put(self, places: Places, samples: Samples, *, again: bool) -> None:
        """Writes some blocks, (blocks, 8, 8).

        Args:
            places: where.
            samples: what; changed in place: behind the edge of the picture the last ones are repeated, as encoders do.
            again: another area may touch these blocks.
        """
        for axis, most in ((1, self.grid.height), (2, self.grid.width)):
            last = most - 1 - BLOCK * places[:, axis - 1]
            for number in np.flatnonzero(last < BLOCK - 1).tolist():
                block = samples[number] if axis == 1 else samples[number].T
                block[last[number] + 1 :] = block[last[number]]
        exact = np.rint(_product(samples.reshape(-1, BLOCK * BLOCK) - _MIDDLE, self._forward))
        quantised = np.clip(exact, -_HIGHEST, _HIGHEST).astype(np.int16)
        for number, (row, column) in enumerate(places.tolist()):
            self.rows[row][column] = quantised[number]
            if again:
                self._exact[row, column] = samples[number]

    def put_blend(self, footprint: Footprint, down: Samples, across: Samples, colours: Samples) -> None:
        """Writes the blocks that a footprint replaces as a whole; sample (y, x) is `down[y] @ colours @ across[x]`.

        The cosine transform of such a product is the product of the transforms, so that no sample is computed.

        Args:
            footprint: which blocks.
            down: of each row of samples of its blocks how much of each row of colours it takes; adds up to one.
            across: of each column likewise.
            colours: (rows, columns) of this component, from 0 to 255.
        """
        starts, ends = footprint.whole
        wide = np.einsum("rc,jvc->rjv", colours - _MIDDLE, _waves(across)).reshape(len(colours), -1)
        tall = _waves(down)
        for begin in range(0, len(footprint.rows), _BAND):
            # One small product for each row of blocks, (8 frequencies down, blocks x 8 frequencies across).
            exact = np.matmul(tall[begin : begin + _BAND], wide).reshape(-1, BLOCK, len(footprint.columns), BLOCK)
            exact *= self._finer
            blocks = np.rint(exact, out=exact).astype(np.int16).transpose(0, 2, 1, 3)
            for row, start, end, new in zip(
                footprint.rows[begin:], starts[begin:].tolist(), ends[begin:].tolist(), blocks, strict=False
            ):
                chosen = self.rows[row][start:end].reshape(-1, BLOCK, BLOCK)
                chosen[...] = new[start - footprint.columns.start : end - footprint.columns.start]
        self._forget(footprint)

    def _forget(self, footprint: Footprint) -> None:
        """Drops what earlier areas left in blocks that are replaced as a whole."""
        if self._exact:
            starts, ends = footprint.whole
            for row, start, end in zip(footprint.rows, starts.tolist(), ends.tolist(), strict=True):
                for column in range(start, end):
                    self._exact.pop((row, column), None)


def _waves(weights: Samples) -> Samples:
    """The one-dimensional DCT of each block's weights: (8 x blocks, cells) to (blocks, 8 frequencies, cells)."""
    waves: Samples = np.matmul(_basis(), weights.reshape(-1, BLOCK, weights.shape[1]))
    return waves


def _product(blocks: Samples, matrix: Samples) -> Samples:
    """`blocks @ matrix`, in pieces too small for BLAS to use several threads: jobs keep the cores busy already."""
    result = np.empty_like(blocks)
    for start in range(0, len(blocks), _PIECE):
        piece = slice(start, start + _PIECE)
        np.matmul(blocks[piece], matrix, out=result[piece])
    return result


@cache
def _basis() -> Samples:
    """The DCT as a matrix: (8 frequencies, 8 samples), orthonormal."""
    frequency, position = np.mgrid[0:BLOCK, 0:BLOCK]
    one = np.cos((2 * position + 1) * frequency * math.pi / (2 * BLOCK)) / 2
    one[0] /= math.sqrt(2)
    basis: Samples = one.astype(np.float32)
    return basis
