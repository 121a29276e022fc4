"""Proof that two JPEG files differ only where one was redacted: their coefficients, compared block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Box, Size
from streetveil.errors import (
    ConfigurationError,
    UndecodableImageError,
    UnsupportedMediaError,
    UnsupportedPixelFormatError,
)
from streetveil.imaging import decoders, jpeg
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction.jpeg_lossless import NotLosslessError, layout_planes, quantisation, without_padding
from streetveil.redaction.planes import Plane
from streetveil.redaction.turbojpeg import (
    BLOCK,
    LIBRARY,
    Coefficients,
    LibraryMissingError,
    TurboJpeg,
    TurboJpegError,
    blocks_at,
)

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ComponentBlocks:
    """How many of a component's blocks of 8 x 8 samples are the same in both files."""

    blocks: int
    identical: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two JPEG files have in common.

    Attributes:
        differences: one sentence for each of size, sampling factors and quantisation tables that is not the same; then
            blocks are not compared, and the fields below are empty.
        components: block counts, in the order of the frame header.
        changed: rectangles in pixels as stored that hold all changed blocks, each around one connected group.
        notes: what else changed in the coding, without changing a pixel.
    """

    differences: tuple[str, ...]
    components: tuple[ComponentBlocks, ...] = ()
    changed: tuple[Box, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        return sum(component.blocks for component in self.components)

    @property
    def identical(self) -> int:
        return sum(component.identical for component in self.components)


class _Opened:
    """A JPEG reduced to its picture, and what its header says."""

    def __init__(self, data: bytes) -> None:
        self.bare = decoders.pixels_only(data, ImageFormat.JPEG)
        self.layout = jpeg.take_apart(self.bare)
        self.tables = quantisation(self.bare, self.layout)
        self.planes = layout_planes(self.layout.frame, self.tables)


def compare(original: Picture, redacted: Picture, library: str = LIBRARY) -> Comparison:
    """Reads the coefficients of both files and compares them block by block; pixels are not decoded.

    Takes the memory of both files' coefficients: two bytes a sample.

    Raises:
        ConfigurationError: libturbojpeg is not installed.
        UnsupportedMediaError: one of the two is no JPEG.
        UndecodableImageError: one of the two is broken.
        UnsupportedPixelFormatError: one is of a kind whose coefficients cannot be read.
    """
    if {original.header.format, redacted.header.format} != {ImageFormat.JPEG}:
        raise UnsupportedMediaError("Only JPEG files can be compared block by block.")
    try:
        turbojpeg = TurboJpeg(library)
    except LibraryMissingError as error:
        raise ConfigurationError(f"{error}; install it (Debian and Ubuntu: libturbojpeg0).") from error
    old, new = (_opened(picture, turbojpeg) for picture in (original, redacted))
    if differences := _differences(old, new):
        return Comparison(differences)
    sizes = [plane.grid.blocks for plane in old.planes]
    kept = [np.empty((size.height, size.width, BLOCK * BLOCK), np.int16) for size in sizes]
    same = [np.zeros((size.height, size.width), np.bool_) for size in sizes]

    def keep(component: int, row: int, blocks: Coefficients) -> None:
        kept[component][row] = blocks

    def match(component: int, row: int, blocks: Coefficients) -> None:
        same[component][row] = (kept[component][row] == blocks).all(axis=1)

    for file, visit in ((old, keep), (new, match)):
        try:
            without_padding(file.bare, partial(turbojpeg.read, sink=partial(_look, visit)))
        except TurboJpegError as error:
            raise UndecodableImageError(f"The coefficients cannot be read: {error}.") from error
    counts = tuple(ComponentBlocks(mask.size, int(mask.sum())) for mask in same)
    return Comparison((), counts, _rectangles(old.layout.frame.size, old.planes, same), _notes(old, new))


def _opened(picture: Picture, turbojpeg: TurboJpeg) -> _Opened:
    try:
        file = _Opened(picture.data)
        turbojpeg.describe(file.bare)
    except NotLosslessError as error:
        raise UnsupportedPixelFormatError(str(error)) from error
    except TurboJpegError as error:
        raise UnsupportedPixelFormatError(f"The coefficients cannot be read: {error}.") from error
    return file


def _look(visit: Callable[[int, int, Coefficients], None], component: int, row: int, address: int, blocks: int) -> None:
    visit(component, row, blocks_at(address, blocks))


def _differences(old: _Opened, new: _Opened) -> tuple[str, ...]:
    before, after = old.layout.frame, new.layout.frame
    found = []
    if before.size != after.size:
        found.append(
            f"Size: {before.size.width} x {before.size.height} became {after.size.width} x {after.size.height}."
        )
    if before.sampling != after.sampling:
        found.append(f"Sampling factors: {_factors(before)} became {_factors(after)}.")
    elif not all(
        np.array_equal(old.tables[mine], new.tables[theirs])
        for mine, theirs in zip(before.tables, after.tables, strict=True)
    ):
        found.append("The quantisation tables are not the same.")
    return tuple(found)


def _factors(frame: jpeg.Frame) -> str:
    return ", ".join(f"{horizontal}x{vertical}" for horizontal, vertical in frame.sampling)


def _notes(old: _Opened, new: _Opened) -> tuple[str, ...]:
    notes = []
    modes = ["progressive" if file.layout.frame.progressive else "sequential" for file in (old, new)]
    if modes[0] != modes[1]:
        notes.append(f"Coding: {modes[0]} became {modes[1]}.")
    codings = ["arithmetic" if file.layout.frame.arithmetic else "Huffman's" for file in (old, new)]
    if codings[0] != codings[1]:
        notes.append(f"Entropy coding: {codings[0]} became {codings[1]}.")
    intervals = [jpeg.restart_interval(file.layout) for file in (old, new)]
    if intervals[0] != intervals[1]:
        notes.append(f"Restart interval: {intervals[0]} became {intervals[1]} MCUs.")
    return tuple(notes)


def _rectangles(size: Size, planes: list[Plane], same: list[_Mask]) -> tuple[Box, ...]:
    """Pixels of all components' changed blocks, grouped: in cells of 8 x 8 pixels, touching at a corner counts."""
    cells = np.zeros((-(-size.height // BLOCK), -(-size.width // BLOCK)), np.uint8)
    for plane, mask in zip(planes, same, strict=True):
        enlarged = (~mask).repeat(plane.grid.down, axis=0).repeat(plane.grid.across, axis=1)
        cells |= enlarged[: cells.shape[0], : cells.shape[1]]
    _, _, found, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    boxes = []
    for left, top, width, height in found[1:, :4] * BLOCK:  # the first is the ground
        right, bottom = min(left + width, size.width), min(top + height, size.height)
        boxes.append(Box(float(left), float(top), float(right), float(bottom)))
    return tuple(boxes)
