"""One component of a JPEG: which blocks it has, and how they become samples and back (ITU-T T.81, A.3.3 and A.3.4)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size
from streetveil.redaction.turbojpeg import BLOCK, Coefficients

Samples = npt.NDArray[np.float32]
_MIDDLE = 128.0
_PIECE = 64
_ALL_EIGHT = 0x0101010101010101


class Plane:
    """One component at its own resolution, as far as the rows that were handed in.

    Attributes:
        across, down: picture pixels per sample, in each direction.
        width, height: samples that are shown; the last blocks may have more.
        rows: blocks by row of blocks, int16 (blocks, 64), in the library's own memory.
    """

    def __init__(self, picture: Size, sampling: tuple[int, int], most: tuple[int, int], table: Samples) -> None:
        """Lays the component out.

        Args:
            picture: size in pixels.
            sampling: the component's own factors, each a divisor of the largest.
            most: the largest factors of all components.
            table: quantisation steps, (64,), natural order, all at least 1.
        """
        self.across, self.down = most[0] // sampling[0], most[1] // sampling[1]
        self.width, self.height = math.ceil(picture.width / self.across), math.ceil(picture.height / self.down)
        self.rows: dict[int, Coefficients] = {}
        # Samples of blocks that were changed in part, by row and column, as they were before quantisation.
        self._exact: dict[int, dict[int, Samples]] = {}
        basis = _basis()
        self._inverse = table[:, None] * basis
        self._forward = basis.T / table[None, :]

    @property
    def blocks(self) -> Size:
        """Blocks in each direction."""
        return Size(math.ceil(self.width / BLOCK), math.ceil(self.height / BLOCK))

    def decode(self, rows: range, columns: range) -> Samples:
        """Samples of some blocks, not rounded, not clipped: (8 x rows, 8 x columns).

        Those of a block that was changed in part come as they were given. Quantisation spreads what is left of the
        original over its whole block: were they read back, an area painted earlier would keep a trace of what an
        area beside it covers now.
        """
        blocks = np.stack([self.rows[row][columns.start : columns.stop] for row in rows]).astype(np.float32)
        samples = self._samples(blocks.reshape(-1, BLOCK * BLOCK))
        grid = samples.reshape(len(rows), len(columns), BLOCK, BLOCK)
        for index, row in enumerate(rows):
            for column, exact in self._exact.get(row, {}).items():
                if column in columns:
                    grid[index, column - columns.start] = exact
        return grid.transpose(0, 2, 1, 3).reshape(len(rows) * BLOCK, len(columns) * BLOCK)

    def replace(
        self, samples: Samples, changed: npt.NDArray[np.bool_], rows: range, columns: range, *, again: bool = True
    ) -> None:
        """Writes new samples into some blocks; those in which none is new keep their coefficients.

        Args:
            samples: (8 x rows, 8 x columns); changed in place.
            changed: of the same shape; where it is False, the sample stays what it is in the file.
            rows: of blocks, as for `decode`.
            columns: of blocks, as for `decode`.
            again: some of these blocks may be decoded again.
        """
        shape = len(rows), BLOCK, len(columns), BLOCK
        eights = changed.view(np.uint64).reshape(len(rows), BLOCK, len(columns))
        touched = np.bitwise_or.reduce(eights, axis=1) != 0
        partly = touched & (np.bitwise_and.reduce(eights, axis=1) != _ALL_EIGHT)
        grid = samples.reshape(shape).transpose(0, 2, 1, 3)
        # Blocks that are new as a whole, most of them, need not be known as they were.
        grid[partly] = np.where(
            changed.reshape(shape).transpose(0, 2, 1, 3)[partly], grid[partly], self._old(partly, rows, columns)
        )
        # Behind the edge of the picture encoders repeat the last samples: what they repeated must go as well.
        bottom, right = self.height - rows.start * BLOCK, self.width - columns.start * BLOCK
        samples[bottom:] = samples[bottom - 1 : bottom]
        samples[:, right:] = samples[:, right - 1 : right]
        if again:
            self._remember(grid, touched, partly, rows, columns)
        blocks = grid[touched].reshape(-1, BLOCK * BLOCK)
        exact = np.rint(_product(blocks - np.float32(_MIDDLE), self._forward))
        # More cannot be coded in 8-bit JPEG (T.81, F.1.2): 11 bits of a difference of DC, 10 bits of AC.
        quantised = np.clip(exact, -1023, 1023).astype(np.int16)
        begin = 0
        for row, count, chosen in zip(rows, touched.sum(axis=1).tolist(), touched, strict=True):
            self.rows[row][columns.start : columns.stop][chosen] = quantised[begin : begin + count]
            begin += count

    def _old(self, chosen: npt.NDArray[np.bool_], rows: range, columns: range) -> Samples:
        """Samples of the chosen blocks, (blocks, 8, 8), as `decode` would return them."""
        whole = slice(columns.start, columns.stop)
        blocks = [self.rows[row][whole][which] for row, which in zip(rows, chosen, strict=True)]
        samples = self._samples(np.concatenate(blocks).astype(np.float32)).reshape(-1, BLOCK, BLOCK)
        if self._exact:
            for number, (index, column) in enumerate(np.argwhere(chosen).tolist()):
                exact = self._exact.get(rows[index], {}).get(columns[column])
                if exact is not None:
                    samples[number] = exact
        return samples

    def _samples(self, blocks: Samples) -> Samples:
        """Of coefficients: both (blocks, 64)."""
        return _product(blocks, self._inverse) + np.float32(_MIDDLE)

    def _remember(
        self,
        grid: Samples,
        touched: npt.NDArray[np.bool_],
        partly: npt.NDArray[np.bool_],
        rows: range,
        columns: range,
    ) -> None:
        """Keeps the samples of blocks that were changed in part, for areas that touch them too."""
        for index, row in enumerate(rows):
            exact = self._exact.get(row, {})
            for column in [it for it in exact if it in columns and touched[index, it - columns.start]]:
                del exact[column]  # what an earlier area left there is out of date
        for index, column in np.argwhere(partly).tolist():
            self._exact.setdefault(rows[index], {})[columns[column]] = grid[index, column].copy()


def _product(blocks: Samples, matrix: Samples) -> Samples:
    """`blocks @ matrix`, in pieces too small for BLAS to use several threads: jobs keep the cores busy already."""
    result = np.empty_like(blocks)
    for start in range(0, len(blocks), _PIECE):
        piece = slice(start, start + _PIECE)
        np.matmul(blocks[piece], matrix, out=result[piece])
    return result


@cache
def _basis() -> Samples:
    """The two-dimensional inverse DCT as a matrix: (64 coefficients, 64 samples), orthonormal."""
    frequency, position = np.mgrid[0:BLOCK, 0:BLOCK]
    one = np.cos((2 * position + 1) * frequency * math.pi / (2 * BLOCK)) / 2
    one[0] /= math.sqrt(2)
    return np.kron(one, one).astype(np.float32)
