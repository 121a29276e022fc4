"""Any stored layout as the RGB that a detector looks at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

BACKGROUND = 128
"""Grey behind transparent pixels: neither dark nor light objects vanish before it."""


def as_rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    """What a viewer shows of a decoded picture: uint8 (height, width, 3). 16-bit samples lose their low byte."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return np.array(image.convert("RGB"))
