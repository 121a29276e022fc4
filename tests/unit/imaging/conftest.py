"""Pictures of all kinds, drawn anew for each test."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def photo() -> Image.Image:
    """A smooth 120 x 80 picture with a different colour in each corner."""
    y, x = np.mgrid[0:80, 0:120]
    return Image.fromarray(np.dstack([x * 2, y * 3, 255 - x - y]).clip(0, 255).astype(np.uint8))


@pytest.fixture
def encode() -> Encode:
    """`encode(image, "JPEG", quality=90)`: the bytes of a file."""

    def run(image: Image.Image, kind: str, **options: object) -> bytes:
        output = io.BytesIO()
        image.save(output, kind, **options)
        return output.getvalue()

    return run
