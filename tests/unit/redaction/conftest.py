"""Pictures of all kinds, and a short way to have regions of them redacted."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import RedactedFile, Region, Shape
from streetveil.redaction.pixels import PixelRedactor

Encode = Callable[..., bytes]
Redact = Callable[..., RedactedFile]


@pytest.fixture
def photo() -> Image.Image:
    """A 160 x 120 picture: smooth colours with fine texture on them, as photos have."""
    y, x = np.mgrid[0:120, 0:160]
    smooth = np.dstack([x * 1.2 + 20, y * 1.5 + 30, 230 - x - y / 3])
    texture = 24 * ((x // 2 + y // 2) % 2)[..., None]
    return Image.fromarray((smooth + texture).clip(0, 255).astype(np.uint8))


@pytest.fixture
def encode() -> Encode:
    def run(image: Image.Image, kind: str, **options: object) -> bytes:
        output = io.BytesIO()
        image.save(output, kind, **options)
        return output.getvalue()

    return run


@pytest.fixture
def redact() -> Redact:
    """`redact(data, (x1, y1, x2, y2), ..., style=, shape=, metadata=)`: boxes in pixels of the upright picture."""

    def run(
        data: bytes,
        *boxes: tuple[float, float, float, float],
        style: Style = Style.GAUSSIAN,
        shape: Shape = Shape.RECTANGLE,
        label: Label = Label.FACE,
        metadata: MetadataPolicy = MetadataPolicy.STRIP,
    ) -> RedactedFile:
        picture = Picture.open(data, max_pixels=10_000_000)
        return PixelRedactor().redact(picture, [Region(Box(*box), label, 0.9, style, shape) for box in boxes], metadata)

    return run
