"""From pieces of pictures to a network's input, and back from its boxes to the picture.

A network with free height and width gets an input that follows the piece's own shape, so no
arithmetic is spent on padding; only one with a fixed input is letterboxed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Box, Size

MAX_INPUT_SIDE = 8192
"""Longest input side: what bounds memory and time for a picture of one row of pixels."""

_MAX_STRETCH = 1.06
"""Up to here one side may be stretched against the other to reach the stride; networks do not notice."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a network wants its input: NCHW, three channels.

    Attributes:
        stride: height and width must be divisible by it.
        scale: factor on values 0..255.
        pad_value: grey level 0..255 around the picture.
        bgr: blue first.
        dtype: float32 or float16.
        fixed: the only size taken; None where any multiple of the stride is.
    """

    stride: int
    scale: float = 1.0
    pad_value: int = 0
    bgr: bool = False
    dtype: type[np.float32 | np.float16] = np.float32
    fixed: Size | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """How large a piece is shown to a network.

    Attributes:
        pixels: area of the input; the same for a square and for a strip, so the cost is too.
        enlarge: pieces smaller than that are enlarged up to this factor.
    """

    pixels: int
    enlarge: float = 1.0

    def scale_for(self, size: Size) -> float:
        """Input pixels per pixel of a piece of `size`."""
        wanted = math.sqrt(self.pixels / size.pixels)
        return min(wanted, self.enlarge, MAX_INPUT_SIDE / max(size))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A rectangular piece of an upright picture.

    Attributes:
        pixels: uint8 RGB (height, width, 3), at whatever scale it was decoded.
        area: where it is, in pixels of the upright picture.
        budget: how large it is to be shown.
    """

    pixels: npt.NDArray[np.uint8]
    area: Box
    budget: Budget


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a piece lies inside an input of `size`: its `content` at (left, top), the rest padding."""

    size: Size
    content: Size
    left: int = 0
    top: int = 0

    def to_picture(self, boxes: npt.NDArray[np.float32], area: Box) -> npt.NDArray[np.float32]:
        """Maps (n, 4) boxes in input pixels to the picture, where the piece is `area`."""
        scale = np.array([area.width / self.content.width, area.height / self.content.height] * 2, np.float32)
        inside = np.array([self.left, self.top] * 2, np.float32)
        outside = np.array([area.x1, area.y1] * 2, np.float32)
        return ((boxes - inside) * scale + outside).astype(np.float32, copy=False)


def place(size: Size, budget: Budget, spec: InputSpec) -> Placement:
    """The input shape for a piece of `size` in pixels of the upright picture."""
    if spec.fixed is not None:
        scale = min(spec.fixed.width / size.width, spec.fixed.height / size.height)
        content = Size(*(max(1, min(limit, round(side * scale))) for side, limit in zip(size, spec.fixed, strict=True)))
        left, top = ((limit - side) // 2 for side, limit in zip(content, spec.fixed, strict=True))
        return Placement(spec.fixed, content, left, top)
    scale = budget.scale_for(size)
    width, full_width = _fit(size.width * scale, spec.stride)
    height, full_height = _fit(size.height * scale, spec.stride)
    return Placement(Size(full_width, full_height), Size(width, height))


def _fit(length: float, stride: int) -> tuple[int, int]:
    """Content and input length for an ideal length: stretched to the stride where that is little, else padded."""
    nearest = max(stride, round(length / stride) * stride)
    if max(nearest / length, length / nearest) <= _MAX_STRETCH:
        return nearest, nearest
    content = max(1, round(length))
    return content, math.ceil(content / stride) * stride


def make_input(views: Sequence[View], placement: Placement, spec: InputSpec) -> npt.NDArray[np.floating[Any]]:
    """One batch (n, 3, height, width) of pieces that share a placement."""
    shape = (len(views), 3, placement.size.height, placement.size.width)
    batch: npt.NDArray[np.floating[Any]] = np.empty(shape, spec.dtype)
    content = placement.content
    padded = content != placement.size
    for image, view in zip(batch, views, strict=True):
        if padded:
            image.fill(spec.pad_value)
        inner = image[
            :, placement.top : placement.top + content.height, placement.left : placement.left + content.width
        ]
        channels = cv2.split(_resized(view.pixels, content))
        for target, channel in zip(inner, channels[::-1] if spec.bgr else channels, strict=True):
            target[...] = channel
    if spec.scale != 1.0:
        batch *= spec.dtype(spec.scale)
    return batch


def _resized(pixels: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    # Averaging is what shrinking far needs; interpolating between neighbours would skip whole rows. Averaging two by
    # two takes a tenth of the time of averaging by a factor that is no whole number.
    while (down := pixels.shape[0] >= 2 * size.height) | (across := pixels.shape[1] >= 2 * size.width):
        height, width = pixels.shape[0] // (1 + down), pixels.shape[1] // (1 + across)
        even = pixels[: height * (1 + down), : width * (1 + across)]
        pixels = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
