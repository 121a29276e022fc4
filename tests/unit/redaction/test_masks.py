"""Masks show what redaction painted, pixel for pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation, Size
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.masks import MaskKind, mask_png
from streetveil.redaction.pixels import PixelRedactor

BOXES = [
    (Box(10.3, 5.2, 30.7, 28.9), Shape.ELLIPSE),
    (Box(50, 12, 80.1, 22.5), Shape.RECTANGLE),
    (Box(90.4, 40, 101, 61), Shape.ELLIPSE),  # reaches over the edge as an ellipse
]
REGIONS = [Region(box, Label.FACE, 0.9, Style.SOLID, shape) for box, shape in BOXES]


def drawn(regions, size, kind) -> np.ndarray:
    with Image.open(io.BytesIO(b"".join(mask_png(regions, size, kind)))) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", size)
        assert image.mode == {MaskKind.BINARY: "L", MaskKind.INSTANCE: "I;16"}[kind]
        return np.array(image).astype(int)


@pytest.mark.parametrize("orientation", list(Orientation))
def test_a_mask_marks_exactly_the_pixels_that_redaction_changed(orientation):
    upright = Size(101, 61)
    stored = upright.transposed if orientation.swaps_axes else upright
    # Solid grey replaces the pixels, and no pixel of the original has that grey.
    noise = np.random.default_rng(3).integers(0, 100, (stored.height, stored.width, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = int(orientation)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", exif=exif)
    before = Picture.open(file.getvalue(), max_pixels=10**6)
    after = Picture.open(PixelRedactor().redact(before, REGIONS, MetadataPolicy.STRIP).data, max_pixels=10**6)

    changed = (before.pixels() != after.pixels()).any(axis=2)
    mask = drawn(REGIONS, upright, MaskKind.BINARY)

    assert changed.any()
    assert ((mask == 255) == changed).all()
    assert set(np.unique(mask)) == {0, 255}


def test_instances_are_numbered_in_the_order_of_the_regions_and_the_last_one_is_on_top():
    first, outside, second = (
        Region(box, Label.LICENSE_PLATE, 0.9, Style.SOLID)
        for box in (Box(2, 2, 8, 8), Box(50, 50, 60, 60), Box(6, 6, 12, 12))
    )
    mask = drawn([first, outside, second], Size(20, 16), MaskKind.INSTANCE)

    assert mask[3, 3] == 1
    assert mask[7, 7] == mask[11, 11] == 3  # the second region of the list lies outside, and keeps its number
    assert np.unique(mask).tolist() == [0, 1, 3]


def test_more_regions_than_8_bits_can_count_keep_their_numbers():
    regions = [Region(Box(x, 0, x + 1, 1), Label.FACE, 0.9, Style.SOLID) for x in range(300)]
    assert drawn(regions, Size(300, 2), MaskKind.INSTANCE)[0].tolist() == list(range(1, 301))


@pytest.mark.parametrize("kind", MaskKind)
def test_a_picture_without_regions_has_an_empty_mask(kind):
    assert not drawn([], Size(3, 5), kind).any()


def test_a_large_mask_is_made_of_small_pieces():
    size = Size(10_000, 4_000)
    region = Region(Box(0, 0, *size), Label.FACE, 0.9, Style.SOLID, Shape.ELLIPSE)
    pieces = list(mask_png([region], size, MaskKind.BINARY))

    assert len(pieces) > 3
    assert max(map(len, pieces)) < 1_000_000
    with Image.open(io.BytesIO(b"".join(pieces))) as image:
        assert image.getextrema() == (255, 255)
