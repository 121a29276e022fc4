"""Painting over areas in the DCT coefficients of a JPEG: blocks that no area touches keep theirs bit for bit.

Of each area the pixels are computed, painted as in any other format, and only what the paint covers is written back:
the samples under it are replaced, the others of the same blocks keep their values and are quantised once more with the
same table. Where a component has fewer samples than pixels, decoders blend neighbours (libjpeg's "fancy upsampling"):
there one more sample around is replaced too, so that no colour of the original reaches into the area, nor out of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from streetveil.redaction import effects
from streetveil.redaction.colour_spaces import ColourSpace
from streetveil.redaction.planes import Plane, Samples
from streetveil.redaction.regions import Area
from streetveil.redaction.turbojpeg import BLOCK, blocks_at

_BAND = 32
"""Rows of blocks worked on at once, so that an area as large as the picture needs no float copy of it."""

_Mask = npt.NDArray[np.bool_]


class CoefficientEdit:
    """A `RowSink` that paints over areas as soon as the last row of blocks it needs has come in. Used once.

    Attributes:
        done: all areas are painted over.
    """

    def __init__(self, planes: Sequence[Plane], colours: ColourSpace, areas: Sequence[Area]) -> None:
        self.done = False
        self._planes = planes
        self._colours = colours
        self._areas = areas
        self._wanted = [_rows(plane, areas) for plane in planes]
        self._missing = sum(map(len, self._wanted))

    def __call__(self, component: int, row: int, address: int, blocks: int) -> None:
        """One row of blocks; see `RowSink`."""
        if row not in self._wanted[component]:
            return
        plane = self._planes[component]
        if blocks != plane.blocks.width or row in plane.rows:
            raise ValueError(f"component {component} has rows of {blocks} blocks, not {plane.blocks.width}")
        plane.rows[row] = blocks_at(address, blocks)
        self._missing -= 1
        if not self._missing:
            for index, area in enumerate(self._areas):
                again = any(_share_blocks(self._planes, area, other) for other in self._areas[index + 1 :])
                self._paint(area, again=again)
            self.done = True

    def _paint(self, area: Area, *, again: bool) -> None:
        pixels = self._pixels(area)
        ellipse = None
        if area.ellipse is not None:
            centre_x, centre_y, *axes = area.ellipse
            ellipse = (centre_x - area.left, centre_y - area.top, axes[0], axes[1])
        height, width, _ = pixels.shape
        local = replace(area, left=0, top=0, right=width, bottom=height, ellipse=ellipse)
        effects.paint(pixels, [local], maximum=255)
        mask = local.mask()
        for index, plane in enumerate(self._planes):
            for rows in _bands(_sample_window(plane, area)[0]):
                self._write(plane, index, area, pixels, mask, rows, again=again)

    def _pixels(self, area: Area) -> npt.NDArray[np.uint8]:
        """The area's window in colours: uint8 (height, width, components)."""
        pixels = np.empty((area.bottom - area.top, area.right - area.left, len(self._planes)), np.uint8)
        step = _BAND * BLOCK
        for top in range(area.top, area.bottom, step):
            band = replace(area, top=top, bottom=min(top + step, area.bottom))
            samples = np.empty((band.bottom - band.top, band.right - band.left, len(self._planes)), np.float32)
            for index, plane in enumerate(self._planes):
                samples[..., index] = _enlarged(plane, band)
            pixels[top - area.top : band.bottom - area.top] = self._colours.pixels(samples)
        return pixels

    def _write(
        self,
        plane: Plane,
        index: int,
        area: Area,
        pixels: npt.NDArray[np.uint8],
        mask: _Mask,
        rows: range,
        *,
        again: bool,
    ) -> None:
        down, across = _sample_window(plane, area)
        columns = _blocks(across)
        samples = np.zeros((len(rows) * BLOCK, len(columns) * BLOCK), np.float32)
        changed = np.zeros(samples.shape, np.bool_)
        # One sample more above and below, so that what is blended does not end where the band does.
        most = range(max(rows.start * BLOCK - 1, down.start), min(rows.stop * BLOCK + 1, down.stop))
        values, known = self._reduced(plane, index, area, pixels, mask, (most, across))
        inner = range(max(rows.start * BLOCK, down.start), min(rows.stop * BLOCK, down.stop))
        source = slice(inner.start - most.start, inner.stop - most.start)
        target = (
            slice(inner.start - rows.start * BLOCK, inner.stop - rows.start * BLOCK),
            slice(across.start - columns.start * BLOCK, across.stop - columns.start * BLOCK),
        )
        samples[target] = values[source]
        changed[target] = known[source]
        plane.replace(samples, changed, rows, columns, again=again)

    def _reduced(
        self,
        plane: Plane,
        index: int,
        area: Area,
        pixels: npt.NDArray[np.uint8],
        mask: _Mask,
        window: tuple[range, range],
    ) -> tuple[Samples, _Mask]:
        """New values of the samples in `window`, and which are to be replaced, computed from painted pixels alone."""
        down, across = window
        shape = len(down) * plane.down, len(across) * plane.across
        left, top = across.start * plane.across, down.start * plane.down  # of the canvas in the picture
        sums, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        first, last = max(area.top, top), min(area.bottom, top + shape[0])
        place = slice(first - top, last - top), slice(max(area.left - left, 0), area.right - left)
        covered = mask[first - area.top : last - area.top]
        sums[place] = self._colours.component(pixels[first - area.top : last - area.top], index) * covered
        weights[place] = covered
        values, total = (_summed(canvas, plane.down, plane.across) for canvas in (sums, weights))
        known = total > 0
        values = np.divide(values, total, out=values, where=known)
        for axis, factor in ((0, plane.down), (1, plane.across)):
            if factor > 1:
                values, known = _grown(values, known, axis)
        return values, known


