from __future__ import annotations

import pytest
from tests.unit.redaction.jpegs import Kind, encode, oriented, picture

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import (
    ConfigurationError,
    StreetveilError,
    UnsupportedMediaError,
    UnsupportedPixelFormatError,
)
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region
from streetveil.redaction.pixels import PixelRedactor
from streetveil.redaction.redactor import FileRedactor
from streetveil.redaction.turbojpeg import TurboJpeg
from streetveil.redaction.verify import ComponentBlocks, compare

DATA = encode(picture(160, 128), Kind("4:2:0"))
REGIONS = [Region(Box(*box), Label.FACE, 0.9, Style.SOLID) for box in ((18, 18, 30, 30), (100, 70, 140, 110))]


def opened(data: bytes) -> Picture:
    return Picture.open(data, max_pixels=1_000_000)


def test_a_redacted_file_differs_in_its_regions_blocks_and_nowhere_else():
    result = FileRedactor().redact(opened(DATA), REGIONS, MetadataPolicy.STRIP)
    comparison = compare(opened(DATA), opened(result.data))
    assert comparison.differences == ()
    assert comparison.notes == ()
    luma, *chroma = comparison.components
    assert luma == ComponentBlocks(320, 320 - 4 - 36)
    assert [component.blocks for component in chroma] == [80, 80]
    # Luma reaches as far as blocks do, chroma by a sample and a block of 16 pixels.
    assert comparison.changed == (Box(16, 16, 32, 32), Box(96, 64, 144, 112))
    assert comparison.blocks - comparison.identical == sum(c.blocks - c.identical for c in comparison.components)


def test_boxes_are_those_of_the_stored_picture():
    turned = oriented(DATA, 6)
    result = FileRedactor().redact(opened(turned), REGIONS[:1], MetadataPolicy.STRIP)
    [box] = compare(opened(turned), opened(result.data)).changed
    assert box.x1 < 32
    assert box.y1 >= 96


def test_a_file_coded_again_is_told_from_one_that_was_not():
    result = PixelRedactor().redact(opened(DATA), REGIONS, MetadataPolicy.STRIP)
    comparison = compare(opened(DATA), opened(result.data))
    assert comparison.differences == ()
    lossless = FileRedactor().redact(opened(DATA), REGIONS, MetadataPolicy.STRIP)
    assert comparison.identical < compare(opened(DATA), opened(lossless.data)).identical


def test_the_same_pixels_coded_otherwise_are_identical_and_noted():
    written = TurboJpeg().rewrite(DATA, lambda *_: None, progressive=True, restart_interval=4)
    comparison = compare(opened(DATA), opened(written))
    assert comparison.identical == comparison.blocks
    assert comparison.changed == ()
    assert len(comparison.notes) == 2


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (encode(picture(160, 120), Kind("4:2:0")), "Size"),
        (encode(picture(160, 128), Kind("4:4:4")), "Sampling"),
        (encode(picture(160, 128), Kind("grey")), "Sampling"),
        (encode(picture(160, 128), Kind("4:2:0", 50)), "quantisation"),
    ],
)
def test_files_that_cannot_be_compared_say_why(other, word):
    comparison = compare(opened(DATA), opened(other))
    assert any(word in sentence for sentence in comparison.differences)
    assert comparison.blocks == 0


def test_padding_before_the_end_does_not_matter():
    comparison = compare(opened(DATA[:-2] + bytes(7) + DATA[-2:]), opened(DATA))
    assert comparison.identical == comparison.blocks > 0


def test_what_cannot_be_compared_is_an_error(photo, encode):
    png = opened(encode(photo, "PNG"))
    with pytest.raises(UnsupportedMediaError):
        compare(png, png)
    with pytest.raises(StreetveilError):
        compare(opened(DATA), opened(DATA[: len(DATA) // 2] + b"\xff\xd9"))
    with pytest.raises(ConfigurationError, match="libturbojpeg0"):
        compare(opened(DATA), opened(DATA), "libnosuchthing.so.9")


def test_sampling_factors_without_a_name_are_no_damage(photo, encode):
    picture = Picture.open(encode(photo.convert("CMYK"), "JPEG", subsampling=2), max_pixels=10**6)
    with pytest.raises(UnsupportedPixelFormatError, match="subsampling"):
        compare(picture, picture)
