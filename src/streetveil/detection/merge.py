"""Many looks at one picture, one list of objects: duplicates gone, pieces joined, the seam closed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streetveil.detection.decoders import Candidates, Floats
from streetveil.detection.nms import join_cut, suppress
from streetveil.detection.passes import Pass
from streetveil.domain.geometry import Size

_TOUCHES = 4.0
"""A box ends at a border when it comes so near, in pixels of the network's input (one cell of its finest map)."""


def merge(
    looks: Sequence[tuple[Pass, Candidates]], size: Size, *, wraps: bool, iou: float, margin: float
) -> Candidates:
    """All looks at a picture of `size` as one set, best score first, clipped to the picture.

    With `wraps` the left and right edge meet: an object across that seam comes out as two boxes, one
    at each edge, each large enough that growing it by `margin` covers what growing the whole would.
    """
    candidates = Candidates.concatenated([found for _, found in looks])
    cut = np.concatenate([_cut_sides(item, found.boxes) for item, found in looks] or [np.empty((0, 4), np.bool_)])
    if wraps:
        # Unrolled from the middle, the seam lies inside the picture and what it parted can be joined there;
        # what meets at the middle is joined afterwards, in the usual coordinates.
        candidates, cut = _joined(_unrolled(candidates, size.width, size.width / 2), cut, iou)
        candidates = _unrolled(candidates, size.width, 0.0)
    candidates, _ = _joined(candidates, cut, iou)
    if wraps:
        candidates = _split_at_seam(candidates, size.width, margin)
    return _clipped(candidates, size)


def _joined(candidates: Candidates, cut: npt.NDArray[np.bool_], iou: float) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    if cut.any():
        candidates, cut = join_cut(candidates, cut)
    keep = suppress(candidates, iou)
    return candidates.take(keep), cut[keep]


def _cut_sides(item: Pass, boxes: Floats) -> npt.NDArray[np.bool_]:
    reach = _TOUCHES / item.scale
    border = np.array(item.tile, np.float32)
    near = np.concatenate((boxes[:, :2] <= border[:2] + reach, boxes[:, 2:] >= border[2:] - reach), axis=1)
    return np.asarray(near & np.array(item.cuts), np.bool_)


def _unrolled(candidates: Candidates, width: int, start: float) -> Candidates:
    """The same boxes moved around the panorama until their centres lie in [start, start + width)."""
    boxes = candidates.boxes.copy()
    centres = (boxes[:, 0] + boxes[:, 2]) / 2
    boxes[:, ::2] -= (np.floor((centres - start) / width) * width)[:, None]
    return Candidates(boxes, candidates.scores, candidates.classes)


def _split_at_seam(candidates: Candidates, width: int, margin: float) -> Candidates:
    crossing = (candidates.boxes[:, 0] < 0) | (candidates.boxes[:, 2] > width)
    others = candidates.take(crossing)
    turn = np.where(others.boxes[:, 0] < 0, np.float32(width), np.float32(-width))
    others.boxes[:, ::2] += turn[:, None]
    both = Candidates.concatenated((candidates, others))
    boxes = both.boxes
    # Clipping leaves each copy its own part. A narrow part grows by little, so it gets its share of the
    # margin of the whole beforehand: x such that x + margin * x = part + margin * whole.
    needs = margin * (boxes[:, 2] - boxes[:, 0])
    at_left, at_right = boxes[:, 0] < 0, boxes[:, 2] > width
    boxes[at_left, 2] = (boxes[at_left, 2] + needs[at_left]) / (1 + margin)
    boxes[at_right, 0] = width - (width - boxes[at_right, 0] + needs[at_right]) / (1 + margin)
    return both


def _clipped(candidates: Candidates, size: Size) -> Candidates:
    boxes = np.clip(candidates.boxes, 0, np.array([size.width, size.height] * 2, np.float32))
    keep = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
    return Candidates(boxes, candidates.scores, candidates.classes).take(keep)
