"""Suppression of duplicates, and joining of what tile borders cut in two. Numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streetveil.detection.decoders import Candidates, Floats

_SAME_OBJECT = 0.6
"""A piece cut by a border belongs to another box when so much of its area lies inside that one."""


def suppress(candidates: Candidates, iou: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression, class by class: of boxes that overlap by `iou` or more the best stays.

    Returns:
        Indices of those that stay, best score first.
    """
    boxes, classes = candidates.boxes, candidates.classes
    areas = _areas(boxes)
    keep: list[int] = []
    rest = np.argsort(-candidates.scores, kind="stable")
    while len(rest):
        best, rest = rest[0], rest[1:]
        keep.append(int(best))
        shared = _shared(boxes[best], boxes[rest])
        union = areas[best] + areas[rest] - shared
        duplicate = (classes[rest] == classes[best]) & (shared >= iou * np.maximum(union, 1e-9))
        rest = rest[~duplicate]
    return np.array(keep, np.intp)


def join_cut(candidates: Candidates, cut: npt.NDArray[np.bool_]) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """Joins pieces of objects that a tile's border cut with the rest of the object.

    `cut` is (n, 4): whether a box's left, top, right and bottom side lies on a border inside the
    picture. A cut piece that lies mostly inside another box of its class is taken in by it. Two
    pieces that were cut from opposite sides and continue each other become one box around both.
    Nothing that was covered before is uncovered: a box only ever grows to the union. The flags of
    what is left come back with it.
    """
    boxes = candidates.boxes.copy()
    scores = candidates.scores.copy()
    classes = candidates.classes
    alive = np.ones(len(boxes), np.bool_)
    pieces = np.flatnonzero(cut.any(axis=1))
    # the smallest piece first: it finds its place in a larger one before that one moves on itself
    for piece in pieces[np.argsort(_areas(boxes[pieces]), kind="stable")].tolist():
        others = np.flatnonzero(alive & (classes == classes[piece]))
        others = others[others != piece]
        if not len(others):
            continue
        shared = _shared(boxes[piece], boxes[others])
        area = _areas(boxes[piece : piece + 1])[0]
        larger = _areas(boxes[others]) >= area
        inside = larger & (shared >= _SAME_OBJECT * max(area, 1e-9))
        match = inside | ((shared > 0) & _continues(boxes[piece], cut[piece], boxes[others], cut[others]))
        if not match.any():
            continue
        host = others[np.argmax(np.where(match, shared, -1))]
        boxes[host, :2] = np.minimum(boxes[host, :2], boxes[piece, :2])
        boxes[host, 2:] = np.maximum(boxes[host, 2:], boxes[piece, 2:])
        scores[host] = max(scores[host], scores[piece])
        alive[piece] = False
    return Candidates(boxes, scores, classes).take(alive), cut[alive]


def _continues(
    box: Floats, cut: npt.NDArray[np.bool_], others: Floats, others_cut: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which of `others` were cut on the side opposite to one of `box`'s, at the same height (or width)."""
    result = np.zeros(len(others), np.bool_)
    for axis in (0, 1):
        across = 1 - axis
        faces = (cut[axis + 2] & others_cut[:, axis]) | (cut[axis] & others_cut[:, axis + 2])
        low = np.maximum(box[across], others[:, across])
        high = np.minimum(box[across + 2], others[:, across + 2])
        reach = np.maximum(box[across + 2], others[:, across + 2]) - np.minimum(box[across], others[:, across])
        result |= faces & (high - low >= 0.5 * np.maximum(reach, 1e-9))
    return result


def _areas(boxes: Floats) -> Floats:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _shared(box: Floats, others: Floats) -> Floats:
    """Area that `box` shares with each of `others`."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    sides = np.maximum(sides, 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)
