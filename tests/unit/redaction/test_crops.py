"""What is cut out of a photo puts it back as it was."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.crops import BYTES_PER_PIXEL, cut
from streetveil.redaction.pixels import PixelRedactor


def picture(kind="PNG", orientation=1, size=(90, 60)):
    noise = np.random.default_rng(3).integers(0, 255, (size[1], size[0], 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, exif=exif)
    return Picture.open(file.getvalue(), max_pixels=10**6)


def region(*box, shape=Shape.ELLIPSE):
    return Region(Box(*box), Label.FACE, 0.9, Style.SOLID, shape)


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        told = json.loads(archive.read("regions.json"))
        found = []
        for crop in told["crops"]:
            with Image.open(io.BytesIO(archive.read(crop["file"]))) as image:
                assert image.format == "PNG"
                found.append((crop["box"], np.asarray(image)))
    return told, found


def restored(redacted, content):
    pixels = Picture.open(redacted, max_pixels=10**6).pixels().copy()
    for (left, top, right, bottom), crop in opened(content)[1]:
        pixels[top:bottom, left:right] = crop
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_redacted_photo_becomes_the_original_again(orientation):
    original = picture(orientation=orientation)
    regions = [region(10.2, 12.5, 30.1, 40), region(-5, 40, 12, 80, shape=Shape.RECTANGLE)]
    redacted = PixelRedactor().redact(original, regions, MetadataPolicy.KEEP).data
    assert (Picture.open(redacted, max_pixels=10**6).pixels() != original.pixels()).any()
    assert (restored(redacted, cut(original, regions)) == original.pixels()).all()


def test_the_boxes_are_told_in_pixels_of_the_upright_picture():
    told, [(box, crop)] = opened(cut(picture(orientation=6), [region(10, 20, 30, 40, shape=Shape.RECTANGLE)]))
    assert (told["width"], told["height"]) == (60, 90)
    assert box == [10, 20, 30, 40]
    assert crop.shape == (20, 20, 3)


def test_where_nothing_was_found_it_says_so():
    assert opened(cut(picture(), []))[0]["crops"] == []
    assert opened(cut(picture(), [region(200, 200, 300, 300)]))[0]["crops"] == []


def test_regions_upon_each_other_take_no_more_than_the_picture():
    original = picture()
    regions = [region(1, 1, 80, 50, shape=Shape.RECTANGLE)] * 300
    content = cut(original, regions)
    assert len(content) < BYTES_PER_PIXEL * 90 * 60
    [(box, crop)] = opened(content)[1]
    assert box == [1, 1, 80, 50]
    assert (crop == original.pixels()[1:50, 1:80]).all()
