"""Boxes drawn into a picture, for a person to judge what was found."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from streetveil.detection.base import Scene
from streetveil.domain.detections import Label

_COLOURS = {Label.FACE: "#ff3b30", Label.LICENSE_PLATE: "#ffcc00"}
_VEHICLE_COLOUR = "#34c759"


def draw_boxes(pixels: npt.NDArray[np.uint8], scene: Scene) -> bytes:
    """A PNG of upright RGB `pixels` (height, width, 3) with each found object's box, class and score."""
    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    width = max(2, min(image.size) // 300)
    for found in (scene.vehicles, scene.plates, scene.faces):
        for detection in found.detections if found is not None else ():
            colour = _COLOURS.get(detection.label, _VEHICLE_COLOUR)
            canvas.rectangle(detection.box.as_tuple(), outline=colour, width=width)
            position = (detection.box.x1 + width, detection.box.y1 + width)
            canvas.text(position, f"{detection.label} {detection.score:.2f}", fill=colour)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()