def _summed(pixels: Samples, down: int, across: int) -> Samples:
    """Sums of `down` x `across` pixels each."""
    rows = pixels[::down]
    for offset in range(1, down):
        rows = rows + pixels[offset::down]
    columns = rows[:, ::across]
    for offset in range(1, across):
        columns = columns + rows[:, offset::across]
    return columns


def _grown(values: Samples, known: _Mask, axis: int) -> tuple[Samples, _Mask]:
    """One more sample on both sides along an axis, as the mean of those beside it."""
    sums, counts = np.zeros_like(values), np.zeros_like(values)
    ahead: list[slice] = [slice(None)] * 2
    behind = list(ahead)
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    for to, of in ((tuple(ahead), tuple(behind)), (tuple(behind), tuple(ahead))):
        sums[to] += values[of] * known[of]
        counts[to] += known[of]
    ring = (counts > 0) & ~known
    grown = np.where(ring, sums / np.maximum(counts, 1), values)
    return grown, known | ring


def _enlarged(plane: Plane, area: Area) -> Samples:
    """One component of an area's window, each sample repeated over the pixels that it stands for."""
    down = range(area.top // plane.down, math.ceil(area.bottom / plane.down))
    across = range(area.left // plane.across, math.ceil(area.right / plane.across))
    rows, columns = _blocks(down), _blocks(across)
    samples = plane.decode(rows, columns)
    enlarged = samples
    for axis, factor in ((0, plane.down), (1, plane.across)):
        enlarged = enlarged.repeat(factor, axis) if factor > 1 else enlarged
    top, left = area.top - rows.start * BLOCK * plane.down, area.left - columns.start * BLOCK * plane.across
    return enlarged[top : top + area.bottom - area.top, left : left + area.right - area.left]


def _sample_window(plane: Plane, area: Area) -> tuple[range, range]:
    """Rows and columns of the samples that an area may replace."""
    around_y, around_x = int(plane.down > 1), int(plane.across > 1)
    return (
        range(
            max(area.top // plane.down - around_y, 0),
            min(math.ceil(area.bottom / plane.down) + around_y, plane.height),
        ),
        range(
            max(area.left // plane.across - around_x, 0),
            min(math.ceil(area.right / plane.across) + around_x, plane.width),
        ),
    )


def _share_blocks(planes: Sequence[Plane], one: Area, other: Area) -> bool:
    """True where both areas may touch a block of some component; in doubt it is True."""
    for plane in planes:
        mine, theirs = (tuple(map(_blocks, _sample_window(plane, area))) for area in (one, other))
        if all(a.start < b.stop and b.start < a.stop for a, b in zip(mine, theirs, strict=True)):
            return True
    return False


def _rows(plane: Plane, areas: Sequence[Area]) -> frozenset[int]:
    return frozenset(row for area in areas for row in _blocks(_sample_window(plane, area)[0]))


def _blocks(samples: range) -> range:
    return range(samples.start // BLOCK, math.ceil(samples.stop / BLOCK))


def _bands(samples: range) -> list[range]:
    rows = _blocks(samples)
    return [rows[start : start + _BAND] for start in range(0, len(rows), _BAND)]
