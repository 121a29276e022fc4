import json

import numpy as np
import pytest
from PIL import Image

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import UnreadableFileError
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region
from streetveil.redaction.redactor import FileRedactor


@pytest.fixture
def pair(tmp_path):
    """Paths of a photo and of the same with one block redacted."""
    original, redacted = tmp_path / "original.jpg", tmp_path / "redacted.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80), dtype=np.uint8)
    Image.fromarray(pixels).save(original, quality=90)
    picture = Picture.open(original.read_bytes(), max_pixels=10_000)
    region = Region(Box(8, 16, 16, 24), Label.FACE, 0.9, Style.SOLID)
    redacted.write_bytes(FileRedactor().redact(picture, [region], MetadataPolicy.STRIP).data)
    return str(original), str(redacted)


def test_it_says_how_much_is_identical_and_where_the_rest_lies(streetveil, pair):
    result = streetveil("verify", *pair)
    assert result.exit_code == 0
    assert "98.7 % of blocks identical (79 of 80); changed blocks lie in 1 rectangle: 8x8+8+16" in result.output
    assert "component 1: 79 of 80 blocks identical" in result.output


def test_nothing_changed_is_said_so(streetveil, pair):
    result = streetveil("verify", pair[0], pair[0])
    assert result.exit_code == 0
    assert "All 80 blocks are identical." in result.output


def test_json_has_the_same_figures(streetveil, pair):
    figures = json.loads(streetveil("verify", *pair, "--json").output)
    assert figures["comparable"]
    assert (figures["blocks"], figures["identical"]) == (80, 79)
    assert figures["changed"] == [[8, 16, 16, 24]]


def test_another_size_ends_with_1(streetveil, pair, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "small.jpg")
    result = streetveil("verify", pair[0], str(tmp_path / "small.jpg"))
    assert result.exit_code == 1
    assert "80 x 64 became 8 x 8" in result.output


@pytest.mark.parametrize("other", ["/dev/zero", "/tmp"])
def test_what_is_no_file_is_not_read(streetveil, pair, other):
    """/dev/zero never ends."""
    result = streetveil("verify", pair[0], other)

    assert result.exit_code == 1
    assert isinstance(result.exception, UnreadableFileError)
