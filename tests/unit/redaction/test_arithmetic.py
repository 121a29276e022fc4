from __future__ import annotations

import numpy as np
import pytest
from tests.unit.redaction.arithmetic_files import ARITHMETIC, PIXELS
from tests.unit.redaction.jpegs import Kind, by_pillow, encode, frame

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import UnsupportedPixelFormatError
from streetveil.imaging import jpeg
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region
from streetveil.redaction.redactor import FileRedactor
from streetveil.redaction.upright import turned_upright
from streetveil.redaction.verify import compare

STRIP = MetadataPolicy.STRIP
REGION = Region(Box(16, 16, 40, 40), Label.FACE, 0.9, Style.SOLID)
every_kind = pytest.mark.parametrize(("colours", "data"), ARITHMETIC.values(), ids=list(ARITHMETIC))


def opened(data: bytes) -> Picture:
    return Picture.open(data, max_pixels=1_000_000)


@every_kind
def test_detection_sees_what_it_sees_of_the_same_picture_in_huffmans_coding(colours, data):
    twin = opened(encode(PIXELS, Kind(colours, 60)))
    assert frame(data).arithmetic
    assert np.array_equal(opened(data).pixels(), twin.pixels())


@every_kind
def test_regions_are_redacted_without_loss_and_coded_for_every_viewer(colours, data):
    twin = FileRedactor().redact(opened(encode(PIXELS, Kind(colours, 60))), [REGION], STRIP)
    result = FileRedactor().redact(opened(data), [REGION], STRIP)
    assert result.lossless
    assert not frame(result.data).arithmetic
    assert frame(result.data).progressive == frame(data).progressive
    assert np.array_equal(by_pillow(result.data), by_pillow(twin.data))
    intervals = [jpeg.restart_interval(jpeg.take_apart(file)) for file in (data, result.data)]
    assert intervals[0] == intervals[1]


def test_the_comparison_says_that_the_coding_is_another():
    _, data = ARITHMETIC["sequential"]
    result = FileRedactor().redact(opened(data), [REGION], STRIP)
    comparison = compare(opened(data), opened(result.data))
    assert comparison.notes == ("Entropy coding: arithmetic became Huffman's.",)
    assert 0 < comparison.identical < comparison.blocks


@every_kind
def test_without_regions_the_coded_picture_is_copied(colours, data):
    result = FileRedactor().redact(opened(data + b"behind"), [], STRIP)
    assert result.lossless
    assert frame(result.data).arithmetic
    assert data[data.index(b"\xff\xdb") :] in result.data
    assert b"behind" not in result.data


def test_without_the_library_regions_are_refused_with_the_reason():
    _, data = ARITHMETIC["sequential"]
    with pytest.raises(UnsupportedPixelFormatError, match=r"arithmetic coding.*libnosuchthing"):
        FileRedactor("libnosuchthing.so.9").redact(opened(data), [REGION], STRIP)


def test_an_arithmetic_jpeg_is_turned_upright():
    _, data = ARITHMETIC["grey"]
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + data[2:]
    upright = turned_upright(turned, max_pixels=1_000_000)
    assert opened(upright).header.stored == (50, 60)
