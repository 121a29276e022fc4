"""From a network's raw outputs to candidate boxes: one pure function per family of models.

Every decoder has the same form: `decode(outputs, size, thresholds)` takes the outputs of one run
over a batch, the size of the network's input and the lowest score that counts for each class
channel (more than 1 for a class nobody wants), and gives one `Candidates` per picture of the
batch, in pixels of the input.

A score that is not a number is an error, never "nothing found": a broken model must not pass
photos on as clean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size
from streetveil.errors import ModelError, UnsupportedModelError

Floats = npt.NDArray[np.float32]
Outputs = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes before suppression of duplicates.

    Attributes:
        boxes: float32 (n, 4): x1, y1, x2, y2.
        scores: float32 (n,).
        classes: intp (n,): class channel of the network.
    """

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Candidates:
        """Those picked by indices or a mask."""
        return Candidates(self.boxes[which], self.scores[which], self.classes[which])

    @classmethod
    def concatenated(cls, parts: Sequence[Candidates]) -> Candidates:
        return cls(
            np.concatenate([part.boxes for part in parts] or [np.empty((0, 4), np.float32)]),
            np.concatenate([part.scores for part in parts] or [np.empty(0, np.float32)]),
            np.concatenate([part.classes for part in parts] or [np.empty(0, np.intp)]),
        )


class Decoder(Protocol):
    """What every decoder looks like; the module's docstring says what the arguments are."""

    def __call__(self, outputs: Outputs, size: Size, thresholds: Floats) -> list[Candidates]:
        """One set of candidates per picture of the batch.

        Raises:
            ModelError: a score is not a number.
            UnsupportedModelError: the outputs do not have the shapes of this family.
        """
        ...


def decode_centerface(outputs: Outputs, size: Size, thresholds: Floats) -> list[Candidates]:
    """CenterFace (Xu et al. 2019, arXiv:1911.03599): heatmap (n, 1, h, w), log size (h, w) and offset (y, x).

    All three are maps at a quarter of the input; sizes are exp(v) map cells, centres index + offset + 0.5.
    """
    heatmaps, log_sizes, offsets = outputs[:3]
    step = size.height / heatmaps.shape[2]
    found = []
    for heatmap, log_size, offset in zip(heatmaps, log_sizes, offsets, strict=True):
        classes, rows, columns, scores = _above(heatmap, thresholds)
        # exp() of what no training ever produced would overflow; e^8 cells are larger than any input
        heights, widths = np.exp(np.minimum(log_size[:, rows, columns], 8.0)) * step
        y = (rows + offset[0, rows, columns] + 0.5) * step
        x = (columns + offset[1, rows, columns] + 0.5) * step
        found.append(_candidates(_corners(x, y, widths, heights), scores, classes))
    return found


