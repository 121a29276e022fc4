"""What is reported of a region is what was painted."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from streetveil.detection.base import Found, ModelIdentity, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import JobOptions, Style
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.regions import region_as_dict, regions_in, snapped
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.masks import MaskKind, mask_png
from streetveil.redaction.pixels import PixelRedactor

coordinates = st.floats(0, 60_000, allow_subnormal=False)


@given(coordinates, coordinates, coordinates, coordinates)
def test_a_region_comes_back_from_its_json_as_it_was_painted(x1, y1, x2, y2):
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    region = Region(snapped(box), Label.FACE, 0.875, Style.PIXELATE, Shape.ELLIPSE)

    assert regions_in(json.loads(json.dumps({"regions": [region_as_dict(region)]}))) == [region]


@given(coordinates, coordinates, st.floats(0.001, 500), st.floats(0.001, 500))
def test_a_snapped_box_leaves_nothing_out_and_is_hardly_larger(x, y, width, height):
    box = Box(x, y, x + width, y + height)
    around = snapped(box)

    for outer, inner in ((around.x1, box.x1), (around.y1, box.y1)):
        assert inner - 0.1 - 1e-6 <= outer <= inner + 1e-6
    for outer, inner in ((around.x2, box.x2), (around.y2, box.y2)):
        assert inner - 1e-6 <= outer <= inner + 0.1 + 1e-6


def test_the_noise_of_floating_point_does_not_move_a_box():
    assert snapped(Box(0.1 + 0.2, 36.0000000001, 84.00000000000001, 85.3)) == Box(0.3, 36.0, 84.0, 85.3)


class OneFace:
    """Finds a face whose edges lie a little beyond those of pixels."""

    def detect(self, pictures, queries):
        found = Detections.of([Detection(Label.FACE, Box(20.03, 15.97, 40.04, 30.04), 0.9)])
        return [Scene(Found(found, ModelIdentity("m", "1", "ab"), margin=0.0), None, None) for _ in queries]


@pytest.mark.parametrize("shape", Shape)
def test_a_mask_from_the_report_of_a_photo_is_exact(monkeypatch, shape):
    monkeypatch.setattr("streetveil.jobs.anonymise._SHAPES", {Label.FACE: shape})
    noise = np.random.default_rng(5).integers(0, 100, (48, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    result = Anonymiser(OneFace(), PixelRedactor(), max_pixels=10**6)(file.getvalue(), JobOptions(style=Style.SOLID))

    with Image.open(io.BytesIO(result.file.data)) as redacted:
        changed = (np.asarray(redacted) != noise).any(axis=2)
    pieces = mask_png(regions_in(result.blur_metadata), result.header.upright, MaskKind.BINARY)
    with Image.open(io.BytesIO(b"".join(pieces))) as mask:
        assert ((np.asarray(mask) == 255) == changed).all()
