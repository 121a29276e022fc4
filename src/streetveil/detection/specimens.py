"""Pictures on which models are tried out: photos in pieces, lights and sizes, some with a plate drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.detection.preprocess import Budget, View
from streetveil.domain.geometry import Box

Pixels = npt.NDArray[np.uint8]

# Pieces as shares of a photo (x1, y1, x2, y2), each with a factor on its brightness. Ranges are measured on others
# than those on which answers are compared.
_TO_MEASURE = (
    ((0.0, 0.0, 1.0, 1.0), 1.0),
    ((0.0, 0.0, 0.65, 0.65), 0.5),
    ((0.35, 0.0, 1.0, 0.65), 1.5),
    ((0.0, 0.35, 0.65, 1.0), 1.0),
    ((0.35, 0.35, 1.0, 1.0), 0.7),
    ((0.2, 0.2, 0.8, 0.8), 1.25),
)
_TO_COMPARE = (
    ((0.0, 0.0, 1.0, 1.0), 0.9),
    ((0.0, 0.1, 0.8, 0.9), 1.1),
    ((0.2, 0.1, 1.0, 0.9), 0.8),
    ((0.1, 0.25, 0.7, 0.85), 1.0),
    ((0.3, 0.25, 0.9, 0.85), 1.2),
)
_PLATES = ("AB 123 CD", "M OT 4711", "7XKD 205")
# Where they are drawn: x and y of the left upper corner and the width, as shares of the photo's.
_PLACES = ((0.45, 0.6, 0.2), (0.45, 0.6, 0.13), (0.2, 0.8, 0.2))


def measuring_views(photos: Sequence[Pixels], budgets: Sequence[Budget]) -> list[View]:
    """Pieces of the photos on which the ranges of a network's values are measured.

    Args:
        photos: RGB (height, width, 3).
        budgets: sizes at which the model is shown pictures.
    """
    return list(_views(photos, budgets, _TO_MEASURE, mirrored=False))


def comparing_views(photos: Sequence[Pixels], budgets: Sequence[Budget]) -> list[View]:
    """Other pieces of the same photos, for comparing two ways to run a model."""
    return list(_views(photos, budgets, _TO_COMPARE, mirrored=True))


def with_plates(photos: Sequence[Pixels]) -> list[Pixels]:
    """The photos, and copies with a licence plate drawn on each."""
    drawn = []
    for photo in photos:
        for text, (x, y, share) in zip(_PLATES, _PLACES, strict=True):
            copy = photo.copy()
            height, width = photo.shape[:2]
            _draw_plate(copy, round(x * width), round(y * height), max(24, round(share * width)), text)
            drawn.append(copy)
    return [*photos, *drawn]


def _views(
    photos: Sequence[Pixels],
    budgets: Sequence[Budget],
    pieces: Sequence[tuple[tuple[float, float, float, float], float]],
    *,
    mirrored: bool,
) -> Iterator[View]:
    for photo in photos:
        seen = np.ascontiguousarray(photo[:, ::-1]) if mirrored else photo
        for (x1, y1, x2, y2), light in pieces:
            height, width = seen.shape[:2]
            piece = seen[int(y1 * height) : int(y2 * height), int(x1 * width) : int(x2 * width)]
            lit = np.asarray(cv2.convertScaleAbs(piece, alpha=light), np.uint8)
            area = Box(0, 0, piece.shape[1], piece.shape[0])
            for budget in budgets:
                yield View(lit, area, budget)


def _draw_plate(photo: Pixels, x: int, y: int, width: int, text: str) -> None:
    height = width // 4
    line = max(1, height // 10)
    plate = np.full((height, width, 3), 235, np.uint8)
    cv2.rectangle(plate, (0, 0), (width - 1, height - 1), (20, 20, 20), max(1, height // 16))
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, line)
    scale = min(0.86 * width / wide, 0.6 * height / high)
    origin = (round((width - wide * scale) / 2), round((height + high * scale) / 2))
    cv2.putText(plate, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (30, 30, 30), line, cv2.LINE_AA)
    room = photo[y : y + height, x : x + width]
    room[...] = plate[: room.shape[0], : room.shape[1]]