def decode_centernet(outputs: Outputs, size: Size, thresholds: Floats) -> list[Candidates]:
    """CenterNet (Zhou et al. 2019, arXiv:1904.07850), MobileNetV3 variant, as conversion/centernet.py cuts it.

    Scores (n, classes, h, w), and (n, 4, h, w) distances in input pixels from a cell's top left corner
    to the left, top, right and bottom side. A cell counts where no neighbour in its channel is greater.
    """
    scores, distances = outputs[:2]
    step = size.height / scores.shape[2]
    found = []
    for score, distance in zip(scores, distances, strict=True):
        classes, rows, columns, peaks = _above(score, thresholds)
        padded = np.pad(score, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        highest = np.max([padded[classes, rows + dy, columns + dx] for dy in range(3) for dx in range(3)], axis=0)
        peak = peaks >= highest
        classes, rows, columns, peaks = classes[peak], rows[peak], columns[peak], peaks[peak]
        left, top, right, bottom = distance[:, rows, columns]
        x, y = columns * step, rows * step
        found.append(_candidates(np.stack((x - left, y - top, x + right, y + bottom), axis=1), peaks, classes))
    return found


def decode_yolo_dfl(outputs: Outputs, size: Size, thresholds: Floats) -> list[Candidates]:
    """A YOLOv8 head cut before its decode, so that it runs at any size (conversion/platedet.py).

    For each stride two maps: (n, 4 * bins, h, w) logits of each side's distance in cells, and class
    logits (n, classes, h, w). A distance is the expectation over its bins (distribution focal loss,
    Li et al. 2020, arXiv:2006.04388). Only cells that reach their threshold are decoded.
    """
    # compared as logits: a sigmoid of every cell would cost more than the decoding
    limits = np.array([_logit(value) for value in thresholds], np.float32)
    found: list[list[Candidates]] = [[] for _ in outputs[0]]
    for sides, logits in zip(outputs[::2], outputs[1::2], strict=True):
        step = size.height / logits.shape[2]
        for levels, side, logit in zip(found, sides, logits, strict=True):
            classes, rows, columns, reached = _above(logit, limits)
            bins = side[:, rows, columns].reshape(4, side.shape[0] // 4, len(rows))
            weights = np.exp(bins - bins.max(axis=1, keepdims=True))
            steps = np.arange(bins.shape[1], dtype=np.float32)
            left, top, right, bottom = np.einsum("b,sbn->sn", steps, weights) / weights.sum(axis=1) * step
            x, y = (columns + 0.5) * step, (rows + 0.5) * step
            boxes = np.stack((x - left, y - top, x + right, y + bottom), axis=1)
            levels.append(_candidates(boxes, 1 / (1 + np.exp(-np.maximum(reached, -50))), classes))
    return [Candidates.concatenated(levels) for levels in found]


def decode_ultralytics(outputs: Outputs, size: Size, thresholds: Floats) -> list[Candidates]:  # noqa: ARG001
    """Ultralytics exports (v5u, v8, v11 and later; detect and segment), boxes in input pixels.

    Either (n, 4 + classes [+ 32 mask coefficients], anchors) with centre, width and height, or, from
    models and exports without suppression of duplicates, (n, 300, 6 [+ 32]) rows of corners, score and class.
    """
    output = outputs[0]
    count = len(thresholds)
    if output.ndim == 3 and output.shape[1] in {4 + count, 4 + count + 32}:
        return [_anchors(item, thresholds) for item in output]
    if output.ndim == 3 and output.shape[2] in {6, 6 + 32}:
        return [_rows(item, thresholds) for item in output]
    raise UnsupportedModelError(
        f"The model's first output has shape {output.shape}; for {count} classes an Ultralytics export has "
        f"(n, {4 + count}, anchors), {4 + count + 32} with masks, or (n, 300, 6)."
    )


def _anchors(output: npt.NDArray[Any], thresholds: Floats) -> Candidates:
    classes, anchors, scores = _above(output[4 : 4 + len(thresholds)], thresholds)
    x, y, width, height = output[:4, anchors].astype(np.float32)
    return _candidates(_corners(x, y, width, height), scores, classes)


def _rows(output: npt.NDArray[Any], thresholds: Floats) -> Candidates:
    scores = output[:, 4]
    _refuse_nan(scores)
    known = (output[:, 5] >= 0) & (output[:, 5] < len(thresholds))
    classes = np.where(known, output[:, 5], 0).astype(np.intp)
    keep = known & (scores >= thresholds[classes])
    return _candidates(output[keep, :4], scores[keep], classes[keep])


def _above(scores: npt.NDArray[Any], thresholds: Floats) -> tuple[npt.NDArray[Any], ...]:
    """Indices along each axis of (classes, ...) scores that reach their class's threshold, and those scores."""
    _refuse_nan(scores)
    where = np.nonzero(scores >= thresholds.reshape(-1, *[1] * (scores.ndim - 1)))
    return *where, scores[where]


def _refuse_nan(scores: npt.NDArray[Any]) -> None:
    if np.isnan(scores).any():
        raise ModelError("The model gave scores that are not numbers; its file or the runtime is broken.")


def _corners(x: Floats, y: Floats, width: Floats, height: Floats) -> Floats:
    return np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)


def _candidates(boxes: npt.NDArray[Any], scores: npt.NDArray[Any], classes: npt.NDArray[np.intp]) -> Candidates:
    """Cleans up what a network may say in single cells: sides the wrong way round, scores a hair over 1."""
    if not np.isfinite(boxes).all():
        raise ModelError("The model gave boxes that are not numbers; its file or the runtime is broken.")
    boxes = boxes.astype(np.float32, copy=False)
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    return Candidates(np.concatenate((low, high), axis=1), np.clip(scores, 0, 1).astype(np.float32), classes)


def _logit(probability: float) -> float:
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability)) if probability > 0 else -math.inf


DECODERS: Mapping[str, Decoder] = {
    "centerface": decode_centerface,
    "centernet_mobilenet": decode_centernet,
    "yolo_dfl": decode_yolo_dfl,
    "ultralytics_yolo": decode_ultralytics,
}
"""The decoder of each family that a model card can name."""
